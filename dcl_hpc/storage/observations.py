"""The observation set: layout of its file, and reading it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..physics.configurations import ABSENT
from ..physics.lattice import Lattice
from ..sampling.halves import blocks
from .layout import Field, array_field
from .reading import reading
from .rows import Rows

STATES = "observations/states/value"
PRESENT = "observations/sites"
ENERGY = "validation/energy/value"


def observed_rows(path, held_out: float = 0.0) -> Rows:
    """Configurations of an observation set that learners may see, record after record.

    Their rows have the sites that exist, with `ABSENT` where an atom is lost.

    Parameters
    ----------
    held_out : float
        Share of them, the last ones, that is not theirs.
    """
    rows = Rows(path, [STATES], leading=2, columns=PRESENT)
    if held_out:
        rows.n -= int(np.prod(_held_out_axes(path, held_out)))
    return rows


def held_out_rows(path, share: float) -> tuple[Rows, int, tuple[int, ...]]:
    """What learners do not see: all rows, the number of the first one held out, and the axes of those."""
    rows, axes = observed_rows(path), _held_out_axes(path, share)
    return rows, rows.n - int(np.prod(axes)), axes


def leading_axes(path) -> tuple[int, ...]:
    """Axes that count configurations: records and chains, or those of the file they were imported from."""
    with reading(path) as file:
        return tuple(map(int, file.attrs.get("leading", file[STATES].shape[:2])))


def _held_out_axes(path, share: float) -> tuple[int, ...]:
    """Leading axes of the last configurations: whole records, or parts of one where there are few."""
    axes = leading_axes(path)
    if int(share * axes[0]) < 1:
        return (int(np.ceil(share * np.prod(axes))),)
    return (int(np.ceil(share * axes[0])), *axes[1:])


def correlated_blocks(path, n: int | None = None) -> np.ndarray:
    """Number of the block of correlated configurations that each one is in, int64 (n,).

    Chains of the job's own are independent; of others any axis may be time.

    Parameters
    ----------
    n : int, optional
        How many of them, from the first one, are used: no fewer blocks are made of these than of all.
    """
    found, axes = Observations(path), leading_axes(path)
    if n is not None:
        inner = int(np.prod(axes[1:]))
        axes = (-(-n // inner), *axes[1:]) if n >= inner else (n,)
    along = tuple(range(len(axes))) if found.source else (0,)
    return blocks(axes, along[: len(axes)], 2 * found.autocorrelation_time / found.thin)[:n]


def observation_fields(
    records: int, chains: int, lattice: Lattice, steps, unit: str, has_truth: bool = True
) -> dict[str, Field]:
    """Data sets of an observation set.

    Parameters
    ----------
    records, chains : int
        Configurations are records x chains.
    lattice : Lattice
    steps : ndarray of int, shape (records,)
        Time of each record.
    unit : str
        What the steps count.
    has_truth : bool
        Whether true energies are known.
    """
    d, shape = lattice.dimension, lattice.array_shape
    space = ("y", "x") if d == 2 else tuple(f"x{k}" for k in range(d))
    space += ("basis",) * (len(shape) - d)
    time = np.asarray(steps, float)
    about = "states 0..Q-1" + f", {ABSENT} where there is no site" * bool(lattice.absent)
    layout = {
        STATES: Field((records, chains, *shape), np.uint8, ("record", "chain", *space), about),
        "observations/states/step": array_field(np.asarray(steps), ("record",), unit),
        "observations/states/time": array_field(time, ("record",), unit),
    }
    if has_truth:
        layout[ENERGY] = Field(
            (records, chains), np.float64, ("record", "chain"),
            "true energy, J; for checks, never for learning",
        )  # fmt: skip
    if lattice.kind != "hypercubic" or lattice.absent:
        layout[PRESENT] = array_field(
            lattice.present, ("site",), "where the sites are in a flattened configuration"
        )
        layout["observations/positions"] = array_field(
            lattice.positions, ("site", "axis"), "the sites in space, nearest neighbours at distance 1"
        )
    return layout


class Observations:
    """The configurations of an observation set as an array that stays in its file until it is indexed.

    The first axis counts samples, in the order in which learners take them: record after record, in each of
    them chain after chain. Indexing is that of NumPy and gives states 0 ... Q-1 as arrays of their own;
    `numpy.asarray` reads all of them. Where there is no site, or its atom was lost, the value is 255:
    `numpy.ma.masked_equal(array, 255)` masks them.

    Parameters
    ----------
    path : path of a complete observation set

    Attributes
    ----------
    shape : tuple of int
        (n, *lattice), with a last axis for the sites of a cell if it has several.
    dtype : numpy.dtype
        uint8.
    n_states : int
        States Q of a site.
    temperature : float
        At which the system was observed, in J/k_B.
    source : str
        What the configurations were imported from; "" for those of the job's own chains.
    thin : int
        Sweeps between records; 1 for imported ones.
    autocorrelation_time : float
        The larger one of energy and order parameter, in sweeps, or in configurations that were imported.
    incomplete : int
        Number of configurations in which atoms are lost.

    Raises
    ------
    UserError
        If the file is damaged.
    """

    def __init__(self, path):
        self.path = Path(path)
        with reading(path) as file:
            states = file[STATES]
            self.n_states = int(file.attrs["n_states"])
            self.temperature = float(file.attrs["temperature"])
            self.source = str(file.attrs.get("source", ""))
            self.thin = int(file.attrs["thin"])
            self.autocorrelation_time = float(file.attrs["autocorrelation_time"])
            self.incomplete = int(file.attrs.get("incomplete", 0))
            offset, whole = states.id.get_offset(), states.shape
            if offset is None:  # not in one piece, e.g. rewritten by another program
                self._states = states[()]
            else:
                self._states = np.memmap(path, states.dtype, "r", offset, whole)
        self._states = self._states.reshape(-1, *whole[2:])
        self.shape, self.dtype, self.ndim = self._states.shape, self._states.dtype, self._states.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index) -> NDArray[np.uint8]:
        return np.array(self._states[index])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self._states, dtype, copy=copy)

    def __repr__(self) -> str:
        lattice = "x".join(map(str, self.shape[1:]))
        return f"<{len(self)} configurations of {lattice}, {self.n_states} states, T = {self.temperature:g}>"
