r"""Exact results by the strip transfer matrix, for any couplings on a square lattice.

The shorter side is the width W. A row of W sites has Q^W configurations; bonds are added one site at
a time (Baxter, Exactly Solved Models in Statistical Mechanics, 1982, sec. 7.2), so a lattice of N
sites costs N Q^{W+1} operations for each of the starting rows. Of starting rows that a symmetry of the
Hamiltonian turns into each other one is enough.

Of all partial configurations that end in the same row, the lowest energy is kept apart, and Boltzmann
weights are relative to it. Hence nothing underflows at low temperatures, and these energies alone give
the ground state. Derivatives with respect to the inverse temperature are carried along exactly
(second-order dual numbers), not by differences.
"""

from functools import lru_cache, partial

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .codes import all_states, codes_of
from .hamiltonian import Hamiltonian

# Largest number of operations (see `work`) worth doing at one temperature: some 10 s on one core.
MAX_WORK = 1.2e9
MAX_ROWS = 2**16
# Numbers in flight at a time; about what fits into a core's cache.
CHUNK = 2**17


def _strip(hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray]:
    """Couplings along and across the strip, each of shape (rows, width) with width <= rows."""
    couplings = hamiltonian.couplings.reshape(*hamiltonian.lattice.shape, 2)
    along, across = couplings[..., 0], couplings[..., 1]
    if along.shape[1] > along.shape[0]:
        along, across = across.T, along.T
    return along, across


@lru_cache(maxsize=8)
def _digits(q: int, width: int) -> np.ndarray:
    """States of every row configuration, int64 (q**width, width)."""
    return all_states(q, width).astype(np.int64)


