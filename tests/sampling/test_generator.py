"""Random words against a plain xoshiro128++, and what is made of them."""

import numpy as np
import pytest
from numba import njit

from dcl_hpc.sampling import generator
from dcl_hpc.sampling.streams import Purpose, streams

MASK = 0xFFFFFFFF


@njit
def words(state, n):
    """The next n words of every stream."""
    result = np.empty((n, state.shape[1]), np.uint32)
    for k in range(n):
        for c in range(state.shape[1]):
            result[k, c] = generator.next_word(state, c)
    return result


@njit
def integers_below(word, n):
    """`below` of an array."""
    result = np.empty(len(word), np.uint32)
    for k in range(len(word)):
        result[k] = generator.below(word[k], n)
    return result


@njit
def exponentials(x):
    """The kernels' exponential of an array."""
    result = np.empty_like(x)
    for i in range(len(x)):
        result[i] = generator.acceptance(x[i]) / generator.LAZY
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
    generator.uniforms(state, numbers)
    assert np.array_equal(numbers.astype(float), (expected >> 8) / 2.0**24)


def test_uniform_numbers_are_uniform():
    """Range, mean, variance and a histogram of a million numbers."""
    state = streams(7, Purpose.SWEEP, range(1000))
    numbers = np.empty((1000, 1000), np.float32)
    generator.uniforms(state, numbers)
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
    generator.uniforms(state, number)
    assert number[0, 0] == 1 - 2.0**-24


def test_below_is_the_exact_quotient():
    """floor(word n / 2^32) for random words and for those on both sides of every step."""
    random = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint32)
    for n in range(1, 256):
        steps = -(-(np.arange(n + 1) << 32) // n)  # the least words that give 0 .. n
        word = np.concatenate([random, steps[:-1], steps[1:] - 1]).astype(np.uint32)
        expected = (word.astype(np.uint64) * np.uint64(n)) >> np.uint64(32)
        assert np.array_equal(integers_below(word, n), expected)
        assert np.array_equal(expected[-2 * n :], [*range(n), *range(n)])


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 254, 255])
def test_below_is_uniform(n, p_value):
    """All values are equally frequent, and none is outside the range."""
    word = np.random.default_rng(n).integers(0, 2**32, 10**6, np.uint32)
    counts = np.bincount(integers_below(word, n), minlength=n)
    assert len(counts) == n
    if n > 1:
        assert 1e-4 < p_value(counts, np.full(n, 1e6 / n)) < 1 - 1e-4


@pytest.mark.parametrize("q", [2, 3, 5, 255])
def test_random_states_are_uniform(q, p_value):
    """Starting states are all equally frequent, at the first site and everywhere, none is out of range."""
    states = np.empty((40, 6000), np.uint8)
    generator.random_states(streams(3, Purpose.OBSERVE, range(6000)), q, states)
    assert states.max() == q - 1
    for drawn in (states[0], states.ravel()):
        counts = np.bincount(drawn, minlength=q)
        assert 1e-4 < p_value(counts, np.full(q, len(drawn) / q)) < 1 - 1e-4


def test_acceptance():
    """63/64 exp(-x) to a relative error of 1e-6 from 0 to 60; 63/64 below."""
    x = [
        np.linspace(0, 60, 10**6),
        np.geomspace(1e-9, 60, 10**5),
        np.random.default_rng(2).uniform(0, 60, 10**6),
    ]
    steps = np.log(2) * np.arange(86)[:, None]  # where the power of two changes
    x = np.concatenate([*x, (steps * (1 + np.linspace(-1e-6, 1e-6, 41))).ravel()]).astype(np.float32)
    x = x[(x >= 0) & (x <= 60)]
    assert np.abs(exponentials(x) / np.exp(-x.astype(float)) - 1).max() < 1e-6
    below = np.array([0.0, -0.0, -1e-9, -3.0, -1e30], np.float32)
    assert exponentials(below) == pytest.approx(1, abs=1e-6)


def test_acceptance_of_large_arguments():
    """Never more than 2^-24, the smallest uniform number above zero, and never negative or nan."""
    values = exponentials(np.array([17.0, 40.0, 87.0, 88.0, 1e3, 1e20, 3e38], np.float32))
    assert np.all(values >= 0)
    assert np.all(values < 2.0**-24)
    assert np.all(np.diff(values) <= 0)
