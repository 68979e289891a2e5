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
    hidden : sequence of int
        Units of each hidden layer.
    mean, scale : float
        Mean and standard deviation of the energies to learn, in J; the network starts there.
    generator : numpy Generator
    """

    def __init__(self, n_states: int, tiles, hidden, mean: float, scale: float, generator):
        super().__init__()
        self.n_states, self.scale = n_states, float(scale)
        self.tiles = np.asarray(tiles, np.int32)
        n_tiles, per_tile = self.tiles.shape
        width = per_tile if n_states == 2 else per_tile * n_states
        sizes = [width, *hidden, 1]
        self.weights, self.biases = [], []
        for k, (n_in, n_out) in enumerate(pairwise(sizes)):
            values = generator.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)
            if n_out == 1:
                values /= np.sqrt(n_tiles)
            self.weights.append(tf.Variable(values.astype(np.float32), name=f"weights_{k}"))
            self.biases.append(tf.Variable(np.zeros(n_out, np.float32), name=f"biases_{k}"))
        self.biases[-1].assign([mean / n_tiles / self.scale])

    def energy(self, states):
        """Energies in J, float32 (batch,), of states, uint8 (batch, n_sites)."""
        x = tf.gather(states, self.tiles, axis=1)
        if self.n_states == 2:
            x = 2 * tf.cast(x, tf.float32) - 1
        else:
            x = tf.one_hot(x, self.n_states)
            x = tf.reshape(x, [tf.shape(x)[0], len(self.tiles), -1])
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = tf.nn.relu(tf.tensordot(x, weights, 1) + biases)
        outputs = tf.tensordot(x, self.weights[-1], 1) + self.biases[-1]
        return self.scale * tf.reduce_sum(outputs, axis=[1, 2])
