"""What of an unfinished file never changes, and where the rest is: its frame, looked at before HDF5 reads it.

HDF5 may crash on a damaged file or never return. From its creation on only the values of some data sets of a
file change. Where these are, and a checksum of all else, is kept with the identity of the file.
"""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from .identity import BLOCK, Damaged, Identity

# Bytes that are read together.
PIECE = 2**20
# Where HDF5 notes that a program has the file open for writing (consistency flags of superblock 0).
FLAGS = range(BLOCK + 20, BLOCK + 24)


@dataclass(frozen=True)
class Place:
    """Where the values of a data set are.

    Attributes
    ----------
    offset : int
        Of the first byte in the file.
    shape : tuple of int
    dtype : str
        As NumPy names it.
    grows : int
        Axis along which it is filled.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str
    grows: int = 0

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def place(data: h5py.Dataset, grows: int = 0) -> Place | None:
    """Place of a data set of a file of ours; None if it is empty."""
    return Place(data.id.get_offset(), data.shape, data.dtype.str, grows) if data.size else None


def measure(path: Path, places: dict[str, Place]) -> dict:
    """The frame of a closed file whose other data sets never change, as plain values."""
    digest = _digest(path, places)
    return {
        "size": path.stat().st_size,
        "sha256": digest,
        "moving": {name: asdict(one) for name, one in places.items()},
    }


def places(who: Identity) -> dict[str, Place]:
    """Places of the data sets that change."""
    return {
        name: Place(**{**values, "shape": tuple(values["shape"])})
        for name, values in who.frame["moving"].items()
    }


def check(path: Path, who: Identity) -> None:
    """Compare a file with its frame.

    Raises
    ------
    Damaged
        If they differ.
    """
    size = path.stat().st_size
    if size != who.frame["size"]:
        raise Damaged(f"{path} is damaged (it has {size} bytes of {who.frame['size']})")
    if _digest(path, places(who)) != who.frame["sha256"]:
        raise Damaged(
            f"{path} is damaged (what does not change in it has not the checksum that it was given)"
        )


def values(path: Path, where: Place) -> np.ndarray:
    """All values of a data set, without HDF5."""
    with open(path, "rb") as file:
        file.seek(where.offset)
        return np.frombuffer(file.read(where.size), where.dtype).reshape(where.shape)


def _digest(path: Path, moving: dict[str, Place]) -> str:
    digest, start = hashlib.sha256(), FLAGS.stop
    with open(path, "rb") as file:
        _add(digest, file, BLOCK, FLAGS.start)
        for one in sorted(moving.values(), key=lambda one: one.offset):
            _add(digest, file, start, one.offset)
            start = one.offset + one.size
        _add(digest, file, start, path.stat().st_size)
    return digest.hexdigest()


def _add(digest, file, start: int, stop: int) -> None:
    file.seek(start)
    for k in range(start, stop, PIECE):
        digest.update(file.read(min(PIECE, stop - k)))
