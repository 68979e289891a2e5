"""Configurations in arrays of anyone: which shapes, types and encodings are taken, and as what states."""

import math

import numpy as np

from ..errors import UserError

# Sites that `Configurations.check` looks at together.
BLOCK = 2**22


def leading_axes(found: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axes of an array before those of the lattice, or of its sites; None if there are none or others.

    Parameters
    ----------
    found : tuple of int
        Shape of the array.
    shape : tuple of int
        Of the lattice.
    """
    for tail in (shape, (math.prod(shape),)):
        if len(found) > len(tail) and found[-len(tail) :] == tail:
            return found[: -len(tail)]
    return None


class Configurations:
    """Configurations in an array, read block by block as states 0 ... Q-1.

    The array has the shape (..., *lattice) or (..., n_sites), with at least one leading axis; these are
    flattened in C order. Its values are integers, booleans or whole floats.

    Parameters
    ----------
    data : array_like with `shape`, `dtype` and slices
    shape : tuple of int
        Of the lattice.
    n_states : int
        States Q of a site. The array has 0 ... Q-1; for Q = 2 it may have -1 and 1 instead.
    where : str
        What begins every message.
    key : str
        What messages call the shape of the lattice.

    Attributes
    ----------
    n : int
        Number of configurations.
    leading : tuple of int
        The leading axes, before they are flattened.

    Raises
    ------
    UserError
        If the array cannot hold configurations of this lattice.
    """

    def __init__(self, data, shape, n_states: int, where: str, key: str = "lattice.shape"):
        self.shape, self.n_sites, self.n_states = tuple(shape), math.prod(shape), n_states
        self._data, self._where, self._key = data, where, key
        if data.dtype.kind not in "buif":
            raise UserError(
                f"{where} has values of type {data.dtype}; save integers, booleans or whole floating-point "
                "numbers"
            )
        leading = leading_axes(data.shape, self.shape)
        if leading is None:
            sides = ", ".join(map(str, self.shape))
            expected = f"(n, {sides}) or (n, {self.n_sites})" if len(self.shape) > 1 else f"(n, {sides})"
            raise UserError(
                f"{where} has the shape {data.shape}, expected {expected}; {self._hint(data.shape)}"
            )
        self.leading, self.n = leading, math.prod(leading)
        self._first_seen: dict[int, int] = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close what the array is read from, if it is a file; nothing can be read any more."""

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
        block = np.asarray(self._rows(start, stop))
        return self._states(block.reshape(stop - start, self.n_sites), start)

    def check(self, on_block=None) -> None:
        """Read everything once; raises UserError as `read`, and calls on_block(n) after n more."""
        step = max(1, BLOCK // self.n_sites)
        for start in range(0, self.n, step):
            stop = min(start + step, self.n)
            self.read(start, stop)
            if on_block is not None:
                on_block(stop - start)

    def _rows(self, start: int, stop: int) -> np.ndarray:
        return rows(self._data, self.leading, start, stop)

    def _hint(self, found: tuple[int, ...]) -> str:
        d = len(self.shape)
        if found[:-1] in (self.shape, (self.n_sites,)):
            return "configurations seem to be counted by the last axis: take numpy.moveaxis(array, -1, 0)"
        if found == self.shape[::-1]:
            return "its axes are swapped: transpose it"
        side = round(found[-1] ** (1 / d)) if found else 0
        other = found[1:] if len(found) == d + 1 else ()
        if len(found) == 2 and side**d == found[1]:
            other = (side,) * d
        swapped = "its axes are swapped: transpose it, or " if other == self.shape[::-1] else ""
        if other and min(other) > 1:
            return f"{swapped}for a lattice of {'x'.join(map(str, other))} set {self._key} = {list(other)}"
        return f"reshape it (text: one configuration a line), or set {self._key} to its lattice"

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


def rows(data, leading: tuple[int, ...], start: int, stop: int, index: tuple[int, ...] = ()) -> np.ndarray:
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
            part = rows(data, leading[1:], offset, end - row * inner, (*index, row))
        parts.append(part)
        start = end
    return np.concatenate(parts)
