"""Metropolis sweeps of single large lattices: the multi-spin coded kernel with boxes of one lattice as lanes.

The first two axes are cut into p times q equal boxes, at most 32 by 32, and all boxes update the same site of
theirs together. Box (a, b) is bit b of word a, so the box beside it is a word further on, or a bit. Sites of
the same step are a box apart; a box has at least two sites along either axis, so none of them are neighbours,
and each sees what those before have become, as in sweeps in order.

Every box draws from a generator of its own, which for each sweep begins at Philox words (Salmon, Moraes, Dror
and Shaw, SC11, 16, 2011) of the chain's next four: the state of a chain stays four words.
"""

import numpy as np

from ..physics.hamiltonian import Hamiltonian
from .compiled import njit
from .generator import OPTIONS, acceptance, next_word
from .multispin import (
    ALL,
    DIGITS,
    FLIP,
    FREE,
    LANES,
    MAX_NEIGHBOURS,
    NEGATIVE,
    NONE,
    ONE,
    PER_WORD,
    PROBABILITY,
    RANDOM,
    SPINS,
    TABLE,
    TWO,
    WIDTH,
    compare,
    draw,
    excess,
    refine,
)

# For so many chains in all the vectorised kernel is as fast: if all bits of all words are boxes, and if not.
WORTHWHILE, FOR_FEWER_BOXES = 128, 16
# For lattices of fewer boxes it always is.
FEWEST_BOXES = 256
# Rounds of Philox; seven pass all tests (Salmon et al., table 2).
ROUNDS = 7


def worthwhile(hamiltonian: Hamiltonian, n_chains: int) -> tuple | None:
    """Arrays of a model for `sweeps`, or None if another kernel suits it and so many chains better."""
    fewest = FEWEST_BOXES if n_chains < FOR_FEWER_BOXES else LANES
    return fold(hamiltonian, fewest) if n_chains < WORTHWHILE else None


