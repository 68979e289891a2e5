"""What a signal does while there is nothing to be saved: a line, and the end.

This module imports nothing that takes time, since commands call it before all other imports.
"""

import os
import signal

# What asks a command to stop.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
# Exit code of a stage that saved its work and wants to be started again, and of one that had no time to.
UNFINISHED, INTERRUPTED = 85, 130


def hear(handler=None) -> None:
    """Give signals to a handler; without one they end this process at once, in order.

    Where a shell has SIGINT ignored, as for what runs in the background of a script, that stays so.
    """
    for number in SIGNALS:
        if number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler or _before)


def end(text: str, code: int = INTERRUPTED) -> None:
    """Say one line and leave; files are valid at any moment."""
    os.write(2, f"dcl_hpc: {text}\n".encode())
    os._exit(code)


def _before(number, frame) -> None:
    # USR1 says that a batch job's time is over: it is to come back
    end("stopped before the work began", UNFINISHED if number == signal.SIGUSR1 else INTERRUPTED)