@lru_cache(maxsize=8)
def _orbits(width: int, uniform: bool, permutations: tuple) -> tuple[np.ndarray, np.ndarray]:
    q = len(permutations[0])
    digits = _digits(q, width)
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
    if all couplings are equal.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Row configurations as base-Q numbers, first site most significant.
    weights : ndarray of int64, shape (n,)
        Number of equivalent rows that each stands for.
    """
    return _orbits(min(hamiltonian.lattice.shape), hamiltonian.uniform, hamiltonian.symmetries)


def work(hamiltonian: Hamiltonian) -> float:
    """Operations at one temperature, about 10 ns each; infinite where no estimate is worth it."""
    lattice, q = hamiltonian.lattice, hamiltonian.n_states
    rows = q ** min(lattice.shape)
    if lattice.dimension != 2 or rows > MAX_ROWS:
        return np.inf
    return float(len(starting_rows(hamiltonian)[0])) * rows * q * lattice.n_sites


def feasible(hamiltonian: Hamiltonian) -> bool:
    """Whether the lattice is two-dimensional and narrow enough for this method.

    Two states and any couplings: up to 11 wide; uniform ones: 13; three states: 9.
    """
    return work(hamiltonian) <= MAX_WORK


def _trace(hamiltonian: Hamiltonian, begin, merge, complete=lambda values: values):
    """Sum over all configurations.

    Parameters
    ----------
    begin : callable (states) -> ndarray, shape (k, n)
        Values that belong to n starting rows, of which it gets the states, shape (n, width).
    merge : callable (energies, values) -> (energy, values)
        Sum of alternatives: of their energies, shape (alternatives, ...), and values, shape
        (alternatives, k, ...), the lowest energy and the values relative to it.
    complete : callable (values) -> values
        Called with values of shape (k, Q^W, n) whenever a further row is complete.

    Returns
    -------
    energy : float
        The lowest energy in J.
    values : ndarray, shape (k,)
        Relative to this energy and divided by exp(`ln_scale`).
    ln_scale : float
    """
    along, across = _strip(hamiltonian)
    rows, width = along.shape
    q, pair = hamiltonian.n_states, hamiltonian.pair
    digits = _digits(q, width)
    within = -across @ pair[digits, np.roll(digits, -1, axis=1)].T
    codes, weights = starting_rows(hamiltonian)

    def link(row, states):
        """Energy of the bonds between a row in any configuration and one of given states, (Q^W, n)."""
        energy = np.zeros((1, len(states)))
        for coupling, state in zip(along[row], states.T, strict=True):
            energy = (energy[:, None] - coupling * pair[:, state]).reshape(-1, len(states))
        return energy

    totals = []
    depth = len(begin(digits[:1]))
    chunk = max(1, CHUNK // ((1 + depth) * q**width))
    for start in range(0, len(codes), chunk):
        states = digits[codes[start : start + chunk]]
        n = len(states)
        energy = within[0, codes[start : start + chunk]] + link(0, states)
        values = complete(np.repeat(begin(states)[:, None], q**width, axis=1))
        ln_scale = 0.0
        for row in range(1, rows - 1):
            energy = energy.reshape(-1, n) + within[row][:, None]
            energy, values = _next_row(energy, values, -along[row], pair, merge)
            scale = values.max(initial=1.0)
            ln_scale += np.log(scale)
            values = complete(values.reshape(-1, q**width, n) / scale)
        energy = energy.reshape(-1, n) + within[-1][:, None] + link(rows - 1, states)
        for column in range(width):
            energies = energy.reshape(q, q ** (width - 1 - column), n)
            alternatives = values.reshape(len(values), *energies.shape).swapaxes(0, 1)
            energy, values = merge(energies, alternatives)
        totals.append((energy[0], values[:, 0], np.full(n, ln_scale)))
    energy, values, ln_scale = (np.concatenate(part, axis=-1) for part in zip(*totals, strict=True))
    values = values * weights * np.exp(ln_scale - ln_scale.max())
    energy, values = merge(energy, values.T)
    return float(energy), values, float(ln_scale.max())


def _next_row(energy, values, bonds, pair, merge):
    """Replace the sites of a row by those of the next one; `bonds` are its -J."""
    q, n = len(pair), energy.shape[-1]
    for bond in bonds:
        # the old row's first site gives way to the new row's, which becomes the last
        energies = energy.reshape(q, -1, n)
        alternatives = values.reshape(len(values), *energies.shape).swapaxes(0, 1)
        energy = np.empty((energies.shape[1], q, n))
        values = np.empty((len(values), *energy.shape))
        for new in range(q):
            costs = energies + bond * pair[new, :, None, None]
            energy[:, new], values[:, :, new] = merge(costs, alternatives)
    return energy, values


def _merge_moments(beta: float, energies: np.ndarray, values: np.ndarray):
    """Sum of Boltzmann weights and its first and second derivative with respect to -beta."""
    lowest = energies.min(axis=0)
    total = np.zeros(values.shape[1:])
    for energy, (zeroth, first, second) in zip(energies, values, strict=True):
        excess = energy - lowest
        weight = np.exp(-beta * excess)
        shifted = first + excess * zeroth
        total[0] += weight * zeroth
        total[1] += weight * shifted
        total[2] += weight * (second + excess * (first + shifted))
    return lowest, total


def _merge_weights(beta: float, energies: np.ndarray, values: np.ndarray):
    """Sum of any number of kinds of Boltzmann weights."""
    lowest = energies.min(axis=0)
    total = np.zeros(values.shape[1:])
    for energy, value in zip(energies, values, strict=True):
        total += np.exp(-beta * (energy - lowest)) * value
    return lowest, total


def moments(hamiltonian: Hamiltonian, temperature: float) -> tuple[float, float, float]:
    """Logarithm of the partition function, energy and energy variance.

    Parameters
    ----------
    temperature : float
        In J/k_B, positive.

    Returns
    -------
    ln_z : float
    energy : float
        <E> in J (extensive).
    variance : float
        <E^2> - <E>^2 in J^2.
    """
    beta = 1 / temperature

    def begin(states):
        return np.repeat([[1.0], [0.0], [0.0]], len(states), axis=1)

    lowest, (z, first, second), ln_scale = _trace(hamiltonian, begin, partial(_merge_moments, beta))
    mean = first / z
    return float(np.log(z) + ln_scale - beta * lowest), float(lowest + mean), float(second / z - mean**2)


def magnetization_distribution(hamiltonian: Hamiltonian, temperature: float) -> np.ndarray:
    """Probability of each number of sites in state 1, for two-state models.

    Boltzmann weights are kept for each number of such sites in the rows so far.

    Returns
    -------
    ndarray of float64, shape (n_sites + 1,)
    """
    if hamiltonian.n_states != 2:
        raise ValueError("the distribution of the magnetization is for two-state models")
    width = min(hamiltonian.lattice.shape)
    ups = _digits(2, width).sum(axis=1)

    def begin(states):
        return (states.sum(axis=1) == np.arange(width + 1)[:, None]).astype(float)

    def complete(values):
        raised = np.zeros((len(values) + width, *values.shape[1:]))
        for up in range(width + 1):
            rows = ups == up
            raised[up : up + len(values), rows] = values[:, rows]
        return raised

    _, p, _ = _trace(hamiltonian, begin, partial(_merge_weights, 1 / temperature), complete)
    if (1, 0) in hamiltonian.symmetries:  # starting rows stand for their opposites, too
        p = p + p[::-1]
    return p / p.sum()


def ground_state_energy(hamiltonian: Hamiltonian) -> float:
    """Lowest energy in J."""

    def begin(states):
        return np.empty((0, len(states)))

    return _trace(hamiltonian, begin, partial(_merge_weights, 1.0))[0]