def fold(hamiltonian: Hamiltonian, fewest: int = FEWEST_BOXES) -> tuple | None:
    """Arrays of a model for `sweeps`, or None if it does not fold into as many boxes.

    It takes two states without a field, one coupling for all bonds, a periodic square or cubic lattice.

    Returns
    -------
    sites, rows, turns, boxes, cost : see `sweeps`
    """
    lattice, pair, couplings = hamiltonian.lattice, hamiltonian.pair, hamiltonian.neighbour_couplings
    plain = lattice.regular and lattice.kind == "hypercubic" and lattice.dimension in (2, 3)
    symmetric = hamiltonian.n_states == 2 and pair[0, 0] == pair[1, 1] and not hamiltonian.site_field.any()
    if not (plain and symmetric and np.ptp(couplings) == 0):
        return None
    boxes = np.array([_parts(length) for length in lattice.shape[:2]])
    if np.prod(boxes) < fewest:
        return None
    sides = np.array(lattice.shape)
    sides[:2] //= boxes
    inside = np.indices(sides).reshape(lattice.dimension, -1).T
    corners = np.zeros((boxes.prod(), lattice.dimension), int)
    corners[:, :2] = np.indices(boxes).reshape(2, -1).T * sides[:2]
    sites = lattice.at(inside[:, None] + corners)
    ahead = np.eye(lattice.dimension, dtype=int)
    moved = inside[:, None] + np.concatenate([ahead, -ahead])
    rows = np.ravel_multi_index(tuple(np.moveaxis(moved % sides, -1, 0)), tuple(sides))
    turns = (moved // sides)[..., :2]
    cost = couplings[0, 0] * (pair[0, 0] - pair[0, 1])
    return *(array.astype(np.int32) for array in (sites, rows, turns, boxes)), np.float32(cost)


def _parts(length: int) -> int:
    """Most boxes along an axis, each at least two sites long; 1 if it cannot be cut."""
    return max(n for n in range(1, WIDTH + 1) if length % n == 0 and length // n > 1)


@njit(**OPTIONS)
def sweeps(states, beta, streams, n_sweeps, sites, rows, turns, boxes, cost):
    """Metropolis sweeps of some chains, one after the other.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    beta : float32 (n_chains,)
    streams : uint32 (4, n_chains)
    n_sweeps : int
    sites : int32 (m, n_boxes)
        Site m of every box (a, b), box a boxes[1] + b.
    rows : int32 (m, z)
        Which site of its box each neighbour is.
    turns : int32 (m, z, 2)
        How many boxes further along either axis.
    boxes : int32 (2,)
    cost : float32
        Energy that breaking a satisfied bond of like states costs, in J; negative if these are unsatisfied.
    """
    degree, n_chains = rows.shape[1], states.shape[1]
    spins = np.zeros((n_chains, len(sites), WIDTH), np.uint32)
    work = np.zeros(SPINS + len(sites) * WIDTH, np.uint32)
    random = np.zeros((4, LANES), np.uint32)
    thresholds = np.zeros((MAX_NEIGHBOURS + 1, LANES), np.uint32)
    _pack(states, sites, boxes, spins)
    for chain in range(n_chains):
        work[SPINS:] = spins[chain].ravel()
        _set_probabilities(beta[chain], cost, degree, thresholds, work)
        for _ in range(n_sweeps):
            _seed(streams, chain, random)
            for first in range(0, len(sites), PER_WORD):
                draw(random, work)
                for turn in range(min(PER_WORD, len(sites) - first)):
                    site = first + turn
                    _count_unsatisfied(site, rows, turns, boxes, work)
                    if compare(RANDOM + (32 - (turn + 1) * DIGITS) * WIDTH, degree, work):
                        refine(random, degree, thresholds, work)
                    for g in range(WIDTH):
                        work[np.uint64(SPINS + site * WIDTH + g)] ^= work[FLIP + g]
        spins[chain] = work[SPINS:].reshape(len(sites), WIDTH)
    _unpack(spins, sites, boxes, states)


@njit(**OPTIONS)
def _pack(states, sites, boxes, spins):
    """Spins as bits. All chains together: those of a site lie beside each other, those of a chain do not."""
    n_chains = states.shape[1]
    word = np.empty(n_chains, np.uint32)
    for m in range(len(sites)):
        for a in range(boxes[0]):
            word[:] = np.uint32(0)
            for b in range(boxes[1]):
                row, shift = states[sites[m, a * boxes[1] + b]], np.uint32(b)
                for chain in range(n_chains):
                    word[chain] |= np.uint32(row[chain]) << shift
            for chain in range(n_chains):
                spins[chain, m, a] = word[chain]


@njit(**OPTIONS)
def _unpack(spins, sites, boxes, states):
    """The reverse."""
    n_chains = states.shape[1]
    word = np.empty(n_chains, np.uint32)
    for m in range(len(sites)):
        for a in range(boxes[0]):
            for chain in range(n_chains):
                word[chain] = spins[chain, m, a]
            for b in range(boxes[1]):
                row, shift = states[sites[m, a * boxes[1] + b]], np.uint32(b)
                for chain in range(n_chains):
                    row[chain] = np.uint8((word[chain] >> shift) & np.uint32(1))


@njit(**OPTIONS)
def _set_probabilities(beta, cost, degree, thresholds, work):
    """Acceptance probabilities as 32-bit thresholds and rows of their leading digits, alike in all boxes."""
    work[NEGATIVE : NEGATIVE + WIDTH] = ALL if beta * cost < 0 else np.uint32(0)
    # 0: changes that mend more bonds than they break
    for bonds in (0, excess(degree, 0), excess(degree, 1), excess(degree, 2)):
        p = acceptance(np.float32(abs(beta * cost) * np.float32(bonds)))
        threshold = np.uint32(np.int64(p * np.float32(2.0**32))) if bonds else FREE
        thresholds[bonds] = threshold
        for d in range(DIGITS):
            digit = (threshold >> np.uint32(32 - DIGITS + d)) & np.uint32(1)
            start = PROBABILITY + bonds * TABLE + d * WIDTH
            work[start : start + WIDTH] = ALL if digit else np.uint32(0)


@njit(**OPTIONS)
def _seed(streams, chain, random):
    """Generators of all boxes for one sweep: Philox of their numbers, under the chain's next four words."""
    key0, key1 = next_word(streams, chain), next_word(streams, chain)
    w2, w3 = next_word(streams, chain), next_word(streams, chain)
    for lane in range(LANES):
        random[0, lane], random[1, lane] = np.uint32(lane), np.uint32(0)
        random[2, lane], random[3, lane] = w2, w3
    for _ in range(ROUNDS):
        for lane in range(LANES):
            one = np.uint64(random[0, lane]) * np.uint64(0xD2511F53)
            two = np.uint64(random[2, lane]) * np.uint64(0xCD9E8D57)
            random[0, lane] = np.uint32(np.uint32(two >> np.uint64(32)) ^ random[1, lane] ^ key0)
            random[1, lane] = np.uint32(two)
            random[2, lane] = np.uint32(np.uint32(one >> np.uint64(32)) ^ random[3, lane] ^ key1)
            random[3, lane] = np.uint32(one)
        key0, key1 = np.uint32(key0 + np.uint32(0x9E3779B9)), np.uint32(key1 + np.uint32(0xBB67AE85))


@njit(**OPTIONS)
def _count_unsatisfied(site, rows, turns, boxes, work):
    """In which boxes the site has no, one, two unsatisfied bonds."""
    for g in range(WIDTH):
        work[NONE + g], work[ONE + g], work[TWO + g] = ALL, np.uint32(0), np.uint32(0)
    n_words, n_bits = np.int64(boxes[0]), np.uint32(boxes[1])
    used = ALL >> (np.uint32(32) - n_bits)
    for k in range(rows.shape[1]):
        there, here = SPINS + np.int64(rows[site, k]) * WIDTH, SPINS + site * WIDTH
        word, bit = np.int64(turns[site, k, 0]), turns[site, k, 1]
        if bit == 0:
            right, left = np.uint32(0), np.uint32(0)
        else:
            right = np.uint32(1) if bit > 0 else n_bits - np.uint32(1)
            left = n_bits - right
        for g in range(n_words):
            source = g + word
            source = source - n_words if source >= n_words else source
            source = source + n_words if source < 0 else source
            other = work[np.uint64(there + source)]
            if bit != 0:
                other = np.uint32(((other & used) >> right) | (other << left))
            unsatisfied = np.uint32(work[np.uint64(here + g)] ^ other ^ work[NEGATIVE + g])
            satisfied = np.uint32(~unsatisfied)
            none, one, two = work[NONE + g], work[ONE + g], work[TWO + g]
            work[TWO + g] = np.uint32((two & satisfied) | (one & unsatisfied))
            work[ONE + g] = np.uint32((one & satisfied) | (none & unsatisfied))
            work[NONE + g] = np.uint32(none & satisfied)
