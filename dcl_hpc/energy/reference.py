"""The zero of learned energies: their mean over uniformly random configurations, which is u at T = infinity.

Random configurations are drawn in groups: one, and its copies with all states of one sublattice of the
checkerboard shifted by 1 ... Q-1. Each is uniformly random by itself, so the mean stays what it is. But
within a group whatever depends on the states of two sites, one of each sublattice, averages to what it is
for a random state of the one. Of an energy that is nearly a sum over bonds only the rest is left to chance,
and the standard error, from the scatter of the groups' means, is many times smaller.

Where neighbours have neighbours in common, there are three sublattices or more, and all but one are shifted,
each by 0 ... Q-1, as long as groups stay small.
"""

from itertools import product

import numpy as np

from ..physics.lattice import Lattice

# Most configurations of a group with more than two sublattices.
MAX_GROUP = 64


def sublattices(lattice: Lattice) -> np.ndarray:
    """Sublattice of each site, int64 (n_sites,), such that neighbours differ.

    Those of the hypercubic lattice are the checkerboard's, across an odd period, too. Others are found
    site by site; there may be more of them than needed.
    """
    if lattice.kind == "hypercubic":
        return (lattice.coordinates.sum(axis=1) + 1) % 2
    found = np.full(lattice.n_sites, -1)
    for site, neighbours in enumerate(lattice.neighbours):
        used = set(found[neighbours[neighbours >= 0]].tolist())
        found[site] = next(number for number in range(len(used) + 1) if number not in used)
    return found


def shifts(lattice: Lattice, n_states: int) -> np.ndarray:
    """What is added to the states in each configuration of a group, uint8 (group, n_sites)."""
    members = sublattices(lattice)
    n_shifted = max(1, min(members.max(), int(np.log(MAX_GROUP) / np.log(n_states) + 1e-9)))
    steps = np.array(list(product(range(n_states), repeat=n_shifted)), np.uint8)
    # the last ones found are the smallest: they stay with the first
    steps = np.pad(steps, [(0, 0), (1, max(0, members.max() - n_shifted))])
    return steps[:, members]


def random_groups(lattice: Lattice, n_states: int, groups: int, generator) -> np.ndarray:
    """Groups of random configurations one after the other, uint8 (groups * group, n_sites)."""
    one = generator.integers(0, n_states, (groups, 1, lattice.n_sites), np.uint8)
    return ((one + shifts(lattice, n_states)) % n_states).reshape(-1, lattice.n_sites)


def sums_of_groups(energies: np.ndarray, group: int) -> np.ndarray:
    """What `mean_and_error` needs of some groups, float64 (3, ...); sums of different groups add up.

    Parameters
    ----------
    energies : ndarray of float, shape (..., groups * group)
        One row for each of several energies.
    group : int
        Configurations of a group.
    """
    energies = np.asarray(energies, float)
    means = energies.reshape(*energies.shape[:-1], -1, group).mean(axis=-1)
    return np.array([np.full(means.shape[:-1], means.shape[-1]), means.sum(axis=-1), (means**2).sum(axis=-1)])


def mean_and_error(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each energy and its standard error, float64 (...), from sums of at least two groups."""
    n, total, squares = sums
    mean = total / n
    return mean, np.sqrt(np.maximum(squares / n - mean**2, 0) / (n - 1))
