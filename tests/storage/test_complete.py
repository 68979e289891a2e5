"""Networks are given configurations in which no atom is lost."""

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.storage.complete import CompleteRows, complete_rows
from dcl_hpc.storage.observations import STATES


@pytest.fixture
def observed(tmp_path):
    """A file of 200 configurations, and which of them are complete; `observed(0)` loses no atom."""

    def write(n_lost):
        random = np.random.default_rng(1)
        states = random.integers(0, 2, (50, 4, 3, 3)).astype(np.uint8)
        rows = states.reshape(200, 9)
        rows[random.choice(200, n_lost, replace=False), random.integers(0, 9, n_lost)] = 255
        path = tmp_path / f"{n_lost}.h5"
        with h5py.File(path, "w") as file:
            file[STATES] = states
            if n_lost:
                file.attrs["incomplete"] = n_lost
        return path, rows[(rows < 255).all(axis=1)]

    return write


def test_incomplete_ones_are_refused(observed):
    """With how many there are and what to do, unless there are none."""
    with pytest.raises(UserError, match=r"in 30 of 200 configurations .*observe.incomplete = 'skip'"):
        complete_rows(observed(30)[0], "refuse")
    path, expected = observed(0)
    for incomplete in ("refuse", "skip"):
        with complete_rows(path, incomplete) as rows:
            assert not isinstance(rows, CompleteRows) and np.array_equal(rows.read(0, 200)[0], expected)


@pytest.mark.parametrize("n_lost", [1, 30, 199])
def test_complete_ones_are_counted_through(observed, n_lost):
    """Any stretch of them."""
    path, expected = observed(n_lost)
    with complete_rows(path, "skip") as rows:
        assert rows.n == len(expected) == 200 - n_lost
        for start, stop in [(0, rows.n), (0, 1), (rows.n // 2, rows.n), (rows.n // 3, rows.n // 2 + 1)]:
            assert np.array_equal(rows.read(start, stop)[0], expected[start:stop])
