"""Numba kernels: the generator, and Metropolis sweeps of pair Hamiltonians over many chains.

Chains are the innermost axis, states[site, chain], so that one update of a site is one vector
operation over chains. Chains are taken in blocks that stay in the first-level cache.
"""

import numpy as np
from numba import njit

BLOCK = 256
# Largest acceptance probability, see `acceptance`.
LAZY = 63 / 64

_OPTIONS = {"cache": True, "fastmath": {"nnan", "ninf", "nsz", "contract"}, "error_model": "numpy"}


@njit(inline="always", **_OPTIONS)
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


@njit(inline="always", **_OPTIONS)
def unit_float(word):
    """Uniform float32 in [0, 1) with 24 random bits."""
    return np.float32(np.int32(word >> 8)) * np.float32(2.0**-24)


@njit(inline="always", **_OPTIONS)
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


@njit(**_OPTIONS)
def uniforms(streams, out):
    """Fill out[row, chain] with uniform float32 numbers from each chain's stream."""
    for row in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[row, c] = unit_float(next_word(streams, c))


@njit(**_OPTIONS)
def random_states(streams, n_states, states):
    """Fill states[site, chain] with independent uniform states from each chain's stream."""
    for site in range(states.shape[0]):
        for c in range(states.shape[1]):
            word = np.uint64(next_word(streams, c))
            states[site, c] = np.uint8((word * np.uint64(n_states)) >> np.uint64(32))


@njit(**_OPTIONS)
def two_state_sweeps(states, neighbours, couplings, strength, beta, streams, n_sweeps):
    """Metropolis sweeps of a two-state model, sites in order, in place.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    neighbours : int32 (n_sites, z)
    couplings : float32 (n_sites, z)
    strength : float
        Energy of turning one satisfied bond of unit coupling, g(0,0) - g(0,1), in J.
    beta : float32 (n_chains,)
    streams : uint32 (4, n_chains)
    n_sweeps : int

    Returns
    -------
    int64 (n_chains,)
        Accepted flips of each chain.
    """
    n_sites, n_chains = states.shape
    z = neighbours.shape[1]
    accepted = np.zeros(n_chains, np.int64)
    field = np.empty(BLOCK, np.float32)
    flips = np.empty(BLOCK, np.int32)
    for start in range(0, n_chains, BLOCK):
        size = min(BLOCK, n_chains - start)
        block = states[:, start : start + size].copy()
        b = beta[start : start + size].copy()
        s = streams[:, start : start + size].copy()
        for _ in range(n_sweeps):
            flips[:size] = 0
            for i in range(n_sites):
                for c in range(size):
                    field[c] = 0
                for k in range(z):
                    j, coupling = neighbours[i, k], np.float32(couplings[i, k] * strength)
                    for c in range(size):
                        same = np.int32(1) - np.int32(2) * np.int32(block[i, c] ^ block[j, c])
                        field[c] += coupling * np.float32(same)
                for c in range(size):
                    probability = acceptance(b[c] * field[c])
                    flip = np.uint8(unit_float(next_word(s, c)) < probability)
                    block[i, c] ^= flip
                    flips[c] += np.int32(flip)
            for c in range(size):
                accepted[start + c] += flips[c]
        states[:, start : start + size] = block
        streams[:, start : start + size] = s
    return accepted


@njit(**_OPTIONS)
def pair_sweeps(states, neighbours, couplings, pair, beta, streams, n_sweeps):
    """Metropolis sweeps of a Q-state pair Hamiltonian, sites in order, in place.

    A new state is proposed uniformly among the Q - 1 others. Parameters and result as in
    `two_state_sweeps`, with pair : float32 (Q, Q).
    """
    n_sites, n_chains = states.shape
    z = neighbours.shape[1]
    n_states = pair.shape[0]
    table = pair.copy().reshape(n_states * n_states)
    accepted = np.zeros(n_chains, np.int64)
    difference = np.empty(BLOCK, np.float32)
    proposal = np.empty(BLOCK, np.uint32)
    width, others = np.uint32(n_states), np.float32(n_states - 1)
    flips = np.empty(BLOCK, np.int32)
    for start in range(0, n_chains, BLOCK):
        size = min(BLOCK, n_chains - start)
        block = states[:, start : start + size].copy()
        b = beta[start : start + size].copy()
        s = streams[:, start : start + size].copy()
        for _ in range(n_sweeps):
            flips[:size] = 0
            for i in range(n_sites):
                for c in range(size):
                    step = np.uint32(unit_float(next_word(s, c)) * others)
                    shifted = np.uint32(np.uint32(block[i, c]) + np.uint32(1) + step)
                    proposal[c] = shifted - width if shifted >= width else shifted
                    difference[c] = 0
                for k in range(z):
                    j, coupling = neighbours[i, k], couplings[i, k]
                    for c in range(size):
                        row = np.uint32(block[j, c]) * width
                        old = np.uint32(row + np.uint32(block[i, c]))
                        new = np.uint32(row + proposal[c])
                        change = table[old] - table[new]
                        difference[c] += coupling * change
                for c in range(size):
                    probability = acceptance(b[c] * difference[c])
                    flip = unit_float(next_word(s, c)) < probability
                    block[i, c] = np.uint8(proposal[c]) if flip else block[i, c]
                    flips[c] += np.int32(flip)
            for c in range(size):
                accepted[start + c] += flips[c]
        states[:, start : start + size] = block
        streams[:, start : start + size] = s
    return accepted


