"""MPI start-up, agreement between ranks, and what happens when one of them fails.

A process that no launcher started is alone: it needs neither mpi4py nor MPI_Init, which login nodes may not
allow. mpi4py is imported here only, and not before it is needed.
"""

import errno
import math
import os
import sys
import time
import traceback
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from ..errors import UserError
from . import environment, serial
from .interruption import INTERRUPTED

# What launchers tell of the number of ranks and of the own one: Open MPI, MPICH and its kin, MVAPICH, Slurm.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
# Beginnings of the variables of launchers, of which some leave the number to MPI_Init.
LAUNCHERS = ("OMPI_COMM_WORLD_", "PMI_", "PMIX_", "PALS_", "MV2_COMM_WORLD_")
# Errors of the disk, where they arise while something is written or made to be.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)
# How much longer than the one before it a rank that fails waits before it tells, in s.
PATIENCE = 2.0
# What MPI calls at errors of files, and what it then tells.
_ending = SimpleNamespace(handler=None, tell=None)


def _told(names) -> list[int]:
    """Numbers in the variables of launchers."""
    return [found for name in names if (found := environment.number(name)) is not None]


@contextmanager
def not_initialized():
    """Keep mpi4py, if it is imported meanwhile, from calling MPI_Init: only `world` does."""
    try:
        import mpi4py
    except ImportError:
        yield
        return
    kept = mpi4py.rc.initialize, mpi4py.rc.finalize
    # it finalizes when Python ends, after Horovod's own shutdown
    mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
    try:
        yield
    finally:
        mpi4py.rc.initialize, mpi4py.rc.finalize = kept


def world():
    """Return the communicator of all ranks; initialises MPI if a launcher started this process.

    Raises
    ------
    UserError
        If several tasks were started and there is no MPI, or it sees each of them alone.
    """
    tasks = max(_told(SIZES), default=1)
    if tasks == 1 and not any(name.startswith(LAUNCHERS) for name in os.environ):
        return alone()
    try:
        with not_initialized():
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter if it finds no MPI library
        if tasks == 1:
            return alone()
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{tasks} ranks need mpi4py ({reason}); pip install '.[mpi]', or start one process"
        ) from None
    if not MPI.Is_initialized():
        if "Open MPI v4" in MPI.Get_library_version():
            # ROMIO writes strided collective data up to 5 times faster than the default there;
            # waiting ranks leave their core to the threads of others.
            os.environ.setdefault("OMPI_MCA_io", "romio321")
            os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
        MPI.Init_thread(MPI.THREAD_MULTIPLE)
    comm = MPI.COMM_WORLD
    if comm.size == 1 and tasks > 1 and "OMPI_COMM_WORLD_SIZE" not in os.environ:
        raise UserError(
            f"Slurm started {tasks} tasks but MPI sees single processes; use srun --mpi=pmix, or the "
            "type that 'srun --mpi=list' shows for your MPI (DCL_SRUN_MPI in slurm/env.sh)"
        )
    return comm


def alone() -> serial.Communicator:
    """Return the communicator of this rank by itself."""
    return serial.Communicator()


def on_root(comm, function, *arguments):
    """Call a function on rank 0 and give all ranks its result, or its exception."""
    outcome = None
    if comm.rank == 0:
        try:
            outcome = function(*arguments), None
        except Exception as error:
            outcome = None, error
    result, error = comm.bcast(outcome, root=0)
    if comm.rank == 0:
        result, error = outcome  # not a copy, which has lost where it was raised
    if error is not None:
        error.on_all_ranks = True
        raise error
    return result


def gather(comm, values):
    """Join the arrays of all ranks along their first axis, in the order of ranks, on every rank.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        Only n may differ between ranks. Ladders gather after every sweep, hence no pickling.
    """
    if comm.size == 1:
        return values
    values, rows = np.ascontiguousarray(values), np.empty(comm.size, np.int64)
    comm.Allgather(np.array([len(values)]), rows)
    result = np.empty((rows.sum(), *values.shape[1:]), values.dtype)
    comm.Allgatherv(values, [result, rows * math.prod(values.shape[1:])])
    return result


def any_rank(comm, *flags: bool) -> list[bool]:
    """Whether each flag is set on any rank; collective, and without pickling, as loops ask often."""
    if comm.size == 1:
        return list(flags)
    from mpi4py import MPI

    values = np.array(flags, np.uint8)
    comm.Allreduce(MPI.IN_PLACE, values, MPI.MAX)
    return values.astype(bool).tolist()


