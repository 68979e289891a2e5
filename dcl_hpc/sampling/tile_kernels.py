"""Numba kernels of tabulated energies of tiles; chains are the innermost axis, as in `kernels`."""

import numpy as np
from numba.core.compiler import Compiler

from . import kernels
from .compiled import njit
from .generator import OPTIONS, acceptance, below, next_word, unit_float


class _NoAlias(Compiler):
    """Numba with arguments that do not overlap; without this promise gathers are not vectorised."""

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


@njit(**OPTIONS)
def tile_codes(states, sites, kinds, powers):
    """Number of every tile's state, int32 (n_tiles, n_chains).

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    sites, kinds, powers : as in `Tiles`
    """
    codes = np.zeros((sites.shape[0], states.shape[1]), np.int32)
    for t in range(sites.shape[0]):
        for p in range(sites.shape[1]):
            j, power = sites[t, p], powers[kinds[t], p]
            for c in range(states.shape[1]):
                codes[t, c] += power * np.int32(states[j, c])
    return codes


@njit(pipeline_class=_NoAlias, **OPTIONS)
def start(states, sites, kinds, powers, origins, table, codes, present):
    """Number the states of the tiles, and look up their energies if they are kept."""
    for t in range(sites.shape[0]):
        for p in range(sites.shape[1]):
            j, power = sites[t, p], powers[kinds[t], p]
            for c in range(states.shape[1]):
                codes[t, c] += power * states[j, c]
        if t < present.shape[0]:
            origin = np.uint64(origins[kinds[t]])
            for c in range(states.shape[1]):
                present[t, c] = table[origin + np.uint64(codes[t, c])]


@njit(inline="always", **OPTIONS)
def _propose(streams, n_states, shift):
    """Fill shift[chain] with the number of states that a proposal skips, going round; 0 of two states."""
    if n_states > 2:
        for c in range(len(shift)):
            shift[c] = np.uint8(below(next_word(streams, c), n_states - 1))


@njit(inline="always", **OPTIONS)
def _step(state, shift, n_states):
    """Change of a state's number, int16."""
    # in few bits, so that many chains fit a vector
    old = np.uint16(state)
    new = np.uint16(old + np.uint16(shift) + np.uint16(1))
    return np.int16(np.uint16(min(new, np.uint16(new - np.uint16(n_states))) - old))


@njit(inline="always", **OPTIONS)
def _add(codes, tiles, i, n, shift, sign):
    """Add shift[chain] to the numbers of the first n tiles of a site, or take it away."""
    for k in range(n):
        tile = tiles[i, k]
        for c in range(len(shift)):
            codes[tile, c] += sign * np.int32(shift[c])


