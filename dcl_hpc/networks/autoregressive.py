r"""Networks for the probability of a configuration, site by site.

.. math:: \ln P(s) = \sum_t \ln P(s_t \mid s_1 \dots s_{t-1})

(Sprague et al., eq. 3) along a fixed order of the sites. Every conditional is a softmax over the Q
states, so P is normalised exactly for any weights.
"""

import numpy as np
import tensorflow as tf


class Autoregressive(tf.Module):
    """What the architectures have in common: the order of the sites and what each step sees.

    Step t takes the state of the site before it in the order. With `neighbours` it also takes the
    states of those of them that came earlier, which spares the network from carrying them along.
    What is not known yet has a token of its own, Q.

    Subclasses give `logits`, and for Monte Carlo `memory_shape`, `start`, `advance` and `rest`.

    Parameters
    ----------
    n_states : int
    order : ndarray of int, shape (n_sites,)
        Site at each position of the sequence.
    positional : bool
        Give every position its own input and output weights.
    neighbours : ndarray of int, shape (n_sites, z), optional
        Sites that matter to each site (`physics.unwrap.tied`), -1 where there is none: then all inputs are 0.
    dropout : float
        Share of each layer's outputs that is left out in training.
    precision : {"float32", "bfloat16"}
        Of the factors of matrix products in training; energies are always computed in float32.
    """

    def __init__(
        self, n_states: int, order, positional: bool, neighbours=None, dropout: float = 0.0,
        precision: str = "float32",
    ):  # fmt: skip
        super().__init__()
        self.n_states, self.dropout, self.precision = n_states, dropout, precision
        self.order = np.asarray(order, np.int32)
        n_sites = len(self.order)
        self.copies = n_sites if positional else 1
        # positions that each step sees; n_sites stands for those not known yet, n_sites + 1 for no site
        self.seen = np.append(n_sites, np.arange(n_sites - 1))[:, None]
        if neighbours is not None:
            sites = np.asarray(neighbours)[self.order]
            place = np.argsort(self.order)[sites]
            earlier = np.where(place < np.arange(n_sites)[:, None], place, n_sites)
            earlier[sites < 0] = n_sites + 1
            self.seen = np.concatenate([self.seen, earlier], axis=1)
        self.seen = self.seen.astype(np.int32)
        self.width = self.seen.shape[1] * (n_states + 1)

    @property
    def rows(self) -> int:
        """Configurations to take at a time where memory counts."""
        return 4096

    def features(self, sequence, positions):
        """Inputs of steps, one-hot float32 (steps, batch, width).

        Parameters
        ----------
        sequence : int32 (n_sites, batch)
            States in the order of the network.
        positions : int32 (steps,)
        """
        known = tf.pad(sequence, [[0, 1], [0, 0]], constant_values=self.n_states)
        # a token beyond the last one is hot nowhere
        known = tf.pad(known, [[0, 1], [0, 0]], constant_values=self.n_states + 1)
        tokens = tf.transpose(tf.gather(known, tf.gather(self.seen, positions)), [0, 2, 1])
        steps = positions.shape[0] or tf.shape(positions)[0]
        return tf.reshape(tf.one_hot(tokens, self.n_states + 1), [steps, -1, self.width])

    def log_prob(self, states, seed=None):
        """Log-probability of configurations.

        Parameters
        ----------
        states : uint8 (batch, n_sites)
        seed : int32 (2,), optional
            Given in training only: draws what is left out, and products are in `precision`.

        Returns
        -------
        float32 (batch,)
        """
        return self.log_prob_of_columns(tf.transpose(states), seed)

    def log_prob_of_columns(self, states, seed=None):
        """The same for states, uint8 (n_sites, batch), as Markov chains have them."""
        sequence = tf.gather(tf.cast(states, tf.int32), self.order)
        return tf.reduce_sum(self.chosen(self.logits(sequence, seed), sequence), axis=0)

    def logits(self, sequence, seed=None):
        """Unnormalised log-conditionals of all steps, float32 (n_sites, batch, Q)."""
        raise NotImplementedError

    def product_type(self, seed) -> tf.DType:
        """Type of the factors of matrix products."""
        return tf.as_dtype("float32" if seed is None else self.precision)

    def copy(self, weights, t):
        """Weights of step t."""
        return weights[t if self.copies > 1 else 0]

    @staticmethod
    def chosen(logits, tokens):
        """ln P of tokens, int32 (...), by logits, float32 (..., Q)."""
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)

    def left_out(self, x, seed, layer: int):
        """A layer's outputs with dropout, in training."""
        if seed is None or not self.dropout:
            return x
        return tf.nn.experimental.stateless_dropout(x, self.dropout, seed + tf.constant([0, 2**16 * layer]))


def variable(generator, name: str, *shape: int, scale: float = 0.0) -> tf.Variable:
    """Normal random weights, float32."""
    values = generator.standard_normal(shape) * scale if scale else np.zeros(shape)
    return tf.Variable(values.astype(np.float32), name=name)
