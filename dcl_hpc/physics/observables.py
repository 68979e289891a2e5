"""Observables of configurations and thermodynamic averages of their series."""

import numpy as np
from numba import njit

from .lattice import Lattice


def vector_order(states: np.ndarray, n_states: int) -> np.ndarray:
    r"""Length of the mean vector, :math:`|\sum_j e^{2\pi i q_j/Q}|/N`; for two states \|m\|.

    Parameters
    ----------
    states : ndarray of integers, shape (n_sites, n_chains)
    n_states : int
        Q.

    Returns
    -------
    ndarray of float64, shape (n_chains,), between 0 and 1
    """
    # one configuration after the other, so that a value does not depend on which others are computed with it
    angles = 2 * np.pi * np.arange(n_states) / n_states
    counts = _counts(np.asarray(states), n_states)
    x, y = (sum(f * n for f, n in zip(form(angles), counts, strict=True)) for form in (np.cos, np.sin))
    return np.sqrt(x * x + y * y) / len(states)


def majority_order(states: np.ndarray, n_states: int) -> np.ndarray:
    r"""Excess of the most frequent state, :math:`(Q \max_a n_a/N - 1)/(Q - 1)`.

    Wu, Rev. Mod. Phys. 54, 235 (1982). Arguments and values as of `vector_order`.
    """
    counts = _counts(np.asarray(states), n_states)
    return (n_states * counts.max(axis=0) / len(states) - 1) / (n_states - 1)


def like_neighbours(states: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Share of bonds between like sites, float64 (n_chains,), of states, integers (n_sites, n_chains)."""
    first, second = lattice.bonds.T
    return (states[first] == states[second]).mean(axis=0)


ORDER_PARAMETERS = {"vector": vector_order, "majority": majority_order}


@njit(cache=True)
def _counts(states, q):
    """Number of sites in each state, int32 (q, n_chains)."""
    counts = np.zeros((q, states.shape[1]), np.int32)
    for site in range(states.shape[0]):
        if q > 8:
            for c in range(states.shape[1]):
                counts[states[site, c], c] += 1
        else:  # comparisons of all chains at once
            for a in range(q):
                for c in range(states.shape[1]):
                    counts[a, c] += np.int32(states[site, c] == a)
    return counts


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    r"""Overlap of two-state configurations with others, one by one.

    :math:`q = \sum_i s_i^a s_i^b / N` with s = +-1 (Edwards and Anderson, J. Phys. F 5, 965, 1975).

    Parameters
    ----------
    first, second : ndarray of uint8, shape (n_sites, n_chains)
        States 0 and 1.

    Returns
    -------
    ndarray of float64, shape (n_chains,), between -1 and 1
    """
    return overlap_of_bits(pack(first), pack(second), len(first))


def overlap_of_bits(first: np.ndarray, second: np.ndarray, n_sites: int) -> np.ndarray:
    """Overlap of configurations that `pack` has made bits.

    Parameters
    ----------
    first, second : ndarray of uint64, shape (..., n_words)
    n_sites : int

    Returns
    -------
    ndarray of float64, shape (...)
    """
    unlike = np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64)
    return (n_sites - 2 * unlike) / n_sites


@njit(cache=True)
def pack(states):
    """Two-state configurations as bits.

    Parameters
    ----------
    states : ndarray of uint8, shape (n_sites, n_chains)
        States 0 and 1.

    Returns
    -------
    ndarray of uint64, shape (n_chains, ceil(n_sites / 64))
        Unused bits are 0.
    """
    n_sites, n_chains = states.shape
    packed = np.zeros((n_chains, (n_sites + 63) // 64 * 8), np.uint8)
    byte = np.empty(n_chains, np.uint8)
    for first in range(0, n_sites, 8):
        byte[:] = 0
        for site in range(first, min(first + 8, n_sites)):  # all chains at once, as they lie in memory
            for c in range(n_chains):
                byte[c] = np.uint8(byte[c] << 1) | states[site, c]
        packed[:, first // 8] = byte
    return packed.view(np.uint64)


def thermodynamics(moments: np.ndarray, temperature: float, n_sites: int) -> np.ndarray:
    """Averages per site at one temperature.

    Parameters
    ----------
    moments : ndarray, shape (..., 4)
        <E>, <E^2> (J, J^2; extensive), <m>, <m^2> with the order parameter m per site.
    temperature : float
        In J/k_B.

    Returns
    -------
    ndarray, shape (..., 4)
        u = <E>/N, m = <m>, c = (<E^2> - <E>^2)/(N T^2), chi = N (<m^2> - <m>^2)/T.
    """
    e, e2, m, m2 = np.moveaxis(np.asarray(moments), -1, 0)
    c = (e2 - e**2) / (n_sites * temperature**2)
    return np.stack([e / n_sites, m, c, n_sites * (m2 - m**2) / temperature], axis=-1)
