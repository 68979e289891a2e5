r"""Exact results by the strip transfer matrix, for any couplings on a square lattice.

A row of W sites is a vector of Q^W entries; bonds are added one site at a time, so a lattice of N
sites costs N Q^{W+1} operations for each of the Q^W starting rows (fewer when all bonds are equal,
because rows that are translations of each other have the same trace). Derivatives with respect to
the inverse temperature are carried along exactly (second-order dual numbers), not by differences.
"""

import numpy as np

from .hamiltonian import Hamiltonian

# Entries of the largest array (starting rows x Q^W) that is worth allocating.
MAX_ENTRIES = 2**22


def starting_rows(hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray]:
    """Row configurations to trace over and how often each counts.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Row configurations as base-Q numbers, first site most significant.
    weights : ndarray of int64, shape (n,)
        Number of translations that each stands for.
    """
    q, width = hamiltonian.n_states, hamiltonian.lattice.shape[1]
    codes = np.arange(q**width)
    if not hamiltonian.uniform:
        return codes, np.ones_like(codes)
    representative, rotated = codes, codes
    for _ in range(width - 1):
        rotated = rotated // q + (rotated % q) * q ** (width - 1)
        representative = np.minimum(representative, rotated)
    return np.unique(representative, return_counts=True)


def feasible(hamiltonian: Hamiltonian) -> bool:
    """Whether the lattice is two-dimensional and narrow enough for this method."""
    lattice = hamiltonian.lattice
    if lattice.dimension != 2 or lattice.shape[1] * np.log2(hamiltonian.n_states) > 14:
        return False
    rows, _ = starting_rows(hamiltonian)
    return len(rows) * hamiltonian.n_states ** lattice.shape[1] <= MAX_ENTRIES


def _digits(q: int, width: int) -> np.ndarray:
    """States of every row configuration, shape (q**width, width)."""
    codes = np.arange(q**width)
    return codes[:, None] // q ** np.arange(width - 1, -1, -1) % q


def _row_energies(hamiltonian: Hamiltonian) -> np.ndarray:
    """Energy of the bonds within each row, shape (rows, Q^W)."""
    rows, width = hamiltonian.lattice.shape
    digits = _digits(hamiltonian.n_states, width)
    pair = hamiltonian.pair[digits, np.roll(digits, -1, axis=1)]
    return -hamiltonian.couplings[:, 1].reshape(rows, width) @ pair.T


def _apply(vector: np.ndarray, column: int, matrix: np.ndarray, width: int) -> np.ndarray:
    """Replace the old row's site in `column` by the new row's; `matrix` is (new, old)."""
    q = len(matrix)
    shaped = vector.reshape(len(vector), q**column, q, q ** (width - 1 - column))
    return np.einsum("ba,niaj->nibj", matrix, shaped, optimize=True).reshape(vector.shape)


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
    rows, width = hamiltonian.lattice.shape
    vertical = hamiltonian.couplings[:, 0].reshape(rows, width)
    within = _row_energies(hamiltonian)
    codes, weights = starting_rows(hamiltonian)
    size = hamiltonian.n_states**width
    # v[k] is the k-th derivative of the partial trace with respect to -beta
    v = [np.zeros((len(codes), size)) for _ in range(3)]
    v[0][np.arange(len(codes)), codes] = 1
    ln_scale = shift = 0.0

    def multiplied(product, energy):
        """Product rule for v * exp(-beta energy), energies measured from their minimum."""
        w = np.exp(-beta * energy)
        w1, w2 = energy * w, energy**2 * w
        return [
            product(v[0], w),
            product(v[1], w) + product(v[0], w1),
            product(v[2], w) + 2 * product(v[1], w1) + product(v[0], w2),
        ]

    for row in range(rows):
        energy = within[row] - within[row].min()
        shift += within[row].min()
        v = multiplied(np.multiply, energy)
        for column in range(width):
            energy = -vertical[row, column] * hamiltonian.pair
            shift += energy.min()
            v = multiplied(lambda x, w, c=column: _apply(x, c, w, width), energy - energy.min())
        scale = v[0].max()
        v = [x / scale for x in v]
        ln_scale += np.log(scale)
    trace = [float(weights @ x[np.arange(len(codes)), codes]) for x in v]
    mean = trace[1] / trace[0]
    return np.log(trace[0]) + ln_scale - beta * shift, mean + shift, trace[2] / trace[0] - mean**2


def magnetization_distribution(hamiltonian: Hamiltonian, temperature: float) -> np.ndarray:
    r"""Probability of each number of sites in state 1, for two-state models.

    Partition functions in the imaginary fields :math:`\theta_k = 2\pi k/(N+1)` are the Fourier
    transform of this distribution.

    Returns
    -------
    ndarray of float64, shape (n_sites + 1,)
    """
    if hamiltonian.n_states != 2:
        raise ValueError("the distribution of the magnetization is for two-state models")
    beta = 1 / temperature
    rows, width = hamiltonian.lattice.shape
    n_sites = rows * width
    vertical = hamiltonian.couplings[:, 0].reshape(rows, width)
    within = _row_energies(hamiltonian)
    codes, weights = starting_rows(hamiltonian)
    ups = _digits(2, width).sum(axis=1)
    diagonal = np.arange(len(codes)), codes
    transform = np.zeros(n_sites + 1, complex)
    for k in range(n_sites // 2 + 1):
        phase = np.exp(2j * np.pi * k / (n_sites + 1) * ups)
        v = np.zeros((len(codes), 2**width), complex)
        v[diagonal] = 1
        for row in range(rows):
            v *= np.exp(-beta * (within[row] - within[row].min())) * phase
            for column in range(width):
                weight = vertical[row, column] * hamiltonian.pair
                v = _apply(v, column, np.exp(beta * (weight - weight.max())), width)
        transform[k] = weights @ v[diagonal]
        transform[-k if k else 0] = np.conj(transform[k])
    probability = np.fft.fft(transform).real
    return np.clip(probability / probability.sum(), 0, None)


def ground_state_energy(hamiltonian: Hamiltonian) -> float:
    """Lowest energy in J, by the same sweep in the (min, +) algebra."""
    rows, width = hamiltonian.lattice.shape
    q = hamiltonian.n_states
    vertical = hamiltonian.couplings[:, 0].reshape(rows, width)
    within = _row_energies(hamiltonian)
    codes, _ = starting_rows(hamiltonian)
    diagonal = np.arange(len(codes)), codes
    v = np.full((len(codes), q**width), np.inf)
    v[diagonal] = 0
    for row in range(rows):
        v += within[row]
        for column in range(width):
            shaped = v.reshape(len(v), q**column, 1, q, q ** (width - 1 - column))
            bond = -vertical[row, column] * hamiltonian.pair
            v = (shaped + bond[:, :, None]).min(axis=3).reshape(v.shape)
    return float(v[diagonal].min())
