r"""What an energy consists of: its projection on a field, pairs by distance, and small clusters.

Sums over the lattice of

.. math:: \cos\phi, \quad \sin\phi, \qquad \phi = \frac{2\pi}{Q} \sum_j k_j (q_j - \lfloor Q/2 \rfloor),
          \qquad k_j = 1 ... Q-1

over all clusters of one form, for two states sums of products of spins, are fitted to energies of
configurations by least squares. Over uniformly random configurations these functions are orthogonal, so that
each has a share of the energy's variance of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, combinations_with_replacement, islice, permutations, product

import numpy as np

from ..physics.geometry import Geometry
from ..physics.lattice import Lattice

# Distances of pairs that are told apart, and how far along each axis of the grid they are looked for.
DISTANCES, REACH = 6, 3
# Functions of one form; a form that has more of them, since there are many states, is left to the rest.
MOST_FUNCTIONS = 64


@dataclass(frozen=True)
class Form:
    """Clusters that are equal but for their place and direction.

    Attributes
    ----------
    images : tuple of tuple of tuple of int
        Grid offsets of the sites of each, those apart that no translation takes into one another.
    """

    images: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def sites(self) -> tuple[tuple[int, ...], ...]:
        """Offsets of the sites of one of them."""
        return self.images[0]


@dataclass(frozen=True)
class Part:
    """What one form of clusters contributes to an energy.

    Attributes
    ----------
    form : Form or None
        None for all that no form explains.
    share : float
        Of the energy's variance over the configurations, what this form adds to those before it.
    coupling : float or None
        J in E = - J sum over the clusters of the product of spins, in J; for more than two states None.
    """

    form: Form | None
    share: float
    coupling: float | None = None


def placed(sites) -> tuple[tuple[int, ...], ...]:
    """A set of grid offsets with its first at the origin, the same for all its translations."""
    ordered = sorted(map(tuple, sites))
    return tuple(tuple(int(x - o) for x, o in zip(site, ordered[0], strict=True)) for site in ordered)


def images(sites, geometry: Geometry) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """What the point group makes of a set of grid offsets, each once, those apart by a translation as one."""
    points = np.array(sites)
    return tuple(sorted({placed((points @ matrix.T).tolist()) for matrix in geometry.operations}))


def forms(lattice: Lattice) -> list[Form]:
    """A site, pairs by distance, three sites that bonds connect, and plaquettes, as the lattice has them."""
    geometry, origin = lattice.geometry, (0,) * lattice.dimension
    ends = [*geometry.steps, *(tuple(-x for x in step) for step in geometry.steps)]
    triples = [(origin, a, b) for a, b in combinations(ends, 2)]
    fours = [
        (origin, a, b, tuple(x + y for x, y in zip(a, b, strict=True)))
        for a, b in combinations(ends, 2)
        if any(x + y for x, y in zip(a, b, strict=True))
    ]
    pairs = [form for form in _pairs(geometry) if _exists(form, lattice)][:DISTANCES]
    larger = dict.fromkeys(Form(images(sites, geometry)) for sites in (*triples, *fours))
    return [Form((((origin),),)), *pairs, *(form for form in larger if _exists(form, lattice))]


def _pairs(geometry) -> Iterator[Form]:
    """Pairs of points of the grid, those of equal distance together, the nearest first."""
    origin = (0,) * geometry.dimension
    offsets = np.array([x for x in product(range(-REACH, REACH + 1), repeat=geometry.dimension) if any(x)])
    distance = np.round(np.linalg.norm(offsets @ np.array(geometry.vectors), axis=1), 9)
    for length in np.unique(distance):
        ends = offsets[distance == length].tolist()
        yield Form(tuple(sorted({image for end in ends for image in images((origin, end), geometry)})))


def _exists(form: Form, lattice: Lattice) -> bool:
    """Whether the lattice has such clusters, and is so long that none meets itself round it."""
    points = np.array(form.images).reshape(-1, lattice.dimension)
    both = np.concatenate([points, -points])
    return lattice.separates(both) and any(len(lattice.placed(np.array(sites))) for sites in form.images)


def _functions(states, lattice, n_states: int, form: Form) -> np.ndarray:
    """Sums of the form's functions over the lattice, float64 (n, n_functions); none if they are too many."""
    turns = np.outer(np.arange(n_states) - n_states // 2, np.arange(n_states))
    waves = np.exp(2j * np.pi * turns / n_states)
    every = combinations_with_replacement(range(1, n_states), len(form.sites))
    charges = (k for k in every if k <= tuple(sorted(n_states - x for x in k)))
    charges = list(islice(charges, MOST_FUNCTIONS // 2 + 1))
    if len(charges) > MOST_FUNCTIONS // 2:
        return np.empty((len(states), 0))
    sums = np.zeros((len(states), len(charges)), complex)
    for places in (lattice.placed(np.array(sites)) for sites in form.images):
        for column, k in enumerate(charges):
            for ordered in set(permutations(k)):
                factors = (waves[states[:, i], charge] for i, charge in zip(places.T, ordered, strict=True))
                sums[:, column] += reduce(np.multiply, factors).sum(axis=1)
    columns = np.concatenate([sums.real, sums.imag], axis=1)
    return columns[:, columns.std(axis=0) > 1e-6]


def project(energies: np.ndarray, states: np.ndarray, lattice: Lattice, n_states: int) -> list[Part]:
    """Parts of an energy, by the energies of some configurations.

    Parameters
    ----------
    energies : ndarray of float, shape (n,)
        In J; not all of them equal.
    states : ndarray of uint8, shape (n, n_sites)
    lattice : Lattice
    n_states : int

    Returns
    -------
    list of Part
        One for each of `forms`, and last that for all the rest. Shares are corrected for the degrees of
        freedom, so that one may come out slightly negative.
    """
    found = forms(lattice)
    columns = [_functions(states, lattice, n_states, form) for form in found]
    matrix = np.concatenate(columns, axis=1)
    means = matrix.mean(axis=0)
    basis, triangle = np.linalg.qr(matrix - means)
    size = np.linalg.norm(matrix - means, axis=0)
    new = np.abs(np.diag(triangle)) > 1e-6 * size  # not a sum of functions before it
    deviation = energies - energies.mean()
    along = np.where(new, deviation @ basis, 0.0)
    noise = (deviation @ deviation - along @ along) / max(len(energies) - 1 - new.sum(), 1)
    variance = deviation @ deviation / (len(energies) - 1)
    solution = np.linalg.lstsq(matrix - means, deviation, rcond=None)[0]
    parts, first = [], 0
    for form, functions in zip(found, columns, strict=True):
        mine = slice(first, first := first + functions.shape[1])
        share = ((along[mine] ** 2 - noise) * new[mine]).sum() / variance / (len(energies) - 1)
        coupling = -float(solution[mine][0]) if n_states == 2 and new[mine].any() else None
        parts.append(Part(form, float(share), coupling))
    return [*parts, Part(None, float(noise / variance))]
