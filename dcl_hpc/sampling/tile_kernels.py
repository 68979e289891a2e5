"""Numba kernels of tabulated energies of tiles; chains are the innermost axis, as in `kernels`."""

import numpy as np
from numba.core.compiler import Compiler

from . import kernels
from .compiled import njit
from .generator import OPTIONS, below, next_word


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
    """Change of a state's number."""
    new = np.int32(state) + np.int32(shift) + np.int32(1)
    new -= np.int32(n_states) if new >= n_states else np.int32(0)
    return new - np.int32(state)


@njit(**OPTIONS)
def _add_differences(codes, boxes, starts, n, table, shift, cost):
    """Add n entries of tables of differences to the cost, in order.

    Not vectorised: loads one by one, several to a pass, take less time than gathers.
    """
    k = 0
    while k < n:
        a, s = boxes[k], np.uint64(starts[k])
        if k + 4 <= n:
            a1, a2, a3 = boxes[k + 1], boxes[k + 2], boxes[k + 3]
            s1, s2, s3 = np.uint64(starts[k + 1]), np.uint64(starts[k + 2]), np.uint64(starts[k + 3])
            for c in range(len(cost)):
                e = np.uint64(shift[c])
                total = cost[c] + table[s + e + np.uint64(codes[a, c])]
                total += table[s1 + e + np.uint64(codes[a1, c])]
                total += table[s2 + e + np.uint64(codes[a2, c])]
                cost[c] = total + table[s3 + e + np.uint64(codes[a3, c])]
            k += 4
        elif k + 2 <= n:
            a1, s1 = boxes[k + 1], np.uint64(starts[k + 1])
            for c in range(len(cost)):
                e = np.uint64(shift[c])
                total = cost[c] + table[s + e + np.uint64(codes[a, c])]
                cost[c] = total + table[s1 + e + np.uint64(codes[a1, c])]
            k += 2
        else:
            for c in range(len(cost)):
                cost[c] += table[s + np.uint64(shift[c]) + np.uint64(codes[a, c])]
            k += 1


@njit(pipeline_class=_NoAlias, **OPTIONS)
def visit(
    states, beta, streams, n_sweeps, n_states, codes, looked, places, starts, n_looked, members, weights,
    counts, table, differences, present, proposed, shift, step, jump, cost,
):  # fmt: skip
    """Sweep with the numbers of the tiles' states kept.

    Parameters
    ----------
    states, beta, streams, n_sweeps : as in `kernels.two_state_sweeps`
    n_states : int
    codes : uint8, uint16 or int32 (n_tiles, n_chains)
        Number of each tile's state; times Q - 1, if the tables hold differences.
    looked, places : int32 (n_sites, k)
        Tiles where a change of the site is looked up, and the site's weight in their number.
    starts : int64 (n_sites, k)
        Where the tables begin.
    n_looked : int32 (n_sites,)
    members, weights : (n_sites, m)
        Tiles that hold the site, and its weight.
    counts : int32 (n_sites,)
    table : float32
        In J.
    differences : bool
        Whether the tables hold differences.
    present : float32 (n_tiles, n_chains)
        Energies, unless the tables hold differences.
    proposed, shift, step, jump, cost
        Workspace; the shift of two states is always 0.
    """
    n_sites, n_chains = states.shape
    for _ in range(n_sweeps):
        for i in range(n_sites):
            _propose(streams, n_states, shift)
            for c in range(n_chains):
                step[c] = _step(states[i, c], shift[c], n_states)
                cost[c] = 0
            if differences:
                _add_differences(codes, looked[i], starts[i], n_looked[i], table, shift, cost)
            else:
                for k in range(n_looked[i]):
                    tile, place, origin = looked[i, k], places[i, k], np.uint64(starts[i, k])
                    for c in range(n_chains):
                        code = np.uint32(np.int32(codes[tile, c]) + place * step[c])
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
            if not differences:
                for k in range(n_looked[i]):
                    tile = looked[i, k]
                    for c in range(n_chains):
                        energy, old = proposed[k, c], present[tile, c]
                        present[tile, c] = energy if step[c] != 0 else old


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
                step *= np.int32(kernels._accept(beta, cost, streams, c))
                states[i, c] = np.uint8(np.int32(states[i, c]) + step)
