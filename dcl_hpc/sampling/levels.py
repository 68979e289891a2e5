"""Configurations of every energy level, the test set of energy models.

Replica exchange over ladders of inverse temperatures of both signs visits all levels; from each the same
number of configurations is kept. Ladders have streams of their own and keep their configurations on their
own, so that any number of processes may share them out.
"""

from dataclasses import dataclass

import numpy as np

from .streams import Purpose
from .tempering import Ladders, Replicas

# Inverse temperatures in units of the inverse coupling.
BETAS = np.linspace(-1, 1, 24)
THERMALIZATION = 200
# Sweeps between two configurations of one level from the same chain.
APART = 20
# Sweeps between two looks at what has been found.
STRETCH = 500
# Keeps its exchange streams apart from those of the sweeps.
LEVELS_KEY = 2**32


@dataclass(frozen=True)
class Configurations:
    """Configurations with where they come from, one row each, in the order in which they were kept.

    Attributes
    ----------
    states : uint8 (n, n_sites)
    level : int64 (n,)
        Number of the energy level.
    sweep : int64 (n,)
    replica : int64 (n,)
        Number among those of all ladders.
    """

    states: np.ndarray
    level: np.ndarray
    sweep: np.ndarray
    replica: np.ndarray

    def take(self, rows) -> "Configurations":
        """Some of them."""
        return Configurations(self.states[rows], self.level[rows], self.sweep[rows], self.replica[rows])


class LevelCollector:
    """Keeps up to `per_level` configurations of each level, no two of a chain within `apart` sweeps.

    Parameters
    ----------
    per_level : int
    width : float
        Levels are the energies divided by this, rounded.
    n_sites : int
    first : int
        Number of the first replica.
    apart : int
    """

    def __init__(self, per_level: int, width: float, n_sites: int, first: int = 0, apart: int = APART):
        self.per_level, self.width, self.first, self.apart = per_level, width, first, apart
        self.counts: dict[int, int] = {}
        self._last: dict[int, np.ndarray] = {}
        empty = np.empty(0, np.int64)
        self._kept = [Configurations(np.empty((0, n_sites), np.uint8), empty, empty, empty)]

    def add(self, sweep: int, states: np.ndarray, energy: np.ndarray) -> None:
        """Offer a configuration of each replica, uint8 (n_sites, n), with their energies in J."""
        level = np.round(energy / self.width).astype(np.int64)
        order = np.argsort(level, kind="stable")
        values, starts = np.unique(level[order], return_index=True)
        chosen = [order[:0]]
        for value, rows in zip(values.tolist(), np.split(order, starts)[1:], strict=True):
            count = self.counts.get(value, 0)
            if count < self.per_level:
                last = self._last.setdefault(value, np.full(len(level), sweep - self.apart))
                rows = rows[last[rows] <= sweep - self.apart][: self.per_level - count]
                last[rows], self.counts[value] = sweep, count + len(rows)
                chosen.append(rows)
        rows = np.concatenate(chosen)
        if len(rows):
            sweeps = np.full(len(rows), sweep)
            self._kept.append(Configurations(states[:, rows].T, level[rows], sweeps, self.first + rows))

    def kept(self) -> Configurations:
        """All that was kept so far."""
        columns = [(part.states, part.level, part.sweep, part.replica) for part in self._kept]
        return Configurations(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def first_of_each(found: Configurations, per_level: int) -> Configurations:
    """The earliest configurations of each level, in the order of levels, then of time, then of replicas."""
    order = np.lexsort((found.replica, found.sweep, found.level))
    _, starts, counts = np.unique(found.level[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(starts, counts)
    return found.take(order[place < per_level])


def collect(
    model, seed: int, settings, width: float, scale: float = 1.0, on_stretch=lambda n: None,
    share=lambda n: slice(0, n), gather=lambda values: values,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Draw the test set; all processes take part and get the same, however many they are.

    Parameters
    ----------
    model : EnergyModel
        The true energy.
    settings : object with per_level, ladders, max_sweeps
    width : float
        Spacing of levels in J.
    scale : float
        Typical size of a coupling in J.
    on_stretch : callable
        Told the number of sweeps done, for progress and stopping.
    share : callable
        Maps the number of ladders to the slice of them that this process runs; it may be empty.
    gather : callable
        Joins arrays of all processes along their first axis.

    Returns
    -------
    states : uint8 (n, n_sites)
        `per_level` configurations of each level by ascending level; fewer of levels that `max_sweeps` did
        not visit often enough.
    ladder : int64 (n,)
        Which ladder each configuration comes from; ladders are independent.
    """
    mine, rungs = share(settings.ladders), len(BETAS)
    ladders = Ladders(BETAS / scale, range(mine.start, mine.stop), seed, realization=LEVELS_KEY)
    first = mine.start * rungs
    replicas = Replicas(model, ladders, slice(0, ladders.slot.size), seed, Purpose.LEVELS, first=first)
    collector = LevelCollector(settings.per_level, width, model.lattice.n_sites, first)
    done, known = 0, -1

    def offer(energy):
        if done >= THERMALIZATION:
            collector.add(done, replicas.chains.states, energy)

    while done < settings.max_sweeps:
        stretch = min(STRETCH, settings.max_sweeps - done)
        for _ in range(stretch):
            replicas.advance(1, offer)
            done += 1
        on_stretch(stretch)
        counts = _counts(collector, gather)
        # complete, and nothing new was found in the last stretch
        if len(counts) == known and min(counts.values(), default=0) >= settings.per_level:
            break
        known = len(counts)
    found = collector.kept()
    every = (gather(np.ascontiguousarray(x)) for x in (found.states, found.level, found.sweep, found.replica))
    chosen = first_of_each(Configurations(*every), settings.per_level)
    return chosen.states, chosen.replica // rungs


def _counts(collector, gather) -> dict[int, int]:
    """Configurations that all processes together have kept of each level."""
    own = np.array(list(collector.counts.items()), np.int64).reshape(-1, 2)
    totals: dict[int, int] = {}
    for level, count in gather(own).tolist():
        totals[level] = totals.get(level, 0) + count
    return totals
