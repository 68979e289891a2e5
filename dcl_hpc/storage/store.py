"""One HDF5 file of fixed layout, written by all ranks and readable after a kill at any moment.

Rank 0 creates everything at full size under a temporary name, closes the file and renames it.
From then on raw data alone is written, without any change of metadata. How far the data is valid
is itself a data element, written after the data is on the disk: `progress/committed` holds (units
committed, slot), where slot 0 or 1 tells which half of the `checkpoint` datasets belongs to that state.
A complete file is sealed with its checksum, see `identity`.
"""

import contextlib
import errno
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from . import identity
from .documents import cannot_write, replace
from .identity import Damaged, Identity

COMMITTED = "progress/committed"
WALL = "progress/wall_seconds"


@dataclass(frozen=True)
class Field:
    """One dataset of a layout.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy dtype or its name
    axes : tuple of str
        Label of each axis.
    about : str
        What it holds, with its unit.
    data : ndarray, optional
        Values to write at creation.
    """

    shape: tuple[int, ...]
    dtype: object
    axes: tuple[str, ...]
    about: str
    data: np.ndarray | None = field(default=None, compare=False)


def array_field(data: np.ndarray, axes: tuple[str, ...], about: str) -> Field:
    """A field whose values are known at creation."""
    data = np.asarray(data)
    return Field(data.shape, data.dtype, axes, about, data)


def write_file(path: Path, layout, attributes: dict, total: int, done: int = 0, wall: float = 0.0):
    """Create a file in one piece on one rank: written beside, then renamed.

    Parameters
    ----------
    layout : dict of path in the file to Field
    attributes : dict of root attributes
        `uuid`, and as JSON of a dict `inputs` and `dependencies`, are what `identity` keeps.
    total, done : int
        Units of work that make the file complete, and units that are done already.
    wall : float
        Seconds that the units done have taken.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    who = _identity(attributes, total)
    attributes = {**attributes, "uuid": who.uuid, "inputs": json.dumps(who.inputs)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = sum(np.prod(e.shape) * np.dtype(e.dtype).itemsize for e in layout.values())
        free = shutil.disk_usage(path.parent).free
        if needed > free:
            raise OSError(f"{needed / 2**20:.0f} MiB needed, {free / 2**20:.0f} MiB free")
        with h5py.File(temporary, "w", userblock_size=identity.BLOCK) as file:
            for name, value in attributes.items():
                file.attrs[name] = value
            file.attrs["total"] = total
            for name, entry in layout.items():
                _create(file, name, entry)
            _create(file, COMMITTED, array_field(np.array([done, 0]), ("units, slot",), "progress"))
            _create(file, WALL, array_field(np.array([wall]), ("",), "time spent so far, s"))
        _reserve(temporary)
        identity.stamp(temporary, who)
        if done >= total or all(entry.data is not None for entry in layout.values()):
            identity.seal(temporary, done=done, seconds=wall)
        replace(temporary, path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


def _identity(attributes: dict, total: int) -> Identity:
    about = {"total": int(total), "dependencies": json.loads(attributes.get("dependencies", "{}"))}
    about |= {key: attributes[key] for key in ("source", "source_digest") if key in attributes}
    named = {"uuid": attributes["uuid"]} if "uuid" in attributes else {}
    return Identity(**named, inputs=json.loads(attributes.get("inputs", "{}")), about=about)


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


def _reserve(path: Path) -> None:
    """Take all of a file's space now, so that none is lacking later."""
    number = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(number, 0, os.fstat(number).st_size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    finally:
        os.close(number)


def _create(file: h5py.File, name: str, entry: Field) -> None:
    group = file.require_group(os.path.dirname(name) or "/")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(entry.dtype), logical=True)
    space = h5py.h5s.create_simple(entry.shape)
    leaf = os.path.basename(name).encode()
    dataset = h5py.Dataset(h5py.h5d.create(group.id, leaf, kind, space, plist))
    dataset.attrs["about"] = entry.about
    for axis, label in enumerate(entry.axes):
        dataset.dims[axis].label = label
    if entry.data is not None:
        dataset[...] = entry.data


