"""Stopping early: a signal asks, all ranks agree, the work is saved."""

import signal

# Exit code of a stage that saved its work and wants to be started again.
UNFINISHED = 85


class Stopped(Exception):
    """Raised on all ranks together after the work was saved."""


class StopRequest:
    """Notes SIGUSR1 and SIGTERM; long loops ask `agreed` at places where they can stop."""

    def __init__(self):
        self.received = False
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number, frame):
        self.received = True

    def agreed(self, comm) -> bool:
        """Whether any rank was asked to stop; collective."""
        return any(comm.allgather(self.received)) if comm.size > 1 else self.received

    def check(self, comm) -> None:
        """Raise `Stopped` on all ranks if any was asked to stop; collective."""
        if self.agreed(comm):
            raise Stopped
