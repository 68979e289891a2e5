"""The true Hamiltonian as an energy model."""

import numpy as np

from ..physics.hamiltonian import Hamiltonian
from ..sampling import kernels


class TrueEnergy:
    """Energies and Metropolis sweeps of a pair Hamiltonian.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    """

    def __init__(self, hamiltonian: Hamiltonian):
        lattice = hamiltonian.lattice
        self.lattice = lattice
        self.n_states = hamiltonian.n_states
        self._forward = lattice.forward.astype(np.int32)
        self._neighbours = np.ascontiguousarray(lattice.neighbours, dtype=np.int32)
        self._couplings = hamiltonian.couplings
        self._neighbour_couplings = hamiltonian.neighbour_couplings.astype(np.float32)
        self._pair = hamiltonian.pair

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return kernels.pair_energies(states, self._forward, self._couplings, self._pair)

    def sweep(self, states, beta, streams, n_sweeps: int) -> np.ndarray:
        """See `EnergyModel.sweep`."""
        beta = beta.astype(np.float32)
        bonds = self._neighbours, self._neighbour_couplings
        if self.n_states == 2:
            strength = self._pair[0, 0] - self._pair[0, 1]
            return kernels.two_state_sweeps(states, *bonds, strength, beta, streams, n_sweeps)
        pair = self._pair.astype(np.float32)
        return kernels.pair_sweeps(states, *bonds, pair, beta, streams, n_sweeps)
