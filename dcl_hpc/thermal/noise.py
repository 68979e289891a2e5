"""Random numbers of mean 0 and variance 1 from a counter: no state, the same on every processor.

The generator is Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC11, doi:10.1145/2063384.2063405). A number
depends on the key of the trajectory, the step, and its place alone.
"""

import math

import numpy as np
import tensorflow as tf

# A word gives 32 two-point numbers, so these cost next to nothing; mean and variance are all that matters
# for the weak order of the dynamics.
KINDS = ("two-point", "uniform", "normal")
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85


def philox(counter, key) -> list[tf.Tensor]:
    """Four random words from a counter of four words and a key of two, all uint32 of one shape."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = _product(c0, _MULTIPLIERS[0])
        high1, low1 = _product(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + tf.constant(_WEYL[0], tf.uint32), k1 + tf.constant(_WEYL[1], tf.uint32)
    return [c0, c1, c2, c3]


def _product(word, constant):
    """High and low word of a product."""
    product = tf.cast(word, tf.uint64) * tf.constant(constant, tf.uint64)
    return tf.cast(tf.bitwise.right_shift(product, tf.constant(32, tf.uint64)), tf.uint32), tf.cast(
        product, tf.uint32
    )


def words(key, step, array: int, rows: int, columns: int) -> tf.Tensor:
    """Random words (n, rows, columns) for one array.

    Parameters
    ----------
    key : uint32 tensor, shape (n, 2)
    step : int64 scalar tensor
        Below 2^64.
    array : int
        Number of the array that the words are for.
    """
    quarter = -(-rows // 4)
    place = tf.reshape(tf.range(quarter * columns, dtype=tf.int32), (1, quarter, columns))
    shape = tf.broadcast_dynamic_shape(tf.shape(place), (tf.shape(key)[0], 1, 1))
    spread = [tf.broadcast_to(tf.reshape(key[:, k], (-1, 1, 1)), shape) for k in range(2)]
    low, high = tf.cast(step, tf.uint32), tf.cast(tf.bitwise.right_shift(step, tf.constant(32, tf.int64)), tf.uint32)
    counter = [tf.cast(place, tf.uint32), tf.constant(array, tf.uint32), low, high]
    parts = philox([tf.broadcast_to(word, shape) for word in counter], spread)
    return tf.concat(parts, axis=1)[:, :rows]


def draw(kind: str, dtype, key, step, array: int, rows: int, columns: int) -> tf.Tensor:
    """Random numbers (n, rows, columns) of mean 0 and variance 1; parameters as in `words`."""
    if kind == "two-point":
        groups = -(-rows // 32)
        drawn = words(key, step, array, groups, columns)[:, :, None, :]
        bits = tf.bitwise.right_shift(drawn, np.arange(32, dtype=np.uint32)[:, None]) & tf.constant(1, tf.uint32)
        bits = tf.reshape(bits, (-1, groups * 32, columns))[:, :rows]
        return 1 - 2 * tf.cast(tf.cast(bits, tf.int32), dtype)
    if kind == "uniform":
        return math.sqrt(12) * (_unit(words(key, step, array, rows, columns), dtype) - 0.5)
    pairs = words(key, step, array, 2 * rows, columns)
    radius = tf.sqrt(-2 * tf.math.log(_unit(pairs[:, :rows], dtype)))
    return radius * tf.cos(2 * math.pi * _unit(pairs[:, rows:], dtype))  # Box and Muller


def _unit(word, dtype):
    """Numbers in (0, 1) from the 23 high bits of words."""
    bits = tf.cast(tf.bitwise.right_shift(word, tf.constant(9, tf.uint32)), tf.int32)
    return (tf.cast(bits, dtype) + 0.5) * 2.0**-23
