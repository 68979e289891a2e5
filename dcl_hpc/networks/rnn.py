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
    output gives P(s_t | s_<t).

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
    """

    def __init__(self, n_states: int, order, hidden: int, positional: bool, generator):
        super().__init__()
        self.n_states, self.hidden, self.positional = n_states, hidden, positional
        self.order = np.asarray(order, np.int32)
        n_sites = len(self.order)
        copies = n_sites if positional else 1

        def normal(*shape, scale):
            return (generator.standard_normal(shape) * scale).astype(np.float32)

        recurrent = [np.linalg.qr(generator.standard_normal((hidden, hidden)))[0] for _ in range(3)]
        # the last row of the input weights is the start token's
        self.input = tf.Variable(normal(copies, n_states + 1, 3 * hidden, scale=0.3), name="input")
        self.recurrent = tf.Variable(np.concatenate(recurrent, axis=1).astype(np.float32), name="recurrent")
        self.reset_bias = tf.Variable(np.zeros(hidden, np.float32), name="reset_bias")
        self.output = tf.Variable(
            normal(copies, hidden, n_states, scale=0.1 / np.sqrt(hidden)), name="output"
        )
        self.output_bias = tf.Variable(np.zeros((copies, 1, n_states), np.float32), name="output_bias")

    def project(self, sequence):
        """Projected inputs of all steps, float32 (n_sites, batch, 3 hidden)."""
        start = tf.fill([tf.shape(sequence)[0], 1], self.n_states)
        tokens = tf.concat([start, sequence[:, :-1]], axis=1)
        inputs = tf.one_hot(tf.transpose(tokens), self.n_states + 1)
        if self.positional:
            return tf.matmul(inputs, self.input)
        return tf.tensordot(inputs, self.input[0], 1)

    def log_prob(self, states):
        """Log-probability of configurations, float32 (batch,), from states, uint8 (batch, n_sites)."""
        sequence = tf.gather(tf.cast(states, tf.int32), self.order, axis=1)
        h = gru.sequence(self.project(sequence), self.recurrent, self.reset_bias)
        logits = tf.matmul(h, self.output) + self.output_bias
        negative = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.transpose(sequence), logits)
        return -tf.reduce_sum(negative, axis=0)

    def suffix(self, first, tokens, h):
        """Run steps first .. n_sites - 1 from the state before them.

        Parameters
        ----------
        first : int32 scalar
        tokens : int32 (n_sites - first + 1, batch)
            Input of step `first` (n_states is the start token), then the states at positions
            first, first + 1, ..., n_sites - 1.
        h : float32 (batch, hidden)

        Returns
        -------
        hidden : float32 (n_sites - first, batch, hidden)
        log_conditionals : float32 (n_sites - first, batch)
        """
        n = len(self.order) - first
        hidden = tf.TensorArray(tf.float32, n, element_shape=(None, self.hidden))
        log_conditionals = tf.TensorArray(tf.float32, n, element_shape=(None,))

        def body(k, h, hidden, log_conditionals):
            copy = first + k if self.positional else 0
            projected = tf.gather(self.input[copy], tokens[k])
            h = gru.cell(projected, tf.matmul(h, self.recurrent), h, self.reset_bias)[0]
            logits = tf.matmul(h, self.output[copy]) + self.output_bias[copy]
            negative = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[k + 1], logits)
            return k + 1, h, hidden.write(k, h), log_conditionals.write(k, -negative)

        state = (tf.constant(0), h, hidden, log_conditionals)
        _, _, hidden, log_conditionals = tf.while_loop(lambda k, *_: k < n, body, state)
        return hidden.stack(), log_conditionals.stack()
