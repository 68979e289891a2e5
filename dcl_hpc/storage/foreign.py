"""Configurations in files of other programs: NumPy arrays, HDF5 data sets and text."""

import errno
import hashlib
import lzma
import os
import re
import struct
import tokenize
import zipfile
import zlib
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import UserError, shown
from ..files import open_regular
from ..physics.configurations import Configurations, leading_axes, mask_of, wrong_type
from ..physics.lattice import Lattice
from . import apart, identity
from .arrays import Archive, open_array
from .contents import NotThere
from .documents import digest_of
from .text import read_rows

ADDRESS = re.compile(r"(.+?\.(npy|npz|h5|hdf5|txt|dat|csv))(?::(.*))?", re.IGNORECASE)
# Names of arrays beside the states.
MASKS = ("lost", "present")
# What NumPy and zipfile raise for files that are damaged or may not be read.
UNREADABLE = (
    OSError, ValueError, EOFError, LookupError, ArithmeticError, RuntimeError, SyntaxError, MemoryError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, tokenize.TokenError,
)  # fmt: skip


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
        self._file, self._beside = None, {}
        self._guarded(self._require_file)
        if name and kind not in ("npz", "h5", "hdf5"):
            raise UserError(f"{file} holds one array without a name; leave out ':{name}'")
        self._stamp = _stamp(self._path)
        openers = {
            "npy": self._open_npy,
            "npz": self._open_npz,
            "h5": self._open_hdf5,
            "hdf5": self._open_hdf5,
        }
        try:
            data, name = self._guarded(openers.get(kind, self._open_text), name)
            self.identity, self._name = f"{self._path}:{name}" if name else str(self._path), name
            self._where = f"{file}:{name}" if name else file
            if isinstance(data.dtype, str):
                raise wrong_type(self._where, data.dtype)
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
        except NotThere as error:
            raise UserError(f"{self._where} {error}") from None
        except UNREADABLE as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            if "ickle" in reason:
                raise UserError(
                    f"{self._where} holds pickled Python objects, which are never read; save an array of "
                    "whole numbers instead"
                ) from None
            raise UserError(
                f"{self._where} is damaged, unreadable or not what its name says ({shown(reason, 120)}); "
                "check its permissions or write it again"
            ) from None

    def _require_file(self) -> None:
        try:
            open_regular(self._path).close()
        except PermissionError:
            raise
        except OSError as error:
            reason = "" if error.errno == errno.ENOENT else f" ({error.strerror})"
            raise UserError(
                f"{self._where} does not exist or is not a file{reason}; give the path of the configurations"
            ) from None

    def _open_npy(self, name: str):
        self._file = open_array(self._path)
        return self._file, ""

    def _open_npz(self, name: str):
        self._file = data = Archive(self._path)
        others = [one for one in data.names if one not in MASKS]
        if not name and len(others) == 1:
            name = others[0]
        if name not in data.names:
            raise self._choose(name, others)
        self._beside = {one: data[one] for one in MASKS if one in data.names and one != name}
        return data[name], name

    def _open_hdf5(self, name: str):
        self._require_finished()
        data = apart.find(self._path, name) if name else None
        if data is None:
            found = apart.ask(self._path, "names")
            found = [(one, tuple(shape or ())) for one, shape in found]
            fitting = [x for x in found if self._fits(x[1]) and x[0].rpartition("/")[2] not in MASKS]
            if name or len(fitting or found) != 1:
                raise self._choose(name, [f"{one} {shape}" for one, shape in fitting or found])
            data = apart.find(self._path, (fitting or found)[0][0])
        beside = {one: f"{data.name.rpartition('/')[0]}/{one}" for one in MASKS}
        beside = {one: apart.find(self._path, at) for one, at in beside.items() if at != data.name}
        self._beside = {one: mask for one, mask in beside.items() if mask is not None}
        return data, data.name

    def _require_finished(self) -> None:
        """Rows of this program's own files are there at full size before they are written."""
        with open_regular(self._path) as file:
            if file.read(len(identity.TITLE)) != identity.TITLE:
                return
        if identity.read_seal(self._path) is None:
            raise UserError(f"{self._where} is not complete; first run the command that makes it to its end")
        identity.verify(self._path)

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return shape == self.lattice.array_shape or bool(leading_axes(shape, self.lattice))

    def _choose(self, name: str, names: list[str]) -> UserError:
        listed = ", ".join(shown(one) for one in names[:8]) + (
            f" and {len(names) - 8} more" if len(names) > 8 else ""
        )
        problem = f"has no array {shown(name)}" if name else "does not say which array is meant"
        return UserError(f"{self._where} {problem}; name one as FILE:NAME, there are: {listed or 'none'}")

    def _open_text(self, name: str):
        rows, lines = read_rows(self._path, self._where, self.lattice.n_array)
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
