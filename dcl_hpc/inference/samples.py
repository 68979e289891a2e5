"""Configurations of a lattice, checked, with the geometry that the fits need."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.lattice import Lattice
from .window import Window

# Fewer samples do not tell their own scatter.
MIN_SAMPLES = 100


@dataclass(frozen=True)
class Samples:
    """Independent configurations at one temperature.

    Parameters
    ----------
    states : ndarray of integers, shape (n_samples, n_sites)
        0 ... Q-1.
    lattice : Lattice
    temperature : float
        In J/k_B.
    window : Window
        Range of the interactions to look for.
    weights : ndarray of float, shape (n_samples,), optional
        How often each configuration occurs, not necessarily an integer; once each by default.

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
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature {self.temperature} must be positive and finite")
        shortest = 2 * self.window.side - 1
        if self.lattice.dimension != self.window.dimension or min(self.lattice.shape) < shortest:
            raise ValueError(
                f"tiles of side {self.window.side} in {self.window.dimension} dimensions meet themselves"
                f" round the {self.lattice} lattice; take sides of at least {shortest}, or a smaller tile"
            )
        if states.dtype.kind not in "iu" or states.min() < 0 or states.max() >= q:
            raise ValueError(f"states must be integers 0 ... {q - 1}")
        if missing := sorted(set(range(q)) - set(np.unique(states[weights > 0]).tolist())):
            raise ValueError(
                f"state {missing[0]} of {q} is never observed; observe more, or correct n_states"
            )
        if np.all(states == states[0]):
            raise ValueError("all samples are equal; observe at a higher temperature")
        object.__setattr__(self, "states", np.ascontiguousarray(states, np.uint8))
        object.__setattr__(self, "weights", weights)

    @cached_property
    def _geometry(self) -> tuple:
        tiles, members = (self.window.tiles(self.lattice, sign) for sign in (1, -1))
        return self.window.n_states, tiles, members, self.window.powers

    def strided(self, stride: int = 1) -> tuple:
        """What the kernels take: every stride-th sample and its weight, and the geometry.

        Returns
        -------
        states : uint8 (n, n_sites)
        weights : float64 (n,)
        n_states : int
        tiles, members : int32 (n_sites, n_places)
            Sites of each window, and windows that have a site at each place; windows by their corner.
        powers : int64 (n_places,)
        """
        states, weights = (np.ascontiguousarray(part[::stride]) for part in (self.states, self.weights))
        return states, weights, *self._geometry
