"""How far a file is, also while it is being written."""

from dataclasses import dataclass
from pathlib import Path

import h5py

from . import identity
from .identity import Damaged

COMMITTED = "progress/committed"
WALL = "progress/wall_seconds"


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
    """How far a file is, also while it is being written; of a sealed one HDF5 reads nothing.

    Raises
    ------
    Damaged
        If it cannot be read.
    """
    total, sealed = identity.read(path).about["total"], identity.read_seal(path)
    if sealed is not None:
        return Progress(sealed["done"], total, sealed["seconds"], True)
    try:
        with h5py.File(path, "r", locking=False) as file:
            return Progress(int(file[COMMITTED][0]), total, float(file[WALL][0]))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged or not a file of this program ({error})") from None
