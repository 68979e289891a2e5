"""The random generator of the kernels and their acceptance probability, compiled with numba."""

import numpy as np

from .compiled import njit

OPTIONS = {"cache": True, "fastmath": {"nnan", "ninf", "nsz", "contract"}, "error_model": "numpy"}
# Largest acceptance probability, see `acceptance`.
LAZY = 63 / 64


@njit(inline="always", **OPTIONS)
def next_word(streams, c):
    """Next 32 random bits of chain c (xoshiro128++)."""
    s0, s1, s2, s3 = streams[0, c], streams[1, c], streams[2, c], streams[3, c]
    total = np.uint32(s0 + s3)
    word = np.uint32(np.uint32(np.uint32(total << 7) | np.uint32(total >> 25)) + s0)
    t = np.uint32(s1 << 9)
    s2 = np.uint32(s2 ^ s0)
    s3 = np.uint32(s3 ^ s1)
    streams[1, c] = np.uint32(s1 ^ s2)
    streams[0, c] = np.uint32(s0 ^ s3)
    streams[2, c] = np.uint32(s2 ^ t)
    streams[3, c] = np.uint32(np.uint32(s3 << 11) | np.uint32(s3 >> 21))
    return word


@njit(inline="always", **OPTIONS)
def unit_float(word):
    """Uniform float32 in [0, 1) with 24 random bits."""
    return np.float32(np.int32(word >> 8)) * np.float32(2.0**-24)


@njit(inline="always", **OPTIONS)
def below(word, n):
    """Uniform integer in 0 .. n-1 as uint32, for 1 <= n <= 255: word n / 2^32 in 32-bit arithmetic."""
    n = np.uint32(n)
    low = np.uint32(np.uint32(np.uint32(word & np.uint32(0xFFFF)) * n) >> np.uint32(16))
    return np.uint32(np.uint32(np.uint32(np.uint32(word >> np.uint32(16)) * n) + low) >> np.uint32(16))


@njit(inline="always", **OPTIONS)
def acceptance(x):
    """Probability to accept a change with beta dE = x: 63/64 exp(-max(x, 0)) in float32.

    The factor below 1 keeps detailed balance. Without it sweeps in order accept every change that
    costs nothing, and on small tori some configurations only ever turn into each other.
    Relative error below 1e-6.

    The argument is a multiple of ln 2, whose power of two is built from its bits, and a remainder,
    whose exponential is a polynomial (Taylor series about ln(2)/2, degree 7).
    """
    x = min(max(x, np.float32(0.0)), np.float32(87.0))
    n = np.int32(np.float32(1.4426950408889634) * x)
    m = np.float32(n)
    # ln 2 in two parts, the first exact in few bits (Cody and Waite)
    f = np.float32(0.34657359) - ((x - m * np.float32(0.693359375)) + m * np.float32(2.12194440e-4))
    p = np.float32(1.0 / 5040.0)
    p = p * f + np.float32(1.0 / 720.0)
    p = p * f + np.float32(1.0 / 120.0)
    p = p * f + np.float32(1.0 / 24.0)
    p = p * f + np.float32(1.0 / 6.0)
    p = p * f + np.float32(0.5)
    p = p * f + np.float32(1.0)
    p = p * f + np.float32(1.0)
    power = np.int32((np.int32(127) - n) << 23).view(np.float32)
    return p * np.float32(0.7071067811865476 * LAZY) * power


@njit(**OPTIONS)
def uniforms(streams, out):
    """Fill out[row, chain] with uniform float32 numbers from each chain's stream."""
    for row in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[row, c] = unit_float(next_word(streams, c))


@njit(**OPTIONS)
def random_states(streams, n_states, states):
    """Fill states[site, chain] with independent uniform states from each chain's stream."""
    for site in range(states.shape[0]):
        for c in range(states.shape[1]):
            states[site, c] = np.uint8(below(next_word(streams, c), n_states))
