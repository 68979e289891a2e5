"""Recurrent network: gated recurrent units along the order of the sites."""

import numpy as np
import tensorflow as tf

from . import gru
from .autoregressive import Autoregressive, variable


class Gru(Autoregressive):
    """Stacked gated recurrent units (Cho et al., arXiv:1409.1259; reset after the product).

    The initial state is zero. The recurrent weights are shared by all positions.

    Parameters
    ----------
    generator : numpy Generator
        Draws the initial weights.
    hidden : int
        Units of a layer.
    layers : int
    others
        See `Autoregressive`.
    """

    def __init__(self, generator, hidden: int, layers: int = 1, **common):
        super().__init__(**common)
        self.hidden, self.layers = hidden, layers
        self.memory_shape = tf.TensorShape([None, layers * hidden])

        def orthogonal():
            parts = [np.linalg.qr(generator.standard_normal((hidden, hidden)))[0] for _ in range(3)]
            return np.concatenate(parts, axis=1).astype(np.float32)

        suffix = ["", *(f"_{k}" for k in range(1, layers))]
        self.recurrent = [tf.Variable(orthogonal(), name=f"recurrent{x}") for x in suffix]
        self.reset_bias = [variable(generator, f"reset_bias{x}", hidden) for x in suffix]
        self.input = variable(generator, "input", self.copies, self.width, 3 * hidden, scale=0.3)
        scale = 1 / np.sqrt(hidden)
        # from each layer to the next; the last row is a bias
        self.between = [
            variable(generator, f"between{x}", 1, hidden + 1, 3 * hidden, scale=scale) for x in suffix[1:]
        ]
        self.output = variable(generator, "output", self.copies, hidden, self.n_states, scale=0.1 * scale)
        self.output_bias = variable(generator, "output_bias", self.copies, 1, self.n_states)
        self.direct = None
        if self.seen.shape[1] > 1:
            self.direct = variable(generator, "direct", self.copies, self.width, self.n_states)

    def logits(self, sequence, seed=None):
        """See `Autoregressive.logits`."""
        inputs = self.features(sequence, tf.range(len(self.order)))
        precision = self.product_type(seed)
        h, weights = inputs, self.input
        for k in range(self.layers):
            if k:
                h, weights = tf.pad(h, [[0, 0], [0, 0], [0, 1]], constant_values=1.0), self.between[k - 1]
            h = gru.layer(h, weights, self.recurrent[k], self.reset_bias[k], precision)
            h = self.left_out(h, seed, k)
        logits = tf.matmul(h, self.output) + self.output_bias
        return logits if self.direct is None else logits + tf.matmul(inputs, self.direct)

    def start(self, batch):
        """Memory before the first step, float32 (batch, layers * hidden)."""
        return tf.zeros([batch, self.layers * self.hidden])

    def advance(self, t, sequence, memory):
        """One step.

        Parameters
        ----------
        t : int32 scalar
        sequence : int32 (n_sites, batch)
            States in the order of the network; those before t are used.
        memory : float32, of `memory_shape`
            What `advance` left behind at step t - 1.

        Returns
        -------
        log_conditionals : float32 (batch, Q)
        memory : float32, of `memory_shape`
        """
        logits, memory = self._step(t, self.features(sequence, t[None])[0], memory)
        return tf.nn.log_softmax(logits), memory

    def rest(self, t, sequence, memory):
        """Log-probability of the steps from t on, given those before, float64 (batch,).

        Parameters
        ----------
        t, sequence, memory
            As in `advance`.
        """
        end = len(self.order)
        inputs = self.features(sequence, tf.range(t, end))

        def body(u, memory, total):
            logits, memory = self._step(u, inputs[u - t], memory)
            return u + 1, memory, total + tf.cast(self.chosen(logits, sequence[u]), tf.float64)

        total = tf.zeros([tf.shape(sequence)[1]], tf.float64)
        shapes = (tf.TensorShape([]), self.memory_shape, tf.TensorShape([None]))
        return tf.while_loop(lambda u, *_: u < end, body, (t, memory, total), shapes)[2]

    def _step(self, t, inputs, memory):
        states = []
        for k, h in enumerate(tf.split(memory, self.layers, axis=1)):
            if k:
                projected = tf.matmul(states[-1], self.between[k - 1][0, :-1]) + self.between[k - 1][0, -1]
            else:
                projected = tf.matmul(inputs, self.copy(self.input, t))
            from_h = tf.matmul(h, self.recurrent[k])
            states.append(gru.cell(projected, from_h, h, self.reset_bias[k])[0])
        logits = tf.matmul(states[-1], self.copy(self.output, t)) + self.copy(self.output_bias, t)
        if self.direct is not None:
            logits += tf.matmul(inputs, self.copy(self.direct, t))
        return logits, tf.concat(states, axis=1)
