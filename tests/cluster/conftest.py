"""What tests of ranks and restarts share: all data of a file, and its comparison."""

import h5py
import numpy as np
import pytest

# Attributes that are results.
MEASURED = ("total", "thin", "autocorrelation_time")


def _contents(path) -> dict[str, np.ndarray]:
    """All datasets and measured attributes of a file; of checkpoints the half that counts."""
    with h5py.File(path, "r", locking=False) as file:
        found = {name: np.array(file.attrs[name]) for name in MEASURED if name in file.attrs}
        done, half = file["progress/committed"][()]
        found["committed"] = np.array(done)

        def look(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith("progress/"):
                found[name] = item[half] if name.startswith("checkpoint/") else item[()]

        file.visititems(look)
    return found


def _assert_same(first, *others) -> None:
    """Every result has the data of the first, bit for bit."""
    assert first and others
    for other in others:
        assert other.keys() == first.keys()
        different = [name for name, data in first.items() if data.tobytes() != other[name].tobytes()]
        assert not different


@pytest.fixture(scope="session")
def contents():
    """Read what a file holds: `contents(path)`, a dict of arrays."""
    return _contents


@pytest.fixture(scope="session")
def assert_same():
    """Compare results of `contents` bit for bit: `assert_same(first, second, third)`."""
    return _assert_same