class Rows:
    """Rows of data sets whose leading axes count samples; read by one process, block by block.

    Parameters
    ----------
    path : path of the file
    names : sequence of str
        Data sets with equal leading axes.
    leading : int
        How many axes count samples, 1 or 2; two are flattened in C order.
    """

    def __init__(self, path, names, leading: int = 1):
        self._file = h5py.File(path, "r", locking=False)
        self._data = [self._file[name] for name in names]
        self._inner = self._data[0].shape[1] if leading == 2 else None
        self.n = int(np.prod(self._data[0].shape[:leading]))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows start..stop-1 of every data set, remaining axes flattened."""
        return [self._read(data, start, stop) for data in self._data]

    def _read(self, data, start, stop):
        if self._inner is None:
            rows = data[start:stop]
            return rows.reshape(len(rows), *([-1] if rows.ndim > 1 else []))
        (first, offset), last = divmod(start, self._inner), (stop - 1) // self._inner
        if first == last:
            rows = data[first, offset : offset + stop - start]
        else:
            rows = data[first : last + 1]
            rows = rows.reshape(-1, *rows.shape[2:])[offset : offset + stop - start]
        return rows.reshape(len(rows), *([-1] if rows.ndim > 1 else []))


class Store:
    """An existing file, opened by all ranks of a communicator (mpio driver) or by one process.

    Parameters
    ----------
    path : path of the file
    comm : communicator; all its ranks open the file together
    write : bool

    Raises
    ------
    UserError
        If the file does not exist, is damaged, or is being written by another process.
    """

    def __init__(self, path, comm, write: bool = False):
        self.path, self.comm, self._writes = Path(path), comm, write
        parallel = {"driver": "mpio", "comm": comm} if comm.size > 1 else {}
        locking = {} if comm.size > 1 else {"locking": "best-effort" if write else False}
        try:
            self._file = h5py.File(path, "r+" if write else "r", **parallel, **locking)
            self.total = int(self._file.attrs["total"])
            # kept open: what HDF5 still has in memory of a data set is written by `flush`, which tells of a
            # full disk, and not when the data set is closed, which does not
            self._data = {name: self._file[name] for name in _names(self._file)}
        except FileNotFoundError:
            raise UserError(f"{path} does not exist") from None
        except BlockingIOError:
            raise UserError(f"{path} is being written by another process; wait for it") from None
        except (OSError, KeyError) as error:
            raise Damaged(f"{path} is damaged or not a file of this program ({error})") from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Close the file, and give it its checksum if it is complete; collective."""
        finished = self._writes and exception[0] is None and self.complete
        done, seconds = self.committed, self.wall_seconds
        self._data.clear()
        with self._told():
            self._file.close()
            if finished:
                self.comm.Barrier()
                if self.comm.rank == 0 and identity.read_seal(self.path) is None:
                    identity.seal(self.path, done=done, seconds=seconds)
                self.comm.Barrier()

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise cannot_write(self.path, error) from None

    def attribute(self, name: str):
        """A root attribute."""
        return self._file.attrs[name]

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a dataset."""
        return self._data[name].shape

    def read(self, name: str, index=()) -> np.ndarray:
        """Part of a dataset, read by this rank alone."""
        return self._data[name][index]

    def write(self, name: str, index, values) -> None:
        """Write part of a dataset; every rank calls this the same number of times, none with an empty part.

        (h5py returns at once from an empty one, and the others would wait for it.)
        """
        dataset = self._data[name]
        with self._told(), contextlib.nullcontext() if self.comm.size == 1 else dataset.collective:
            dataset[index] = values

    def write_alone(self, name: str, index, values) -> None:
        """Write part of a dataset from this rank alone."""
        with self._told():
            self._data[name][index] = values

    @property
    def committed(self) -> int:
        """Units of work whose data is valid."""
        return int(self._data[COMMITTED][0])

    @property
    def slot(self) -> int:
        """Half of the checkpoint datasets that belongs to the committed state."""
        return int(self._data[COMMITTED][1])

    @property
    def complete(self) -> bool:
        """Whether all units are committed."""
        return self.committed >= self.total

    @property
    def wall_seconds(self) -> float:
        """Time spent on the committed work, in s."""
        return float(self._data[WALL][0])

    def commit(self, done: int, slot: int, wall_seconds: float) -> None:
        """Make everything written so far count; collective."""
        with self._told():
            self._flush()
            self.comm.Barrier()
            if self.comm.rank == 0:
                self._data[WALL][0] = wall_seconds
                self._data[COMMITTED][...] = np.array([done, slot])
            self._flush()
            self.comm.Barrier()

    def _flush(self) -> None:
        """Have the disk keep all that was written; MPI's own driver does so when it flushes."""
        self._file.flush()
        if self.comm.size == 1:
            os.fsync(self._file.id.get_vfd_handle())


def _names(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found
