r"""Recurrent network for the probability of a configuration.

.. math:: \ln P(s) = \sum_t \ln P(s_t \mid s_1 \dots s_{t-1})

(Sprague et al., eq. 3) along a fixed order of the sites. Every conditional is a softmax over the Q
states, so P is normalised exactly for any weights.
"""

import numpy as np
import tensorflow as tf

from . import gru


class Gru(tf.Module):
    """Gated recurrent units (Cho et al., arXiv:1409.1259; reset after the product) with a softmax head.

    Step t takes the state of the site before it in the order (step 0 takes a start token) and its
    output gives P(s_t | s_<t). With `neighbours` it also sees the states of those lattice neighbours of
    its site that came earlier, which spares the hidden state from carrying them.

    Parameters
    ----------
    n_states : int
    order : ndarray of int, shape (n_sites,)
        Site at each position of the sequence.
    hidden : int
        Number of hidden units of a layer.
    positional : bool
        Give every position its own input and output weights; the recurrent weights are shared.
    generator : numpy Generator
        Draws the initial weights.
    neighbours : ndarray of int, shape (n_sites, z), optional
        Neighbours of each site.
    layers : int
        Units stacked upon each other.
    dropout : float
        Share of each layer's outputs that is left out in training.
    """

    def __init__(
        self, n_states: int, order, hidden: int, positional: bool, generator, neighbours=None,
        layers: int = 1, dropout: float = 0.0,
    ):  # fmt: skip
        super().__init__()
        self.n_states, self.hidden, self.positional = n_states, hidden, positional
        self.layers, self.dropout = layers, dropout
        self.order = np.asarray(order, np.int32)
        n_sites = len(self.order)
        copies = n_sites if positional else 1
        width, self.earlier = n_states + 1, None
        if neighbours is not None:
            place = np.argsort(self.order)[np.asarray(neighbours)[self.order]]
            # later neighbours are not known yet: they take the row behind the last
            self.earlier = np.where(place < np.arange(n_sites)[:, None], place, n_sites).astype(np.int32)
            width += n_states * place.shape[1]

        def variable(name, *shape, scale=0.0):
            values = generator.standard_normal(shape) * scale if scale else np.zeros(shape)
            return tf.Variable(values.astype(np.float32), name=name)

        def orthogonal():
            parts = [np.linalg.qr(generator.standard_normal((hidden, hidden)))[0] for _ in range(3)]
            return np.concatenate(parts, axis=1).astype(np.float32)

        suffix = ["", *(f"_{k}" for k in range(1, layers))]
        self.recurrent = [tf.Variable(orthogonal(), name=f"recurrent{x}") for x in suffix]
        self.reset_bias = [variable(f"reset_bias{x}", hidden) for x in suffix]
        self.input = variable("input", copies, width, 3 * hidden, scale=0.3)
        # from each layer to the next
        self.between = [
            variable(f"between{x}", hidden, 3 * hidden, scale=1 / np.sqrt(hidden)) for x in suffix[1:]
        ]
        self.between_bias = [variable(f"between_bias{x}", 3 * hidden) for x in suffix[1:]]
        self.output = variable("output", copies, hidden, n_states, scale=0.1 / np.sqrt(hidden))
        self.output_bias = variable("output_bias", copies, 1, n_states)
        self.direct = None if neighbours is None else variable("direct", copies, width, n_states)

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

    def log_prob(self, states, seed=None):
        """Log-probability of configurations.

        Parameters
        ----------
        states : uint8 (batch, n_sites)
        seed : int32 (2,), optional
            Draws what is left out; without it nothing is.

        Returns
        -------
        float32 (batch,)
        """
        sequence = tf.transpose(tf.gather(tf.cast(states, tf.int32), self.order, axis=1))
        inputs = self.features(sequence)
        h, projected = None, tf.matmul(inputs, self.input)
        for k in range(self.layers):
            if k:
                projected = tf.tensordot(h, self.between[k - 1], 1) + self.between_bias[k - 1]
            h = gru.sequence(projected, self.recurrent[k], self.reset_bias[k])
            if self.dropout and seed is not None:
                own = seed + tf.constant([0, 2**16 * k])
                h = tf.nn.experimental.stateless_dropout(h, self.dropout, own)
        logits = tf.matmul(h, self.output) + self.output_bias
        if self.direct is not None:
            logits += tf.matmul(inputs, self.direct)
        negative = tf.nn.sparse_softmax_cross_entropy_with_logits(sequence, logits)
        return -tf.reduce_sum(negative, axis=0)

    @property
    def state_width(self) -> int:
        """Length of the hidden state of all layers."""
        return self.layers * self.hidden

    def suffix(self, first, sequence, state):
        """Run steps first .. n_sites - 1 from the state before them.

        Parameters
        ----------
        first : int32 scalar
        sequence : int32 (n_sites, batch)
            States in the order of the network.
        state : float32 (batch, state_width)

        Returns
        -------
        states : float32 (n_sites - first, batch, state_width)
        log_conditionals : float32 (n_sites - first, batch)
        """
        n = len(self.order) - first
        inputs = self.features(sequence)
        states = tf.TensorArray(tf.float32, n, element_shape=(None, self.state_width))
        logits = tf.TensorArray(tf.float32, n, element_shape=(None, self.n_states))

        def body(t, state, states, logits):
            copy = t if self.positional else 0
            new, projected = [], tf.matmul(inputs[t], self.input[copy])
            for k, h in enumerate(tf.split(state, self.layers, axis=1)):
                if k:
                    projected = tf.matmul(new[-1], self.between[k - 1]) + self.between_bias[k - 1]
                from_h = tf.matmul(h, self.recurrent[k])
                new.append(gru.cell(projected, from_h, h, self.reset_bias[k])[0])
            logit = tf.matmul(new[-1], self.output[copy]) + self.output_bias[copy]
            if self.direct is not None:
                logit += tf.matmul(inputs[t], self.direct[copy])
            state = tf.concat(new, axis=1)
            return t + 1, state, states.write(t - first, state), logits.write(t - first, logit)

        end = len(self.order)
        _, _, states, logits = tf.while_loop(lambda t, *_: t < end, body, (first, state, states, logits))
        negative = tf.nn.sparse_softmax_cross_entropy_with_logits(sequence[first:], logits.stack())
        return states.stack(), -negative
