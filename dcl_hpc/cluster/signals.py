"""Stopping early: a signal asks, all ranks agree, the work is saved."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from ..errors import UserError

# Exit code of a stage that saved its work and wants to be started again.
UNFINISHED = 85
GUARD_SECONDS = 1.0
# After SIGTERM the ranks have this long to come together.
GRACE_SECONDS = 5.0


class Stopped(Exception):
    """Raised on all ranks together after the work was saved."""


class StopRequest:
    """Notes SIGUSR1 and SIGTERM; long loops ask `agreed` at places where they can stop.

    Attributes
    ----------
    guard : callable, optional
        Whether this process may still write. A node that Slurm believes lost may live on while the job
        has started again elsewhere.
    """

    def __init__(self):
        self.received = False
        self.guard: Callable[[], bool] | None = None
        self._guarded = time.monotonic()
        self._meetings = 0
        if "SLURM_STEP_ID" in os.environ:
            self._watch()
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number, frame):
        self.received = True

    def agreed(self, comm) -> bool:
        """Whether any rank was asked to stop; collective."""
        if self.guard is not None and time.monotonic() - self._guarded > GUARD_SECONDS:
            self._guarded = time.monotonic()
            if not self.guard():
                raise UserError("another process has taken over this run; nothing more is written here")
        agreed = any(comm.allgather(self.received)) if comm.size > 1 else self.received
        self._meetings += 1
        return agreed

    def waiting(self) -> None:
        """Tell that this rank lives though it has no others to agree with at the moment."""
        self._meetings += 1

    def check(self, comm) -> None:
        """Raise `Stopped` on all ranks if any was asked to stop; collective."""
        if self.agreed(comm):
            raise Stopped

    def _watch(self) -> None:
        """End this rank if the ranks do not meet after SIGTERM, since one of them is dead.

        Slurm sends it to the others when one was killed, which then wait in MPI, where no handler of Python
        runs; Slurm itself would kill them after KillWait, 30 s.
        """
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

        def wait():
            while signal.SIGTERM not in os.read(read, 64):
                pass
            before = self._meetings
            time.sleep(GRACE_SECONDS)
            if self._meetings == before:
                print("dcl_hpc: asked to stop, but not all ranks answer: ended", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=wait, daemon=True).start()
