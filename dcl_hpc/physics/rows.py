"""A Hamiltonian on a square lattice as a strip of rows, for the transfer matrix."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .codes import all_states, codes_of
from .hamiltonian import Hamiltonian

MAX_ROWS = 2**16


@dataclass(frozen=True)
class Rows:
    """A Hamiltonian on a strip; all arrays have shape (rows, width, ...).

    Attributes
    ----------
    along, across : float64
        Couplings with the next row, and within a row, in J; 0 where a site is absent.
    field : float64 (..., Q)
        Energies of single sites, in J.
    present : bool
        Whether there is a site.
    """

    along: np.ndarray
    across: np.ndarray
    field: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> "Rows":
        """The shorter side as width, unless only the other axis is open and that saves work."""
        lattice = hamiltonian.lattice
        arrays = []
        for values in (*hamiltonian.couplings.T, hamiltonian.site_field):
            whole = np.zeros((lattice.n_array, *values.shape[1:]))
            whole[lattice.present] = values
            arrays.append(whole.reshape(*lattice.shape, *values.shape[1:]))
        rows = cls(*arrays, lattice.index >= 0)
        turned = cls(*(x.swapaxes(0, 1) for x in (rows.across, rows.along, rows.field, rows.present)))
        if rows.width > len(rows.along):
            rows, turned = turned, rows
        if rows.closed and not turned.closed and turned.work(hamiltonian) < rows.work(hamiltonian):
            return turned
        return rows

    @property
    def width(self) -> int:
        """Sites in a row."""
        return self.along.shape[1]

    @property
    def closed(self) -> bool:
        """Whether bonds join the last row to the first."""
        return bool(self.along[-1].any())

    def starting(self, hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray]:
        """See `starting_rows`."""
        alike = hamiltonian.uniform and hamiltonian.lattice.regular
        return _orbits(self.width, alike, hamiltonian.symmetries)

    def work(self, hamiltonian: Hamiltonian) -> float:
        """See `work`."""
        q = hamiltonian.n_states
        if q**self.width > MAX_ROWS:
            return np.inf
        starts = len(self.starting(hamiltonian)[0]) if self.closed else 1
        return float(starts) * q**self.width * q * self.along.size


@lru_cache(maxsize=8)
def row_states(q: int, width: int) -> np.ndarray:
    """States of every row configuration, int64 (q**width, width)."""
    return all_states(q, width).astype(np.int64)


@lru_cache(maxsize=8)
def _orbits(width: int, uniform: bool, permutations: tuple) -> tuple[np.ndarray, np.ndarray]:
    q = len(permutations[0])
    digits = row_states(q, width)
    images = [np.array(permutation)[digits] for permutation in permutations]
    if uniform:
        images += [np.roll(digits, 1, axis=1), digits[:, ::-1]]
    codes = codes_of(np.concatenate(images), q)
    sources = np.tile(np.arange(q**width), len(images))
    graph = coo_matrix((np.ones(len(codes), bool), (sources, codes)), (q**width, q**width))
    _, orbit = connected_components(graph, directed=False)
    _, first, size = np.unique(orbit, return_index=True, return_counts=True)
    return first, size


def starting_rows(hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray]:
    """Row configurations to trace over and how often each counts.

    Relabelled states are equivalent whatever the couplings are; rows that are translated or reflected,
    if all couplings and fields are equal and no site is missing.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Row configurations as base-Q numbers, first site most significant.
    weights : ndarray of int64, shape (n,)
        Number of equivalent rows that each stands for.
    """
    return Rows.of(hamiltonian).starting(hamiltonian)


def work(hamiltonian) -> float:
    """Operations at one temperature, about 10 ns each; infinite where no estimate is worth it.

    Parameters
    ----------
    hamiltonian : Hamiltonian or ClusterHamiltonian
    """
    lattice = hamiltonian.lattice
    if not isinstance(hamiltonian, Hamiltonian) or lattice.kind != "hypercubic" or lattice.dimension != 2:
        return np.inf
    return Rows.of(hamiltonian).work(hamiltonian)
