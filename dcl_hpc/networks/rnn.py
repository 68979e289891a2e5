r"""Recurrent network for the probability of a configuration.

.. math:: \ln P(s) = \sum_t \ln P(s_t \mid s_1 \dots s_{t-1})

(Sprague et al., eq. 3) along a fixed order of the sites. Every conditional is a softmax over the Q
states, so P is normalised exactly for any weights.
"""

import numpy as np
import tensorflow as tf

from . import gru


class Gru(tf.Module):
    """A gated recurrent unit (Cho et al., arXiv:1409.1259; reset after the product) with a softmax head.

    Step t takes the state of the site before it in the order (step 0 takes a start token) and its
    output gives P(s_t | s_<t). With `neighbours` it also sees the states of those lattice neighbours of
    its site that came earlier, which spares the hidden state from carrying them.

    Parameters
    ----------
    n_states : int
    order : ndarray of int, shape (n_sites,)
        Site at each position of the sequence.
    hidden : int
        Number of hidden units.
    positional : bool
        Give every position its own input and output weights; the recurrent weights are shared.
    generator : numpy Generator
        Draws the initial weights.
    neighbours : ndarray of int, shape (n_sites, z), optional
        Neighbours of each site.
    """

    def __init__(self, n_states: int, order, hidden: int, positional: bool, generator, neighbours=None):
        super().__init__()
        self.n_states, self.hidden, self.positional = n_states, hidden, positional
        self.order = np.asarray(order, np.int32)
        n_sites = len(self.order)
        copies = n_sites if positional else 1
        width, self.earlier = n_states + 1, None
        if neighbours is not None:
            place = np.argsort(self.order)[np.asarray(neighbours)[self.order]]
            # later neighbours are not known yet: they take the row behind the last
            self.earlier = np.where(place < np.arange(n_sites)[:, None], place, n_sites).astype(np.int32)
            width += n_states * place.shape[1]

        def normal(*shape, scale):
            return (generator.standard_normal(shape) * scale).astype(np.float32)

        recurrent = [np.linalg.qr(generator.standard_normal((hidden, hidden)))[0] for _ in range(3)]
        self.input = tf.Variable(normal(copies, width, 3 * hidden, scale=0.3), name="input")
        self.recurrent = tf.Variable(np.concatenate(recurrent, axis=1).astype(np.float32), name="recurrent")
        self.reset_bias = tf.Variable(np.zeros(hidden, np.float32), name="reset_bias")
        self.output = tf.Variable(
            normal(copies, hidden, n_states, scale=0.1 / np.sqrt(hidden)), name="output"
        )
        self.direct = None
        if neighbours is not None:
            self.direct = tf.Variable(np.zeros((copies, width, n_states), np.float32), name="direct")
        self.output_bias = tf.Variable(np.zeros((copies, 1, n_states), np.float32), name="output_bias")

    def features(self, sequence):
        """Inputs of all steps, float32 (n_sites, batch, width), of ordered states, int32 (n_sites, batch)."""
        start = tf.fill([1, tf.shape(sequence)[1]], self.n_states)
        inputs = tf.one_hot(tf.concat([start, sequence[:-1]], axis=0), self.n_states + 1)
        if self.earlier is None:
            return inputs
        known = tf.gather(tf.concat([sequence, -tf.ones_like(start)], axis=0), self.earlier)
        known = tf.one_hot(tf.transpose(known, [0, 2, 1]), self.n_states)  # unknown ones have no state
        width = self.earlier.shape[1] * self.n_states
        return tf.concat([inputs, tf.reshape(known, [len(self.order), -1, width])], axis=2)

    def log_prob(self, states):
        """Log-probability of configurations, float32 (batch,), from states, uint8 (batch, n_sites)."""
        sequence = tf.transpose(tf.gather(tf.cast(states, tf.int32), self.order, axis=1))
        inputs = self.features(sequence)
        h = gru.sequence(tf.matmul(inputs, self.input), self.recurrent, self.reset_bias)
        logits = tf.matmul(h, self.output) + self.output_bias
        if self.direct is not None:
            logits += tf.matmul(inputs, self.direct)
        negative = tf.nn.sparse_softmax_cross_entropy_with_logits(sequence, logits)
        return -tf.reduce_sum(negative, axis=0)

    def suffix(self, first, sequence, h):
        """Run steps first .. n_sites - 1 from the state before them.

        Parameters
        ----------
        first : int32 scalar
        sequence : int32 (n_sites, batch)
            States in the order of the network.
        h : float32 (batch, hidden)

        Returns
        -------
        hidden : float32 (n_sites - first, batch, hidden)
        log_conditionals : float32 (n_sites - first, batch)
        """
        n = len(self.order) - first
        inputs = self.features(sequence)
        hidden = tf.TensorArray(tf.float32, n, element_shape=(None, self.hidden))
        logits = tf.TensorArray(tf.float32, n, element_shape=(None, self.n_states))

        def body(t, h, hidden, logits):
            copy = t if self.positional else 0
            projected = tf.matmul(inputs[t], self.input[copy])
            h = gru.cell(projected, tf.matmul(h, self.recurrent), h, self.reset_bias)[0]
            logit = tf.matmul(h, self.output[copy]) + self.output_bias[copy]
            if self.direct is not None:
                logit += tf.matmul(inputs[t], self.direct[copy])
            return t + 1, h, hidden.write(t - first, h), logits.write(t - first, logit)

        end = len(self.order)
        _, _, hidden, logits = tf.while_loop(lambda t, *_: t < end, body, (first, h, hidden, logits))
        negative = tf.nn.sparse_softmax_cross_entropy_with_logits(sequence[first:], logits.stack())
        return hidden.stack(), -negative
