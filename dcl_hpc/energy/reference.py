"""The zero of learned energies: their mean over uniformly random configurations, which is u at T = infinity.

Random configurations are drawn in groups: one, and its copies with all states of one sublattice of the
checkerboard shifted by 1 ... Q-1. Each is uniformly random by itself, so the mean stays what it is. But
within a group whatever depends on the states of two sites, one of each sublattice, averages to what it is
for a random state of the one. Of an energy that is nearly a sum over bonds only the rest is left to chance,
and the standard error, from the scatter of the groups' means, is many times smaller.
"""

import numpy as np

from ..physics.lattice import Lattice


def random_groups(lattice: Lattice, n_states: int, groups: int, generator) -> np.ndarray:
    """Groups of Q random configurations one after the other, uint8 (groups * n_states, n_sites)."""
    one = generator.integers(0, n_states, (groups, 1, lattice.n_sites), np.uint8)
    even = (np.indices(lattice.shape).sum(axis=0).ravel() % 2 == 0).astype(np.uint8)
    shifts = np.arange(n_states, dtype=np.uint8)[:, None] * even
    return ((one + shifts) % n_states).reshape(-1, lattice.n_sites)


def sums_of_groups(energies: np.ndarray, n_states: int) -> np.ndarray:
    """What `mean_and_error` needs of some groups, float64 (3,); sums of different groups add up."""
    means = np.asarray(energies, float).reshape(-1, n_states).mean(axis=1)
    return np.array([len(means), means.sum(), (means**2).sum()])


def mean_and_error(sums: np.ndarray) -> tuple[float, float]:
    """Mean of the energies and its standard error from sums of at least two groups."""
    n, total, squares = sums
    mean = total / n
    return float(mean), float(np.sqrt(max(squares / n - mean**2, 0) / (n - 1)))
