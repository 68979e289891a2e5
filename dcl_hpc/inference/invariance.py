"""Symmetries of the law behind snapshots, as far as these tell: of space, and of the names of the states.

An operation is taken where it leaves the frequencies of the states of near pairs of sites as they are, each
of them and their sums over the lattice, within errors from the scatter of stretches of the snapshots.
Of a law with all symmetries one is refused by chance in one of 20 data sets, which costs some averaging only.
Operations whose products are refused are not taken either: what is left is a group.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.special import stdtrit

from ..physics.lattice import Lattice
from ..physics.operations import site_permutations

# Stretches of the snapshots, the fewest that tell anything, and snapshots in each of these.
MOST_STRETCHES, FEWEST_STRETCHES, LEAST = 100, 20, 10
# Probability that any operation is refused by chance: for each of both kinds of frequencies half of it.
CHANCE = 0.05
# Of sums of frequencies in single precision.
ROUNDING = 1e-5
# Most states of which all permutations are tried; of more, those that go round.
MOST_STATES = 4


@dataclass(frozen=True)
class Invariance:
    """Operations that leave a law as it is; each of the one kind with each of the other.

    Parameters
    ----------
    sites : ndarray of int, shape (n, n_sites)
        See `physics.operations.site_permutations`.
    states : ndarray of uint8, shape (m, n_states)
        New name of each state.
    """

    sites: np.ndarray
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.sites) * len(self.states)

    def images(self, states: np.ndarray, numbers) -> np.ndarray:
        """Images of configurations.

        Parameters
        ----------
        states : ndarray of uint8, shape (n_sites, n)
        numbers : iterable of int
            Of operations; 0 is the identity.

        Yields
        ------
        ndarray of uint8, shape (n_sites, n)
        """
        for number in numbers:
            space, names = divmod(int(number), len(self.states))
            yield self.states[names][states[self.sites[space]]]

    def turned(self, states: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The image of each configuration by an operation of its own.

        Parameters
        ----------
        states : ndarray of uint8, shape (n, n_sites)
        numbers : ndarray of int, shape (n,)
            Of operations, as for `images`.

        Returns
        -------
        ndarray of uint8, shape (n, n_sites)
        """
        space, names = np.divmod(numbers, len(self.states))
        return self.states[names[:, None], np.take_along_axis(states, self.sites[space], axis=1)]


def none(n_sites: int, n_states: int) -> Invariance:
    """The identity alone."""
    return Invariance(np.arange(n_sites)[None], np.arange(n_states, dtype=np.uint8)[None])


def find(states: np.ndarray, lattice: Lattice, n_states: int, operations=None) -> Invariance:
    """The operations that snapshots do not contradict.

    Parameters
    ----------
    states : ndarray of uint8, shape (n, n_sites)
        In the order in which they were taken; no site is lost.
    lattice : Lattice
    n_states : int
    operations : ndarray of int, shape (n, n_sites), optional
        Of the lattice, the identity first: those that come into question; all by default.

    Returns
    -------
    Invariance
        The identity alone, where there are too few snapshots to tell.
    """
    stretches = min(MOST_STRETCHES, len(states) // LEAST)
    if stretches < FEWEST_STRETCHES:
        return none(lattice.n_sites, n_states)
    pairs, kinds = _near_pairs(lattice)
    test = _Test(_frequencies(states, pairs, n_states, stretches), kinds)
    number = np.full((lattice.n_sites,) * 2, -1)
    number[tuple(pairs.T)] = np.arange(len(pairs))
    space = site_permutations(lattice) if operations is None else operations
    names = _relabellings(n_states)
    tests = len(space) + len(names)
    kept = [test(test.values[:, number[tuple(row[pairs].T)]], tests) for row in space]
    named = [test(test.values[:, :, row][:, :, :, row], tests) for row in names]
    return Invariance(_group(space[kept]), _group(names[named]).astype(np.uint8))


def _near_pairs(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of sites at most two bonds apart, also of one site, (n, 2), and which offset each has."""
    steps = np.array(lattice.geometry.steps)
    star = np.concatenate([0 * steps[:1], steps, -steps])
    offsets = np.unique((star[:, None] + star).reshape(-1, lattice.dimension), axis=0)
    ends = lattice.at(lattice.coordinates[:, None] + offsets)
    sites = np.arange(lattice.n_sites)[:, None]
    pairs, there = np.stack(np.broadcast_arrays(sites, ends), axis=-1), ends >= 0
    # on small lattices some are met twice
    pairs, first = np.unique(pairs[there], axis=0, return_index=True)
    return pairs, np.broadcast_to(np.arange(len(offsets)), ends.shape)[there][first]


def _frequencies(states, pairs, n_states: int, stretches: int) -> np.ndarray:
    """Of the states of each pair in each stretch, float32 (stretches, n_pairs, n_states, n_states)."""
    found = np.empty((stretches, len(pairs), n_states, n_states), np.float32)
    length, (one, other) = len(states) // stretches, pairs.T
    for k in range(stretches):
        hot = states[k * length : (k + 1) * length].T[..., None] == np.arange(n_states)
        hot = hot.transpose(0, 2, 1).reshape(-1, length).astype(np.float32)
        joint = (hot @ hot.T / length).reshape(states.shape[1], n_states, states.shape[1], n_states)
        found[k] = joint[one, :, other, :]
    return found


class _Test:
    """Whether an operation leaves the frequencies of pairs as they are."""

    def __init__(self, values: np.ndarray, kinds: np.ndarray):
        self.values, self._order = values, np.argsort(kinds, kind="stable")
        self._starts = np.searchsorted(kinds[self._order], np.unique(kinds))

    def __call__(self, image: np.ndarray, tests: int) -> bool:
        n, difference = len(image), image - self.values
        sums = np.add.reduceat(difference[:, self._order], self._starts, axis=1)
        # few sums of small errors have a bound of their own: weak fields show in these
        for values in (sums.reshape(n, -1).astype(float), difference.reshape(n, -1)):
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n)
            z = np.abs(mean) / np.maximum(error, ROUNDING)
            if z.max() > -stdtrit(n - 1, CHANCE / 2 / (2 * tests * values.shape[1])):
                return False
        return True


def _relabellings(n_states: int) -> np.ndarray:
    """New names of the states, the identity first, (n, n_states)."""
    if n_states <= MOST_STATES:
        return np.array(list(permutations(range(n_states))))
    rounds = (np.arange(n_states)[:, None] + np.arange(n_states)) % n_states
    return np.concatenate([rounds, -rounds % n_states])


def _group(rows: np.ndarray) -> np.ndarray:
    """A largest group of permutations that are all there, found one by one; the identity is first."""
    there, generators = {row.tobytes() for row in rows}, []
    group = {rows[0].tobytes(): rows[0]}
    for row in rows:
        if row.tobytes() not in group and (larger := _generated([*generators, row], there)):
            group, generators = larger, [*generators, row]
    return np.array(list(group.values()))


def _generated(generators: list[np.ndarray], there: set[bytes]) -> dict[bytes, np.ndarray] | None:
    """All products of permutations, the identity first; None if one of them is not there."""
    identity = np.arange(len(generators[0]))
    found, new = {identity.tobytes(): identity}, [identity]
    while new:
        element = new.pop()
        for product in (element[g] for g in generators):
            key = product.tobytes()
            if key not in there:
                return None
            if key not in found:
                found[key] = product
                new.append(product)
    return found
