"""Arrays in NumPy's files, of which parts are read: never more than is there, and no memory map.

A memory map of a file that is cut off while it is read ends the process.
"""

import math
import os
import zipfile
from collections import Counter
from operator import itemgetter
from pathlib import Path

import numpy as np

from ..errors import quoted, shown
from ..files import open_regular

# Bit of a zip file's member.
ENCRYPTED = 1
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Array:
    """An array in a stream of NumPy's format.

    Parameters
    ----------
    stream : binary file
        It stands at the beginning, and is closed with the array.
    size : int
        Its bytes.

    Attributes
    ----------
    shape, dtype, size
        As of NumPy's arrays.

    Raises
    ------
    ValueError, EOFError
        If there is no array of numbers, or not all of it. Those of the stream pass.
    """

    def __init__(self, stream, size: int):
        self._stream = stream
        if stream.read(1) == b"\x80":  # of protocol 2 on
            raise ValueError("it is a pickle")
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise ValueError(f"an array of the version {version[0]}.{version[1]}")
        self.shape, fortran, self.dtype = HEADERS[version](stream)
        if self.dtype.hasobject:
            raise ValueError("it has pickled values")
        self._start, self.size = stream.tell(), math.prod(self.shape)
        needed, there = self.size * self.dtype.itemsize, size - self._start
        if any(n < 0 or isinstance(n, bool) for n in self.shape) or needed > there:
            raise ValueError(f"its header says {shown(str(self.shape))}, {there} bytes are there")
        self._whole = self._transposed() if fortran else None

    def __getitem__(self, index: tuple) -> np.ndarray:
        """Part of it; the index has numbers, then at most one slice."""
        if self._whole is not None:
            return self._whole[index]
        first, shape = 0, list(self.shape)
        for k, i in enumerate(index):
            start, stop = i.indices(self.shape[k])[:2] if isinstance(i, slice) else (i, i + 1)
            first += start * math.prod(self.shape[k + 1 :])
            shape[k] = stop - start
        kept = shape[sum(not isinstance(i, slice) for i in index) :]
        return self._read(first, math.prod(shape)).reshape(kept)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _read(self, first: int, n: int) -> np.ndarray:
        """Values first..first+n-1 as they are stored."""
        values = np.empty(n, self.dtype)
        place, left = self._start + first * self.dtype.itemsize, memoryview(values.view(np.uint8))
        if self._stream.tell() != place:
            self._stream.seek(place)
        while left:
            done = self._stream.readinto(left)
            if not done:
                raise EOFError(f"it ends {len(left)} bytes too early")
            left = left[done:]
        if first + n == self.size:
            self._stream.read(1)  # an archive compares its checksum at the end
        return values

    def _transposed(self) -> np.ndarray:
        """All of it: rows are not in a piece."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        if self.size * self.dtype.itemsize > memory:
            raise ValueError("it is too large for Fortran order, save numpy.ascontiguousarray of it")
        return self._read(0, self.size).reshape(self.shape[::-1]).T


class Archive:
    """Arrays in an .npz file.

    Attributes
    ----------
    names : list of str

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        If it is none, or names are there twice.
    """

    def __init__(self, path: Path):
        self._file = open_regular(path)
        try:
            if self._file.read(1) == b"\x80":
                raise ValueError("it is a pickle")
            self._zip = zipfile.ZipFile(self._file)
            members = [one for one in self._zip.namelist() if one.endswith(".npy")]
            self.names = [one.removesuffix(".npy") for one in members]
            name, times = max(Counter(self.names).items(), key=itemgetter(1), default=("", 0))
            if times > 1:
                raise ValueError(f"it has {quoted(name)} {times} times")
        except BaseException:
            self._file.close()
            raise

    def __getitem__(self, name: str) -> Array:
        """An array; raises KeyError if there is none."""
        member = self._zip.getinfo(f"{name}.npy")
        if member.flag_bits & ENCRYPTED:
            raise ValueError(f"{quoted(name)} is encrypted")
        return Array(self._zip.open(member), member.file_size)

    def close(self) -> None:
        """Close the file; none of its arrays can be read any more."""
        self._file.close()


def open_array(path: Path) -> Array:
    """The array of an .npy file; raises as `Array` and `open_regular`."""
    file = open_regular(path)
    try:
        return Array(file, os.fstat(file.fileno()).st_size)
    except BaseException:
        file.close()
        raise
