"""Checksums of what is committed in an unfinished file.

`progress/sums` has two lines, those of the last two commits: units committed and slot, then of each data set
how far it is filled and a CRC-32 of all up to there; of a checkpoint one of the half that counts. A line is
written before its commit, in the place of the one that does not count, so that a kill at any moment leaves
the line of the commit that counts. The ranks share what is to be read for it.
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
# Of CRC-32 (IEEE 802.3), without x^32.
POLYNOMIAL = 0xEDB88320


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
            if not 0 <= stop <= length or self._sum(name, start, stop)[1] != expected:
                raise Damaged(f"{self._path} is damaged (what was saved in {name} has changed)")

    def reach(self, name: str, index) -> dict[str, int]:
        """How far a data set is filled once this part of it is written; nothing for those never filled."""
        if name not in self._axes:
            return {}
        part = index[self._axes[name]] if isinstance(index, tuple) else index
        return {name: part.stop if isinstance(part, slice) else int(part) + 1}

    def share(self, reached: list[dict[str, int]], slot: int, rank: int) -> list[list[int]]:
        """What a rank reads for the line of a commit that follows.

        Parameters
        ----------
        reached : list of dict
            How far each rank has filled each data set.
        slot : int
            Half of the checkpoints that will count.
        rank : int

        Returns
        -------
        list of [stop, bytes, CRC-32]
            Of each data set, how far it is filled, and how many bytes of what is new this rank has read.
        """
        found = []
        for name, (old, _) in self._parts.items():
            if name.startswith(CHECKPOINT):
                old, stop = slot, slot + 1
            else:
                stop = max((old, *(one[name] for one in reached if name in one)))
            first, last = (old + (stop - old) * k // len(reached) for k in (rank, rank + 1))
            found.append([stop, *self._sum(name, first, last)])
        return found

    def add(self, shares: list[list[list[int]]], done: int, slot: int, write: bool) -> None:
        """Count what all ranks have read; `write` its line."""
        for k, (name, (_, value)) in enumerate(self._parts.items()):
            value = 0 if name.startswith(CHECKPOINT) else value
            for _, size, follows in (share[k] for share in shares):
                value = joined(value, follows, size) if size else value
            self._parts[name] = [shares[0][k][0], value]
        self._line = 1 - self._line
        if write:
            self._data[SUMS][self._line] = [done, slot, *np.ravel(list(self._parts.values()))]

    def _sum(self, name: str, start: int, stop: int) -> tuple[int, int]:
        """Bytes and CRC-32 of a part of a data set, in stretches along the axis on which it is filled."""
        data, axis, size, value = self._data[name], self._axes[name], 0, 0
        step = max(1, PIECE * data.shape[axis] // max(1, data.nbytes))
        for k in range(start, stop, step):
            block = data[(*axis * [np.s_[:]], slice(k, min(k + step, stop)))]
            size += block.nbytes
            value = zlib.crc32(np.ascontiguousarray(np.moveaxis(block, axis, 0)), value)
        return size, value


def joined(first: int, second: int, size: int) -> int:
    """CRC-32 of a text and of one that follows it.

    A CRC-32 is the remainder of a polynomial over GF(2), lowest power in the highest bit, and the first text
    stands 8 powers higher for each byte of the second.

    Parameters
    ----------
    first, second : int
        CRC-32 of each.
    size : int
        Bytes of the second.
    """
    power = 1 << 23  # x^8
    while size:
        if size & 1:
            first = _product(first, power)
        power, size = _product(power, power), size >> 1
    return first ^ second


def _product(a: int, b: int) -> int:
    """Product of two polynomials modulo that of CRC-32."""
    result = 0
    for k in range(31, -1, -1):
        if a >> k & 1:
            result ^= b
        b = b >> 1 ^ (POLYNOMIAL if b & 1 else 0)
    return result


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