@contextmanager
def ending_all(tell):
    """Have files that ranks open together in here end all of them where MPI cannot write.

    HDF5 leaves a collective call at once where it fails on one rank, and the others wait there for ever.

    Parameters
    ----------
    tell : callable (str) -> UserError
        What is told of the last of these files, for MPI's words.
    """
    from mpi4py import MPI

    _ending.tell = tell
    if _ending.handler is None:  # there can be a few only
        _ending.handler = MPI.File.Create_errhandler(_file_error)
    MPI.FILE_NULL.Set_errhandler(_ending.handler)
    try:
        yield
    finally:
        MPI.FILE_NULL.Set_errhandler(MPI.ERRORS_RETURN)


def _file_error(file, code: int) -> None:
    from mpi4py import MPI

    if file != MPI.FILE_NULL:  # if it cannot be opened, all ranks know
        _end_all(MPI.COMM_WORLD, _ending.tell(MPI.Get_error_string(code)))


def _end_all(comm, error: UserError) -> None:
    """Tell what only some ranks may know, and end all."""
    time.sleep(min(comm.rank, 3) * PATIENCE)  # the first of them tells, and ends the others before they do
    _tell(error)
    time.sleep(0.2)
    comm.Abort(2)


def _tell(error: UserError) -> None:
    print(f"dcl_hpc: error: {error}", file=sys.stderr, flush=True)


def share(comm, n: int) -> slice:
    """Contiguous part of n items that belongs to this rank, sizes differing by at most one."""
    return slice(comm.rank * n // comm.size, (comm.rank + 1) * n // comm.size)


def _of_node(comm, value) -> tuple[list, int]:
    """Values of the ranks of this node, and which of them is this rank's."""
    if comm.size == 1:
        return [value], 0
    from mpi4py import MPI

    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    values, rank = local.allgather(value), local.rank
    local.Free()
    return values, rank


def local_rank(comm) -> int:
    """Number of this rank among those of its node."""
    return _of_node(comm, None)[1]


def share_of_node(comm) -> float:
    """Share of all ranks that are on this node."""
    return len(_of_node(comm, None)[0]) / comm.size


def threads_per_rank(comm) -> int:
    """Cores that this rank may use without disturbing its neighbours on the node."""
    if hasattr(os, "sched_getaffinity"):
        cores = frozenset(os.sched_getaffinity(0))
    else:
        cores = frozenset(range(os.cpu_count() or 1))
    everyone, _ = _of_node(comm, cores)
    sharing = sum(1 for other in everyone if other & cores)
    return max(1, len(cores) // sharing)


@contextmanager
def _disk_told():
    """A full or broken disk is no mistake of the program, wherever it is noticed."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise UserError("nobody reads the output any more") from None
        if error.errno not in DISK:
            raise
        what, reason = error.filename or "results", error.strerror
        told = UserError(f"cannot write {what}: {reason}; check permissions and free space")
        told.on_all_ranks = getattr(error, "on_all_ranks", False)
        raise told from None


def _begins() -> bool:
    """Whether the launcher calls this rank 0, as far as it tells."""
    try:
        return max(_told(RANKS), default=0) == 0
    except UserError:
        return True


def run(function, start=world) -> None:
    """Run a command on all ranks, in the communicator that `start` gives, and exit.

    A `UserError` is one line on rank 0 and exit code 2. Any other exception prints its traceback
    and aborts all ranks at once, so that none waits for ever for one that died.
    """
    comm = None
    try:
        comm = start()
        with _disk_told():
            code = function(comm) or 0
            sys.stdout.flush()
    except UserError as error:
        together = comm is None or comm.size == 1 or error.on_all_ranks
        if not together:
            _end_all(comm, error)
        if _begins() if comm is None else comm.rank == 0:
            _tell(error)
        code = 2
    except KeyboardInterrupt:
        print("dcl_hpc: interrupted", file=sys.stderr, flush=True)
        if comm is not None and comm.size > 1:
            comm.Abort(INTERRUPTED)
        code = INTERRUPTED
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        traceback.print_exc()
        sys.stderr.flush()
        if comm is not None and comm.size > 1:
            comm.Abort(1)
        code = 1
    try:
        sys.stdout.flush()
    except OSError:  # told above; Python would try again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
