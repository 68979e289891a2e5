"""The random numbers of the dynamics."""

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.thermal import noise

SHAPES = [(10, 300), (40, 300), (2, 10)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0x00000000, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (0xFFFFFFFF, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ],
)
def test_philox(word, expected):
    """Known answers of its authors (Random123, kat_vectors)."""
    words = [tf.constant([word], tf.uint32)] * 6
    assert [int(out[0]) for out in noise.philox(words[:4], words[4:])] == expected


@pytest.mark.parametrize("kind", noise.KINDS)
def test_moments(kind):
    """Mean 0, variance 1, no correlation between numbers, steps and keys."""
    drawn = {}
    for key, step in [((1, 2), 0), ((1, 2), 1), ((1, 2), 2**32), ((1, 3), 0), ((2, 2), 0)]:
        words = noise.words(
            tf.constant(key, tf.uint32), tf.constant(step, tf.int64), noise.n_words(kind, SHAPES)
        )
        arrays = noise.numbers(kind, np.float64, words, SHAPES)
        assert [tuple(array.shape) for array in arrays] == SHAPES
        drawn[key, step] = np.concatenate([np.ravel(array) for array in arrays])
    values = np.array(list(drawn.values()))
    size = values[0].size
    assert np.all(np.abs(values.mean(axis=1)) < 4 / size**0.5)
    correlation = values @ values.T / size
    assert np.all(np.abs(correlation - np.eye(len(values))) < 4 / size**0.5)
    for distance in (1, 32, 300):
        assert abs(np.mean(values[:, distance:] * values[:, :-distance])) < 4 / values.size**0.5
