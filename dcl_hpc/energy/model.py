"""The protocol that chains see."""

from typing import Protocol

import numpy as np

from ..physics.lattice import Lattice


class EnergyModel(Protocol):
    """An energy function of configurations and a way to run Metropolis sweeps with it.

    One that was fitted to observations may also have `modes(states, most=None)`, what its errors do, see
    `energy.direct.Spread.modes`; sweeps record them.

    Attributes
    ----------
    lattice : Lattice
    n_states : int
    """

    lattice: Lattice
    n_states: int

    def energies(self, states: np.ndarray) -> np.ndarray:
        """Energies in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """Run Metropolis sweeps in place.

        Parameters
        ----------
        states : uint8 (n_sites, n_chains)
        beta : float64 (n_chains,)
            Inverse temperature of each chain in 1/J; may be negative.
        streams : uint32 (4, n_chains)
            Each chain's generator, advanced by a number of steps that does not depend on the
            other chains.
        n_sweeps : int
        """
