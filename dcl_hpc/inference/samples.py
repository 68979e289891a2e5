"""Configurations of a lattice, checked, with the geometry that the fits need."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..physics.lattice import ABSENT, Lattice
from .interactions import Words
from .window import Window

# Samples that are looked at together.
CHUNK = 1000
# Fewer samples do not tell their own scatter.
MIN_SAMPLES = 50
NOTHING = np.empty((0, 0, 0), np.float32)


@dataclass(frozen=True)
class Samples:
    """Independent configurations at one temperature.

    Parameters
    ----------
    states : ndarray of integers, shape (n_samples, n_sites)
        0 ... Q-1, or `ABSENT` where a sample has nothing at a site.
    lattice : Lattice
    temperature : float
        In J/k_B.
    window : Window
        Range of the interactions to look for. It knows absent sites where there are any.
    weights : ndarray of float, shape (n_samples,), optional
        How often each configuration occurs, not necessarily an integer; once each by default.
    given : ndarray of float32, shape (n_samples, n_sites, n_states), optional
        What an energy that is given costs, -(E with the site in this state - E) / T: a share of it is fitted
        beside what the window has.
    blocks : ndarray of int, shape (n_samples,), optional
        Number of the block, from 0, that each sample is in: those of one block may be correlated. Errors then
        come from the scatter of whole blocks, without it from that of samples.

    Raises
    ------
    ValueError
        If nothing can be learned from the states, or the lattice is too small for the window.
    """

    states: np.ndarray
    lattice: Lattice
    temperature: float
    window: Window
    weights: np.ndarray | None = None
    given: np.ndarray = field(default_factory=lambda: NOTHING)
    blocks: np.ndarray | None = None

    def __post_init__(self):
        states, weights, q = np.asarray(self.states), self.weights, self.window.n_states
        if states.ndim != 2 or states.shape[1] != self.lattice.n_sites:
            raise ValueError(
                f"states have shape {states.shape}; the {self.lattice} lattice needs"
                f" (samples, {self.lattice.n_sites})"
            )
        if weights is None and len(states) < MIN_SAMPLES:
            raise ValueError(f"{len(states)} samples are too few; observe at least {MIN_SAMPLES}")
        weights = np.ones(len(states)) if weights is None else np.asarray(weights, float)
        if weights.shape != (len(states),) or not np.all(weights >= 0) or not 0 < weights.sum() < np.inf:
            raise ValueError(f"weights must be {len(states)} numbers, at least 0 and not all 0")
        if self.has_given and self.given.shape != (*states.shape, q):
            raise ValueError(f"a given field has shape {self.given.shape} and needs {(*states.shape, q)}")
        if self.blocks is not None and np.shape(self.blocks) != (len(states),):
            raise ValueError(f"blocks have shape {np.shape(self.blocks)} and need ({len(states)},)")
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature {self.temperature} must be positive and finite")
        self._check_lattice()
        lost = states == ABSENT
        if states.dtype.kind not in "iu" or states.min() < 0 or np.any((states >= q) & ~lost):
            raise ValueError(f"states must be integers 0 ... {q - 1}, or {ABSENT} where an atom is lost")
        if missing := sorted(set(range(q)) - set(np.unique(states[weights > 0]).tolist())):
            raise ValueError(
                f"state {missing[0]} of {q} is never observed; observe more, or correct the number of states"
            )
        if np.all(states == states[0]):
            raise ValueError("all samples are equal; observe at a higher temperature")
        object.__setattr__(self, "states", np.ascontiguousarray(states, np.uint8))
        object.__setattr__(self, "weights", weights)
        if self.blocks is not None and len(np.unique(self.blocks)) == len(states):  # nothing is correlated
            object.__setattr__(self, "blocks", None)
        if not self.lattice.regular or lost.any():
            object.__setattr__(self, "window", replace(self.window, absent=True))

    @property
    def has_given(self) -> bool:
        """Whether a field is given."""
        return len(self.given) > 0

    def _check_lattice(self) -> None:
        window, lattice = self.window, self.lattice
        if lattice.dimension != window.dimension:
            raise ValueError(f"a tile of {window.dimension} dimensions is none of the {lattice} lattice")
        if not lattice.separates(window.differences):
            enough = f"sides of at least {2 * window.side - 1}" if window.side else "a larger lattice"
            raise ValueError(
                f"tiles of {window.n_places} sites meet themselves round the {lattice} lattice;"
                f" take {enough}, or a smaller tile"
            )

    @cached_property
    def _geometry(self) -> tuple:
        tiles = self.window.tiles(self.lattice)
        members = np.empty((self.lattice.n_sites + 1, self.window.n_places), np.int32)
        members[tiles, np.arange(self.window.n_places)] = np.arange(len(tiles))[:, None]
        return self.window.n_states, tiles, members[:-1], self.window.powers

    @cached_property
    def _padded(self) -> np.ndarray:
        """States with a column of what is absent, if anything is."""
        if not self.window.absent:
            return self.states
        padded = np.pad(self.states, ((0, 0), (0, 1)), constant_values=ABSENT)
        return np.where(padded == ABSENT, np.uint8(self.window.n_states), padded)

    @cached_property
    def patterns(self) -> np.ndarray:
        """Places of windows that have a site, as bits of a number; each that occurs once, int64 (n,)."""
        bits = 1 << np.arange(self.window.n_places)
        rows = self._padded if np.any(self.states == ABSENT) else self._padded[:1]
        there, tiles = rows < self.window.n_states, self._geometry[1]
        parts = [there[k : k + CHUNK] for k in range(0, len(there), CHUNK)]
        return np.unique(np.concatenate([np.unique(part[:, tiles] @ bits) for part in parts]))

    def sum_of_squares(self, scores: np.ndarray, rows=slice(None)) -> np.ndarray:
        """Godambe's J, float64 (n, n), of scores (n_samples, n) of some samples, or of their blocks."""
        weighted = scores * self.weights[rows, None]
        if self.blocks is None or not scores.shape[1]:
            return weighted.T @ scores
        numbers = np.unique(self.blocks[rows], return_inverse=True)[1]
        sums = np.stack([np.bincount(numbers, column) for column in weighted.T], axis=1)
        return sums.T @ sums

    def some(self, rows: np.ndarray, given: np.ndarray) -> "Samples":
        """Some of the samples, with a field that is given."""
        return replace(
            self, states=self.states[rows], weights=self.weights[rows], given=given,
            blocks=None if self.blocks is None else self.blocks[rows],
        )  # fmt: skip

    def score_rows(self, rows: np.ndarray) -> np.ndarray:
        """Where the scores of `some` samples are among those of all."""
        return rows

    @property
    def n_groups(self) -> int:
        """Rows of scores."""
        return len(self.states)

    def has(self, words: Words) -> np.ndarray:
        """Whether there is a place on the lattice where all sites of a word are, bool (n_words,)."""
        there = np.unique(words.support)
        held = [np.any(support & ~self.patterns == 0) for support in there]
        return np.array(held, bool)[np.searchsorted(there, words.support)]

    def strided(self, stride: int = 1) -> tuple:
        """What the kernels take: every stride-th sample and its weight, and the geometry.

        Returns
        -------
        states : uint8 (n, n_sites), or (n, n_sites + 1) with a last column of Q if sites may be absent
        weights : float64 (n,)
        n_states : int
        tiles : int32 (n_windows, n_places)
            Columns of states under each window.
        members : int32 (n_sites, n_places)
            Windows that have a site at each place.
        powers : int64 (n_places,)
        """
        states, weights = (np.ascontiguousarray(part[::stride]) for part in (self._padded, self.weights))
        return states, weights, *self._geometry
