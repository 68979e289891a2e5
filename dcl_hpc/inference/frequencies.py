"""What near sites do together in snapshots, and whether an operation leaves that as it is.

Pairs of sites are counted in all their states. Of three and four sites, each next to another of them, it is
the mean of the product of indicators that all are in one state, less their mean over random states: for two
states the product of the spins. So laws of many sites show what pairs hide, as the Baxter-Wu model does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from ..physics.lattice import Lattice

# Of sums of frequencies in single precision.
ROUNDING = 1e-5
# Most numbers of an array that pairs are counted in.
MOST_VALUES = 2**27
# Sites of clusters, most forms of one size, and most products that are formed for them.
SIZES, MOST_FORMS, MOST_PRODUCTS = (3, 4), 200, 10**9


@dataclass(frozen=True)
class Frequencies:
    """Means over stretches of snapshots, each of one set of sites and one state, or several, of theirs.

    Parameters
    ----------
    values : ndarray of float32, shape (n_stretches, n_sets, n_values)
    sets : ndarray of int, shape (n_sets, k)
        Sites, which an operation takes to another row.
    kinds : ndarray of int, shape (n_sets,)
        Sets of one kind differ by a translation.
    ordered : bool
        Whether a set of sites in another order is another set.
    n_sites : int
    """

    values: np.ndarray
    sets: np.ndarray
    kinds: np.ndarray
    ordered: bool
    n_sites: int

    def moved(self, row: np.ndarray) -> np.ndarray:
        """The values after an operation of space, a permutation of the sites."""
        images, codes = _codes(row[self.sets], self.ordered, self.n_sites), self._codes
        place = np.searchsorted(codes[0], images)
        return self.values[:, codes[1][place]]

    def renamed(self, names: np.ndarray) -> np.ndarray:
        """The values after a permutation of the states."""
        if not self.ordered:
            return self.values[:, :, names]
        q = len(names)
        return self.values[:, :, (names[:, None] * q + names).ravel()]

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the sets in ascending order, and which set each is of."""
        codes = _codes(self.sets, self.ordered, self.n_sites)
        order = np.argsort(codes)
        return codes[order], order

    @cached_property
    def _by_kind(self) -> tuple[np.ndarray, np.ndarray]:
        """The sets ordered by kind, and where each kind starts."""
        order = np.argsort(self.kinds, kind="stable")
        return order, np.searchsorted(self.kinds[order], np.unique(self.kinds))

    def like(self, images: np.ndarray, chance: float) -> bool:
        """Whether images, as the values have them, are no farther from these than they may be by chance.

        Three tests: sums over a kind, where weak fields show, the largest deviation of all, and all of them
        together, where many small ones do.

        Parameters
        ----------
        images : ndarray, shape (n_stretches, n_sets, n_values)
        chance : float
            Probability that images under a symmetry are refused.
        """
        n, difference = len(images), images - self.values
        order, starts = self._by_kind
        sums = np.add.reduceat(difference[:, order], starts, axis=1, dtype=float)
        values = difference.reshape(n, -1)
        return (
            _largest(sums.reshape(n, -1)) > chance / 3
            and _largest(values) > chance / 3
            and _together(values) > chance / 3
        )


def _codes(sets, ordered: bool, n_sites: int) -> np.ndarray:
    """A number for each set of sites."""
    sets = sets if ordered else np.sort(sets, axis=1)
    return sets @ (n_sites ** np.arange(sets.shape[1])[::-1].astype(np.int64))


def _largest(values: np.ndarray) -> float:
    """Probability of the largest mean in standard errors, of so many, (n_stretches, n_values)."""
    n = len(values)
    error = np.maximum(values.std(axis=0, ddof=1) / np.sqrt(n), ROUNDING)
    return 2 * values.shape[1] * float(stats.t.sf((np.abs(values.mean(axis=0)) / error).max(), n - 1))


def _together(values: np.ndarray) -> float:
    """Probability of the sum of squares of all means, of values in units of their errors.

    Of values with a covariance C it is a sum of squares that C's eigenvalues weigh. Its first three moments,
    and with them a chi^2 in its place (Buckley and Eagleson, Aust. J. Stat. 30A, 150, 1988), follow from the
    traces of C, C^2 and C^3, and these from products of stretches.
    """
    n, scale = len(values), values.std(axis=0, ddof=1)
    scaled = values[:, scale > ROUNDING] / scale[scale > ROUNDING]
    if not scaled.size:
        return 1.0
    products = (scaled @ scaled.T).astype(float)
    others = products - np.diag(np.diag(products))
    total = products.sum() / n
    first = (np.trace(products) - total) / (n - 1)
    second = (others**2).sum() / (n * (n - 1))
    third = max(np.trace(others @ others @ others) / (n * (n - 1) * (n - 2)), 1e-9 * second**1.5)
    freedom = second**3 / third**2
    away = (total - first) / np.sqrt(2 * second * n / (n - 1))
    return float(stats.chi2.sf(freedom + away * np.sqrt(2 * freedom), freedom))


