"""Images of one trajectory, in the form in which their products with the first weights are quick."""

import numpy as np
import tensorflow as tf

# Columns come in multiples of this: few shapes to compile functions for, and quick products.
STEP = 64


class Inputs:
    """Images whose constant pixels are lumped together.

    A pixel that is the same in all images adds the same to every image's field, so all such pixels make
    one column, of ones, with the sum of their weights (times the pixels) as its weight. The forces on these
    are equal but for the signs of the pixels. This is exact, and saves a third of the work on digits.

    Parameters
    ----------
    images : ndarray of int8, shape (M, N_0)
        +1 or -1.
    kind : dtype

    Attributes
    ----------
    order : ndarray of int, shape (N_0,)
        The pixels: k that may vary, then constant ones.
    arrays : tuple of ndarrays
        Columns (M, k + 1), the last of ones; their transpose; the constant pixels (N_0 - k, 1).
    """

    def __init__(self, images: np.ndarray, kind):
        constant = np.all(images == images[0], axis=0)
        self.order = np.argsort(constant, kind="stable")
        count = int(np.sum(~constant))
        count = min(len(constant), -(-(count + 1) // STEP) * STEP - 1)
        varying, rest = np.split(images[:, self.order].astype(kind), [count], axis=1)
        rows = np.hstack([varying, np.ones((len(images), 1), kind)])
        self.arrays = (rows, np.ascontiguousarray(rows.T), np.ascontiguousarray(rest[:1].T))

    @staticmethod
    def forward(weights, arrays):
        """Product of weights (N, N_0), in `order`, with all images: (N, M)."""
        rows, columns, pixels = arrays
        free, rest = tf.split(weights, [rows.shape[1] - 1, pixels.shape[0]], axis=1)
        return tf.concat([free, rest @ pixels], axis=1) @ columns

    @staticmethod
    def backward(slopes, arrays):
        """Product of (N, M) with all images: (N, N_0), in `order`."""
        rows, _, pixels = arrays
        free, rest = tf.split(slopes @ rows, [rows.shape[1] - 1, 1], axis=1)
        return tf.concat([free, rest * tf.transpose(pixels)], axis=1)
