"""How configurations are ordered: observables by which snapshots and a model are compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np

from .lattice import Lattice

# Most distances, pairs per site in all of them, and states whose frequencies are told apart.
MAX_SHELLS, MAX_PAIRS, MAX_STATES = 8, 64, 8
# Sides of which the edges' bonds are too many to be told from the others.
SHORTEST = 4
# Floats that are held at a time.
CHUNK = 2**22


@dataclass(frozen=True)
class Structure:
    """Observables of single configurations: order, correlations, structure factors, small clusters.

    Spins are the corners of a simplex, so that the product of two is (Q delta - 1)/(Q - 1); for two states
    they are -1 and 1. Averages are over what is there: pairs of which a site was lost do not count, and
    structure factors are scaled as if sites were lost at random.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
        States Q of a site.
    """

    lattice: Lattice
    n_states: int

    @property
    def names(self) -> tuple[str, ...]:
        """What each observable is."""
        if self.n_states == 2:
            order = ["magnetization"]
        else:
            order = [f"share of state {q}" for q in range(min(self.n_states, MAX_STATES))]
        pairs = [f"correlation at distance {length:.3g}" for length, _ in self.shells]
        waves = [f"structure factor at {name}" for name, _ in self.waves]
        seams = [f"correlation across the edges of axis {axis}" for axis, _ in self.seams]
        return (*order, *pairs, *waves, *(name for name, _ in self.clusters), *seams)

    @cached_property
    def shells(self) -> list[tuple[float, list[np.ndarray]]]:
        """Distances, shortest first, with the pairs of sites of each of their offsets, int64 (n, 2)."""
        lattice = self.lattice
        vectors = np.array(lattice.geometry.vectors)
        periods = lattice.geometry.periods(lattice.shape) @ vectors
        closed = [a for a in range(lattice.dimension) if a not in lattice.open]
        turns = [t for t in product((-1, 0, 1), repeat=lattice.dimension) if any(t[a] for a in closed)]
        turns = [t for t in turns if not any(t[a] for a in lattice.open)]
        reach = min([np.linalg.norm(t @ periods) / 2 for t in turns], default=np.inf)
        reach = max(1.0, min(reach, MAX_SHELLS))
        offsets = half_space(np.array(list(product(range(-4, 5), repeat=lattice.dimension))))
        lengths = np.linalg.norm(offsets @ vectors, axis=1).round(6)
        found, total = [], 0
        for length in np.unique(lengths[lengths < reach + 1e-6]):
            pairs = [_complete(lattice, np.array([0 * x, x])) for x in offsets[lengths == length]]
            pairs = [one for one in pairs if len(one)]
            total += sum(map(len, pairs))
            if found and (len(found) == MAX_SHELLS or total > MAX_PAIRS * lattice.n_sites):
                break
            if pairs:
                found.append((float(length), pairs))
        return found

    @cached_property
    def seams(self) -> list[tuple[int, list[np.ndarray]]]:
        """Periodic axes, with the bonds that go round each, and others in the same directions, (n, 2)."""
        lattice, found = self.lattice, []
        inverse = np.linalg.inv(lattice.geometry.periods(lattice.shape))
        for axis in range(lattice.dimension):
            seam, bulk = [np.empty((0, 2), int)], [np.empty((0, 2), int)]
            for step, ends in zip(lattice.geometry.steps, lattice.forward.T, strict=True):
                pairs = np.stack([np.arange(lattice.n_sites), ends], axis=1)[ends >= 0]
                moved = lattice.coordinates[pairs[:, 0]] + step - lattice.coordinates[pairs[:, 1]]
                turns = np.rint(moved @ inverse).astype(int)
                if turns[:, axis].any():
                    seam.append(pairs[turns[:, axis] != 0])
                    bulk.append(pairs[~turns.any(axis=1)])
            if sum(map(len, seam)) and sum(map(len, bulk)) and lattice.shape[axis] >= SHORTEST:
                found.append((axis, [np.concatenate(seam), np.concatenate(bulk)]))
        return found

    @cached_property
    def waves(self) -> list[tuple[str, np.ndarray]]:
        """Wave vectors in turns per grid step and their names: 0, the longest waves, the zone's boundary."""
        lattice = self.lattice
        longest = np.linalg.inv(lattice.geometry.periods(lattice.shape)).T
        shortest = longest * np.array(lattice.shape)[:, None] / 2
        axes = range(lattice.dimension)
        found = [("k = 0", np.zeros(lattice.dimension))]
        found += [(f"the smallest k along axis {a}", longest[a]) for a in axes]
        found += [(f"the zone boundary along axis {a}", shortest[a]) for a in axes]
        if lattice.dimension > 1:
            found.append(("the zone's corner", shortest.sum(axis=0)))
        if lattice.geometry.steps[-1] == (1, 1):  # three sublattices
            found.append(("the K point", np.array([1, 1]) / 3))
        return found

    @cached_property
    def _phases(self) -> np.ndarray:
        angles = 2 * np.pi * np.array([k for _, k in self.waves]) @ self.lattice.coordinates.T
        return np.concatenate([np.cos(angles), np.sin(angles)])

    @cached_property
    def clusters(self) -> list[tuple[str, list[np.ndarray]]]:
        """A site with two neighbours, and the smallest closed loop of bonds, with their sites."""
        lattice, steps = self.lattice, self.lattice.geometry.steps
        star = [np.array(s) for s in steps] + [-np.array(s) for s in steps]
        zero = 0 * star[0]
        corners = [np.array([zero, a, b]) for a, b in combinations(star, 2)]
        squares = [np.array([zero, a, b, a + b]) for a, b in combinations(star[: len(steps)], 2)]
        kinds = {
            "three sites in touch": corners,
            "triangles": [one for one in corners if any(np.array_equal(one[2] - one[1], s) for s in star)],
            "plaquettes": squares,
            "hexagons": [np.array(star)] if len(star) == 6 and lattice.dimension == 2 else [],
        }
        found = []
        for name, shapes in kinds.items():
            places = [_complete(lattice, one) for one in shapes]
            if places := [one for one in places if len(one)]:
                found.append((f"product of {name}" if self.n_states == 2 else f"equal {name}", places))
            if len(found) == 2:
                break
        return found

    def of(self, states: np.ndarray) -> np.ndarray:
        """Observables of configurations.

        Parameters
        ----------
        states : ndarray of uint8, shape (n_sites, n)
            `ABSENT` where a site was lost.

        Returns
        -------
        float64 (n, n_observables)
            nan where nothing of what an observable is made of is there.
        """
        step = max(1, CHUNK // (states.shape[0] * self.n_states))
        parts = [self._of(states[:, k : k + step]) for k in range(0, states.shape[1], step)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.names)))

    def _of(self, states: np.ndarray) -> np.ndarray:
        there = None if states.max(initial=0) < self.n_states else states < self.n_states
        n = np.full(states.shape[1], len(states)) if there is None else there.sum(axis=0)
        spins = spins_of(states, self.n_states)
        rows = list(self._order(states, spins, n))

        def pair(i, j):
            return sum(s[i] * s[j] for s in spins)

        for _, places in self.shells:
            rows.append(_mean(places, pair, there))
        n_waves = len(self.waves)
        # no matrix product, whose rounding depends on how many configurations there are
        power = sum(np.einsum("ks,sn->kn", self._phases, s) ** 2 for s in spins)
        power = power[:n_waves] + power[n_waves:]
        with np.errstate(divide="ignore", invalid="ignore"):
            rows += list(1 + (power - n) / (n * (n - 1)) * (len(states) - 1))
        for _, places in self.clusters:
            rows.append(_mean(places, lambda *sites: self._product(states, spins, sites), there))
        rows += [_mean(pairs[:1], pair, there) for _, pairs in self.seams]
        return np.array(rows).T

    def _order(self, states, spins, n) -> Iterator[np.ndarray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.n_states == 2:
                yield spins[0].sum(axis=0) / n
            else:
                for q in range(min(self.n_states, MAX_STATES)):
                    yield (states == q).sum(axis=0) / n

    def _product(self, states, spins, sites) -> np.ndarray:
        """Product of the spins of some sites; for more than two states whether all are equal."""
        if self.n_states == 2:
            return np.prod([spins[0][i] for i in sites], axis=0)
        equal = [states[i] == states[sites[0]] for i in sites[1:]]
        return np.logical_and.reduce(equal) & (states[sites[0]] < self.n_states)


def spins_of(states: np.ndarray, n_states: int) -> list[np.ndarray]:
    """Components of the spins, float64 like `states`; 0 where a site was lost. See `Structure`."""
    if n_states == 2:
        return [np.array([-1.0, 1.0] + [0.0] * 254)[states]]
    scale = np.sqrt(n_states / (n_states - 1))
    return [scale * ((states == q) - 1 / n_states) * (states < n_states) for q in range(n_states)]


def _mean(places, function, there) -> np.ndarray:
    """Average of a function of sites over all places of which no site was lost, (n,)."""
    total = sum(function(*sites.T).sum(axis=0) for sites in places)
    if there is None:
        return total / sum(map(len, places))
    count = sum(there[sites].all(axis=1).sum(axis=0) for sites in places)
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / count


def half_space(offsets: np.ndarray) -> np.ndarray:
    """One of each pair of opposite offsets, without 0."""
    kept = [tuple(x) > tuple(-x) for x in offsets]
    return offsets[np.array(kept)]


def _complete(lattice: Lattice, offsets: np.ndarray) -> np.ndarray:
    """Sites of a set of offsets wherever all of them exist and differ, int64 (n, n_places)."""
    found = lattice.placed(offsets)
    return found[np.all(np.diff(np.sort(found, axis=1), axis=1) > 0, axis=1)]
