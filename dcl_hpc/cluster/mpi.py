"""MPI start-up, agreement between ranks, and what happens when one of them fails."""

import math
import os
import sys
import time
import traceback

import mpi4py
import numpy as np

from ..errors import UserError

mpi4py.rc.initialize = False
mpi4py.rc.finalize = True  # when Python ends, after Horovod's own shutdown
from mpi4py import MPI  # noqa: E402 - after the line above, so that settings come before MPI_Init


def world() -> MPI.Intracomm:
    """Initialise MPI and return the communicator of all ranks.

    Raises
    ------
    UserError
        If Slurm started several tasks and MPI sees each of them alone.
    """
    if not MPI.Is_initialized():
        if "Open MPI v4" in MPI.Get_library_version():
            # ROMIO writes strided collective data up to 5 times faster than the default there;
            # waiting ranks leave their core to the threads of others.
            os.environ.setdefault("OMPI_MCA_io", "romio321")
            os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
        MPI.Init_thread(MPI.THREAD_MULTIPLE)
    comm = MPI.COMM_WORLD
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if comm.size == 1 and tasks > 1 and "OMPI_COMM_WORLD_SIZE" not in os.environ:
        raise UserError(
            f"Slurm started {tasks} tasks but MPI sees single processes; use srun --mpi=pmix, or the "
            "type that 'srun --mpi=list' shows for your MPI (DCL_SRUN_MPI in slurm/env.sh)"
        )
    return comm


def alone() -> MPI.Intracomm:
    """Return the communicator of this rank by itself."""
    return MPI.COMM_SELF


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


def share(comm, n: int) -> slice:
    """Contiguous part of n items that belongs to this rank, sizes differing by at most one."""
    return slice(comm.rank * n // comm.size, (comm.rank + 1) * n // comm.size)


def local_rank(comm) -> int:
    """Number of this rank among those of its node."""
    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    rank = local.rank
    local.Free()
    return rank


def threads_per_rank(comm) -> int:
    """Cores that this rank may use without disturbing its neighbours on the node."""
    cores = len(os.sched_getaffinity(0))
    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    everyone = local.allgather(frozenset(os.sched_getaffinity(0)))
    sharing = sum(1 for other in everyone if other & everyone[local.rank])
    local.Free()
    return max(1, cores // sharing)


def run(function) -> None:
    """Run a command on all ranks and exit.

    A `UserError` is one line on rank 0 and exit code 2. Any other exception prints its traceback
    and aborts all ranks at once, so that none waits for ever for one that died.
    """
    comm = None
    try:
        comm = world()
        code = function(comm) or 0
    except UserError as error:
        together = comm is None or comm.size == 1 or error.on_all_ranks
        if comm is None or comm.rank == 0 or not together:
            print(f"dcl_hpc: error: {error}", file=sys.stderr, flush=True)
        if not together:
            time.sleep(0.2)
            comm.Abort(2)
        code = 2
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        traceback.print_exc()
        sys.stderr.flush()
        if comm is not None and comm.size > 1:
            comm.Abort(1)
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    sys.stdout.flush()
    sys.exit(code)
