"""The RNN's energy, E = -T_o ln P + const, in Monte Carlo."""

import numpy as np
import tensorflow as tf

from ..physics.lattice import Lattice
from ..sampling import generator

CHUNK = 4096


class RnnEnergy:
    """Energies and Metropolis sweeps of an RNN.

    Sites are visited in the RNN's order. A change at position k leaves all conditionals before k as
    they are, so the hidden states are kept and only the rest of the sequence is computed again, for
    all chains in one batch.

    Parameters
    ----------
    lattice : Lattice
    network : Gru
    temperature : float
        Temperature T_o of the observations, in J/k_B.
    reference : float
        Value of -T_o ln P that is called zero, in J; by convention its mean over uniformly random
        configurations, so that the energy vanishes at infinite temperature.
    """

    def __init__(self, lattice: Lattice, network, temperature: float, reference: float = 0.0):
        self.lattice, self.n_states = lattice, network.n_states
        self.temperature, self.reference = temperature, reference
        self._order = network.order
        self._log_prob = tf.function(network.log_prob, reduce_retracing=True, autograph=False)
        self._suffix = tf.function(
            network.suffix,
            input_signature=[
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([None, network.state_width], tf.float32),
            ],
            autograph=False,
        )
        self._width = network.state_width

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        rows = states.T
        parts = [self._log_prob(tf.constant(rows[k : k + CHUNK])) for k in range(0, len(rows), CHUNK)]
        log_prob = np.concatenate([p.numpy() for p in parts]).astype(np.float64)
        return -self.temperature * log_prob - self.reference

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        n_sites, n_chains = states.shape
        tokens = states[self._order].astype(np.int32)
        hidden = np.zeros((n_sites + 1, n_chains, self._width), np.float32)
        log_conditionals = np.empty((n_sites, n_chains), np.float32)
        hidden[1:], log_conditionals[:] = self._run(0, tokens, hidden[0])
        random = np.empty((2, n_chains), np.float32)
        for _ in range(n_sweeps):
            for k in range(n_sites):
                generator.uniforms(streams, random)
                step = 1 + (random[0] * (self.n_states - 1)).astype(np.int32)
                old = tokens[k].copy()
                tokens[k] = (old + step) % self.n_states
                new_hidden, new_log = self._run(k, tokens, hidden[k])
                change = new_log.sum(axis=0) - log_conditionals[k:].sum(axis=0)
                exponent = np.minimum(beta * self.temperature * change, 0)
                flip = random[1] < generator.LAZY * np.exp(exponent)
                tokens[k, ~flip] = old[~flip]
                log_conditionals[k:, flip] = new_log[:, flip]
                hidden[k + 1 :, flip] = new_hidden[:, flip]
        states[self._order] = tokens

    def _run(self, first: int, tokens, h) -> tuple[np.ndarray, np.ndarray]:
        hidden, log_conditionals = self._suffix(tf.constant(first), tf.constant(tokens), tf.constant(h))
        return hidden.numpy(), log_conditionals.numpy()
