"""How far a file is, also while it is being written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import frame, identity
from .identity import Damaged
from .reading import reading

COMMITTED = "progress/committed"
WALL = "progress/wall_seconds"
SUMS = "progress/sums"
PROGRESS = (COMMITTED, WALL, SUMS)
# Data sets of which one half counts at a time.
CHECKPOINT = "checkpoint/"


@dataclass(frozen=True)
class Progress:
    """How far a file is.

    Attributes
    ----------
    done, total : int
        Units of work.
    seconds : float
        Spent so far.
    sealed : bool
        Whether it has its checksum.
    """

    done: int = 0
    total: int = 1
    seconds: float = 0.0
    sealed: bool = False

    @property
    def complete(self) -> bool:
        """Whether all is done and sealed."""
        return self.sealed and self.done >= self.total


def progress(path: Path) -> Progress:
    """How far a file is, also while it is being written.

    HDF5 reads nothing but unfinished files of earlier versions, which have no frame.

    Raises
    ------
    Damaged
        If it cannot be read, or is damaged where it does not change.
    """
    who, sealed = identity.read(path), identity.read_seal(path)
    total = who.about["total"]
    if sealed is not None:
        return Progress(sealed["done"], total, sealed["seconds"], True)
    if who.frame is not None:
        frame.check(path, who)
        places = frame.places(who)
        committed, wall = (frame.values(path, places[name]) for name in (COMMITTED, WALL))
    else:
        with reading(path) as file:
            committed, wall = file[COMMITTED][()], file[WALL][()]
    (done, slot), (seconds,) = map(int, committed), map(float, wall)
    if not (0 <= done <= total and slot in (0, 1) and 0 <= seconds < np.inf):
        raise Damaged(f"{path} is damaged ({done} of {total} units committed, slot {slot}, {seconds} s)")
    return Progress(done, total, seconds)


def require_intact(path: Path) -> None:
    """Make sure that HDF5 can read a file; raises Damaged."""
    if progress(path).sealed:
        identity.verify(path)
