"""Configurations in files of other programs: NumPy arrays, HDF5 data sets and text."""

import math
import os
import re
import zipfile
import zlib
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from .documents import digest_of

ADDRESS = re.compile(r"(.+?\.(npy|npz|h5|hdf5|txt|dat|csv))(?::(.*))?", re.IGNORECASE)
# What NumPy, zipfile and h5py raise for files that are damaged or may not be read.
UNREADABLE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
# Sites that `check` looks at together.
BLOCK = 2**22


class ForeignConfigurations:
    """Configurations in a file of another program, read block by block.

    An array has the shape (..., *lattice) or (..., n_sites), its leading axes are flattened in C order;
    an array of the lattice's shape is one configuration. Text has one configuration a line.

    Parameters
    ----------
    address : str
        FILE, or FILE:NAME for one array of an .npz or HDF5 file.
    shape : tuple of int
        Shape of the lattice.
    n_states : int
        States Q of a site. The file has 0 ... Q-1; for Q = 2 it may have -1 and 1 instead.

    Attributes
    ----------
    n : int
        Number of configurations.
    leading : tuple of int
        The leading axes, before they are flattened.
    identity : str
        Absolute path with the name of the array.

    Raises
    ------
    UserError
        If the file cannot be read or does not hold configurations of this lattice.
    """

    def __init__(self, address: str, shape: tuple[int, ...], n_states: int):
        self.shape, self.n_sites, self.n_states = tuple(shape), math.prod(shape), n_states
        found = ADDRESS.fullmatch(address)
        if not found:
            raise UserError(
                f"{address}: the format is told by the extension, .npy, .npz, .h5, .hdf5, .txt, .dat, .csv; "
                "rename or convert the file"
            )
        file, kind, name = found[1], found[2].lower(), found[3] or ""
        self._path, self._where = Path(os.path.abspath(file)), file
        if not self._path.is_file():
            raise UserError(f"{file} does not exist or is not a file; give the path of the configurations")
        if name and kind not in ("npz", "h5", "hdf5"):
            raise UserError(f"{file} holds one array without a name; leave out ':{name}'")
        self._stamp = _stamp(self._path)
        openers = {
            "npy": self._open_npy,
            "npz": self._open_npz,
            "h5": self._open_hdf5,
            "hdf5": self._open_hdf5,
        }
        self._file, self._first_seen = None, {}
        try:
            self._data, name = self._guarded(openers.get(kind, self._open_text), name)
            self.identity, self._name = f"{self._path}:{name}" if name else str(self._path), name
            self._where = f"{file}:{name}" if name else file
            self.leading = self._accept()
        except BaseException:
            self.close()
            raise
        self.n = math.prod(self.leading)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        if self._file is not None:
            self._file.close()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, and the name of the array."""
        return f"{self._guarded(digest_of, self._path)}:{self._name}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """Configurations start..stop-1 as states 0 ... Q-1.

        Returns
        -------
        ndarray of uint8, shape (stop - start, n_sites)

        Raises
        ------
        UserError
            If a value is not a state, or -1 and 0 both occurred in what was read so far.
        """
        block = np.asarray(self._guarded(_rows, self._data, self.leading, start, stop))
        return self._states(block.reshape(stop - start, self.n_sites), start)

    def check(self, on_block=None) -> None:
        """Read everything once; raises UserError as `read`, and calls on_block(n) after n more."""
        step = max(1, BLOCK // self.n_sites)
        for start in range(0, self.n, step):
            stop = min(start + step, self.n)
            self.read(start, stop)
            if on_block is not None:
                on_block(stop - start)

    def require_unchanged(self) -> None:
        """Raise UserError if the file was written to since it was opened."""
        if _stamp(self._path) != self._stamp:
            raise UserError(f"{self._where} changed while it was read; import it when it is complete")

    def _guarded(self, function, *arguments):
        try:
            return function(*arguments)
        except UNREADABLE as error:
            reason = str(error).partition("\n")[0]
            if "ickle" in reason or "Python objects" in reason or "Object arrays" in reason:
                raise UserError(
                    f"{self._where} holds pickled Python objects, which are never read; save an array of "
                    "whole numbers instead"
                ) from None
            raise UserError(
                f"{self._where} is damaged, unreadable or not what its name says ({reason}); check its "
                "permissions or write it again"
            ) from None

    def _load(self, magic: bytes):
        with open(self._path, "rb") as file:
            start = file.read(6)
        # NumPy takes everything that it does not know for a pickle; those of protocol 2 on begin with 0x80
        if not start.startswith((magic, b"\x80")):
            raise ValueError("it begins like no such file")
        return np.load(self._path, mmap_mode="r", allow_pickle=False)

    def _open_npy(self, name: str):
        return self._load(b"\x93NUMPY"), ""

    def _open_npz(self, name: str):
        with self._load(b"PK") as data:
            if not name and len(data.files) == 1:
                name = data.files[0]
            if name not in data.files:
                raise self._choose(name, data.files)
            return data[name], name

    def _open_hdf5(self, name: str):
        self._file = file = h5py.File(self._path, "r", locking=False)
        found = []
        file.visititems(lambda key, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        fitting = [x for x in found if x.shape == self.shape or self._leading(x.shape or ()) is not None]
        if not name and len(fitting or found) == 1:
            name = (fitting or found)[0].name
        data = file.get(name) if name else None
        if not isinstance(data, h5py.Dataset):
            raise self._choose(name, [f"{item.name} {item.shape}" for item in fitting or found])
        return data, data.name

    def _choose(self, name: str, names: list[str]) -> UserError:
        listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        problem = f"has no array {name}" if name else "does not say which array is meant"
        return UserError(f"{self._where} {problem}; name one as FILE:NAME, there are: {listed or 'none'}")

    def _open_text(self, name: str):
        rows, lines = [], []
        with open(self._path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                words = line.partition("#")[0].replace(",", " ").split()
                if not words:
                    continue
                try:
                    rows.append(np.array([float(word) for word in words]))
                except ValueError as error:
                    raise UserError(
                        f"{self._where}, line {number}: {str(error)[:80]}; write numbers separated by blanks "
                        "or commas, and begin other lines with #"
                    ) from None
                lines.append(number)
        sizes = np.array([len(row) for row in rows])
        if len(set(sizes)) > 1:
            expected = self.n_sites if self.n_sites in sizes else sizes[0]
            bad = np.flatnonzero(sizes != expected)[0]
            raise UserError(
                f"{self._where}, line {lines[bad]}: {sizes[bad]} values, other lines have {expected}; write "
                f"one configuration of {self.n_sites} values a line"
            )
        return np.array(rows).reshape(len(rows), -1 if rows else self.n_sites), ""

    def _accept(self) -> tuple[int, ...]:
        """Leading axes; refuses what cannot be configurations."""
        data, where, sides = self._data, self._where, ", ".join(map(str, self.shape))
        if data.dtype.kind not in "buif":
            raise UserError(
                f"{where} has values of type {data.dtype}; save integers, booleans or whole floating-point "
                "numbers"
            )
        if not data.size:
            raise UserError(f"{where} is empty, its shape is {data.shape}; write at least one configuration")
        if data.shape == self.shape:
            self._data = np.asarray(self._guarded(data.__getitem__, ()))[None]
        leading = self._leading(self._data.shape)
        if leading is None:
            raise UserError(
                f"{where} has the shape {data.shape}, expected (n, {sides}) or (n, {self.n_sites}); "
                + self._hint(data.shape)
            )
        return leading

    def _leading(self, found: tuple[int, ...]) -> tuple[int, ...] | None:
        for tail in (self.shape, (self.n_sites,)):
            if len(found) > len(tail) and found[-len(tail) :] == tail:
                return found[: -len(tail)]
        return None

    def _hint(self, found: tuple[int, ...]) -> str:
        d = len(self.shape)
        if found[:-1] in (self.shape, (self.n_sites,)):
            return "configurations seem to be counted by the last axis: save numpy.moveaxis(array, -1, 0)"
        side = round(found[-1] ** (1 / d)) if found else 0
        other = found[1:] if len(found) == d + 1 else ()
        if len(found) == 2 and side**d == found[1]:
            other = (side,) * d
        swapped = "its axes are swapped: transpose it, or " if other == self.shape[::-1] else ""
        if other and min(other) > 1:
            return f"{swapped}for a lattice of {'x'.join(map(str, other))} set lattice.shape = {list(other)}"
        return "reshape it (text: one configuration a line), or set lattice.shape to its lattice"

    def _states(self, block: np.ndarray, start: int) -> np.ndarray:
        q = self.n_states
        good = (block >= (-1 if q == 2 else 0)) & (block < q)  # false for nan, too
        if block.dtype.kind == "f":
            good &= block == np.floor(block)
        if not good.all():
            row, site = np.argwhere(~good)[0]
            place = [int(i) for i in np.unravel_index(site, self.shape)]
            allowed = "-1 and 1, or 0 and 1" if q == 2 else f"0 ... {q - 1}"
            raise UserError(
                f"{self._where}: configuration {start + row} (counted from 0) has the value "
                f"{block[row, site]} at site {place}; allowed are {allowed} for Q = {q} states, see "
                "hamiltonian.states of the job"
            )
        if q > 2:
            return block.astype(np.uint8)
        for value in (-1, 0):
            if value not in self._first_seen and (rows := (block == value).any(axis=1)).any():
                self._first_seen[value] = start + int(np.argmax(rows))
        if len(self._first_seen) == 2:
            minus, zero = self._first_seen[-1], self._first_seen[0]
            raise UserError(
                f"{self._where} mixes conventions: configuration {minus} has the value -1, configuration "
                f"{zero} the value 0 (counted from 0); write all states as -1 and 1, or all as 0 and 1"
            )
        return (block == 1).astype(np.uint8)


def _stamp(path: Path) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _rows(data, leading: tuple[int, ...], start: int, stop: int, index: tuple[int, ...] = ()) -> np.ndarray:
    """Rows start..stop-1 of the leading axes flattened in C order, without reading more than these."""
    if len(leading) == 1:
        return data[(*index, slice(start, stop))]
    inner, parts = math.prod(leading[1:]), []
    while start < stop:
        (row, offset), whole = divmod(start, inner), stop // inner
        if offset == 0 and whole > row:
            part, end = data[(*index, slice(row, whole))], whole * inner
            part = part.reshape(-1, *part.shape[len(leading) :])
        else:
            end = min(stop, (row + 1) * inner)
            part = _rows(data, leading[1:], offset, end - row * inner, (*index, row))
        parts.append(part)
        start = end
    return np.concatenate(parts)
