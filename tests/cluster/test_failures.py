"""A failure ends the whole job with the right exit code and says once what is wrong."""

import pytest

PREFIX = "dcl_hpc: error:"
SCRIPT = """\
import sys
import time

from dcl_hpc.cluster import mpi
from dcl_hpc.errors import UserError


def fail():
    raise UserError("the text of the mistake")


def one_rank_raises(comm):
    if comm.rank == 1:
        raise RuntimeError("boom")
    comm.Barrier()


def one_rank_refuses(comm):
    if comm.rank == 1:
        fail()
    comm.Barrier()


def root_fails(comm):
    mpi.on_root(comm, fail)


def root_breaks(comm):
    mpi.on_root(comm, lambda: 1 / 0)


def all_refuse(comm):
    raise UserError.everywhere("the text of the mistake")


def nothing(comm):
    comm.Barrier()


mpi.run(globals()[sys.argv[1]])
"""


@pytest.fixture
def script(tmp_path):
    """A program whose argument names how it fails."""
    path = tmp_path / "fail.py"
    path.write_text(SCRIPT)
    return path


def errors(done) -> list[str]:
    """Error lines of a command."""
    return [line for line in done.stderr.splitlines() if line.startswith(PREFIX)]


@pytest.mark.mpi
def test_exception_of_one_rank_ends_all(python, script):
    """An exception on one rank while the others wait ends the job and prints its traceback."""
    done = python(script, "one_rank_raises", ranks=2, timeout=60)
    assert done.returncode not in (0, 2)
    assert "Traceback" in done.stderr and "RuntimeError: boom" in done.stderr


@pytest.mark.mpi
def test_exception_of_root_reaches_all(python, script):
    """An exception inside on_root ends the job and prints its traceback."""
    done = python(script, "root_breaks", ranks=2, timeout=60)
    assert done.returncode not in (0, 2)
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.mpi
def test_mistake_on_one_rank_ends_all(python, script):
    """A UserError on one rank while the others wait is one line and exit code 2."""
    done = python(script, "one_rank_refuses", ranks=2, timeout=60)
    assert done.returncode == 2
    assert errors(done) == [f"{PREFIX} the text of the mistake"]
    assert "Traceback" not in done.stderr


@pytest.mark.mpi
@pytest.mark.parametrize("how", ["root_fails", "all_refuse"])
def test_mistake_on_all_ranks_is_told_once(python, script, how):
    """A UserError that all ranks share is one line and exit code 2."""
    done = python(script, how, ranks=4, timeout=60)
    assert done.returncode == 2
    assert errors(done) == [f"{PREFIX} the text of the mistake"]
    assert "Traceback" not in done.stderr


@pytest.mark.mpi
def test_divergence_is_told_once(dcl):
    """A training that diverges on all ranks is one line and exit code 2."""
    small = ("--set", "lattice.shape=[4, 4]")
    assert dcl("observe", *small).returncode == 0
    done = dcl("train", "--network", "rnn", *small, "--set", "rnn.learning_rate=1e38", ranks=2)
    assert done.returncode == 2, done.stderr
    assert len(errors(done)) == 1 and "diverged" in errors(done)[0]


def test_tasks_of_slurm_that_mpi_does_not_see_are_refused(python, script):
    """Several Slurm tasks that are single processes to MPI are refused, one task is not."""
    done = python(script, "nothing", environment={"SLURM_STEP_NUM_TASKS": "2"}, timeout=60)
    assert done.returncode == 2
    assert len(errors(done)) == 1 and "--mpi=pmix" in errors(done)[0]
    assert python(script, "nothing", environment={"SLURM_STEP_NUM_TASKS": "1"}, timeout=60).returncode == 0