@njit(**_OPTIONS)
def pair_energies(states, forward, couplings, pair):
    """Energies of the chains, float64 (n_chains,), in J.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    forward : int32 (n_sites, d)
    couplings : float64 (n_sites, d)
    pair : float64 (Q, Q)
    """
    n_sites, n_chains = states.shape
    n_states = pair.shape[0]
    table = pair.copy().reshape(n_states * n_states)
    energy = np.zeros(n_chains)
    for i in range(n_sites):
        for k in range(forward.shape[1]):
            j, coupling = forward[i, k], couplings[i, k]
            for c in range(n_chains):
                row = np.int32(states[i, c]) * n_states
                energy[c] -= coupling * table[row + np.int32(states[j, c])]
    return energy


@njit(**_OPTIONS)
def tile_codes(states, tiles, powers):
    """Base-Q number of every tile's states, int32 (n_tiles, n_chains).

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    tiles : int32 (n_tiles, sites_per_tile)
    powers : int32 (sites_per_tile,)
    """
    codes = np.zeros((tiles.shape[0], states.shape[1]), np.int32)
    for t in range(tiles.shape[0]):
        for p in range(tiles.shape[1]):
            j, power = tiles[t, p], powers[p]
            for c in range(states.shape[1]):
                codes[t, c] += power * np.int32(states[j, c])
    return codes


@njit(**_OPTIONS)
def tile_sweeps(states, tiles, powers, members, places, counts, table, n_states, beta, streams, n_sweeps):
    """Metropolis sweeps of an energy that is a sum of tabulated tile energies, in place.

    Parameters
    ----------
    states, beta, streams, n_sweeps : as in `two_state_sweeps`
    tiles : int32 (n_tiles, sites_per_tile)
        Sites of each tile.
    powers : int32 (sites_per_tile,)
        Weight Q^p of each place in a tile's number.
    members, places : int32 (n_sites, most tiles per site)
        Tiles that contain each site, and the site's weight Q^p in them.
    counts : int32 (n_sites,)
        How many of these entries are used.
    table : float32 (Q ** sites_per_tile,)
        Energy of every state of a tile, in J.
    n_states : int

    Returns
    -------
    int64 (n_chains,)
        Accepted changes of each chain.
    """
    n_sites, n_chains = states.shape
    width, others = np.int32(n_states), np.float32(n_states - 1)
    accepted = np.zeros(n_chains, np.int64)
    difference = np.empty(BLOCK, np.float32)
    step = np.empty(BLOCK, np.int32)
    for start in range(0, n_chains, BLOCK):
        size = min(BLOCK, n_chains - start)
        block = states[:, start : start + size].copy()
        b = beta[start : start + size].copy()
        s = streams[:, start : start + size].copy()
        codes = tile_codes(block, tiles, powers)
        for _ in range(n_sweeps):
            for i in range(n_sites):
                for c in range(size):
                    old = np.int32(block[i, c])
                    if width == 2:
                        new = np.int32(1) - old
                    else:
                        new = old + np.int32(1) + np.int32(unit_float(next_word(s, c)) * others)
                        new = new - width if new >= width else new
                    step[c] = new - old
                    difference[c] = 0
                for k in range(counts[i]):
                    t, place = members[i, k], places[i, k]
                    for c in range(size):
                        code = codes[t, c]
                        changed = code + place * step[c]
                        difference[c] += table[np.uint32(changed)] - table[np.uint32(code)]
                for c in range(size):
                    probability = acceptance(b[c] * difference[c])
                    flip = np.int32(unit_float(next_word(s, c)) < probability)
                    step[c] *= flip
                    block[i, c] = np.uint8(np.int32(block[i, c]) + step[c])
                    accepted[start + c] += flip
                for k in range(counts[i]):
                    t, place = members[i, k], places[i, k]
                    for c in range(size):
                        codes[t, c] += place * step[c]
        states[:, start : start + size] = block
        streams[:, start : start + size] = s
    return accepted
