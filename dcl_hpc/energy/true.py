"""The true Hamiltonian as an energy model."""

import numpy as np

from ..physics.hamiltonian import Hamiltonian
from ..sampling import kernels, multispin


class TrueEnergy:
    """Energies and Metropolis sweeps of a pair Hamiltonian.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    n_chains : int, optional
        How many chains it is for, on all ranks together. Ising models and bimodal glasses use the multi-spin
        coded kernel, unless there are few.
    """

    def __init__(self, hamiltonian: Hamiltonian, n_chains: int = multispin.WORTHWHILE):
        lattice = hamiltonian.lattice
        self.lattice = lattice
        self.n_states = hamiltonian.n_states
        self._forward = lattice.forward.astype(np.int32)
        self._couplings = hamiltonian.couplings
        self._pair = hamiltonian.pair
        self._kernel, self._model, self._block = _choose_kernel(hamiltonian, n_chains >= multispin.WORTHWHILE)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return kernels.pair_energies(states, self._forward, self._couplings, self._pair)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(self._kernel, states, beta, streams, n_sweeps, *self._model, block=self._block)


def _choose_kernel(hamiltonian: Hamiltonian, multi_spin: bool):
    """The fastest kernel for a Hamiltonian, its arrays, and its block of chains."""
    pair, n_states = hamiltonian.pair, hamiltonian.n_states
    neighbours = np.ascontiguousarray(hamiltonian.lattice.neighbours, dtype=np.int32)
    couplings = hamiltonian.neighbour_couplings
    unlike = pair[~np.eye(n_states, dtype=bool)]
    if np.ptp(unlike) > 1e-12 or np.ptp(np.diag(pair)) > 1e-12:
        weights, vectors = np.linalg.eigh(pair)
        used = np.abs(weights) > 1e-9 * np.abs(weights).max()
        features = np.ascontiguousarray(vectors[:, used].T, np.float32)
        model = neighbours, couplings.astype(np.float32), features, weights[used].astype(np.float32)
        return kernels.pair_sweeps, model, kernels.BLOCK
    cost = couplings * (pair[0, 0] - unlike[0])
    if n_states > 2:
        return kernels.like_sweeps, (neighbours, cost.astype(np.float32), n_states), kernels.BLOCK
    one_magnitude = np.all(np.abs(cost) == np.abs(cost[0, 0]))
    if multi_spin and one_magnitude and neighbours.shape[1] <= multispin.MAX_NEIGHBOURS:
        return multispin.sweeps, (neighbours, cost < 0, np.float32(abs(cost[0, 0]))), multispin.LANES
    return kernels.two_state_sweeps, (neighbours, cost.astype(np.float32)), kernels.BLOCK
