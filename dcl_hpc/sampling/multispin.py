r"""Multi-spin coded Metropolis sweeps of two-state models whose couplings have one magnitude.

One bit is one spin: a word holds a site of 32 chains, a row of `WIDTH` words a site of 1024 chains,
and logic operations update them together. Each chain draws from its own stream. To compare a uniform
number u with the acceptance probability p bit by bit, the words of 32 chains are transposed, so that
row d holds digit d of every chain. A word has digits for three flips, ten each; with probability
:math:`2^{-10}` they leave u < p open, and then the chain alone draws the next 32 digits.

Fixed row lengths and one flat array of rows let the compiler turn the loops into vector operations;
computed indices are unsigned because negative ones, which count from the end, would prevent it.
"""

import numpy as np

from .compiled import njit
from .generator import LAZY, OPTIONS, acceptance, next_word

# Words in a row, and chains that they hold.
WIDTH = 32
LANES = 32 * WIDTH
# Binary digits of u that one flip takes from a word, and flips that a word serves.
DIGITS = 10
PER_WORD = 32 // DIGITS
# From so many chains in all on, this is faster than the vectorised kernel, also when two ranks share them.
WORTHWHILE = 1024
# Largest number of neighbours: with three unsatisfied bonds or more a change costs nothing.
MAX_NEIGHBOURS = 6

# Where rows begin in the workspace: which chains have no, one, two unsatisfied bonds; which flip; which are
# undecided; which have a negative temperature; random digits; digits of p for changes that break none, one,
# two ... satisfied bonds more than they mend, each a table; spins.
NONE, ONE, TWO, FLIP, UNDECIDED, NEGATIVE, RANDOM = (k * WIDTH for k in range(7))
PROBABILITY = RANDOM + 32 * WIDTH
TABLE = DIGITS * WIDTH
SPINS = PROBABILITY + (MAX_NEIGHBOURS + 1) * TABLE
HALVES = np.array([0x0000FFFF, 0x00FF00FF, 0x0F0F0F0F, 0x33333333, 0x55555555], np.uint32)
ALL = np.uint32(0xFFFFFFFF)
FREE = np.uint32(LAZY * 2**32)


@njit(**OPTIONS)
def sweeps(states, beta, streams, n_sweeps, neighbours, opposed, cost):
    """Metropolis sweeps of one block of at most 1024 chains.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    beta : float32 (n_chains,)
    streams : uint32 (4, n_chains)
    n_sweeps : int
    neighbours : int32 (n_sites, z), z <= 6
        Where a site has fewer, -1 after the last of them.
    opposed : bool (n_sites, z)
        Whether the bond favours unlike states.
    cost : float32
        Energy that breaking one satisfied bond costs, in J.
    """
    n_sites = states.shape[0]
    rows = np.zeros(SPINS + n_sites * WIDTH, np.uint32)
    random = np.zeros((4, LANES), np.uint32)
    thresholds = np.zeros((MAX_NEIGHBOURS + 1, LANES), np.uint32)
    degrees = np.zeros(n_sites, np.int64)
    for site in range(n_sites):
        for k in range(neighbours.shape[1]):
            degrees[site] += neighbours[site, k] >= 0
    random[:, : states.shape[1]] = streams
    bits = np.zeros(LANES, np.uint32)
    _load(states, bits, rows)
    _set_probabilities(beta, cost, degrees, bits, thresholds, rows)
    for _ in range(n_sweeps):
        for first in range(0, n_sites, PER_WORD):
            draw(random, rows)
            for turn in range(min(PER_WORD, n_sites - first)):
                site = first + turn
                degree = degrees[site]
                _count_unsatisfied(neighbours[site, :degree], opposed[site], site, rows)
                if compare(RANDOM + (32 - (turn + 1) * DIGITS) * WIDTH, degree, rows):
                    refine(random, degree, thresholds, rows)
                for g in range(WIDTH):
                    rows[np.uint64(SPINS + site * WIDTH + g)] ^= rows[FLIP + g]
    _unload(rows, bits, states)
    streams[:] = random[:, : states.shape[1]]


