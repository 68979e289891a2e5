"""Groups of ranks that share out the realizations of an ensemble."""

import time

from ..errors import UserError
from .signals import Stopped

POLL_SECONDS = 0.05


def share_out(
    comm, items, work, stop, first_alone: bool = False, groups: int | None = None
) -> dict[int, str]:
    """Work on every item by one group of ranks; collective.

    There are as many groups as items, or as ranks if these are fewer, unless their number is given; group g
    has items g, g + groups, ...
    An item that fails with a `UserError` does not keep the others from being worked on.

    Parameters
    ----------
    comm : communicator of all groups
    items : sequence
    work : callable (item, communicator of the group, number of the group)
    stop : StopRequest
    first_alone : bool
        Whether the others wait for the first item.
    groups : int, optional

    Returns
    -------
    dict
        Messages of the items that failed, by their positions; the same on all ranks.

    Raises
    ------
    Stopped
        If any group was stopped.
    """
    n_groups = groups or min(comm.size, len(items))
    number = comm.rank * n_groups // comm.size
    group = comm.Split(number, comm.rank)
    mine = range(number, len(items), n_groups)
    rounds = ([k for k in mine if k == 0], [k for k in mine if k > 0]) if first_alone else (mine,)
    failures: dict[int, str] = {}
    for numbers in rounds:
        stopped = False
        for k in numbers:
            try:
                work(items[k], group, number)
            except Stopped:
                stopped = True
                break
            except UserError as error:
                if group.size > 1 and not error.on_all_ranks:
                    raise
                failures[k] = str(error)
        _meet(comm, stop)
        outcomes = comm.allgather((failures, stopped))
        if any(stopped for _, stopped in outcomes):
            raise Stopped
    return {k: message for failures, _ in outcomes for k, message in failures.items()}


def _meet(comm, stop) -> None:
    """Wait for all ranks, leaving the core to others; signals are heard meanwhile."""
    request = comm.Ibarrier()
    while not request.Test():
        stop.waiting()
        time.sleep(POLL_SECONDS)
