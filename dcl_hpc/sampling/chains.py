"""Many Markov chains of one energy model."""

from dataclasses import dataclass

import numpy as np

from . import generator
from .streams import Purpose, streams


@dataclass
class Chains:
    """Chains with their inverse temperatures and generators; all that a restart needs.

    Attributes
    ----------
    states : uint8 (n_sites, n_chains)
    beta : float64 (n_chains,)
        In 1/J.
    streams : uint32 (4, n_chains)
    """

    states: np.ndarray
    beta: np.ndarray
    streams: np.ndarray

    @classmethod
    def start(cls, model, beta, chains, seed: int, purpose: Purpose, realization: int = 0):
        """Chains at independent, uniformly random configurations.

        Parameters
        ----------
        model : EnergyModel
        beta : array_like, shape (n_chains,)
        chains : sequence of int
            Global numbers of the chains, which key their streams.
        """
        state = streams(seed, purpose, chains, realization)
        states = np.empty((model.lattice.n_sites, len(chains)), np.uint8)
        generator.random_states(state, model.n_states, states)
        return cls(states, np.array(beta, dtype=float), state)

    def sweep(self, model, n_sweeps: int = 1) -> None:
        """Run Metropolis sweeps."""
        if self.beta.size:  # a process may have no chain
            model.sweep(self.states, self.beta, self.streams, n_sweeps)