# not `_NoAlias`: several lookups to a pass, each chain by itself, take less time than gathers
@njit(**OPTIONS)
def visit_by_differences(
    states, beta, streams, n_sweeps, n_states, codes, looked, starts, n_looked, members, weights, counts,
    table, shift, jump, cost,
):  # fmt: skip
    """Sweep with the numbers of the tiles' states kept, and differences looked up.

    Parameters
    ----------
    states, beta, streams, n_sweeps : as in `kernels.two_state_sweeps`
    n_states : int
    codes : uint8, uint16 or int32 (n_tiles, n_chains)
        Number of each tile's state, times Q - 1.
    looked : int32 (n_sites, k)
        Tiles where a change of the site is looked up.
    starts : int64 (n_sites, k)
        Where the tables of the site's differences in them begin.
    n_looked : int32 (n_sites,)
    members, weights : (n_sites, m)
        Tiles that hold the site, and its weight in their number.
    counts : int32 (n_sites,)
    table : float32
        Differences in J, (states of a tile, Q - 1) for each place.
    shift, jump, cost
        Workspace; the shift of two states is always 0.
    """
    n_sites, n_chains = states.shape
    for _ in range(n_sweeps):
        for i in range(n_sites):
            _propose(streams, n_states, shift)
            for c in range(n_chains):
                cost[c] = 0
            n, k = n_looked[i], 0
            if n_states > 2:
                _add(codes, looked, i, n, shift, np.int32(1))
            while k + 4 <= n:
                s0, s1 = np.uint64(starts[i, k]), np.uint64(starts[i, k + 1])
                s2, s3 = np.uint64(starts[i, k + 2]), np.uint64(starts[i, k + 3])
                t0, t1, t2, t3 = looked[i, k], looked[i, k + 1], looked[i, k + 2], looked[i, k + 3]
                for c in range(n_chains):
                    total = cost[c] + table[s0 + np.uint64(codes[t0, c])]
                    total += table[s1 + np.uint64(codes[t1, c])]
                    total += table[s2 + np.uint64(codes[t2, c])]
                    cost[c] = total + table[s3 + np.uint64(codes[t3, c])]
                k += 4
            if k + 3 <= n:
                s0, s1, s2 = np.uint64(starts[i, k]), np.uint64(starts[i, k + 1]), np.uint64(starts[i, k + 2])
                t0, t1, t2 = looked[i, k], looked[i, k + 1], looked[i, k + 2]
                for c in range(n_chains):
                    total = cost[c] + table[s0 + np.uint64(codes[t0, c])]
                    total += table[s1 + np.uint64(codes[t1, c])]
                    cost[c] = total + table[s2 + np.uint64(codes[t2, c])]
                k += 3
            while k < n:
                s0, t0 = np.uint64(starts[i, k]), looked[i, k]
                for c in range(n_chains):
                    cost[c] += table[s0 + np.uint64(codes[t0, c])]
                k += 1
            if n_states > 2:
                _add(codes, looked, i, n, shift, np.int32(-1))
            for c in range(n_chains):
                step = _step(states[i, c], shift[c], n_states)
                step = np.int16(step * np.int16(kernels._accept(beta, cost, streams, c)))
                jump[c] = step
                states[i, c] = np.uint8(states[i, c] + step)
            for k in range(counts[i]):
                tile, weight = members[i, k], weights[i, k]
                for c in range(n_chains):
                    codes[tile, c] += weight * jump[c]


@njit(pipeline_class=_NoAlias, **OPTIONS)
def visit_by_energies(
    states, beta, streams, n_sweeps, n_states, codes, starts, members, weights, counts, table, shift, jump,
    cost, step, present, proposed,
):  # fmt: skip
    """Sweep with the numbers and the energies of the tiles kept, and new energies looked up.

    Parameters as in `visit_by_differences`, but for

    Parameters
    ----------
    codes : uint8, uint16 or int32 (n_tiles, n_chains)
        Number of each tile's state.
    starts : int64 (n_sites, m)
        Where the tables of the tiles that hold the site begin.
    table : float32
        Energies in J.
    present : float32 (n_tiles, n_chains)
        Energies of the tiles.
    step, proposed
        Workspace.
    """
    n_sites, n_chains = states.shape
    for _ in range(n_sweeps):
        for i in range(n_sites):
            _propose(streams, n_states, shift)
            for c in range(n_chains):
                step[c] = _step(states[i, c], shift[c], n_states)
                cost[c] = 0
            for k in range(counts[i]):
                tile, weight, origin = members[i, k], np.int32(weights[i, k]), np.uint64(starts[i, k])
                for c in range(n_chains):
                    code = np.uint32(np.int32(codes[tile, c]) + weight * step[c])
                    energy = table[origin + np.uint64(code)]
                    proposed[k, c] = energy
                    cost[c] += energy - present[tile, c]
            for c in range(n_chains):
                step[c] *= np.int32(kernels._accept(beta, cost, streams, c))
                jump[c] = step[c]
                states[i, c] = np.uint8(np.int32(states[i, c]) + step[c])
            for k in range(counts[i]):
                tile, weight = members[i, k], weights[i, k]
                for c in range(n_chains):
                    codes[tile, c] += weight * jump[c]
                    energy, old = proposed[k, c], present[tile, c]
                    present[tile, c] = energy if step[c] != 0 else old


