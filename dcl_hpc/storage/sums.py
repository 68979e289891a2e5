"""Checksums of what is committed in an unfinished file.

`progress/sums` has two lines, those of the last two commits: units committed and slot, then of each data set
how far it is filled and a CRC-32 of all up to there; of a checkpoint one of the half that counts. A line is
written before its commit, in the place of the one that does not count, so that a kill at any moment leaves
the line of the commit that counts.
"""

import zlib
from pathlib import Path

import numpy as np

from . import frame, identity
from .identity import Damaged
from .progress import CHECKPOINT, COMMITTED, PROGRESS, SUMS
from .reading import reading

# Bytes that are read together.
PIECE = 2**25


class Sums:
    """The checksums of a file that is open.

    Parameters
    ----------
    path : path
    data : mapping of str to h5py.Dataset
    axes : dict of str to int
        Axis along which each data set that changes is filled.

    Raises
    ------
    Damaged
        If there is no line of the last commit.
    """

    def __init__(self, path, data, axes: dict[str, int]):
        self._path, self._data, self._axes = path, data, dict(sorted(axes.items()))
        committed, lines = data[COMMITTED][()], data[SUMS][()]
        found = np.flatnonzero((lines[:, :2] == committed).all(axis=1))
        if not len(found):
            raise Damaged(f"{path} is damaged (in its record of what is committed)")
        self._line = int(found[0])
        parts = lines[self._line, 2:].reshape(-1, 2).tolist()
        self._parts = dict(zip(self._axes, parts, strict=True))

    def verify(self) -> None:
        """Compare what is committed with its checksums; raises Damaged."""
        slot = int(self._data[COMMITTED][1])
        for name, (stop, expected) in self._parts.items():
            start = slot if name.startswith(CHECKPOINT) else 0
            length = self._data[name].shape[self._axes[name]]
            if not 0 <= stop <= length or self._sum(name, start, stop) != expected:
                raise Damaged(f"{self._path} is damaged (what was saved in {name} has changed)")

    def reach(self, name: str, index) -> dict[str, int]:
        """How far a data set is filled once this part of it is written; nothing for those never filled."""
        if name not in self._axes:
            return {}
        part = index[self._axes[name]] if isinstance(index, tuple) else index
        return {name: part.stop if isinstance(part, slice) else int(part) + 1}

    def add(self, reached: list[dict[str, int]], done: int, slot: int) -> None:
        """Write the line of a commit that follows.

        Parameters
        ----------
        reached : list of dict
            How far each rank has filled each data set.
        """
        for name, (old, value) in self._parts.items():
            if name.startswith(CHECKPOINT):
                old, value, stop = slot, 0, slot + 1
            else:
                stop = max((old, *(one[name] for one in reached if name in one)))
            self._parts[name] = [stop, self._sum(name, old, stop, value)]
        self._line = 1 - self._line
        self._data[SUMS][self._line] = [done, slot, *np.ravel(list(self._parts.values()))]

    def _sum(self, name: str, start: int, stop: int, value: int = 0) -> int:
        """CRC-32 of a part of a data set, in stretches along the axis on which it is filled."""
        data, axis = self._data[name], self._axes[name]
        step = max(1, PIECE * data.shape[axis] // max(1, data.nbytes))
        for k in range(start, stop, step):
            block = data[(*axis * [np.s_[:]], slice(k, min(k + step, stop)))]
            value = zlib.crc32(np.ascontiguousarray(np.moveaxis(block, axis, 0)), value)
        return value


def of(path: Path, data) -> Sums:
    """The checksums of a file that is open; see `Sums`."""
    places = frame.places(identity.read(path))
    return Sums(path, data, {name: one.grows for name, one in places.items() if name not in PROGRESS})


def verify(path: Path) -> None:
    """Compare what is committed in an unfinished file with its checksums; one without any passes.

    Raises
    ------
    Damaged
        If they differ.
    """
    who = identity.read(path)
    if who.frame is None:
        return
    frame.check(path, who)
    with reading(path) as file:
        of(path, file).verify()
