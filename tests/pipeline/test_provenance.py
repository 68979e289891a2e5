"""The installed h5py writes one file from several ranks."""

import h5py
import numpy as np
import pytest

SCRIPT = """\
import sys

import numpy as np
from dcl_hpc.cluster import mpi
from dcl_hpc.storage.layout import Field, write_file
from dcl_hpc.storage.store import Store


def work(comm):
    path = sys.argv[1]
    layout = {"x": Field((5, 10 * comm.size), np.int64, ("row", "column"), "numbers")}
    mpi.on_root(comm, write_file, path, layout, {}, 5)
    with Store(path, comm, write=True) as store:
        mine = mpi.share(comm, 10 * comm.size)
        for row in range(5):
            store.write("x", np.s_[row, mine], 1000 * row + np.arange(mine.start, mine.stop))
        store.commit(5, 1, 2.0)
        assert comm.rank or store.complete


mpi.run(work)
"""


def test_h5py_has_mpi():
    """h5py is built with parallel HDF5."""
    assert h5py.get_config().mpi is True


@pytest.mark.mpi
def test_two_ranks_write_one_file(python, tmp_path):
    """Two ranks write their columns of one dataset together; one process reads all of them."""
    script, path = tmp_path / "write.py", tmp_path / "parallel.h5"
    script.write_text(SCRIPT)
    done = python(script, path, ranks=2)
    assert done.returncode == 0, done.stderr
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["x"][()], 1000 * np.arange(5)[:, None] + np.arange(20))
        assert file["progress/committed"][()].tolist() == [5, 1]
