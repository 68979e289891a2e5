"""Following trajectories to the end: advance, measure, save, and go on after a stop."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...cluster.signals import Stopped
from ...storage.store import Store
from ...storage.trajectories import read_checkpoint, write_checkpoint
from ..machine import State

COMMIT_SECONDS = 10.0
# Between two questions whether to stop.
ASK_SECONDS = 0.5


@dataclass
class Trajectories:
    """Trajectories of one rank.

    A unit of work is a step. What is measured at the times up to the committed step is valid.

    Parameters
    ----------
    context : Context
    store : Store
        Their file, open on all ranks, with `checkpoint_fields`.
    dynamics : Dynamics
    inputs, labels : int8 (n, M, N_0), (n, M, N_L)
    keys : uint64 (n, 2)
    own : slice
        Which they are among the trajectories of all ranks.
    """

    context: object
    store: Store
    dynamics: object
    inputs: np.ndarray
    labels: np.ndarray
    keys: np.ndarray
    own: slice

    def follow(
        self, title: str, begin: Callable[[], State], times: np.ndarray,
        measure: Callable[[int, State], None], started: float,
    ) -> None:  # fmt: skip
        """Go on from the committed step to the last time of measurement; collective.

        Parameters
        ----------
        title : str
            Names them in the log.
        begin : callable
            Their state at time 0.
        times : int64 (n_times,)
            Times of measurement in steps, ascending from 0 to the end.
        measure : callable (row, state)
            Writes what is measured at times[row]; collective.
        started : float
            When this process began, by the monotonic clock.
        """
        store, context, comm = self.store, self.context, self.context.comm
        done, half, spent = store.committed, store.slot, store.wall_seconds
        if done:
            state = read_checkpoint(store, half, self.own)
        else:
            state = begin()
            measure(0, state)
        row, piece, committed = int(np.searchsorted(times, done, "right")), 1, time.monotonic()
        with context.log.progress(title, store.total, done, "steps") as progress:
            while done < store.total:
                n, before = min(piece, int(times[row]) - done), time.monotonic()
                state = self.dynamics.advance(state, self.inputs, self.labels, self.keys, done, n)
                piece = min(comm.allgather(int(n * ASK_SECONDS / (time.monotonic() - before)) + 1))
                done += n
                if done == times[row]:
                    measure(row, state)
                    row += 1
                progress.step(n)
                due = done == store.total or time.monotonic() - committed > COMMIT_SECONDS
                stop, due = context.stop.meet(comm, due)
                if stop or due:
                    half = 1 - half
                    write_checkpoint(store, half, state, self.own)
                    store.commit(done, half, spent + time.monotonic() - started)
                    committed = time.monotonic()
                if stop and done < store.total:
                    raise Stopped
