"""Stopping early: a signal asks, all ranks agree, the work is saved."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from ..errors import UserError
from . import interruption, mpi

GUARD_SECONDS = 1.0
# After SIGTERM the ranks have this long to come together.
GRACE_SECONDS = 5.0


# A process of its own, which no call of MPI or HDF5 can hold up, since these may keep Python from running
# even threads. Its input is what Python's C handler writes at each signal, and 0 when the ranks meet.
WATCHER = """\
import os, select, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
grace, parent, end, answered = float(sys.argv[1]), int(sys.argv[2]), None, False
while True:
    left = None if end is None else max(0, end - time.monotonic())
    if not select.select([0], [], [], left)[0]:
        os.write(2, b"dcl_hpc: asked to stop, but not all ranks answer: ended\\n")
        os.kill(parent, signal.SIGKILL)
        end = None
        continue
    said = os.read(0, 4096)
    if not said:
        break
    for byte in said:
        if byte == signal.SIGTERM and end is None and not answered:
            end = time.monotonic() + grace
        elif byte == 0 and end is not None:
            end, answered = None, True  # it saves from now on
"""


class Stopped(Exception):
    """Raised on all ranks together after the work was saved."""

    on_all_ranks = True


class StopRequest:
    """Notes SIGUSR1, SIGTERM and SIGINT; long loops ask `agreed` at places where they can stop.

    A second SIGINT, from somebody at a terminal who does not want to wait, ends the process at once.

    Under Slurm this rank is ended if the ranks do not meet for some seconds after SIGTERM, since one of them
    is dead then: Slurm sends SIGTERM to the others, which wait for it in MPI or HDF5, where no handler of
    Python runs, and would kill them after its KillWait only, 30 s by default.

    Parameters
    ----------
    listen : bool
        Whether signals are this object's to handle. A program that merely uses this one keeps its own
        handlers, and is never asked to stop here.

    Attributes
    ----------
    guard : callable, optional
        Whether this process may still write. A node that Slurm believes lost may live on while the job
        has started again elsewhere.
    """

    def __init__(self, listen: bool = True):
        self.received = False
        self.guard: Callable[[], bool] | None = None
        self._guarded = time.monotonic()
        self._watcher: subprocess.Popen | None = None
        self._interrupted = False
        self._listens = listen
        if not listen:
            return
        if "SLURM_STEP_ID" in os.environ:
            self._watch()
        interruption.hear(self._note)

    def _note(self, number, frame):
        self.received = True
        if number == signal.SIGINT:
            if self._interrupted:
                interruption.end("ended at once; what was saved before is kept")
            self._interrupted = True

    def agreed(self, comm) -> bool:
        """Whether any rank was asked to stop; collective."""
        return self.meet(comm)[0]

    def meet(self, comm, due: bool = False) -> tuple[bool, bool]:
        """Whether any rank was asked to stop, and whether any says that saving is due; collective."""
        if self.guard is not None and time.monotonic() - self._guarded > GUARD_SECONDS:
            self._guarded = time.monotonic()
            if not self.guard():
                raise UserError("another process has taken over this run; nothing more is written here")
        agreed, due = mpi.any_rank(comm, self.received, due)
        self.waiting()
        return agreed, due

    def waiting(self) -> None:
        """Tell that this rank lives, also while it has no others to agree with."""
        if self.received and self._watcher is not None:
            with contextlib.suppress(OSError):  # full, or the watcher was killed
                os.write(self._watcher.stdin.fileno(), b"\0")

    def finish(self) -> None:
        """Ask no more: this rank has saved its work and ends.

        Slurm ends a step by SIGTERM when its first rank leaves with an exit code; the others may be on their
        way out, where Python has no handlers any more, and their exit code has to stay.
        """
        if self._listens:
            interruption.hear(signal.SIG_IGN)

    def check(self, comm) -> None:
        """Raise `Stopped` on all ranks if any was asked to stop; collective."""
        if self.agreed(comm):
            raise Stopped

    def _watch(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", WATCHER, str(GRACE_SECONDS), str(os.getpid())]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
        os.set_blocking(self._watcher.stdin.fileno(), False)
        signal.set_wakeup_fd(self._watcher.stdin.fileno(), warn_on_full_buffer=False)
