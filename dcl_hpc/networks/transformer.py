"""Causal Transformer: each step attends to all steps before it."""

import numpy as np
import tensorflow as tf

from .autoregressive import Autoregressive, variable


class Transformer(Autoregressive):
    """Decoder of a Transformer (Vaswani et al., arXiv:1706.03762), normalised before each block.

    Parameters
    ----------
    generator : numpy Generator
        Draws the initial weights.
    hidden : int
        Width of the residual stream; the blocks in between have four times as many units.
    heads : int
        Divides `hidden`.
    layers : int
    others
        See `Autoregressive`.
    """

    def __init__(self, generator, hidden: int, heads: int, layers: int = 1, **common):
        super().__init__(**common)
        self.hidden, self.heads, self.layers = hidden, heads, layers
        # keys and values of every layer at all earlier steps
        self.memory_shape = tf.TensorShape([None, None, layers * 2 * hidden])
        n_sites, scale = len(self.order), 1 / np.sqrt(hidden)

        def dense(name, n_in, n_out, scale):
            return variable(generator, name, n_in, n_out, scale=scale), variable(
                generator, f"{name}_bias", n_out
            )

        self.input = variable(generator, "input", self.copies, self.width, hidden, scale=0.5)
        self.position = variable(generator, "position", n_sites, 1, hidden, scale=0.5)
        small = scale / np.sqrt(2 * layers)
        self.blocks = [
            {
                "attend": dense(f"attend_{k}", hidden, 3 * hidden, scale),
                "merge": dense(f"merge_{k}", hidden, hidden, small),
                "expand": dense(f"expand_{k}", hidden, 4 * hidden, scale),
                "contract": dense(f"contract_{k}", 4 * hidden, hidden, small / 2),
            }
            for k in range(layers)
        ]
        self.output = variable(generator, "output", self.copies, hidden, self.n_states, scale=0.1 * scale)
        self.output_bias = variable(generator, "output_bias", self.copies, 1, self.n_states)
        self.direct = variable(generator, "direct", self.copies, self.width, self.n_states)

    @property
    def rows(self) -> int:
        """See `Autoregressive.rows`; weights of attention take 256 MiB."""
        return int(np.clip(2**26 // (self.heads * len(self.order) ** 2), 1, 4096))

    def logits(self, sequence, seed=None):
        """See `Autoregressive.logits`."""
        precision = self.product_type(seed)
        start = self.start(tf.shape(sequence)[1])
        return self._run(0, len(self.order), sequence, start, precision, seed)[0]

    def start(self, batch):
        """Memory before the first step, float32 (0, batch, layers * 2 * hidden)."""
        return tf.zeros([0, batch, self.layers * 2 * self.hidden])

    def advance(self, t, sequence, memory):
        """See `Gru.advance`."""
        logits, memory = self._run(t, t + 1, sequence, memory)
        return tf.nn.log_softmax(logits[0]), memory

    def rest(self, t, sequence, memory):
        """See `Gru.rest`; all steps at once."""
        logits, _ = self._run(t, len(self.order), sequence, memory)
        return tf.reduce_sum(tf.cast(self.chosen(logits, sequence[t:]), tf.float64), axis=0)

    def _run(self, first, stop, sequence, memory, precision=tf.float32, seed=None):
        """Logits of steps first ... stop - 1, and the memory with them."""
        positions = tf.range(first, stop)
        inputs = self.features(sequence, positions)

        def of_steps(weights):
            return weights[first:stop] if weights.shape[0] > 1 else weights

        def dense(x, weights_and_bias):
            weights, bias = weights_and_bias
            product = tf.tensordot(tf.cast(x, precision), tf.cast(weights, precision), 1)
            return tf.cast(product, tf.float32) + bias

        x = tf.matmul(inputs, of_steps(self.input)) + of_steps(self.position)
        earlier = tf.split(memory, self.layers, axis=2)
        kept = []
        for k, block in enumerate(self.blocks):
            query, here = tf.split(dense(normalised(x), block["attend"]), [self.hidden, 2 * self.hidden], 2)
            kept.append(tf.concat([earlier[k], here], axis=0))
            x += self.left_out(
                dense(self._attention(query, kept[-1], positions, precision), block["merge"]), seed, k
            )
            inner = tf.nn.gelu(dense(normalised(x), block["expand"]), approximate=True)
            x += self.left_out(dense(inner, block["contract"]), seed, self.layers + k)
        logits = tf.matmul(normalised(x), of_steps(self.output)) + of_steps(self.output_bias)
        return logits + tf.matmul(inputs, of_steps(self.direct)), tf.concat(kept, axis=2)

    def _attention(self, query, key_value, positions, precision):
        """Values of steps up to each position, weighted by softmax(query . key / sqrt(d))."""
        batch, d = tf.shape(query)[1], self.hidden // self.heads

        def by_head(x):  # (batch, heads, steps, d)
            return tf.transpose(tf.reshape(tf.cast(x, precision), [-1, batch, self.heads, d]), [1, 2, 0, 3])

        key, value = tf.split(key_value, 2, axis=2)
        scores = tf.cast(tf.matmul(by_head(query), by_head(key), transpose_b=True), tf.float32) / np.sqrt(d)
        future = tf.range(tf.shape(key)[0]) > positions[:, None]
        weights = tf.nn.softmax(tf.where(future, -np.inf, scores))
        mixed = tf.matmul(tf.cast(weights, precision), by_head(value))
        return tf.reshape(tf.transpose(tf.cast(mixed, tf.float32), [2, 0, 1, 3]), [-1, batch, self.hidden])


def normalised(x):
    """Zero mean and unit variance over the last axis."""
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5)
