"""The RNN's energy, E = -T_o ln P + const, in Monte Carlo."""

import numpy as np
import tensorflow as tf

from ..physics.lattice import Lattice
from ..sampling import generator
from ..storage import weights


class RnnEnergy:
    """Energies and Metropolis sweeps of an RNN.

    Sites are visited in the RNN's order. A change at position k leaves all conditionals before k as
    they are, and the memory up to k too, so one memory moves along with the sweep and only the rest of
    the sequence is computed again, for all chains in one batch.

    Parameters
    ----------
    lattice : Lattice
    network : Autoregressive
    temperature : float
        Temperature T_o of the observations, in J/k_B.
    reference : float
        Value of -T_o ln P that is called zero, in J; by convention its mean over uniformly random
        configurations, so that the energy vanishes at infinite temperature.
    beside : TileTables, optional
        A local energy that is added.
    factor : float
        What the RNN's own energy is multiplied by.
    """

    def __init__(
        self, lattice: Lattice, network, temperature: float, reference: float = 0.0, beside=None, factor=1.0
    ):
        self.lattice, self.n_states, self._network = lattice, network.n_states, network
        self.temperature, self.reference = temperature, reference
        self._beside, self._factor = beside, factor
        self._local = None if beside is None else _in_order(beside.tiles, network.order)
        self._log_prob = tf.function(network.log_prob_of_columns, reduce_retracing=True, autograph=False)
        self._sample = tf.function(
            self._draw,
            input_signature=[tf.TensorSpec([len(network.order), None], tf.float32)],
            autograph=False,
        )
        self._sweep = tf.function(
            self._one_sweep,
            input_signature=[
                tf.TensorSpec([len(network.order), None], tf.int32),
                tf.TensorSpec([None], tf.float64),
                tf.TensorSpec([len(network.order), 2, None], tf.float32),
            ],
            autograph=False,
        )

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        step = self._network.rows
        blocks = [states[:, k : k + step] for k in range(0, states.shape[1], step)]
        parts = [self._log_prob(tf.constant(block)) for block in blocks]
        log_prob = np.concatenate([p.numpy() for p in parts]).astype(np.float64)
        own = -self.temperature * log_prob - self.reference
        return own if self._beside is None else self._factor * own + self._beside.energies(states)

    def plus(self, other, factor: float = 1.0) -> "RnnEnergy":
        """The energy model factor x this + other, a `TileTables`."""
        return RnnEnergy(self.lattice, self._network, self.temperature, self.reference, other, factor)

    def differences(self, states: np.ndarray) -> np.ndarray:
        """What every site would cost in each of its states, in J.

        Parameters
        ----------
        states : uint8 (n_sites, n)

        Returns
        -------
        float32 (n, n_sites, n_states)
        """
        order, (n_sites, n) = self._network.order, states.shape
        result = np.zeros((n, n_sites, self.n_states), np.float32)
        tokens = tf.constant(states[order].astype(np.int32))
        columns = np.arange(n)
        for step in range(1, self.n_states):
            # the proposal is this step for all, and never accepted
            random = np.full((n_sites, 2, n), 2.0, np.float32)
            random[:, 0] = (step - 0.5) / (self.n_states - 1)
            changes = self._sweep(tokens, tf.zeros(n, tf.float64), tf.constant(random))[1].numpy()
            new = (states.astype(np.int64) + step) % self.n_states
            result[columns, order[:, None], new[order]] = -self.temperature * changes
        return result

    def sample(self, random: np.ndarray) -> np.ndarray:
        """Independent configurations drawn from P, site after site.

        Parameters
        ----------
        random : ndarray of float, shape (n_sites, n)
            Uniform numbers in [0, 1).

        Returns
        -------
        uint8 (n_sites, n)
        """
        states = np.empty(random.shape, np.uint8)
        states[self._network.order] = self._sample(tf.constant(random, tf.float32)).numpy()
        return states

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        order = self._network.order
        random = np.empty((2 * len(order), states.shape[1]), np.float32)
        tokens = tf.constant(states[order].astype(np.int32))
        slope = tf.constant(beta * self.temperature, tf.float64)
        for _ in range(n_sweeps):
            generator.uniforms(streams, random)
            tokens, _ = self._sweep(tokens, slope, tf.constant(random.reshape(len(order), 2, -1)))
        states[order] = tokens.numpy()

    def _draw(self, random):
        """States in the order of the network, int32 (n_sites, n)."""
        network, n_sites = self._network, len(self._network.order)

        def step(t, tokens, memory):
            log_p, memory = network.advance(t, tokens, memory)
            below = tf.cumsum(tf.exp(log_p), axis=1)[:, :-1] <= random[t][:, None]
            drawn = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
            return t + 1, tf.tensor_scatter_nd_update(tokens, [[t]], drawn[None]), memory

        tokens = tf.zeros(tf.shape(random), tf.int32)
        start = (tf.constant(0), tokens, network.start(tf.shape(random)[1]))
        shapes = (tf.TensorShape([]), random.shape, network.memory_shape)
        return tf.while_loop(lambda t, *_: t < n_sites, step, start, shapes)[1]

    def _one_sweep(self, tokens, slope, random):
        """States after one sweep, and the change of ln P that each proposal would have made."""
        network, (n_sites, n_chains) = self._network, (len(self._network.order), tf.shape(tokens)[1])
        memory = network.start(n_chains)

        def visit(k, tokens, memory, tail, changes):
            log_p, memory = network.advance(k, tokens, memory)
            log_p = tf.cast(log_p, tf.float64)
            old = tokens[k]
            step = 1 + tf.cast(random[k, 0] * (self.n_states - 1), tf.int32)
            new = tf.math.floormod(old + step, self.n_states)
            proposal = tf.tensor_scatter_nd_update(tokens, [[k]], new[None])
            rest_old = tail - tf.gather(log_p, old, batch_dims=1)
            rest_new = network.rest(k + 1, proposal, memory)
            change = tf.gather(log_p, new, batch_dims=1) + rest_new - tail
            gain = change if self._local is None else self._gain(k, tokens, new, change)
            accept = generator.LAZY * tf.exp(tf.minimum(slope * gain, 0))
            flip = tf.cast(random[k, 1], tf.float64) < accept
            tail = tf.where(flip, rest_new, rest_old)
            return k + 1, tf.where(flip, proposal, tokens), memory, tail, changes.write(k, change)

        tail = network.rest(tf.constant(0), tokens, memory)
        changes = tf.TensorArray(tf.float64, n_sites)
        start = (tf.constant(0), tokens, memory, tail, changes)
        shapes = (
            tf.TensorShape([]), tokens.shape, network.memory_shape, tail.shape, tf.TensorShape(None),
        )  # fmt: skip
        _, tokens, _, _, changes = tf.while_loop(lambda k, *_: k < n_sites, visit, start, shapes)
        return tokens, changes.stack()

    def _gain(self, k, tokens, new, change):
        """Minus the change of the whole energy over T_o, of a change of ln P at position k."""
        positions, powers, own, origins, table = self._local
        codes = origins[k][:, None] + tf.reduce_sum(
            powers[k][:, :, None] * tf.gather(tokens, positions[k]), axis=1
        )
        jump = own[k][:, None] * (new - tokens[k])
        cost = tf.reduce_sum(tf.gather(table, codes + jump) - tf.gather(table, codes), axis=0)
        return self._factor * change - tf.cast(cost, tf.float64) / self.temperature


