"""Exact thermodynamics of finite lattices: enumeration, Kaufman's solution, transfer matrix."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from . import strip
from .hamiltonian import Hamiltonian

MAX_ENUMERATED = 2**20


@dataclass(frozen=True)
class Exact:
    """Exact averages at one temperature.

    Attributes
    ----------
    ln_z : float
        Logarithm of the partition function.
    energy : float
        <E> in J (extensive).
    variance : float
        <E^2> - <E>^2 in J^2.
    """

    ln_z: float
    energy: float
    variance: float


def states_of(codes: np.ndarray, n_states: int, n_sites: int) -> np.ndarray:
    """Digits of base-Q numbers, first site most significant; uint8 (n, n_sites)."""
    powers = n_states ** np.arange(n_sites - 1, -1, -1)
    return (codes[:, None] // powers % n_states).astype(np.uint8)


def all_states(n_states: int, n_sites: int) -> np.ndarray:
    """Every configuration, shape (n_states**n_sites, n_sites), uint8."""
    return states_of(np.arange(n_states**n_sites), n_states, n_sites)


def enumerate_states(hamiltonian: Hamiltonian, temperature: float) -> Exact:
    """Sum over all configurations, for up to 2^20 of them."""
    n_sites, q = hamiltonian.lattice.n_sites, hamiltonian.n_states
    if q**n_sites > MAX_ENUMERATED:
        raise ValueError(f"{q}^{n_sites} configurations are too many to enumerate")
    energy = hamiltonian.energy(all_states(q, n_sites))
    ln_z = logsumexp(-energy / temperature)
    p = np.exp(-energy / temperature - ln_z)
    mean = p @ energy
    return Exact(float(ln_z), float(mean), float(p @ (energy - mean) ** 2))


def kaufman(shape: tuple[int, int], temperature: float, coupling: float = 1.0) -> Exact:
    """Ferromagnetic Ising model on an n x m torus.

    Kaufman, Phys. Rev. 76, 1232 (1949), eq. 91, with the derivatives of Ferdinand and Fisher,
    Phys. Rev. 185, 832 (1969), sec. 2, carried out analytically.
    """
    m, n = shape
    k = coupling / temperature
    sinh, cosh = np.sinh(2 * k), np.cosh(2 * k)
    # c_l = cosh 2K coth 2K - cos(pi l / n) = cosh gamma_l, and its derivatives with respect to K
    angles = np.pi * np.arange(2 * n) / n
    c = cosh**2 / sinh - np.cos(angles)
    c1 = 2 * cosh * (1 - 1 / sinh**2)
    c2 = 4 * sinh * (1 - 1 / sinh**2) + 8 * cosh**2 / sinh**3
    gamma = np.arccosh(np.maximum(c, 1))
    gamma[0] = 2 * k + np.log(np.tanh(k))  # changes sign at the critical point
    sinh_gamma = np.sinh(gamma)
    gamma1 = np.empty(2 * n)
    gamma2 = np.empty(2 * n)
    gamma1[1:] = c1 / sinh_gamma[1:]
    gamma2[1:] = (c2 - c[1:] * gamma1[1:] ** 2) / sinh_gamma[1:]
    gamma1[0] = 2 + 2 / sinh
    gamma2[0] = -4 * cosh / sinh**2
    half, half1, half2 = m * gamma / 2, m * gamma1 / 2, m * gamma2 / 2

    def product(indices, hyperbolic):
        """Logarithm of |prod 2 cosh(half)| or |prod 2 sinh(half)|, and f'/f, f''/f of it."""
        x, x1, x2 = half[indices], half1[indices], half2[indices]
        if hyperbolic == "cosh":
            log, ratio = np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))), np.tanh(x)
        else:
            log, ratio = np.abs(x) + np.log(-np.expm1(-2 * np.abs(x))), 1 / np.tanh(x)
        first = (x1 * ratio).sum()
        second = (x2 * ratio + x1**2 * (1 - ratio**2)).sum()
        return log.sum(), first, second + first**2

    odd, even = np.arange(1, 2 * n, 2), np.arange(0, 2 * n, 2)
    terms = []
    for indices, hyperbolic in ((odd, "cosh"), (odd, "sinh"), (even, "cosh")):
        log, first, second = product(indices, hyperbolic)
        terms.append((log, 1.0, first, second))
    # The factor 2 sinh(half[0]) passes through zero at T_c: keep it and its derivatives apart.
    log, first, second = product(even[1:], "sinh")
    x, x1, x2 = half[0], half1[0], half2[0]
    tail = np.exp(-2 * abs(x))
    f, f1 = np.sign(x) * (1 - tail), x1 * (1 + tail)
    f2 = x1**2 * f + x2 * (1 + tail)
    terms.append((log + abs(x), f, f1 + f * first, f2 + 2 * f1 * first + f * second))
    log, value, first, second = np.array(terms).T
    scale = np.exp(log - log.max())
    total = scale @ value
    ln_sum = log.max() + np.log(total)
    d1 = scale @ first / total
    d2 = scale @ second / total - d1**2
    n_sites = m * n
    ln_z = ln_sum - np.log(2) + n_sites / 2 * np.log(2 * sinh)
    d1 += n_sites * cosh / sinh
    d2 += n_sites * 2 * (1 - (cosh / sinh) ** 2)
    return Exact(float(ln_z), float(-coupling * d1), float(coupling**2 * d2))


def solve(hamiltonian: Hamiltonian, temperature: float) -> Exact | None:
    """Exact averages by the method that fits, or None if no method does."""
    lattice = hamiltonian.lattice
    if hamiltonian.n_states**lattice.n_sites <= 2**16:
        return enumerate_states(hamiltonian, temperature)
    ferromagnet = hamiltonian.uniform and hamiltonian.couplings.flat[0] > 0
    if lattice.dimension == 2 and hamiltonian.n_states == 2 and ferromagnet:
        span = (hamiltonian.pair[0, 0] - hamiltonian.pair[0, 1]) / 2
        offset = (hamiltonian.pair[0, 0] + hamiltonian.pair[0, 1]) / 2
        coupling = float(hamiltonian.couplings.flat[0])
        ising = kaufman(lattice.shape, temperature, coupling * span)
        constant = -coupling * offset * 2 * lattice.n_sites
        return Exact(ising.ln_z - constant / temperature, ising.energy + constant, ising.variance)
    if strip.feasible(hamiltonian):
        return Exact(*strip.moments(hamiltonian, temperature))
    return None


def magnetization(hamiltonian: Hamiltonian, temperature: float) -> tuple[float, float] | None:
    """Exact <|m|> and chi = N (<m^2> - <|m|>^2)/T of a two-state model on a narrow lattice.

    Returns
    -------
    (m, chi), or None where the lattice is too large.
    """
    n_sites = hamiltonian.lattice.n_sites
    narrow = n_sites <= (64 if hamiltonian.uniform else 36) and strip.feasible(hamiltonian)
    if hamiltonian.n_states != 2 or not narrow:
        return None
    p = strip.magnetization_distribution(hamiltonian, temperature)
    m = np.abs(2 * np.arange(n_sites + 1) / n_sites - 1)
    mean = float(p @ m)
    return mean, float(n_sites * (p @ m**2 - mean**2) / temperature)