def most_stretches(lattice: Lattice, n_states: int) -> int:
    """Stretches whose frequencies find room."""
    if (lattice.n_sites * n_states) ** 2 > MOST_VALUES:
        return 0
    return MOST_VALUES // (len(_near_pairs(lattice)[0]) * n_states**2)


def of_pairs(states: np.ndarray, lattice: Lattice, n_states: int, stretches: int) -> Frequencies:
    """Of all ordered pairs of sites at most two bonds apart, also of one site, in each of their states."""
    pairs, kinds = _near_pairs(lattice)
    values = np.empty((stretches, len(pairs), n_states, n_states), np.float32)
    length, (one, other) = len(states) // stretches, pairs.T
    for k in range(stretches):
        hot = states[k * length : (k + 1) * length].T[..., None] == np.arange(n_states)
        hot = hot.transpose(0, 2, 1).reshape(-1, length).astype(np.float32)
        joint = (hot @ hot.T / length).reshape(states.shape[1], n_states, states.shape[1], n_states)
        values[k] = joint[one, :, other, :]
    return Frequencies(values.reshape(stretches, len(pairs), -1), pairs, kinds, True, lattice.n_sites)


def of_clusters(states: np.ndarray, lattice: Lattice, n_states: int, stretches: int) -> Iterable[Frequencies]:
    """Of three and of four sites, each next to another of them; of the first snapshots, if there are many."""
    for size, forms in zip(SIZES, _forms(lattice), strict=True):
        if len(forms) > MOST_FORMS or not len(forms):
            return
        ends = lattice.at(lattice.coordinates[:, None, None] + np.array(forms))
        there = (ends >= 0).all(axis=2)
        sets, kinds = np.sort(ends[there], axis=1), np.broadcast_to(np.arange(len(forms)), there.shape)[there]
        own = (np.diff(sets, axis=1) > 0).all(axis=1)  # small lattices meet themselves
        sets, first = np.unique(sets[own], axis=0, return_index=True)
        if not len(sets):
            continue
        length = min(len(states), MOST_PRODUCTS // (len(sets) * n_states * size)) // stretches
        if length < 1:
            return
        values = np.empty((stretches, len(sets), n_states), np.float32)
        for k in range(stretches):
            part = states[k * length : (k + 1) * length].T
            for state in range(n_states):
                centred = (part == state) - np.float32(1 / n_states)
                product = centred[sets[:, 0]]
                for column in sets.T[1:]:
                    product *= centred[column]
                values[k, :, state] = product.mean(axis=1)
        yield Frequencies(values, sets, kinds[own][first], False, lattice.n_sites)


def _near_pairs(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of sites at most two bonds apart, also of one site, (n, 2), and which offset each has."""
    star = np.array(_star(lattice))
    offsets = np.unique((star[:, None] + star).reshape(-1, lattice.dimension), axis=0)
    ends = lattice.at(lattice.coordinates[:, None] + offsets)
    sites = np.arange(lattice.n_sites)[:, None]
    pairs, there = np.stack(np.broadcast_arrays(sites, ends), axis=-1), ends >= 0
    # on small lattices some are met twice
    pairs, first = np.unique(pairs[there], axis=0, return_index=True)
    return pairs, np.broadcast_to(np.arange(len(offsets)), ends.shape)[there][first]


def _star(lattice: Lattice) -> list[tuple[int, ...]]:
    """Offsets of a site itself and of those one bond away."""
    steps = [tuple(map(int, step)) for step in lattice.geometry.steps]
    return [(0,) * lattice.dimension, *steps, *(tuple(-x for x in step) for step in steps)]


def _forms(lattice: Lattice) -> list[list[list[tuple[int, ...]]]]:
    """For each size the forms of connected clusters, as offsets from their first site."""
    star, found, forms = _star(lattice), {((0,) * lattice.dimension,)}, []
    for size in range(2, max(SIZES) + 1):
        larger = set()
        for form in found if len(found) <= MOST_FORMS else ():
            ends = {tuple(map(sum, zip(site, step, strict=True))) for site in form for step in star}
            for end in ends - set(form):
                sites = sorted([*form, end])
                larger.add(tuple(tuple(x - y for x, y in zip(site, sites[0], strict=True)) for site in sites))
        found = larger
        if size in SIZES:
            forms.append(sorted(map(list, found)))
    return forms