def _in_order(tiles, order) -> tuple:
    """`Tiles.around` and the tables, as tensors, for sites in the order of a network."""
    sites, powers, own, origins = tiles.around
    position = np.argsort(order)
    parts = position[sites[order]], powers[order], own[order], origins[order]
    return (*(tf.constant(part.astype(np.int32)) for part in parts), tf.constant(tiles.flat))


def load_best(network, run) -> dict:
    """Give a network the best weights of a run's RNN; returns the settings that are kept with them."""
    settings, arrays, _ = weights.load(run.require("rnn"))
    _assign(network, arrays)
    return settings


def _assign(network, arrays: dict) -> None:
    for variable in network.trainable_variables:
        variable.assign(arrays["best_" + variable.name.split(":")[0]])


def of_run(run, network) -> RnnEnergy:
    """Energy model of the RNN that a run trained, on the observed lattice.

    Parameters
    ----------
    network : Autoregressive
        A new one of the run's job, which is given the trained weights.
    """
    return of_weights(run.job, network, *weights.load(run.require("rnn"))[:2])


def of_weights(job, network, settings: dict, arrays: dict) -> RnnEnergy:
    """The same of what the file of an RNN, or of one member of a committee, has."""
    _assign(network, arrays)
    return RnnEnergy(job.build_lattice(), network, job.observe.temperature, settings["reference"])
