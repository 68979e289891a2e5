"""Every call that writes fails in turn: nothing wrong counts, one line tells, and the same work goes on."""

import sys
from pathlib import Path

import pytest

from dcl_hpc.storage.progress import progress

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


@pytest.fixture
def faulty(tmp_path, monkeypatch) -> tuple[Path, dict[str, str]]:
    """A folder in which calls can fail, and the environment of processes that see it so."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from hostile.faults import environment

    folder = tmp_path / "written"
    folder.mkdir()
    changed = environment(folder, tmp_path)
    if not changed:
        pytest.skip("no C compiler")
    return folder, {**changed, "PYTHONPATH": ":".join(filter(None, [str(BENCHMARKS), *sys.path]))}


def test_every_call_fails(python, faulty):
    """The checks are in the program, in which calls of the system fail."""
    folder, environment = faulty
    done = python("-c", WORK, folder, environment["FAULTS_PLAN"], environment=environment)
    assert done.returncode == 0, done.stderr
    calls, told = map(int, done.stdout.split())
    assert calls > 40 and told > calls // 2


# Two ranks write; of the calls that follow one fails, or all do.
RANKS = """\
import sys
from pathlib import Path

import numpy as np

from dcl_hpc.cluster import mpi
from dcl_hpc.storage.layout import Field, write_file
from dcl_hpc.storage.store import Store
from hostile.faults import Faults

data, faults, when, lasting = Path(sys.argv[1]), Faults(Path(sys.argv[2])), sys.argv[3], sys.argv[4] == "all"


def fail(comm, now):
    comm.Barrier()
    if now == when and comm.rank == 0:
        faults.set(1, 5, lasting)
    comm.Barrier()


def work(comm):
    if comm.rank == 0:
        write_file(data, {"rows": Field((2, 2, 3), float, ("row", "x", "y"), "rows")}, {}, total=2)
    fail(comm, "opening")
    with Store(data, comm, write=True) as store:
        for k in range(2):
            fail(comm, "writing")
            store.write("rows", np.s_[k, comm.rank : comm.rank + 1], np.ones((1, 3)))
            store.commit(k + 1, k, 1.0)
        fail(comm, "closing")


mpi.run(work)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("when", ["opening all", "writing one", "closing one"])
def test_one_of_two_ranks_fails(python, faulty, when):
    """Whichever it is, both end with one line of error, and nothing that was not written counts."""
    folder, environment = faulty
    data = folder / "data.h5"
    arguments = (data, environment["FAULTS_PLAN"], *when.split())
    done = python("-c", RANKS, *arguments, ranks=2, environment=environment, timeout=60)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dcl_hpc: error: ")]
    assert f"cannot write {data}: input/output error; check" in line and "Traceback" not in done.stderr
    assert progress(data).done == (2 if when == "closing one" else 0)
