"""One HDF5 file of fixed layout, written by all ranks and readable after a kill at any moment.

Rank 0 creates everything at full size under a temporary name, closes the file and renames it.
From then on raw data alone is written, without any change of metadata. How far the data is valid
is itself a data element, written after the data: `progress/committed` holds (units committed,
slot), where slot 0 or 1 tells which half of the `checkpoint` datasets belongs to that state.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = sum(np.prod(e.shape) * np.dtype(e.dtype).itemsize for e in layout.values())
        free = shutil.disk_usage(path.parent).free
        if needed > free:
            raise OSError(f"{needed / 2**20:.0f} MiB needed, {free / 2**20:.0f} MiB free")
        with h5py.File(temporary, "w") as file:
            for name, value in attributes.items():
                file.attrs[name] = value
            file.attrs["total"] = total
            for name, entry in layout.items():
                _create(file, name, entry)
            _create(file, COMMITTED, array_field(np.array([done, 0]), ("units, slot",), "progress"))
            _create(file, WALL, array_field(np.array([wall]), ("",), "time spent so far, s"))
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = str(error).partition("\n")[0]
        raise UserError(f"cannot write {path}: {reason}; check permissions and free space") from None


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
        self.path, self.comm = Path(path), comm
        parallel = {"driver": "mpio", "comm": comm} if comm.size > 1 else {}
        locking = {} if comm.size > 1 else {"locking": "best-effort" if write else False}
        try:
            self._file = h5py.File(path, "r+" if write else "r", **parallel, **locking)
            self.total = int(self._file.attrs["total"])
        except FileNotFoundError:
            raise UserError(f"{path} does not exist") from None
        except BlockingIOError:
            raise UserError(f"{path} is being written by another process; wait for it") from None
        except (OSError, KeyError) as error:
            raise UserError(
                f"{path} is damaged or not a file of this program ({error}); remove it and run the "
                "stage that makes it again"
            ) from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def attribute(self, name: str):
        """A root attribute."""
        return self._file.attrs[name]

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a dataset."""
        return self._file[name].shape

    def read(self, name: str, index=()) -> np.ndarray:
        """Part of a dataset, read by this rank alone."""
        return self._file[name][index]

    def write(self, name: str, index, values) -> None:
        """Write part of a dataset; every rank calls this the same number of times, none with an empty part.

        (h5py returns at once from an empty one, and the others would wait for it.)
        """
        dataset = self._file[name]
        if self.comm.size == 1:
            dataset[index] = values
        else:
            with dataset.collective:
                dataset[index] = values

    def write_alone(self, name: str, index, values) -> None:
        """Write part of a dataset from this rank alone."""
        self._file[name][index] = values

    @property
    def committed(self) -> int:
        """Units of work whose data is valid."""
        return int(self._file[COMMITTED][0])

    @property
    def slot(self) -> int:
        """Half of the checkpoint datasets that belongs to the committed state."""
        return int(self._file[COMMITTED][1])

    @property
    def complete(self) -> bool:
        """Whether all units are committed."""
        return self.committed >= self.total

    @property
    def wall_seconds(self) -> float:
        """Time spent on the committed work, in s."""
        return float(self._file[WALL][0])

    def commit(self, done: int, slot: int, wall_seconds: float) -> None:
        """Make everything written so far count; collective."""
        self._file.flush()
        self.comm.Barrier()
        if self.comm.rank == 0:
            self._file[WALL][0] = wall_seconds
            self._file[COMMITTED][...] = np.array([done, slot])
        self._file.flush()
        self.comm.Barrier()
