"""What is imported, and what has to become of it."""

import h5py
import numpy as np

PREFIX = "dcl_hpc: error: "
N = 300
STATES = np.random.default_rng(1).integers(0, 2, (N, 6, 6), np.uint8)


def refused(done) -> str:
    """The one error line of a command that was refused."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(PREFIX)]
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0].removeprefix(PREFIX)


def committed(path) -> int:
    """Committed configurations."""
    with h5py.File(path, "r", locking=False) as file:
        return int(file["progress/committed"][0])


def assert_imported(path, states=STATES) -> None:
    """The file is complete and has these configurations with their true energies."""
    n = len(states)
    with h5py.File(path, "r") as file:
        assert file["progress/committed"][0] == file.attrs["total"] == n
        value = file["observations/states/value"]
        assert value.shape == (n, 1, 6, 6) and value.dtype == np.uint8
        np.testing.assert_array_equal(value[:, 0], states)
        spins = 2.0 * states - 1
        neighbours = np.roll(spins, 1, axis=1) + np.roll(spins, 1, axis=2)
        energy = -(spins * neighbours).sum(axis=(1, 2))
        np.testing.assert_array_equal(file["validation/energy/value"][:, 0], energy)
