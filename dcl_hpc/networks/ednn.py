"""Extensive deep neural network: one small network on every tile, outputs summed.

Mills et al., Chem. Sci. 10, 4129 (2019).
"""

from itertools import pairwise

import numpy as np
import tensorflow as tf


class Ednn(tf.Module):
    """Sum over tiles of a fully connected network with ReLU units.

    Parameters
    ----------
    n_states : int
    tiles : ndarray of int, shape (n_tiles, sites_per_tile)
        Sites of each tile, -1 where there is none: then all inputs are 0.
    hidden : sequence of int
        Units of each hidden layer.
    mean, scale : float
        Mean and standard deviation of the energies to learn, in J; the network starts there.
    generator : numpy Generator
    shared : bool
        One network for all tiles; otherwise every tile has one of its own, as quenched disorder needs.
    """

    def __init__(
        self, n_states: int, tiles, hidden, mean: float, scale: float, generator, shared: bool = True
    ):
        super().__init__()
        self.n_states, self.scale = n_states, float(scale)
        self.tiles = np.asarray(tiles, np.int32)
        n_tiles, per_tile = self.tiles.shape
        copies = () if shared else (n_tiles,)
        width = per_tile if n_states == 2 else per_tile * n_states
        sizes = [width, *hidden, 1]
        self.weights, self.biases = [], []
        for k, (n_in, n_out) in enumerate(pairwise(sizes)):
            values = generator.standard_normal((*copies, n_in, n_out)) * np.sqrt(2 / n_in)
            if n_out == 1:
                values /= np.sqrt(n_tiles)
            self.weights.append(tf.Variable(values.astype(np.float32), name=f"weights_{k}"))
            bias = np.zeros((*copies, 1, n_out) if copies else n_out, np.float32)
            self.biases.append(tf.Variable(bias, name=f"biases_{k}"))
        self.biases[-1].assign(tf.fill(self.biases[-1].shape, np.float32(mean / n_tiles / self.scale)))

    def energy(self, states):
        """Energies in J, float32 (batch,), of states, uint8 (batch, n_sites)."""
        return self.scale * tf.reduce_sum(self._outputs(self._cut(states)), axis=0)

    def tile_energies(self, states):
        """Energies of all tiles in J, float32 (n_tiles, batch), of states, uint8 (batch, n_sites)."""
        return self.scale * self._outputs(self._cut(states))

    def pseudo_log_likelihood(self, states, temperature: float):
        r"""Sum over sites of ln P(s_i | all others) for the energy at a temperature, float32 (batch,).

        .. math:: P(s_i \mid s_{\setminus i})
            = e^{-E(s)/T} \Big/ \sum_{s'_i} e^{-E(s'_i, s_{\setminus i})/T}

        (Besag, J. R. Stat. Soc. B 36, 192 (1974)). Only the tiles that hold site i differ between the
        terms of the sum.

        Parameters
        ----------
        states : uint8 (batch, n_sites)
        temperature : float
            In J/k_B.
        """
        n_tiles, per_tile = self.tiles.shape
        others, batch = self.n_states - 1, tf.shape(states)[0]
        # every tile as it is, and with each of its sites in each other state
        steps = np.kron(
            np.eye(per_tile, dtype=np.int32), np.arange(1, self.n_states, dtype=np.int32)[:, None]
        )
        steps = np.concatenate([np.zeros((1, per_tile), np.int32), steps])
        changed = (tf.cast(self._cut(states), tf.int32)[:, :, None, :] + steps) % self.n_states
        outputs = self._outputs(tf.reshape(changed, [n_tiles, -1, per_tile]))
        outputs = tf.reshape(outputs, [n_tiles, batch, 1 + per_tile * others])
        differences = tf.reshape(outputs[:, :, 1:] - outputs[:, :, :1], [n_tiles, batch, per_tile, others])
        by_place = tf.reshape(tf.transpose(differences, [0, 2, 1, 3]), [n_tiles * per_tile, batch, others])
        n_sites = int(self.tiles.max()) + 1
        # places without a site, numbered -1, are left out of the sums
        cost = tf.math.unsorted_segment_sum(by_place, self.tiles.ravel(), n_sites) * (
            self.scale / temperature
        )
        # ln(1 + sum exp(-cost)) over the other states
        zero = tf.zeros_like(cost[:, :, :1])
        return -tf.reduce_sum(tf.reduce_logsumexp(tf.concat([zero, -cost], axis=2), axis=2), axis=0)

    def _cut(self, states):
        """Tiles of configurations, uint8 (n_tiles, batch, sites_per_tile); any state where no site is."""
        return tf.transpose(tf.gather(states, np.maximum(self.tiles, 0), axis=1), [1, 0, 2])

    def _outputs(self, tiles):
        """Outputs, float32 (n_tiles, rows), of tile states, integers (n_tiles, rows, sites_per_tile)."""
        x = 2 * tf.cast(tiles, tf.float32) - 1 if self.n_states == 2 else tf.one_hot(tiles, self.n_states)
        if np.any(self.tiles < 0):
            present = (self.tiles >= 0).astype(np.float32)[:, None]
            x *= present if self.n_states == 2 else present[..., None]
        if self.n_states > 2:
            x = tf.reshape(x, [len(self.tiles), tf.shape(x)[1], self.tiles.shape[1] * self.n_states])
        for k, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            if k:
                x = tf.nn.relu(x)
            x = (tf.tensordot(x, weights, 1) if weights.shape.rank == 2 else tf.matmul(x, weights)) + biases
        return x[:, :, 0]
