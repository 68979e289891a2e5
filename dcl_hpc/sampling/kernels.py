"""Numba kernels: Metropolis sweeps over many chains, and energies.

Chains are the innermost axis, states[site, chain], so that one update of a site is one vector
operation over chains. A kernel sweeps one block of chains, small enough for the caches; `in_blocks`
takes all chains through it. All sweeps visit the sites in order, in place.

Where a site has no neighbour it stands for its own, with coupling 0. Of fields that are None the compiler
leaves nothing.
"""

import numpy as np

from .compiled import njit
from .generator import OPTIONS, acceptance, below, next_word, unit_float

# Chains of a block.
BLOCK = 256
# Bytes of a cache line.
LINE = 64


def in_blocks(kernel, states, beta, streams, n_sweeps: int, *model, block: int = BLOCK) -> None:
    """Sweep all chains with a kernel, block by block, in place.

    Parameters
    ----------
    kernel : callable (states, beta, streams, n_sweeps, *model)
    states : uint8 (n_sites, n_chains)
    beta : float (n_chains,)
        In 1/J.
    streams : uint32 (4, n_chains)
    n_sweeps : int
    model : arrays that describe the energy
    block : int
    """
    beta = beta.astype(np.float32)
    for start in range(0, len(beta), block):
        chains = slice(start, start + block)
        own, random = aligned(states[:, chains]), aligned(streams[:, chains])
        kernel(own, aligned(beta[chains]), random, n_sweeps, *model)
        states[:, chains], streams[:, chains] = own, random


