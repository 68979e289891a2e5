"""Configurations in files of other programs: NumPy arrays, HDF5 data sets and text."""

import hashlib
import os
import re
import zipfile
import zlib
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from ..physics.configurations import Configurations, leading_axes, mask_of
from ..physics.lattice import Lattice
from .documents import digest_of

ADDRESS = re.compile(r"(.+?\.(npy|npz|h5|hdf5|txt|dat|csv))(?::(.*))?", re.IGNORECASE)
# Names of arrays beside the states.
MASKS = ("lost", "present")
# What NumPy, zipfile and h5py raise for files that are damaged or may not be read.
UNREADABLE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)


class ForeignConfigurations(Configurations):
    """Configurations in a file of another program, read block by block.

    Arrays are those of `Configurations`; one of the lattice's shape is one configuration. Text has one
    configuration a line. Beside the states an .npz file, or the group of an HDF5 file, may have an array
    `lost` or `present` of their shape that tells which atoms are lost in which configuration.

    Parameters
    ----------
    address : str
        FILE, or FILE:NAME for one array of an .npz or HDF5 file.
    lattice : Lattice
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

    def __init__(self, address: str, lattice: Lattice, n_states: int):
        self.lattice = lattice
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
        self._file, self._beside = None, {}
        try:
            data, name = self._guarded(openers.get(kind, self._open_text), name)
            self.identity, self._name = f"{self._path}:{name}" if name else str(self._path), name
            self._where = f"{file}:{name}" if name else file
            if data.dtype.kind in "buif":
                if not data.size:
                    raise UserError(
                        f"{self._where} is empty, its shape is {data.shape}; write at least one configuration"
                    )
                if data.shape == lattice.array_shape:
                    data, *masks = (
                        np.asarray(self._guarded(one.__getitem__, ()))[None]
                        for one in (data, *self._beside.values())
                    )
                    self._beside = dict(zip(self._beside, masks, strict=True))
            super().__init__(data, lattice, n_states, self._where, **self._beside)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        if self._file is not None:
            self._file.close()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, and the name of the array."""
        return f"{self._guarded(digest_of, self._path)}:{self._name}"

    def _rows(self, data, start: int, stop: int) -> np.ndarray:
        return self._guarded(super()._rows, data, start, stop)

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
            others = [one for one in data.files if one not in MASKS]
            if not name and len(others) == 1:
                name = others[0]
            if name not in data.files:
                raise self._choose(name, others)
            self._beside = {one: data[one] for one in MASKS if one in data.files and one != name}
            return data[name], name

    def _open_hdf5(self, name: str):
        self._file = file = h5py.File(self._path, "r", locking=False)
        found = []
        file.visititems(lambda key, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        fitting = [x for x in found if self._fits(x.shape or ()) and x.name.rpartition("/")[2] not in MASKS]
        if not name and len(fitting or found) == 1:
            name = (fitting or found)[0].name
        data = file.get(name) if name else None
        if not isinstance(data, h5py.Dataset):
            raise self._choose(name, [f"{item.name} {item.shape}" for item in fitting or found])
        beside = {one: data.parent.get(one) for one in MASKS}
        self._beside = {
            one: mask for one, mask in beside.items() if isinstance(mask, h5py.Dataset) and mask != data
        }
        return data, data.name

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return shape == self.lattice.array_shape or bool(leading_axes(shape, self.lattice))

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
            known = [n for n in (self.lattice.n_array, self.lattice.n_sites) if n in sizes]
            expected = known[0] if known else sizes[0]
            bad = np.flatnonzero(sizes != expected)[0]
            raise UserError(
                f"{self._where}, line {lines[bad]}: {sizes[bad]} values, other lines have {expected}; write "
                f"one configuration of {self.lattice.n_array} values a line"
            )
        return np.array(rows).reshape(len(rows), -1 if rows else self.lattice.n_array), ""


class GivenConfigurations(Configurations):
    """Configurations in an array that a program has in memory; like those of a file.

    Parameters
    ----------
    array : array_like
        See `Configurations`; an array of the lattice's shape is one configuration. Atoms that are masked in
        a masked array are lost.
    lattice, n_states
        See `ForeignConfigurations`.

    Attributes
    ----------
    identity, digest : str
        What stands for the path of a file, and the digest of the values.

    Raises
    ------
    UserError
        If the array cannot hold configurations of this lattice, or holds none.
    """

    def __init__(self, array, lattice: Lattice, n_states: int):
        array = np.asanyarray(array)
        if not array.size:
            raise UserError(f"snapshots: the array is empty, its shape is {array.shape}")
        array = array[None] if array.shape == lattice.array_shape else array
        super().__init__(np.asarray(array), lattice, n_states, "snapshots", lost=mask_of(array))
        self.digest = self._digest()
        self.identity = f"an array in memory, sha256 {self.digest[:16]}"

    def require_unchanged(self) -> None:
        """Raise UserError if the array was written to since it was given."""
        if self._digest() != self.digest:
            raise UserError("snapshots: the array changed while it was read; leave it as it is meanwhile")

    def _digest(self) -> str:
        about = f"{self._data.dtype.str} {self._data.shape}".encode()
        lost = b"" if self._lost is None else np.packbits(self._lost).tobytes()
        return hashlib.sha256(about + np.ascontiguousarray(self._data).tobytes() + lost).hexdigest()


def _stamp(path: Path) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"
