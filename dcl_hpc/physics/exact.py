"""Exact thermodynamics of finite lattices: enumeration, Kaufman's solution, transfer matrix."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import BPoly, CubicSpline
from scipy.special import logsumexp

from . import strip
from .clusters import ClusterHamiltonian
from .codes import all_states
from .hamiltonian import Hamiltonian

AnyHamiltonian = Hamiltonian | ClusterHamiltonian
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


def enumerate_states(hamiltonian: AnyHamiltonian, temperature: float) -> Exact:
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
    if k > 10:  # the lowest excitations cost 8 J or more and do not count
        return Exact(float(np.log(2) + 2 * m * n * k), float(-2 * m * n * coupling), 0.0)
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


def method(hamiltonian: AnyHamiltonian) -> str | None:
    """Name of the method that `solve` takes: enumeration, Kaufman, strip transfer matrix, or None."""
    if _few_states(hamiltonian):
        return "enumeration"
    if _kaufman_coupling(hamiltonian):
        return "Kaufman"
    return "strip transfer matrix" if strip.feasible(hamiltonian) else None


def _few_states(hamiltonian: AnyHamiltonian) -> bool:
    return hamiltonian.n_states**hamiltonian.lattice.n_sites <= 2**16


def _kaufman_coupling(hamiltonian: AnyHamiltonian) -> float:
    """J of the Ising ferromagnet with the same levels up to a constant, or 0 if there is none."""
    lattice = hamiltonian.lattice
    if not isinstance(hamiltonian, Hamiltonian) or hamiltonian.n_states != 2 or not hamiltonian.uniform:
        return 0.0
    if (
        lattice.kind != "hypercubic"
        or lattice.dimension != 2
        or not lattice.regular
        or hamiltonian.field.any()
    ):
        return 0.0
    pair = hamiltonian.pair
    coupling = float(hamiltonian.couplings.flat[0] * (pair[0, 0] - pair[0, 1]) / 2)
    if all(side % 2 == 0 for side in lattice.shape):
        return abs(coupling)  # flipping one of two sublattices changes the sign of all bonds
    return max(coupling, 0.0)


def solve(hamiltonian: AnyHamiltonian, temperature: float) -> Exact | None:
    """Exact averages by the method that fits, or None if no method does."""
    name = method(hamiltonian)
    if name == "enumeration":
        return enumerate_states(hamiltonian, temperature)
    if name == "Kaufman":
        ising = kaufman(hamiltonian.lattice.shape, temperature, _kaufman_coupling(hamiltonian))
        constant = hamiltonian.mean_energy
        return Exact(ising.ln_z - constant / temperature, ising.energy + constant, ising.variance)
    if name is None:
        return None
    return Exact(*strip.moments(hamiltonian, temperature))


def ground_state_energy(hamiltonian: AnyHamiltonian) -> float | None:
    """Lowest energy in J, or None if no method fits."""
    if isinstance(hamiltonian, Hamiltonian) and (aligned := _aligned(hamiltonian)) is not None:
        return aligned
    if _few_states(hamiltonian):
        return float(hamiltonian.energy(all_states(hamiltonian.n_states, hamiltonian.lattice.n_sites)).min())
    if ising := _kaufman_coupling(hamiltonian):
        return hamiltonian.mean_energy - ising * hamiltonian.couplings.size
    return strip.ground_state_energy(hamiltonian) if strip.feasible(hamiltonian) else None


def _aligned(hamiltonian: Hamiltonian) -> float | None:
    """Energy in J of all sites in one state, if no bond and no site could have a lower one."""
    pair, coupling = hamiltonian.pair, float(hamiltonian.bond_couplings.max(initial=0))
    if not hamiltonian.uniform or coupling <= 0 or pair.max() != pair.diagonal().max():
        return None
    field, bonds = hamiltonian.site_field[0], len(hamiltonian.bond_couplings)
    if not np.any((pair.diagonal() == pair.max()) & (field == field.min())):
        return None
    return -coupling * float(pair.max()) * bonds + float(field.min()) * len(hamiltonian.site_field)


def magnetization(hamiltonian: AnyHamiltonian, temperature: float) -> tuple[float, float] | None:
    """Exact <|m|> and chi = N (<m^2> - <|m|>^2)/T of a two-state model on a narrow lattice.

    Returns
    -------
    (m, chi), or None where the lattice is too large (two states and any couplings: from 9x9; open: 14x14).
    """
    n_sites = hamiltonian.lattice.n_sites
    if hamiltonian.n_states != 2:
        return None
    if strip.work(hamiltonian) * n_sites <= strip.MAX_WORK:
        p = strip.magnetization_distribution(hamiltonian, temperature)
    elif _few_states(hamiltonian):
        states = all_states(2, n_sites)
        energy = hamiltonian.energy(states)
        weight = np.exp((energy.min() - energy) / temperature)
        p = np.bincount(states.sum(axis=1), weight / weight.sum(), n_sites + 1)
    else:
        return None
    m = np.abs(2 * np.arange(n_sites + 1) / n_sites - 1)
    mean = float(p @ m)
    return mean, float(n_sites * (p @ (m - mean) ** 2) / temperature)


def curve(hamiltonian: AnyHamiltonian, temperatures, tolerance: float = 0.0) -> np.ndarray:
    """Exact averages at many temperatures.

    Parameters
    ----------
    temperatures : sequence of float
        In J/k_B; ascending, if a tolerance is given.
    tolerance : float
        Error that is allowed, relative to the largest value of each quantity. If it is not 0, values at
        most temperatures are interpolated between exact ones; intervals are halved until the
        interpolation was right within the tolerance in their middle.

    Returns
    -------
    ndarray of float64, shape (n, 5)
        ln Z, <E> (J), specific heat of the whole lattice (<E^2> - <E>^2)/T^2, <|m|> and chi; nan where
        no method fits.
    """
    t = np.asarray(temperatures, float)
    rows = np.full((len(t), 5), np.nan)

    def evaluate(indices):
        for k in indices:
            if solution := solve(hamiltonian, t[k]):
                rows[k, :3] = solution.ln_z, solution.energy, solution.variance / t[k] ** 2
            if moments := magnetization(hamiltonian, t[k]):
                rows[k, 3:] = moments

    if tolerance == 0 or len(t) < 3 or method(hamiltonian) is None:
        evaluate(range(len(t)))
        return rows
    nodes = sorted({*range(0, len(t), 16), len(t) - 1})
    evaluate(nodes)
    fitted = _interpolated(t[nodes], rows[nodes], t)
    unsettled = list(pairwise(nodes))
    while unsettled := [(a, b) for a, b in unsettled if b - a > 1]:
        middles = [(a + b) // 2 for a, b in unsettled]
        evaluate(middles)
        nodes = sorted({*nodes, *middles})
        wrong = np.abs(fitted - rows) > tolerance * np.abs(rows[nodes]).max(axis=0)
        halves = zip(unsettled, middles, strict=True)
        unsettled = [half for (a, b), m in halves if wrong[m].any() for half in ((a, m), (m, b))]
        fitted = _interpolated(t[nodes], rows[nodes], t)
    fitted[nodes] = rows[nodes]
    return fitted


def _interpolated(nodes: np.ndarray, rows: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Rows of `curve` at t.

    ln Z is a polynomial of fifth degree in the inverse temperature between nodes, with its derivatives
    -<E> and <E^2> - <E>^2; <|m|> and chi are cubic splines.
    """
    result = np.full((len(t), 5), np.nan)
    derivatives = np.stack([rows[:, 0], -rows[:, 1], rows[:, 2] * nodes**2], axis=1)
    ln_z = BPoly.from_derivatives(1 / nodes[::-1], derivatives[::-1])
    beta = np.clip(1 / t, 1 / nodes[-1], 1 / nodes[0])
    result[:, :3] = np.stack([ln_z(beta), -ln_z(beta, 1), ln_z(beta, 2) / t**2], axis=1)
    if not np.isnan(rows[:, 3]).any():
        result[:, 3:] = CubicSpline(nodes, rows[:, 3:])(t)
    return result
