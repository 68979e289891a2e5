"""Exact, independent configurations of a tiny Ising model, and rows kept in memory."""

import numpy as np

from dcl_hpc.inference.invariance import Invariance
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.operations import site_permutations

MODEL, TEMPERATURE = hamiltonian.ising(Lattice((2, 3))), 3.0
STATES = exact.all_states(2, 6)
LN_P = -MODEL.energy(STATES) / TEMPERATURE - exact.enumerate_states(MODEL, TEMPERATURE).ln_z
# Operations of the lattice, and spin inversion.
SYMMETRY = Invariance(site_permutations(Lattice((2, 3))), np.array([[0, 1], [1, 0]], np.uint8))


class Source:
    """Rows kept in memory."""

    def __init__(self, *columns):
        self.columns, self.n = columns, len(columns[0])

    def read(self, start, stop):
        """Rows start..stop-1."""
        assert 0 <= start < stop <= self.n
        return [column[start:stop] for column in self.columns]


def samples(n=12_000):
    """Exact, independent Boltzmann samples of 2x3 Ising."""
    return STATES[np.random.default_rng(1).choice(64, n, p=np.exp(LN_P))]
