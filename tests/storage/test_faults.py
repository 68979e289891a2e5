"""Every call that writes fails in turn: nothing wrong counts, one line tells, and the same work goes on."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# Writes a file in several stretches, a network's file twice, and a document; as often as there are calls.
WORK = """\
import errno
import sys
from pathlib import Path

import numpy as np

from dcl_hpc.cluster import mpi
from dcl_hpc.errors import UserError
from dcl_hpc.storage import documents, identity, weights
from dcl_hpc.storage.layout import Field, write_file
from dcl_hpc.storage.progress import progress
from dcl_hpc.storage.store import Store
from hostile.faults import Faults

folder, faults = Path(sys.argv[1]), Faults(Path(sys.argv[2]))
data, network, rows = folder / "data.h5", folder / "network.h5", np.arange(6.0).reshape(2, 3)


def work():
    if not data.exists():
        write_file(data, {"rows": Field(rows.shape, float, ("row", "x"), "rows")}, {}, total=len(rows))
    with Store(data, mpi.alone(), write=True) as store:
        for k in range(store.committed, len(rows)):
            store.write("rows", np.s_[k], rows[k])
            store.commit(k + 1, k % 2, 1.0)
    for step in (1, 2):
        weights.save(network, {}, {}, {"w": float(step)}, {}, step, 2, 0.0)
    documents.write_json(folder / "a.json", {"done": True})


def check(finished):
    if data.exists():
        found = progress(data)
        if found.complete:
            identity.verify(data)
        with Store(data, mpi.alone()) as store:
            assert (store.read("rows")[: found.done] == rows[: found.done]).all()
        assert found.complete or not finished
    if network.exists():
        assert weights.load(network)[1]["w"] == 2.0 or not finished
    if finished:
        assert documents.read_json(folder / "a.json") == {"done": True}
        names = ["a.json", "data.h5", "network.h5", "network.previous.h5"]
        assert sorted(path.name for path in folder.iterdir()) == names


def case(first, error, lasting):
    faults.set(first, error, lasting)
    told = 0
    try:
        work()
    except UserError as problem:
        told = 1
        assert "cannot write" in str(problem) and "\\n" not in str(problem), problem
    calls = faults.calls
    faults.set()
    check(finished=False)
    work()
    check(finished=True)
    for path in folder.iterdir():
        path.unlink()
    return told, calls


ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_, calls = case(0, 0, False)
told = 0
for first in range(1, calls + 1):
    told += case(first, ERRORS[first % 4], lasting=first % 8 < 4)[0]
print(calls, told)
"""


def test_every_call_fails(python, tmp_path, monkeypatch):
    """The checks are in the program, in which calls of the system fail."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from hostile.faults import environment

    folder = tmp_path / "written"
    folder.mkdir()
    changed = environment(folder, tmp_path)
    if not changed:
        pytest.skip("no C compiler")
    changed["PYTHONPATH"] = ":".join(filter(None, [str(BENCHMARKS), *sys.path]))
    done = python("-c", WORK, folder, changed["FAULTS_PLAN"], environment=changed)
    assert done.returncode == 0, done.stderr
    calls, told = map(int, done.stdout.split())
    assert calls > 40 and told > calls // 2
