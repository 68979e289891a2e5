"""One HDF5 file of fixed layout, written by all ranks and readable after a kill at any moment.

Rank 0 creates everything at full size under a temporary name, closes the file and renames it.
From then on raw data alone is written, without any change of metadata. How far the data is valid
is itself a data element, written after the data is on the disk: `progress/committed` holds (units
committed, slot), where slot 0 or 1 tells which half of the `checkpoint` datasets belongs to that state.
A complete file is sealed with its checksum, see `identity`.
"""

import contextlib
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ..cluster import mpi
from ..errors import UserError
from . import identity, sums
from .disk import Disk
from .documents import cannot_write
from .identity import Damaged
from .progress import COMMITTED, SUMS, WALL
from .reading import WRONG


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
        self._reached: dict[str, int] = {}
        self._disk: Disk | None = None
        try:
            if comm.size > 1:
                with mpi.ending_all(partial(_failed, path)) if write else contextlib.nullcontext():
                    self._file = h5py.File(path, "r+" if write else "r", driver="mpio", comm=comm)
            elif write:
                self._disk = Disk(path)
                self._file = h5py.File(self._disk, "r+")
            else:
                self._file = h5py.File(path, "r", locking=False)
            self.total = int(self._file.attrs["total"])
            # kept open: what HDF5 still has in memory of a data set is written by `flush`, which tells of a
            # full disk, and not when the data set is closed, which does not
            self._data = {name: self._file[name] for name in _names(self._file)}
            if not (0 <= self.committed <= self.total and self.slot in (0, 1)):
                raise ValueError(f"{self.committed} of {self.total} units committed, slot {self.slot}")
            self._sums = sums.of(path, self._data) if write and SUMS in self._data else None
        except FileNotFoundError:
            raise UserError(f"{path} does not exist") from None
        except BlockingIOError:
            raise UserError(f"{path} is being written by another process; wait for it") from None
        except WRONG as error:
            unopened = self._disk is None if comm.size == 1 else "MPI_File_open failed" in str(error)
            if write and unopened and isinstance(error, OSError):
                raise cannot_write(path, error) from None
            reason = " ".join(str(error).split())
            raise Damaged(f"{path} is damaged or not a file of this program ({reason})") from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Close the file, and give it its checksum if it is complete; collective.

        A rank that fails alone does not wait for the others here: it ends them, see `cluster.mpi.run`.
        """
        failed = exception[0] is not None
        if failed and self.comm.size > 1 and not getattr(exception[1], "on_all_ranks", False):
            return
        finished = self._writes and not failed and self.complete
        done, seconds = self.committed, self.wall_seconds
        self._data.clear()
        with self._told():
            self._file.close()
            if self._disk:
                self._disk.close()
        if finished:
            self.comm.Barrier()
            mpi.on_root(self.comm, self._seal, done, seconds)

    def _seal(self, done: int, seconds: float) -> None:
        if identity.read_seal(self.path) is None:
            with self._told():
                identity.seal(self.path, done=done, seconds=seconds)

    @contextlib.contextmanager
    def _told(self):
        """Of several ranks one that fails alone ends the others, also where MPI fails, see `ending_all`."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise cannot_write(self.path, error) from None

    def attribute(self, name: str):
        """A root attribute."""
        return self._file.attrs[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all datasets."""
        return tuple(self._data)

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
        self._reach(name, index)

    def write_alone(self, name: str, index, values) -> None:
        """Write part of a dataset from this rank alone."""
        with self._told():
            self._data[name][index] = values
        self._reach(name, index)

    def _reach(self, name: str, index) -> None:
        if self._sums is not None:
            self._reached |= self._sums.reach(name, index)

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
        if self._sums is not None:
            if self.comm.size > 1:
                self._flush()  # each rank reads what others wrote
            reached = self.comm.allgather(self._reached)
            with self._told():
                mine = self._sums.share(reached, slot, self.comm.rank)
            shares = self.comm.allgather(mine)
            with self._told():
                self._sums.add(shares, done, slot, write=self.comm.rank == 0)
        self._flush()
        if self.comm.rank == 0:
            with self._told():
                self._data[WALL][0] = wall_seconds
                self._data[COMMITTED][...] = np.array([done, slot])
        self._flush()

    def _flush(self) -> None:
        """Have the disk keep what all ranks have written; MPI's driver does so when it flushes."""
        with self._told():
            self._file.flush()
            if self._disk:
                self._disk.sync()
        self.comm.Barrier()


def _failed(path, words: str) -> UserError:
    """What is told where MPI has failed."""
    return cannot_write(path, OSError(words.removeprefix("MPI_ERR_IO: ")))


def _names(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found
