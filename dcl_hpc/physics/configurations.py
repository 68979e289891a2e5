"""Configurations in arrays of anyone: which shapes, types and encodings are taken, and as what states."""

import math

import numpy as np

from ..errors import UserError, shown
from .lattice import ABSENT, Lattice

# Sites that `Configurations.check` looks at together.
BLOCK = 2**22


def leading_axes(found: tuple[int, ...], lattice: Lattice) -> tuple[int, ...] | None:
    """Axes of an array before those of the lattice, or of its sites; None if there are none or others.

    Parameters
    ----------
    found : tuple of int
        Shape of the array.
    lattice : Lattice
    """
    for tail in (lattice.array_shape, (lattice.n_array,), (lattice.n_sites,)):
        if len(found) > len(tail) and found[-len(tail) :] == tail:
            return found[: -len(tail)]
    return None


class Configurations:
    """Configurations in an array, read block by block as states 0 ... Q-1.

    The array has the shape (..., *lattice), (..., n_array) with all of these entries in a row, or
    (..., n_sites) without absent sites, with at least one leading axis; these are flattened in C order. Its
    values are integers, booleans or whole floats; what they are at absent sites does not matter. Atoms that
    are lost in single configurations are nan, 255, or told by a second array.

    Parameters
    ----------
    data : array_like with `shape`, `dtype` and slices
    lattice : Lattice
    n_states : int
        States Q of a site. The array has 0 ... Q-1; for Q = 2 it may have -1 and 1 instead.
    where : str
        What begins every message.
    key : str
        What messages call the shape of the lattice.
    lost : array_like with `shape`, `dtype` and slices, optional
        True or 1 where the atom is lost, of the shape of `data`.
    present : array_like, optional
        The opposite.

    Attributes
    ----------
    n, n_sites : int
        Number of configurations, and of sites of each.
    leading : tuple of int
        The leading axes, before they are flattened.
    varying : tuple of int, optional
        Indices of an absent site at which configurations that were read so far differ; None if there is
        none.

    Raises
    ------
    UserError
        If the array cannot hold configurations of this lattice.
    """

    def __init__(
        self, data, lattice: Lattice, n_states: int, where: str, key: str = "lattice.shape",
        lost=None, present=None,
    ):  # fmt: skip
        self.lattice, self.n_sites, self.n_states = lattice, lattice.n_sites, n_states
        self._data, self._where, self._key = data, where, key
        if data.dtype.kind not in "buif":
            raise wrong_type(where, data.dtype)
        leading = leading_axes(data.shape, lattice)
        if leading is None:
            raise UserError(
                f"{where} has the shape {data.shape}, expected {self._expected()}; {self._hint(data.shape)}"
            )
        self.leading, self.n = leading, math.prod(leading)
        self._lost, self._present = lost, present
        for mask, name in ((lost, "lost"), (present, "present")):
            if mask is not None and (mask.shape != data.shape or mask.dtype.kind not in "bui"):
                raise UserError(
                    f"{where}: {name!r} is {mask.dtype} of shape {mask.shape}; it must be true or false, "
                    f"or 1 or 0, and have the shape {data.shape}"
                )
        self._first_seen: dict[int, int] = {}
        self._absent_values = None  # lowest and highest
        self.varying: tuple[int, ...] | None = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close what the array is read from, if it is a file; nothing can be read any more."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Configurations start..stop-1 as states 0 ... Q-1, and 255 where an atom is lost.

        Returns
        -------
        ndarray of uint8, shape (stop - start, n_sites)

        Raises
        ------
        UserError
            If a value is not a state, or -1 and 0 both occurred in what was read so far.
        """
        block = np.asarray(self._rows(self._data, start, stop)).reshape(stop - start, -1)
        lost = np.isnan(block) if block.dtype.kind == "f" else np.zeros(block.shape, bool)
        if block.dtype != bool:
            lost |= block == ABSENT
        block = _bytes_of(block)
        if self._lost is not None:
            lost |= self._mask(self._lost, "lost", start, stop).reshape(block.shape)
        if self._present is not None:
            lost |= ~self._mask(self._present, "present", start, stop).reshape(block.shape)
        if block.shape[1] > self.n_sites:
            self._compare_absent(block, lost)
            block, lost = block[:, self.lattice.present], lost[:, self.lattice.present]
        if not lost.any():
            return self._states(block, start)
        states = self._states(np.where(lost, 1, block).astype(block.dtype), start)
        states[lost] = ABSENT
        return states

    def check(self, on_block=None) -> int:
        """Read everything once; raises UserError as `read`, and calls on_block(n) after n more.

        Returns
        -------
        int
            Number of configurations in which atoms are lost.
        """
        step, incomplete = max(1, BLOCK // self.n_sites), 0
        for start in range(0, self.n, step):
            stop = min(start + step, self.n)
            incomplete += int((self.read(start, stop) == ABSENT).any(axis=1).sum())
            if on_block is not None:
                on_block(stop - start)
        return incomplete

    def read_complete(self, start: int, stop: int) -> np.ndarray:
        """As `read`, but refuses configurations in which atoms are lost."""
        states = self.read(start, stop)
        if (lost := states == ABSENT).any():
            row, site = np.argwhere(lost)[0]
            raise UserError(
                f"{self._where}: in configuration {start + row} (counted from 0) the atom at site "
                f"{self._place(site)} is lost; an energy takes complete configurations"
            )
        return states

    def _rows(self, data, start: int, stop: int) -> np.ndarray:
        return rows(data, self.leading, start, stop)

    def _mask(self, data, name: str, start: int, stop: int) -> np.ndarray:
        values = _bytes_of(np.asarray(self._rows(data, start, stop)))
        if not (wrong := (values != 0) & (values != 1)).any():
            return values == 1
        row = start + int(np.argwhere(wrong.reshape(stop - start, -1))[0][0])
        raise UserError(
            f"{self._where}: {name!r} has the value {values[wrong][0]} in configuration {row} (counted from "
            "0); it must be true or false, or 1 or 0"
        )

    def _place(self, site: int) -> list[int]:
        """Indices of a site in the array of a configuration."""
        number = self.lattice.present[site]
        return [int(i) for i in np.unravel_index(number, self.lattice.array_shape)]

    def _compare_absent(self, block: np.ndarray, lost: np.ndarray) -> None:
        """Look whether states at absent sites change."""
        numbers = np.array(self.lattice.absent)
        values = np.where(lost[:, numbers], np.nan, block[:, numbers].astype(float))
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        if self._absent_values is not None:
            low, high = np.fmin(low, self._absent_values[0]), np.fmax(high, self._absent_values[1])
        self._absent_values = low, high
        if self.varying is None and (differ := np.flatnonzero(low < high)).size:
            place = np.unravel_index(numbers[differ[0]], self.lattice.array_shape)
            self.varying = tuple(int(i) for i in place)

    def _expected(self) -> str:
        lattice = self.lattice
        forms = [f"(n, {', '.join(map(str, lattice.array_shape))})"]
        if len(lattice.array_shape) > 1:
            forms.append(f"(n, {lattice.n_array})")
        if lattice.absent:
            forms.append(f"(n, {lattice.n_sites}) without absent sites")
        return " or ".join(forms)

    def _hint(self, found: tuple[int, ...]) -> str:
        lattice = self.lattice
        d, cell, whole = lattice.dimension, lattice.geometry.sites_per_cell, lattice.array_shape
        if found[:-1] in (whole, (lattice.n_array,), (lattice.n_sites,)):
            return "configurations seem to be counted by the last axis: take numpy.moveaxis(array, -1, 0)"
        if found == whole[::-1]:
            return "its axes are swapped: transpose it"
        if found[1:] == (1,):
            return "put blanks or commas between the states of a configuration"
        side = round((found[-1] / cell) ** (1 / d)) if found else 0
        other = found[1 : d + 1] if len(found) == len(whole) + 1 and found[d + 1 :] in ((), (cell,)) else ()
        if len(found) == 2 and cell * side**d == found[1]:
            other = (side,) * d
        swapped = "its axes are swapped: transpose it, or " if other == lattice.shape[::-1] else ""
        if other and min(other) > 1:
            return f"{swapped}for a lattice of {'x'.join(map(str, other))} set {self._key} = {list(other)}"
        return f"reshape it (text: one configuration a line), or set {self._key} to its lattice"

    def _states(self, block: np.ndarray, start: int) -> np.ndarray:
        q = self.n_states
        good = (block >= (-1 if q == 2 else 0)) & (block < q)  # false for infinity, too
        if block.dtype.kind == "f":
            good &= block == np.floor(block)
        if not good.all():
            row, site = np.argwhere(~good)[0]
            value = block[row, site]
            allowed = "-1 and 1, or 0 and 1" if q == 2 else f"0 ... {q - 1}"
            lost = "; add 1 to states that begin at -1; lost atoms are nan or 255" if value == -1 else ""
            raise UserError(
                f"{self._where}: configuration {start + row} (counted from 0) has the value {value} at site "
                f"{self._place(site)}; allowed are {allowed} for Q = {q} states, see hamiltonian.states of "
                f"the job{lost}"
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
                f"{zero} the value 0 (counted from 0); write all states as -1 and 1, or all as 0 and 1, and "
                "lost atoms as nan or 255"
            )
        return (block == 1).astype(np.uint8)


def wrong_type(where: str, dtype) -> UserError:
    """The error for values that are no real numbers."""
    return UserError(
        f"{where} has values of type {shown(str(dtype), 80)}; save integers, booleans or whole "
        "floating-point numbers"
    )


def _bytes_of(values: np.ndarray) -> np.ndarray:
    """Booleans as what is stored for them, which in a file may be anything."""
    return values.view(np.uint8) if values.dtype == bool else values


def mask_of(array) -> np.ndarray | None:
    """Which values of a masked array are masked; None of other arrays."""
    return np.ma.getmaskarray(array) if np.ma.isMaskedArray(array) else None


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
