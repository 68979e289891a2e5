"""The number of ranks changes no bit of the results."""

import h5py
import numpy as np
import pytest

RANKS = (1, 2, 4)


def contents(path, groups) -> dict[str, np.ndarray]:
    """All datasets of some groups; of checkpoints the half that counts."""
    found = {}
    with h5py.File(path, "r", locking=False) as file:
        half = int(file["progress/committed"][1])
        for group in groups:
            names = []
            file[group].visit(names.append)
            for item in (file[f"{group}/{name}"] for name in names):
                if isinstance(item, h5py.Dataset):
                    found[item.name.strip("/")] = item[half] if group == "checkpoint" else item[()]
    return found


def assert_same(results) -> None:
    """Every result has the datasets of the first, bit for bit."""
    first, *others = results
    assert first
    for other in others:
        assert other.keys() == first.keys()
        for name, data in first.items():
            assert data.tobytes() == other[name].tobytes(), name


@pytest.mark.mpi
def test_observations_do_not_depend_on_the_number_of_ranks(dcl, tmp_path):
    """Observations, energies and checkpoint are the same on 1, 2 and 4 ranks with uneven shares."""
    results = []
    for ranks in RANKS:
        folder = tmp_path / str(ranks)
        done = dcl(
            "observe", "--set", "observe.chains=50", "--set", "observe.samples=1000",
            ranks=ranks, folder=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(
            contents(folder / "tiny" / "observations.h5", ("observations", "validation", "checkpoint"))
        )
    assert {"observations/states/value", "validation/energy/value", "checkpoint/streams"} <= results[0].keys()
    assert len(np.unique(results[0]["validation/energy/value"])) > 10
    assert_same(results)


@pytest.mark.mpi
def test_sweeps_do_not_depend_on_the_number_of_ranks(dcl, tmp_path):
    """Series and checkpoint of a replica exchange are the same on 1, 2 and 4 ranks with uneven shares."""
    results = []
    for ranks in RANKS:
        folder = tmp_path / str(ranks)
        done = dcl(
            "sweep", "--energy", "true", "--set", "sweep.temperatures=[2.0, 3.0, 4.0, 4.5, 5.0]",
            ranks=ranks, folder=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(contents(folder / "tiny" / "sweeps" / "true_6x6.h5", ("series", "checkpoint")))
    assert results[0]["checkpoint/exchanges"][1].sum() > 0
    assert len(np.unique(results[0]["series/slot/value"])) == 5
    assert_same(results)
