"""Symmetries of the law behind snapshots, as far as these tell: of space, and of the names of the states.

An operation is taken where it leaves what near sites do together as it is (see `frequencies`), within errors
from the scatter of stretches of the snapshots. Of a law with all symmetries one is refused by chance in one
of 20 data sets, which costs some averaging only. Operations whose products are refused are not taken either:
what is left is a group. None is taken where those of the group are refused together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ..physics.lattice import Lattice
from ..physics.operations import site_permutations
from .frequencies import most_stretches, of_clusters, of_pairs

# Stretches of the snapshots, the fewest that tell anything, and snapshots in each of these.
MOST_STRETCHES, FEWEST_STRETCHES, LEAST = 100, 20, 10
# Probabilities that any operation is refused by chance, and that all together are; and how many tell that.
CHANCE, NONE, TOGETHER = 0.05, 0.01, 64
# Operations that are refused until the search is given up.
MOST_REFUSED = 600
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
        The identity alone, where there are too few snapshots to tell, or too many states.
    """
    stretches = min(MOST_STRETCHES, len(states) // LEAST, most_stretches(lattice, n_states))
    if stretches < FEWEST_STRETCHES:
        return none(lattice.n_sites, n_states)
    shown = [of_pairs(states, lattice, n_states, stretches)]
    shown += of_clusters(states, lattice, n_states, stretches)
    space = site_permutations(lattice) if operations is None else operations
    names = _relabellings(n_states)
    least = CHANCE / (len(shown) * (len(space) + len(names)))
    sites = _group(space, lambda row: all(one.like(one.moved(row), least) for one in shown))
    named = _group(names, lambda row: all(one.like(one.renamed(row), least) for one in shown))
    found = Invariance(sites.astype(np.int32), named.astype(np.uint8))
    # many operations that are hardly refused one by one may be so together
    some = np.random.default_rng(0).permutation(len(sites))[:TOGETHER]
    for one in shown:
        for images in ([one.moved(row) for row in sites[some]], [one.renamed(row) for row in named]):
            if not one.like(np.mean(images, axis=0), NONE / (2 * len(shown))):
                return none(lattice.n_sites, n_states)
    return found


def _relabellings(n_states: int) -> np.ndarray:
    """New names of the states, the identity first, (n, n_states)."""
    if n_states <= MOST_STATES:
        return np.array(list(permutations(range(n_states))))
    rounds = (np.arange(n_states)[:, None] + np.arange(n_states)) % n_states
    return np.concatenate([rounds, -rounds % n_states])


def _group(rows: np.ndarray, accepted: Callable[[np.ndarray], bool]) -> np.ndarray:
    """A largest group of permutations that are accepted, found one by one; the identity is first.

    Those in the group are not asked for, nor those that are products of a refused one and one in it; nor are
    others after many were refused.
    """
    there, generators = {row.tobytes() for row in rows}, []
    group, refused = {rows[0].tobytes(): rows[0]}, set()
    for row in rows:
        if len(refused) == MOST_REFUSED:
            break
        if row.tobytes() in group or any(row[one].tobytes() in refused for one in group.values()):
            continue
        larger = _generated([*generators, row], there) if accepted(row) else None
        if larger is None or not refused.isdisjoint(larger):
            refused.add(row.tobytes())
        else:
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