@njit(pipeline_class=_NoAlias, **OPTIONS)
def visit_by_four_energies(states, beta, streams, n_sweeps, codes, starts, members, weights, table, present):
    """`visit_by_energies` for two states and four tiles that hold each site, in one pass over the chains."""
    n_chains = states.shape[1]
    for _ in range(n_sweeps):
        for row in range(len(members)):
            # unsigned: a row that might count from the end would prevent vectors
            i, t0, t1 = np.uint64(row), np.uint64(members[row, 0]), np.uint64(members[row, 1])
            t2, t3 = np.uint64(members[row, 2]), np.uint64(members[row, 3])
            s0, s1 = np.uint64(starts[row, 0]), np.uint64(starts[row, 1])
            s2, s3 = np.uint64(starts[row, 2]), np.uint64(starts[row, 3])
            w0, w1 = np.uint32(weights[row, 0]), np.uint32(weights[row, 1])
            w2, w3 = np.uint32(weights[row, 2]), np.uint32(weights[row, 3])
            for c in range(n_chains):
                c0, c1 = np.uint32(codes[t0, c]), np.uint32(codes[t1, c])
                c2, c3 = np.uint32(codes[t2, c]), np.uint32(codes[t3, c])
                new0, new1 = table[s0 + np.uint64(c0 ^ w0)], table[s1 + np.uint64(c1 ^ w1)]
                new2, new3 = table[s2 + np.uint64(c2 ^ w2)], table[s3 + np.uint64(c3 ^ w3)]
                old0, old1, old2, old3 = present[t0, c], present[t1, c], present[t2, c], present[t3, c]
                cost = (new0 - old0) + (new1 - old1) + (new2 - old2) + (new3 - old3)
                flip = unit_float(next_word(streams, c)) < acceptance(beta[c] * cost)
                bits = np.uint32(np.uint32(0) - np.uint32(flip))
                states[i, c] ^= np.uint8(flip)
                codes[t0, c], codes[t1, c] = c0 ^ np.uint32(w0 & bits), c1 ^ np.uint32(w1 & bits)
                codes[t2, c], codes[t3, c] = c2 ^ np.uint32(w2 & bits), c3 ^ np.uint32(w3 & bits)
                present[t0, c] = new0 if flip else old0
                present[t1, c] = new1 if flip else old1
                present[t2, c] = new2 if flip else old2
                present[t3, c] = new3 if flip else old3


@njit(pipeline_class=_NoAlias, **OPTIONS)
def visit_stars(
    states, beta, streams, n_sweeps, n_states, stars, counts, starts, powers, table, shift, code, cost
):
    """Sweep with one difference looked up for each proposal.

    Parameters
    ----------
    states, beta, streams, n_sweeps : as in `kernels.two_state_sweeps`
    n_states : int
    stars : int32 (n_sites, n)
        The site itself and those that its difference depends on.
    counts : int32 (n_sites,)
        How many these are.
    starts : int64 (n_sites,)
        Where the table of the site begins.
    powers : uint8, uint16 or int32 (n,)
        Weight of each place of a star, Q^place (Q - 1).
    table : float32
        Differences in J, (Q^count, Q - 1) for each kind of star.
    shift, code, cost
        Workspace; the shift of two states is always 0.
    """
    n_chains = states.shape[1]
    for _ in range(n_sweeps):
        for row in range(len(stars)):
            i, origin = stars[row, 0], np.uint64(starts[row])
            _propose(streams, n_states, shift)
            for c in range(n_chains):
                code[c] = shift[c]
            for k in range(counts[row]):
                j, power = stars[row, k], powers[k]
                for c in range(n_chains):
                    code[c] += power * states[j, c]
            for c in range(n_chains):
                cost[c] = table[origin + np.uint64(code[c])]
            for c in range(n_chains):
                step = _step(states[i, c], shift[c], n_states)
                step = np.int16(step * np.int16(kernels._accept(beta, cost, streams, c)))
                states[i, c] = np.uint8(states[i, c] + step)
