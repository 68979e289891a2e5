"""Signals that ask to stop, at random moments: what was done is saved, or nothing had begun."""

import signal

from hostile import interrupted


def run(chance, n, folder, tally) -> None:
    """Make n cases."""
    interrupted.run(chance, n, folder, tally, (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1))
