"""Random streams against a plain implementation of xoshiro128++."""

import itertools

import numpy as np
import pytest
from numba import njit

from dcl_hpc.sampling import kernels
from dcl_hpc.sampling.streams import Purpose, generator, streams

MASK = 0xFFFFFFFF


@njit
def words(state, n):
    """The next n words of every stream."""
    result = np.empty((n, state.shape[1]), np.uint32)
    for k in range(n):
        for c in range(state.shape[1]):
            result[k, c] = kernels.next_word(state, c)
    return result


def rotate(x, k):
    """Rotate 32 bits to the left."""
    return ((x << k) | (x >> (32 - k))) & MASK


def reference(state, n):
    """Blackman and Vigna's xoshiro128++ in Python integers."""
    s = [int(x) for x in state]
    result = []
    for _ in range(n):
        result.append((rotate((s[0] + s[3]) & MASK, 7) + s[0]) & MASK)
        t = (s[1] << 9) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 11)
    return result, s


def test_first_words_of_the_published_generator():
    """State 1, 2, 3, 4 begins with 641, 1573767, 3222811527."""
    state = np.array([[1], [2], [3], [4]], np.uint32)
    assert words(state, 3).ravel().tolist() == [641, 1573767, 3222811527]


def test_words_are_xoshiro():
    """A thousand words and the state after them, from several seeds."""
    state = streams(5, Purpose.OBSERVE, range(4))
    expected = [reference(column, 1000) for column in state.T]
    found = words(state, 1000)
    for c, (numbers, end) in enumerate(expected):
        assert found[:, c].tolist() == numbers
        assert state[:, c].tolist() == end


def test_uniform_numbers_are_the_upper_24_bits():
    """Every float is a multiple of 2^-24 in [0, 1)."""
    state = streams(6, Purpose.SWEEP, range(3))
    expected = np.array([reference(column, 500)[0] for column in state.T]).T
    numbers = np.empty((500, 3), np.float32)
    kernels.uniforms(state, numbers)
    assert np.array_equal(numbers.astype(float), (expected >> 8) / 2.0**24)


def test_uniform_numbers_are_uniform():
    """Range, mean, variance and a histogram of a million numbers."""
    state = streams(7, Purpose.SWEEP, range(1000))
    numbers = np.empty((1000, 1000), np.float32)
    kernels.uniforms(state, numbers)
    numbers = numbers.astype(float).ravel()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 4 * np.sqrt(1 / 12e6)
    assert abs(numbers.var() - 1 / 12) < 4 * np.sqrt(1 / 180e6)
    counts = np.histogram(numbers, 100, (0, 1))[0]
    assert ((counts - 1e4) ** 2 / 1e4).sum() == pytest.approx(99, abs=4 * np.sqrt(198))


def test_largest_uniform_number_is_below_one():
    """All bits set give 1 - 2^-24, not 1."""
    # s0 = 0 and s3 = 2^32 - 1 give the word rotl(2^32 - 1, 7) + 0
    state = np.array([[0], [0], [0], [MASK]], np.uint32)
    number = np.empty((1, 1), np.float32)
    kernels.uniforms(state, number)
    assert number[0, 0] == 1 - 2.0**-24


def test_distinct_keys_give_distinct_streams():
    """Seed, purpose, realization and chain each make a stream of its own."""
    columns = [
        streams(seed, purpose, range(20), realization)
        for seed, purpose, realization in itertools.product((1, 2, 2**40), Purpose, (0, 1))
    ]
    everything = np.concatenate(columns, axis=1)
    assert len(np.unique(everything, axis=1).T) == everything.shape[1] == 3 * len(Purpose) * 2 * 20


def test_same_key_gives_the_same_stream():
    """A chain's stream does not depend on which chains are asked for beside it."""
    together = streams(3, Purpose.LEVELS, range(50), 2)
    assert together.dtype == np.uint32
    for chain in (0, 17, 49):
        assert np.array_equal(streams(3, Purpose.LEVELS, [chain], 2)[:, 0], together[:, chain])


def test_no_chains():
    """A rank without chains has an empty state."""
    assert streams(1, Purpose.SWEEP, []).shape == (4, 0)


def test_numpy_generators_are_keyed_alike():
    """The same key gives the same numbers, another purpose, index, realization or seed others."""
    keys = [(1, Purpose.SHUFFLE, 0, 0), (1, Purpose.SHUFFLE, 1, 0), (1, Purpose.WEIGHTS, 0, 0)]
    keys += [(2, Purpose.SHUFFLE, 0, 0), (1, Purpose.SHUFFLE, 0, 1)]
    drawn = [generator(*key).integers(0, 2**62, 4).tolist() for key in keys]
    assert drawn == [generator(*key).integers(0, 2**62, 4).tolist() for key in keys]
    assert len({tuple(row) for row in drawn}) == len(keys)