@njit(**OPTIONS)
def pack(bits, rows, start):
    """Put the lowest bit of bits[c * WIDTH + g] into bit c of rows[start + g]; destroys bits."""
    for k in range(LANES):
        bits[k] = np.uint32((bits[k] & np.uint32(1)) << np.uint32(k // WIDTH))
    half = 16
    while half > 0:
        for k in range(half * WIDTH):
            bits[k] |= bits[np.uint64(k + half * WIDTH)]
        half //= 2
    for g in range(WIDTH):
        rows[np.uint64(start + g)] = bits[g]


@njit(**OPTIONS)
def unpack(rows, start, bits):
    """Undo `pack`."""
    for g in range(WIDTH):
        bits[g] = rows[np.uint64(start + g)]
    half = 1
    while half < 32:
        for k in range(half * WIDTH):
            bits[np.uint64(k + half * WIDTH)] = bits[k]
        half *= 2
    for k in range(LANES):
        bits[k] = np.uint32(bits[k] >> np.uint32(k // WIDTH)) & np.uint32(1)


@njit(**OPTIONS)
def _load(states, bits, rows):
    """Pack spins."""
    for site in range(states.shape[0]):
        for c in range(states.shape[1]):
            bits[c] = np.uint32(states[site, c])
        pack(bits, rows, SPINS + site * WIDTH)


@njit(**OPTIONS)
def _unload(rows, bits, states):
    """Unpack spins."""
    for site in range(states.shape[0]):
        unpack(rows, SPINS + site * WIDTH, bits)
        for c in range(states.shape[1]):
            states[site, c] = np.uint8(bits[c])


@njit(**OPTIONS)
def _set_probabilities(beta, cost, degrees, bits, thresholds, rows):
    """Acceptance probabilities as 32-bit thresholds and as rows of their leading digits."""
    for c in range(len(beta)):  # satisfied and unsatisfied bonds change roles below zero
        bits[c] = np.uint32(beta[c] < 0)
    pack(bits, rows, NEGATIVE)
    needed = np.zeros(MAX_NEIGHBOURS + 1, np.bool_)
    for degree in degrees:
        for unsatisfied in range(3):
            needed[excess(degree, unsatisfied)] = True
    thresholds[0] = FREE
    for d in range(DIGITS):
        if (FREE >> np.uint32(32 - DIGITS + d)) & np.uint32(1):
            for g in range(WIDTH):
                rows[PROBABILITY + d * WIDTH + g] = ALL
    for bonds in range(1, MAX_NEIGHBOURS + 1):
        if needed[bonds]:
            for c in range(len(beta)):
                p = acceptance(np.float32(abs(beta[c]) * cost * np.float32(bonds)))
                thresholds[bonds, c] = np.uint32(np.int64(p * np.float32(2.0**32)))
            for d in range(DIGITS):
                shift = np.uint32(32 - DIGITS + d)
                for c in range(LANES):
                    bits[c] = np.uint32(thresholds[bonds, c] >> shift)
                pack(bits, rows, PROBABILITY + bonds * TABLE + d * WIDTH)


@njit(inline="always", **OPTIONS)
def excess(degree, unsatisfied):
    """Satisfied bonds of a site less its unsatisfied ones, and 0 if these are more."""
    return max(degree - 2 * unsatisfied, 0)


@njit(**OPTIONS)
def draw(random, rows):
    """Next word of every chain, transposed within each group of 32 chains (Warren, Hacker's Delight, 7-3)."""
    for c in range(LANES):
        rows[RANDOM + c] = next_word(random, c)
    for stage in range(5):
        half = 16 >> stage
        shift, mask = np.uint32(half), HALVES[stage]
        for first in range(0, 32, 2 * half):
            for k in range(RANDOM + first * WIDTH, RANDOM + (first + half) * WIDTH):
                a, b = rows[k], rows[k + half * WIDTH]
                swap = np.uint32(np.uint32(np.uint32(a >> shift) ^ b) & mask)
                rows[k + half * WIDTH] = np.uint32(b ^ swap)
                rows[k] = np.uint32(a ^ np.uint32(swap << shift))


@njit(**OPTIONS)
def _count_unsatisfied(neighbours, opposed, site, rows):
    """Which chains have no, one, two unsatisfied bonds at the site."""
    for g in range(WIDTH):
        rows[NONE + g], rows[ONE + g], rows[TWO + g] = ALL, np.uint32(0), np.uint32(0)
    here = SPINS + site * WIDTH
    for k in range(len(neighbours)):
        there = SPINS + np.int64(neighbours[k]) * WIDTH
        sign = ALL if opposed[k] else np.uint32(0)
        for g in range(WIDTH):
            unlike = rows[np.uint64(here + g)] ^ rows[np.uint64(there + g)]
            unsatisfied = np.uint32(unlike ^ rows[NEGATIVE + g] ^ sign)
            satisfied = np.uint32(~unsatisfied)
            none, one, two = rows[NONE + g], rows[ONE + g], rows[TWO + g]
            rows[TWO + g] = np.uint32((two & satisfied) | (one & unsatisfied))
            rows[ONE + g] = np.uint32((one & satisfied) | (none & unsatisfied))
            rows[NONE + g] = np.uint32(none & satisfied)


@njit(**OPTIONS)
def compare(random, degree, rows):
    """Whether u < p in each chain by leading digits, from the last of them to the first.

    Digits beyond can decide only where both outcomes for them, `least` and `most`, differ.

    Returns
    -------
    bool
        Whether any chain is undecided.
    """
    any_open = np.uint32(0)
    p_none = PROBABILITY + excess(degree, 0) * TABLE
    p_one = PROBABILITY + excess(degree, 1) * TABLE
    p_two = PROBABILITY + excess(degree, 2) * TABLE
    for g in range(WIDTH):
        none, one, two = rows[NONE + g], rows[ONE + g], rows[TWO + g]
        free = np.uint32(~(none | one | two))
        least, most = np.uint32(0), ALL
        for d in range(DIGITS):
            k = d * WIDTH + g
            p = np.uint32(
                np.uint32((rows[np.uint64(p_none + k)] & none) | (rows[np.uint64(p_one + k)] & one))
                | np.uint32((rows[np.uint64(p_two + k)] & two) | (rows[PROBABILITY + k] & free))
            )
            zero = np.uint32(~rows[np.uint64(random + d * WIDTH + g)])
            least = np.uint32((p & zero) | (least & (p | zero)))
            most = np.uint32((p & zero) | (most & (p | zero)))
        rows[FLIP + g] = least
        rows[UNDECIDED + g] = np.uint32(least ^ most)
        any_open |= np.uint32(least ^ most)
    return any_open != 0


@njit(**OPTIONS)
def refine(random, degree, thresholds, rows):
    """Draw more digits for the undecided chains."""
    for g in range(WIDTH):
        undecided = rows[UNDECIDED + g]
        while undecided:
            bit = np.uint32(undecided & np.uint32(~undecided + np.uint32(1)))
            undecided = np.uint32(undecided ^ bit)
            c = (np.int64(np.float64(bit).view(np.int64)) >> 52) - 1023  # its place, from the exponent
            if rows[NONE + g] & bit:
                k = excess(degree, 0)
            elif rows[ONE + g] & bit:
                k = excess(degree, 1)
            elif rows[TWO + g] & bit:
                k = excess(degree, 2)
            else:
                k = 0
            lane = c * WIDTH + g
            if next_word(random, lane) < np.uint32(thresholds[k, lane] << np.uint32(DIGITS)):
                rows[FLIP + g] |= bit
