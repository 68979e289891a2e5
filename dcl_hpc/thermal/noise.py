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
    high = tf.bitwise.right_shift(product, tf.constant(32, tf.uint64))
    return tf.cast(high, tf.uint32), tf.cast(product, tf.uint32)


def words(key, step, count: int) -> tf.Tensor:
    """Random words.

    Parameters
    ----------
    key : uint32 tensor, shape (2,)
        Of the trajectory.
    step : int64 scalar tensor
    count : int

    Returns
    -------
    uint32 tensor, shape (count,)
    """
    place = tf.constant(np.arange(-(-count // 4), dtype=np.uint32))
    zero = tf.zeros_like(place)
    low = tf.cast(step, tf.uint32)
    high = tf.cast(tf.bitwise.right_shift(step, tf.constant(32, tf.int64)), tf.uint32)
    return tf.concat(philox([place, zero, zero + low, zero + high], [zero + key[0], zero + key[1]]), 0)[
        :count
    ]


def n_words(kind: str, shapes) -> int:
    """Words that a step takes; parameters as in `numbers`."""
    return sum(_rows_of_words(kind, rows) * columns for rows, columns in shapes)


def numbers(kind: str, dtype, words, shapes) -> list[tf.Tensor]:
    """Random numbers of mean 0 and variance 1 for all arrays of a step.

    Parameters
    ----------
    kind : "two-point", "uniform" or "normal"
    words : uint32 tensor, shape (n_words,)
    shapes : list of (rows, columns)
        Of each array.

    Returns
    -------
    list of tensors, shapes (rows, columns)
    """
    needed = [_rows_of_words(kind, rows) * columns for rows, columns in shapes]
    parts = tf.split(words, needed)
    return [_numbers(kind, dtype, part, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _rows_of_words(kind, rows):
    """Words that a column of an array takes."""
    return {"two-point": -(-rows // 32), "uniform": rows, "normal": 2 * rows}[kind]


def _numbers(kind, dtype, words, rows, columns):
    """Numbers (rows, columns) from words."""
    words = tf.reshape(words, (_rows_of_words(kind, rows), columns))
    if kind == "two-point":
        bits = tf.bitwise.right_shift(words[:, None], np.arange(32, dtype=np.uint32)[:, None])
        bits = tf.reshape(bits & tf.constant(1, tf.uint32), (-1, columns))[:rows]
        return 1 - 2 * tf.cast(tf.cast(bits, tf.int32), dtype)
    if kind == "uniform":
        return math.sqrt(12) * (_unit(words, dtype) - 0.5)
    radius = tf.sqrt(-2 * tf.math.log(_unit(words[:rows], dtype)))
    return radius * tf.cos(2 * math.pi * _unit(words[rows:], dtype))  # Box and Muller


def _unit(word, dtype):
    """Numbers in (0, 1) from the 23 high bits of words."""
    bits = tf.cast(tf.bitwise.right_shift(word, tf.constant(9, tf.uint32)), tf.int32)
    return (tf.cast(bits, dtype) + 0.5) * 2.0**-23
