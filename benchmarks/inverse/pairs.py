"""The energy of any pair couplings and fields, and energies per site that chains of any energy have."""

from dataclasses import dataclass

import numpy as np

from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import kernels
from dcl_hpc.sampling.ladder import adapt
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders, Replicas

# Chains: ladders of replica exchange, sweeps to forget the start, sweeps of the trial runs that place it.
LADDERS, THERMALIZATION, TRIAL = 16, 1000, 400


@dataclass(frozen=True)
class PairsEnergy:
    """E = - sum_{i<j} J_ij s_i s_j - sum_i h_i s_i with s = 2 q - 1, all sites beside all; an `EnergyModel`.

    Parameters
    ----------
    lattice : Lattice
    couplings : ndarray of float64, shape (n_sites, n_sites)
        Symmetric, 0 on the diagonal, in J.
    fields : ndarray of float64, shape (n_sites,)
        In J.
    """

    lattice: Lattice
    couplings: np.ndarray
    fields: np.ndarray
    n_states: int = 2

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        spins = 2.0 * states - 1
        return -(spins * (self.couplings @ spins / 2 + self.fields[:, None])).sum(axis=0)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        n = len(self.fields)
        others = np.array([np.delete(np.arange(n), i) for i in range(n)], np.int32)
        costs = np.take_along_axis(2 * self.couplings, others, axis=1).astype(np.float32)
        fields = (-2 * self.fields).astype(np.float32)
        kernels.in_blocks(kernels.two_state_sweeps, states, beta, streams, n_sweeps, others, costs, fields)


def energies_per_site(model, temperatures, sweeps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Energies per site by replica exchange, with standard errors from the scatter of ladders.

    Parameters
    ----------
    model : EnergyModel
    temperatures : sequence of float
        Ascending, in J/k_B.
    sweeps : int
        That count, after a tenth of them or `THERMALIZATION` at most.
    seed : int

    Returns
    -------
    u, error : float64 (n_temperatures,)
        In J.
    """
    ladder = adapt(
        model, temperatures, "auto", min(TRIAL, sweeps), seed, 0, lambda n: slice(0, n), lambda energy: energy
    )
    ladders = Ladders(1 / ladder, LADDERS, seed)
    replicas = Replicas(model, ladders, slice(0, ladders.slot.size), seed, Purpose.SWEEP)
    replicas.advance(min(THERMALIZATION, sweeps // 10))
    total, every = np.zeros(ladders.slot.shape), np.arange(LADDERS)[:, None]

    def measure(energy):
        total[every, ladders.slot] += energy.reshape(ladders.slot.shape)

    replicas.advance(sweeps, measure)
    u = total[:, np.isin(ladder, temperatures)] / (sweeps * model.lattice.n_sites)
    return u.mean(axis=0), u.std(axis=0, ddof=1) / np.sqrt(LADDERS)
