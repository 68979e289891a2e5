"""Rows of complete files, read block by block."""

import h5py
import numpy as np

from ..physics.configurations import ABSENT
from .ranges import require_finite, require_states
from .reading import told


class Rows:
    """Rows of data sets whose leading axes count samples; read by one process, block by block.

    Parameters
    ----------
    path : path of the file
    names : sequence of str
        Data sets with equal leading axes.
    leading : int
        How many axes count samples, 1 or 2; two are flattened in C order.
    columns : str, optional
        Data set with the numbers of those flattened columns that are read; all, if the file has it not.
    n_states : int, optional
        States of a site where bytes are states, which may be lost; by default the file says how many.

    Raises
    ------
    Damaged
        If a data set is missing, and in `read` if there are other states, or numbers that are not finite.
    """

    def __init__(
        self, path, names, leading: int = 1, columns: str | None = None, n_states: int | None = None
    ):
        self._path, self._names = path, names
        with told(path):
            self._file = h5py.File(path, "r", locking=False)
            self._data = [self._file[name] for name in names]
            self._inner = self._data[0].shape[1] if leading == 2 else None
            self._columns = self._file[columns][()] if columns and columns in self._file else None
            self._n_states = n_states or int(self._file.attrs.get("n_states", ABSENT))
            self.n = int(np.prod(self._data[0].shape[:leading]))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @property
    def numbers(self) -> slice:
        """Which rows of the file these are."""
        return slice(self.n)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows start..stop-1 of every data set, remaining axes flattened."""
        with told(self._path):
            found = [self._flat(data, start, stop) for data in self._data]
            if self._columns is not None:
                found = [rows[:, self._columns] for rows in found]
        return [self._checked(name, rows) for name, rows in zip(self._names, found, strict=True)]

    def _checked(self, name: str, rows: np.ndarray) -> np.ndarray:
        if rows.dtype == np.uint8:
            return require_states(self._path, rows, self._n_states, lost=True)
        return require_finite(self._path, name, rows)

    def _flat(self, data, start, stop):
        if self._inner is None:
            rows = data[start:stop]
            return _in_rows(rows)
        (first, offset), last = divmod(start, self._inner), (stop - 1) // self._inner
        if first == last:
            rows = data[first, offset : offset + stop - start]
        else:
            rows = data[first : last + 1]
            rows = rows.reshape(-1, *rows.shape[2:])[offset : offset + stop - start]
        return _in_rows(rows)


def _in_rows(values: np.ndarray) -> np.ndarray:
    """All axes but the first as one; also of no rows."""
    return values.reshape(len(values), *([int(np.prod(values.shape[1:]))] if values.ndim > 1 else []))


class SomeRows:
    """Some rows of a source; a source itself.

    Parameters
    ----------
    source : Rows or SomeRows
    numbers : int64 (n,)
        Of the rows, ascending.
    """

    def __init__(self, source, numbers: np.ndarray):
        self._source, self.numbers, self.n = source, numbers, len(numbers)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def read(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows start..stop-1 of these."""
        numbers = self.numbers[start:stop]
        if not len(numbers):
            return [rows[:0] for rows in self._source.read(0, 1)]
        first, last = numbers[0], numbers[-1] + 1
        return [rows[numbers - first] for rows in self._source.read(first, last)]
