"""SIGKILL at random moments, to one rank or all: nothing that was committed is lost."""

import signal

from hostile import interrupted


def run(chance, n, folder, tally) -> None:
    """Make n cases."""
    interrupted.run(chance, n, folder, tally, (signal.SIGKILL,))
