"""The true Hamiltonian as an energy model."""

import numpy as np

from ..physics.clusters import ClusterHamiltonian
from ..physics.hamiltonian import Hamiltonian
from ..sampling import folded, kernels, multispin
from ..sampling.tile_tables import TileTables


class TrueEnergy:
    """Energies and Metropolis sweeps of a Hamiltonian, by the kernels that fit it.

    Parameters
    ----------
    hamiltonian : Hamiltonian or ClusterHamiltonian
    n_chains : int, optional
        How many chains it is for, on all ranks together, see `PairEnergy`.
    """

    def __init__(self, hamiltonian: Hamiltonian | ClusterHamiltonian, n_chains: int = multispin.WORTHWHILE):
        self.lattice, self.n_states = hamiltonian.lattice, hamiltonian.n_states
        if isinstance(hamiltonian, Hamiltonian):
            self.model = PairEnergy(hamiltonian, n_chains)
        else:
            energies = hamiltonian.window_energies
            self.model = TileTables(self.lattice, self.n_states, hamiltonian.offsets, energies)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return self.model.energies(states)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        self.model.sweep(states, beta, streams, n_sweeps)


class PairEnergy:
    """Energies and Metropolis sweeps of a pair Hamiltonian.

    Parameters
    ----------
    hamiltonian : Hamiltonian
    n_chains : int, optional
        How many chains it is for, on all ranks together. Ising models and bimodal glasses without a field
        use the multi-spin coded kernel, unless there are few; the fewest use one that is for single large
        lattices.
    """

    def __init__(self, hamiltonian: Hamiltonian, n_chains: int = multispin.WORTHWHILE):
        self.lattice = hamiltonian.lattice
        self.n_states = hamiltonian.n_states
        fields = hamiltonian.site_field if hamiltonian.site_field.any() else None
        self._energy = _or_itself(self.lattice.forward), hamiltonian.couplings, hamiltonian.pair, fields
        self._kernel, self._model, self._block = _choose_kernel(hamiltonian, n_chains)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return kernels.pair_energies(states, *self._energy)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(self._kernel, states, beta, streams, n_sweeps, *self._model, block=self._block)


def _or_itself(neighbours: np.ndarray) -> np.ndarray:
    """Neighbours, and the site itself where there is none, int32 (n_sites, z)."""
    own = np.arange(len(neighbours))[:, None]
    return np.ascontiguousarray(np.where(neighbours >= 0, neighbours, own), np.int32)


def _last(couplings: np.ndarray) -> np.ndarray:
    """Where bonds end that together cost a multiple of one coupling, exactly; bool (n_sites, z)."""
    numbers = np.arange(couplings.shape[1] + 1)[:, None, None]
    exact = np.all(np.float32(numbers) * couplings == numbers * couplings.astype(float), axis=0)
    last = np.ones(couplings.shape, bool)
    last[:, :-1] = (couplings[:, 1:] != couplings[:, :-1]) | ~exact[:, :-1]
    return last


def _choose_kernel(hamiltonian: Hamiltonian, n_chains: int):
    """The fastest kernel for a Hamiltonian, its arrays, and its block of chains."""
    if (model := folded.worthwhile(hamiltonian, n_chains)) is not None:
        return folded.sweeps, model, kernels.BLOCK
    pair, n_states, fields = hamiltonian.pair, hamiltonian.n_states, None
    neighbours, couplings = hamiltonian.lattice.neighbours, hamiltonian.neighbour_couplings
    if hamiltonian.site_field.any():
        fields = hamiltonian.site_field.astype(np.float32)
    unlike = pair[~np.eye(n_states, dtype=bool)]
    if np.ptp(unlike) > 1e-12 or np.ptp(np.diag(pair)) > 1e-12:
        weights, vectors = np.linalg.eigh(pair)
        used = np.abs(weights) > 1e-9 * np.abs(weights).max()
        features = np.ascontiguousarray(vectors[:, used].T, np.float32)
        model = _or_itself(neighbours), couplings.astype(np.float32), fields, features
        return kernels.pair_sweeps, (*model, weights[used].astype(np.float32)), kernels.BLOCK
    cost = couplings * (pair[0, 0] - unlike[0])
    model = _or_itself(neighbours), cost.astype(np.float32)
    if n_states > 2:
        last = _last(model[1]) if fields is None else np.ones(cost.shape, bool)
        return kernels.like_sweeps, (*model, last, fields, n_states), kernels.BLOCK
    magnitude = np.abs(cost[neighbours >= 0])
    few = neighbours.shape[1] <= multispin.MAX_NEIGHBOURS
    if n_chains >= multispin.WORTHWHILE and few and fields is None and np.all(magnitude == magnitude[:1]):
        order = np.argsort(neighbours < 0, axis=1, kind="stable")  # those that exist first
        ordered = np.take_along_axis(neighbours, order, axis=1).astype(np.int32)
        opposed = np.take_along_axis(cost, order, axis=1) < 0
        return multispin.sweeps, (ordered, opposed, np.float32(magnitude.max(initial=0))), multispin.LANES
    if fields is not None:
        difference = hamiltonian.site_field[:, 1] - hamiltonian.site_field[:, 0]
        fields = difference.astype(np.float32)
    return kernels.two_state_sweeps, (*model, fields), kernels.BLOCK
