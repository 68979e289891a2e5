"""Observations as an array that stays in its file."""

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage.layout import write_file
from dcl_hpc.storage.observations import STATES, Observations, observation_fields

RANDOM = np.random.default_rng(3)
VALUES = RANDOM.integers(0, 3, (5, 4, 2, 6), np.uint8)


@pytest.fixture
def path(tmp_path):
    """A file of 5 records of 4 chains on a 2x6 lattice."""
    path = tmp_path / "observations.h5"
    attributes = {"n_states": 3, "temperature": 1.5, "thin": 2, "autocorrelation_time": 0.75}
    write_file(
        path, observation_fields(5, 4, Lattice((2, 6)), range(5), "sweeps"), attributes, total=5, done=5
    )
    with h5py.File(path, "r+") as file:
        file[STATES][...] = VALUES
    return path


@pytest.mark.parametrize("layout", ["in one piece", "compressed"])
def test_indexing(path, layout):
    """Whatever NumPy takes as an index gives the same numbers, also from a file that was rewritten."""
    if layout == "compressed":
        with h5py.File(path, "r+") as file:
            del file[STATES]
            file.create_dataset(STATES, data=VALUES, compression="gzip")
    found, expected = Observations(path), VALUES.reshape(20, 2, 6)
    assert len(found) == 20 and found.shape == (20, 2, 6) and found.dtype == np.uint8 and found.ndim == 3
    chosen = np.array([3, 19, 3, 0])
    for index in (
        0, -1, slice(None), slice(3, 17, 5), slice(None, None, -1), chosen, chosen.tolist(),
        np.arange(20) % 3 == 0, (slice(2, 9), 1), (chosen, ..., 5), (7, 1, 2), ...,
    ):  # fmt: skip
        np.testing.assert_array_equal(found[index], expected[index])
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert np.asarray(found, float).dtype == float
    np.testing.assert_array_equal([one.sum() for one in found], expected.sum(axis=(1, 2)))
    with pytest.raises(IndexError):
        found[20]


def test_what_is_given_out_is_a_copy(path):
    """Nobody changes the file by changing what was read."""
    part = Observations(path)[:3]
    part[...] = 9
    np.testing.assert_array_equal(Observations(path)[:3], VALUES[0, :3])
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(Observations(path))[0] = 1


def test_attributes(path):
    """Temperature, states and origin are those of the file."""
    found = Observations(path)
    assert (found.temperature, found.n_states, found.thin) == (1.5, 3, 2)
    assert found.source == "" and found.autocorrelation_time == 0.75
    assert repr(found) == "<20 configurations of 2x6, 3 states, T = 1.5>"


def test_other_files_are_refused(path, tmp_path):
    """A file that is damaged, or of another kind, is refused in one line."""
    other = tmp_path / "other.h5"
    write_file(other, {}, {}, total=1, done=1)
    path.write_bytes(path.read_bytes()[:300])
    for wrong in (other, path):
        with pytest.raises(UserError, match="damaged or not a file of this program"):
            Observations(wrong)
