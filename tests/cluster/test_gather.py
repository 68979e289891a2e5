"""Arrays of all ranks, joined."""

import pytest

SCRIPT = """\
import numpy as np

from dcl_hpc.cluster import mpi


def work(comm):
    random = np.random.default_rng(comm.rank)
    for n in (comm.rank, 2 * (comm.rank % 2), 3, 0):
        for shape in ((n,), (n, 2), (n, 2, 3), (n, 0)):
            for dtype in (np.float64, np.float32, np.uint8, np.uint64, np.int16, bool):
                part = random.integers(0, 2, (*shape[1:], n)).T.astype(dtype)  # not contiguous
                whole = mpi.gather(comm, part)
                expected = np.concatenate(comm.allgather(part))
                assert whole.dtype == dtype and whole.shape == expected.shape
                assert np.array_equal(whole, expected)
    if comm.rank == 0:
        print("compared")


mpi.run(work)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_gather_joins_in_the_order_of_ranks(python, tmp_path, ranks):
    """All types and shapes, also where some ranks or all have no rows."""
    script = tmp_path / "gather.py"
    script.write_text(SCRIPT)
    done = python(script, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "compared"
