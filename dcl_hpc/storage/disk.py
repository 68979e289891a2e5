"""The file below HDF5 when one process writes: HDF5 may crash after an error, so it never sees one."""

import fcntl
import os
from pathlib import Path


class Disk:
    """A file for h5py that keeps its first error until it is asked, and writes nothing from then on.

    Parameters
    ----------
    path : path
        Of a file that is there.

    Raises
    ------
    BlockingIOError
        If another process writes it.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path):
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115
        self._error: OSError | None = None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        except OSError:  # not all file systems have locks
            pass
        self.seek, self.tell, self.read = self._file.seek, self._file.tell, self._file.read
        self.readinto = self._file.readinto

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, data) -> int:
        """Write all of it where the file stands."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left and self._error is None:
            try:
                left = left[self._file.write(left) :]
            except OSError as error:
                self._error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Give it a size."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def flush(self) -> None:
        """Nothing is held back here."""

    def sync(self) -> None:
        """Have the disk keep what was written; raises OSError if that, or anything before, has failed."""
        if self._error is not None:
            raise self._error
        os.fsync(self._file.fileno())
