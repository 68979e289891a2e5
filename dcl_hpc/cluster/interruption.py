"""What a signal does while there is nothing to be saved: a line, and the end.

This module imports nothing that takes time, since commands call it before all other imports.
"""

import os
import signal

# What asks a command to stop.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
# Exit code of a stage that saved its work and wants to be started again, and of one that had no time to.
UNFINISHED, INTERRUPTED = 85, 130


def listen() -> None:
    """From now on a signal ends this process at once, in order."""
    for number in SIGNALS:
        signal.signal(number, _before)


def end(text: str, code: int = INTERRUPTED) -> None:
    """Say one line and leave; files are valid at any moment."""
    os.write(2, f"dcl_hpc: {text}\n".encode())
    os._exit(code)


def _before(number, frame) -> None:
    # USR1 says that a batch job's time is over: it is to come back
    end("stopped before the work began", UNFINISHED if number == signal.SIGUSR1 else INTERRUPTED)
