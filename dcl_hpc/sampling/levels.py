"""Configurations of every energy level, the test set of energy models.

Replica exchange over a ladder of inverse temperatures of both signs visits all levels; from each the
same number of configurations is kept.
"""

import numpy as np

from .streams import Purpose
from .tempering import Ladders, Replicas

# Inverse temperatures in units of the inverse coupling.
BETAS = np.linspace(-1, 1, 24)
THERMALIZATION = 200
# Keeps its exchange streams apart from those of the sweeps.
LEVELS_KEY = 2**32


class LevelCollector:
    """Keeps up to `per_level` configurations of each level.

    Parameters
    ----------
    per_level : int
    width : float
        Levels are the energies divided by this, rounded.
    """

    def __init__(self, per_level: int, width: float):
        self.per_level, self.width = per_level, width
        self.kept: dict[int, list[np.ndarray]] = {}
        self.counts: dict[int, int] = {}

    def add(self, states: np.ndarray, energy: np.ndarray) -> None:
        """Offer configurations, uint8 (n, n_sites), with their energies in J."""
        level = np.round(energy / self.width).astype(np.int64)
        order = np.argsort(level, kind="stable")
        values, starts = np.unique(level[order], return_index=True)
        for value, rows in zip(values.tolist(), np.split(order, starts[1:]), strict=True):
            missing = self.per_level - self.counts.get(value, 0)
            if missing > 0:
                chosen = rows[:missing]
                self.kept.setdefault(value, []).append(states[chosen])
                self.counts[value] = self.counts.get(value, 0) + len(chosen)

    @property
    def full(self) -> bool:
        """Whether every level seen so far has all its configurations."""
        return bool(self.counts) and min(self.counts.values()) >= self.per_level

    def states(self) -> np.ndarray:
        """All kept configurations by ascending level, uint8 (n, n_sites)."""
        return np.concatenate([part for value in sorted(self.kept) for part in self.kept[value]])


def collect(
    model, seed: int, settings, width: float, scale: float = 1.0, on_block=lambda n: None
) -> np.ndarray:
    """Draw the test set.

    Parameters
    ----------
    model : EnergyModel
        The true energy.
    settings : object with per_level, ladders, max_sweeps
    width : float
        Spacing of levels in J.
    scale : float
        Typical size of a coupling in J.
    on_block : callable
        Told the number of sweeps done, for progress and stopping.

    Returns
    -------
    ndarray of uint8, shape (n, n_sites)
        `per_level` of each level; fewer of levels that `max_sweeps` did not visit often enough.
    """
    ladders = Ladders(BETAS / scale, settings.ladders, seed, realization=LEVELS_KEY)
    replicas = Replicas(model, ladders, slice(0, ladders.slot.size), seed, Purpose.LEVELS)
    collector = LevelCollector(settings.per_level, width)
    known = -1
    for sweep in range(1, settings.max_sweeps + 1):
        energy = replicas.sweep()
        if sweep > THERMALIZATION:
            collector.add(replicas.chains.states.T.copy(), energy)
        replicas.exchange(energy)
        if sweep % 500 == 0:
            on_block(500)
            # complete, and nothing new was found in the last stretch
            if collector.full and len(collector.counts) == known:
                break
            known = len(collector.counts)
    return collector.states()
