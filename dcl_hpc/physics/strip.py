r"""Exact results by the strip transfer matrix, for any couplings and fields on a square lattice.

The shorter side, as a rule, is the width W. A row of W sites has Q^W configurations; bonds are added one
site at a time (Baxter, Exactly Solved Models in Statistical Mechanics, 1982, sec. 7.2), so a lattice of N
sites costs N Q^{W+1} operations for each of the starting rows. Of starting rows that a symmetry of the
Hamiltonian turns into each other one is enough. Where no bond joins the last row to the first, all of them
are begun with at once. Sites that are absent are there without bonds, and their states are divided out.

Of all partial configurations that end in the same row, the lowest energy is kept apart, and Boltzmann
weights are relative to it. Hence nothing underflows at low temperatures, and these energies alone give
the ground state. Derivatives with respect to the inverse temperature are carried along exactly
(second-order dual numbers), not by differences.
"""

from functools import partial

import numpy as np

from .hamiltonian import Hamiltonian
from .rows import Rows, row_states, starting_rows, work

# Largest number of operations (see `work`) worth doing at one temperature: some 10 s on one core.
MAX_WORK = 1.2e9
# Numbers in flight at a time; about what fits into a core's cache.
CHUNK = 2**17


def feasible(hamiltonian: Hamiltonian) -> bool:
    """Whether the lattice is a square one and narrow enough for this method.

    Two states and any couplings: up to 11 wide; uniform ones: 13; three states: 9. Open along the strip: 16
    for two states, 10 for three.
    """
    return work(hamiltonian) <= MAX_WORK


def _trace(hamiltonian: Hamiltonian, begin, merge, complete=lambda values, row: values):
    """Sum over all configurations.

    Parameters
    ----------
    begin : callable (codes) -> ndarray, shape (k, n)
        Values that belong to n starting rows, of which it gets the numbers.
    merge : callable (energies, values) -> (energy, values)
        Sum of alternatives: of their energies, shape (alternatives, ...), and values, shape
        (alternatives, k, ...), the lowest energy and the values relative to it.
    complete : callable (values, row) -> values
        Called with values of shape (k, Q^W, n) whenever a further row is complete.

    Returns
    -------
    energy : float
        The lowest energy in J.
    values : ndarray, shape (k,)
        Relative to this energy and divided by exp(`ln_scale`).
    ln_scale : float
    """
    strip = Rows.of(hamiltonian)
    along, (rows, width) = strip.along, strip.along.shape
    q, pair = hamiltonian.n_states, hamiltonian.pair
    digits = row_states(q, width)
    within = -strip.across @ pair[digits, np.roll(digits, -1, axis=1)].T
    if strip.field.any():
        within += sum(strip.field[:, j, digits[:, j]] for j in range(width))

    def link(row, states):
        """Energy of the bonds between a row in any configuration and one of given states, (Q^W, n)."""
        energy = np.zeros((1, len(states)))
        for coupling, state in zip(along[row], states.T, strict=True):
            energy = (energy[:, None] - coupling * pair[:, state]).reshape(-1, len(states))
        return energy

    def finish(first, energy, values, end):
        """Go on from a row to the last one, to which `end` belongs, and sum over all its states."""
        n, ln_scale = energy.shape[-1], 0.0
        for row in range(first, rows - 1):
            energy = energy.reshape(-1, n) + within[row][:, None]
            energy, values = _next_row(energy, values, -along[row], pair, merge)
            scale = values.max(initial=1.0)
            ln_scale += np.log(scale)
            values = complete(values.reshape(-1, q**width, n) / scale, row + 1)
        energy = energy.reshape(-1, n) + end
        for column in range(width):
            energies = energy.reshape(q, q ** (width - 1 - column), n)
            alternatives = values.reshape(len(values), *energies.shape).swapaxes(0, 1)
            energy, values = merge(energies, alternatives)
        return energy[0], values[:, 0], np.full(n, ln_scale)

    if not strip.closed:
        values = begin(np.arange(q**width))[:, :, None]
        energy, values, ln_scale = finish(0, np.zeros((q**width, 1)), values, within[-1][:, None])
        return float(energy[0]), values[:, 0], float(ln_scale[0])
    totals = []
    codes, weights = starting_rows(hamiltonian)
    depth = len(begin(codes[:1]))
    chunk = max(1, CHUNK // ((1 + depth) * q**width))
    for start in range(0, len(codes), chunk):
        own = codes[start : start + chunk]
        energy = within[0, own] + link(0, digits[own])
        values = complete(np.repeat(begin(own)[:, None], q**width, axis=1), 1)
        end = within[-1][:, None] + link(rows - 1, digits[own])
        totals.append(finish(1, energy, values, end))
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

    def begin(codes):
        return np.repeat([[1.0], [0.0], [0.0]], len(codes), axis=1)

    lowest, (z, first, second), ln_scale = _trace(hamiltonian, begin, partial(_merge_moments, beta))
    mean = first / z
    lattice = hamiltonian.lattice
    absent = (lattice.n_array - lattice.n_sites) * np.log(hamiltonian.n_states)
    ln_z = np.log(z) + ln_scale - beta * lowest - absent
    return float(ln_z), float(lowest + mean), float(second / z - mean**2)


def magnetization_distribution(hamiltonian: Hamiltonian, temperature: float) -> np.ndarray:
    """Probability of each number of sites in state 1, for two-state models.

    Boltzmann weights are kept for each number of such sites in the rows so far.

    Returns
    -------
    ndarray of float64, shape (n_sites + 1,)
    """
    if hamiltonian.n_states != 2:
        raise ValueError("the distribution of the magnetization is for two-state models")
    strip = Rows.of(hamiltonian)
    ups = row_states(2, strip.width) @ strip.present.T  # of each row's configurations, in each row

    def begin(codes):
        return (ups[codes, 0] == np.arange(strip.width + 1)[:, None]).astype(float)

    def complete(values, row):
        raised = np.zeros((len(values) + strip.width, *values.shape[1:]))
        for up in range(strip.width + 1):
            here = ups[:, row] == up
            raised[up : up + len(values), here] = values[:, here]
        return raised

    _, p, _ = _trace(hamiltonian, begin, partial(_merge_weights, 1 / temperature), complete)
    p = p[: hamiltonian.lattice.n_sites + 1]
    if (1, 0) in hamiltonian.symmetries:  # starting rows stand for their opposites
        p = p + p[::-1]
    return p / p.sum()


def ground_state_energy(hamiltonian: Hamiltonian) -> float:
    """Lowest energy in J."""

    def begin(codes):
        return np.empty((0, len(codes)))

    return _trace(hamiltonian, begin, partial(_merge_weights, 1.0))[0]