@njit(**OPTIONS)
def room(n_bytes):
    """Memory that begins at a cache line, uint8: vectors that straddle two take up to half of the speed."""
    more = np.empty(n_bytes + LINE, np.uint8)
    start = (LINE - np.int64(more.ctypes.data) % LINE) % LINE
    return more[start : start + n_bytes]


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy in `room`."""
    copy = room(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


@njit(inline="always", **OPTIONS)
def _other(state, word, n_states):
    """A state uniform among the others."""
    shifted = np.uint32(state) + np.uint32(1) + below(word, n_states - 1)
    return np.uint8(min(shifted, np.uint32(shifted - np.uint32(n_states))))


@njit(inline="always", **OPTIONS)
def _draw(states, i, streams, n_states, proposal, uniform):
    """Proposals for site i of every chain and the numbers that decide, in one pass over the streams."""
    for c in range(states.shape[1]):
        proposal[c] = _other(states[i, c], next_word(streams, c), n_states)
        uniform[c] = unit_float(next_word(streams, c))


@njit(inline="always", **OPTIONS)
def _accept(beta, difference, streams, c):
    """Whether chain c accepts a change that costs difference[c], in J."""
    return unit_float(next_word(streams, c)) < acceptance(beta[c] * difference[c])


@njit(**OPTIONS)
def propose(states, i, streams, n_states, proposal):
    """Fill proposal[chain] with another state of site i; of two states, without a random number."""
    if n_states == 2:
        for c in range(states.shape[1]):
            proposal[c] = states[i, c] ^ np.uint8(1)
    else:
        for c in range(states.shape[1]):
            proposal[c] = _other(states[i, c], next_word(streams, c), n_states)


@njit(**OPTIONS)
def accept(beta, difference, streams, accepted):
    """Fill accepted[chain] with the decisions on changes that cost difference[chain], in J."""
    for c in range(len(beta)):
        accepted[c] = _accept(beta, difference, streams, c)


@njit(inline="always", **OPTIONS)
def _field_cost(states, i, proposal, fields, difference):
    """Fill difference[chain] with what the proposal for site i costs in the field, in J."""
    if fields is None:
        for c in range(states.shape[1]):
            difference[c] = 0
    else:
        for c in range(states.shape[1]):
            difference[c] = fields[i, proposal[c]] - fields[i, states[i, c]]


@njit(**OPTIONS)
def two_state_sweeps(states, beta, streams, n_sweeps, neighbours, couplings, fields):
    """Metropolis sweeps of a two-state model with any couplings and fields.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    beta : float32 (n_chains,)
    streams : uint32 (4, n_chains)
    n_sweeps : int
    neighbours : int32 (n_sites, z)
    couplings : float32 (n_sites, z)
        Energy that turning each bond from like to unlike states costs, in J.
    fields : float32 (n_sites,) or None
        Energy that state 1 of each site costs, against state 0, in J.
    """
    n_sites, n_chains = states.shape
    field = room(4 * n_chains).view(np.float32)
    for _ in range(n_sweeps):
        for i in range(n_sites):
            if fields is None:
                for c in range(n_chains):
                    field[c] = 0
            else:
                own = fields[i]
                for c in range(n_chains):
                    field[c] = own * np.float32(np.int32(1) - np.int32(2) * np.int32(states[i, c]))
            for k in range(neighbours.shape[1]):
                j, coupling = neighbours[i, k], couplings[i, k]
                for c in range(n_chains):
                    like = np.int32(1) - np.int32(2) * np.int32(states[i, c] ^ states[j, c])
                    field[c] += coupling * np.float32(like)
            for c in range(n_chains):
                states[i, c] ^= np.uint8(_accept(beta, field, streams, c))


@njit(**OPTIONS)
def like_sweeps(states, beta, streams, n_sweeps, neighbours, couplings, last, fields, n_states):
    """Metropolis sweeps of a Q-state model that knows only like and unlike neighbours.

    Parameters
    ----------
    states, beta, streams, n_sweeps, neighbours, couplings : as in `two_state_sweeps`
    last : bool (n_sites, z)
        Where the next bond has another coupling; bonds up to there are counted first, in small integers.
    fields : float32 (n_sites, Q) or None
        Energy of each state, in J.
    n_states : int
    """
    n_sites, n_chains = states.shape
    difference, uniform = room(4 * n_chains).view(np.float32), room(4 * n_chains).view(np.float32)
    proposal = room(n_chains)
    lost = room(n_chains).view(np.int8)
    lost[:] = 0
    for _ in range(n_sweeps):
        for i in range(n_sites):
            _draw(states, i, streams, n_states, proposal, uniform)
            _field_cost(states, i, proposal, fields, difference)
            for k in range(neighbours.shape[1]):
                j, coupling = neighbours[i, k], couplings[i, k]
                for c in range(n_chains):
                    lost[c] += np.int8(states[i, c] == states[j, c]) - np.int8(proposal[c] == states[j, c])
                if last[i, k]:
                    for c in range(n_chains):
                        difference[c] += coupling * np.float32(np.int32(lost[c]))
                        lost[c] = 0
            for c in range(n_chains):
                flip = np.uint8(uniform[c] < acceptance(beta[c] * difference[c]))
                states[i, c] += np.uint8((proposal[c] - states[i, c]) * flip)


@njit(**OPTIONS)
def pair_sweeps(states, beta, streams, n_sweeps, neighbours, couplings, fields, features, weights):
    r"""Metropolis sweeps of a Q-state model with any symmetric table of pair energies.

    The table is taken apart as :math:`g(a, b) = \sum_r w_r f_r(a) f_r(b)`, so that the neighbours
    act through the sums of their features; they are kept beside the states.

    Parameters
    ----------
    states, beta, streams, n_sweeps, neighbours : as in `two_state_sweeps`
    couplings : float32 (n_sites, z)
        In J.
    fields : float32 (n_sites, Q) or None
        Energy of each state, in J.
    features : float32 (R, Q)
    weights : float32 (R,)
    """
    n_sites, n_chains = states.shape
    rank, n_states = features.shape
    kept = room(4 * rank * n_sites * n_chains).view(np.float32).reshape(rank, n_sites, n_chains)
    for r in range(rank):
        for i in range(n_sites):
            for c in range(n_chains):
                kept[r, i, c] = features[r, states[i, c]]
    new = room(4 * rank * n_chains).view(np.float32).reshape(rank, n_chains)
    field = room(4 * n_chains).view(np.float32)
    difference, uniform = room(4 * n_chains).view(np.float32), room(4 * n_chains).view(np.float32)
    proposal = room(n_chains)
    flip = room(n_chains)
    for _ in range(n_sweeps):
        for i in range(n_sites):
            _draw(states, i, streams, n_states, proposal, uniform)
            _field_cost(states, i, proposal, fields, difference)
            for r in range(rank):
                for c in range(n_chains):
                    new[r, c] = features[r, proposal[c]]
                for c in range(n_chains):  # apart: lookups are not vectorised
                    field[c] = 0
                for k in range(neighbours.shape[1]):
                    j, coupling = neighbours[i, k], weights[r] * couplings[i, k]
                    for c in range(n_chains):
                        field[c] += coupling * kept[r, j, c]
                for c in range(n_chains):
                    difference[c] += (kept[r, i, c] - new[r, c]) * field[c]
            for c in range(n_chains):
                flip[c] = np.uint8(uniform[c] < acceptance(beta[c] * difference[c]))
                states[i, c] += np.uint8((proposal[c] - states[i, c]) * flip[c])
            for r in range(rank):
                for c in range(n_chains):
                    kept[r, i, c] += (new[r, c] - kept[r, i, c]) * np.float32(flip[c])


@njit(**OPTIONS)
def pair_energies(states, forward, couplings, pair, fields):
    """Energies of the chains, float64 (n_chains,), in J.

    Parameters
    ----------
    states : uint8 (n_sites, n_chains)
    forward : int32 (n_sites, d)
    couplings : float64 (n_sites, d)
    pair : float64 (Q, Q)
    fields : float64 (n_sites, Q) or None
    """
    n_sites, n_chains = states.shape
    n_states = pair.shape[0]
    table = pair.copy().reshape(n_states * n_states)
    energy = np.zeros(n_chains)
    for i in range(n_sites):
        if fields is not None:
            for c in range(n_chains):
                energy[c] += fields[i, states[i, c]]
        for k in range(forward.shape[1]):
            j, coupling = forward[i, k], couplings[i, k]
            for c in range(n_chains):
                row = np.int32(states[i, c]) * n_states
                energy[c] -= coupling * table[row + np.int32(states[j, c])]
    return energy
