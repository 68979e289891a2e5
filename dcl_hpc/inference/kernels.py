"""Numba kernels of the pseudo-likelihood: sums over samples, sites and the windows around each site.

A state of n_states stands for a site that is not there, which has no conditional.
"""

import numpy as np

from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS


@njit(inline="always", **OPTIONS)
def _codes(row, tiles, powers, codes):
    """Number of the state of every window."""
    for t in range(tiles.shape[0]):
        code = 0
        for j in range(tiles.shape[1]):
            code += powers[j] * np.int64(row[tiles[t, j]])
        codes[t] = code


@njit(inline="always", **OPTIONS)
def _conditional(state, corners, codes, powers, table, index, p):
    """Numbers of the windows around a site for each of its states, and their probabilities.

    What stands in p is added to the logarithm of each. Returns ln P of the state that it has.
    """
    n_states = len(p)
    for a in range(n_states):
        field = p[a]
        for j in range(len(powers)):
            index[a, j] = codes[corners[j]] + powers[j] * (a - np.int64(state))
            field += table[index[a, j]]
        p[a] = field
    highest = p[0]  # not -inf, which the compiler may take for impossible
    for a in range(1, n_states):
        highest = max(highest, p[a])
    own = p[state] - highest
    total = 0.0
    for a in range(n_states):
        p[a] = np.exp(p[a] - highest)
        total += p[a]
    for a in range(n_states):
        p[a] /= total
    return own - np.log(total)


@njit(**OPTIONS)
def add_derivatives(
    states, weights, n_states, tiles, members, powers, table, functions, given, share, scores, h
):
    """Logarithm; adds each sample's gradient to scores and the lower triangle to h.

    A share of the field that is given, if any is, is added to the table's; its derivative comes last.
    """
    n_functions, n_places, n_given = functions.shape[1], len(powers), min(len(given), 1)
    n = n_functions + n_given
    codes = np.empty(len(tiles), np.int64)
    index = np.empty((n_states, n_places), np.int64)
    p = np.empty(n_states)
    fields = np.empty((n_states, n))
    difference = np.empty(n)
    value = 0.0
    for s in range(len(states)):
        _codes(states[s], tiles, powers, codes)
        for i in range(len(members)):
            state = states[s, i]
            if state >= n_states:
                continue
            for a in range(n_states):
                fields[a], p[a] = 0, 0
                if n_given:
                    fields[a, n_functions] = given[s, i, a]
                    p[a] = share * given[s, i, a]
            value += weights[s] * _conditional(state, members[i], codes, powers, table, index, p)
            for a in range(n_states):
                for j in range(n_places):
                    for k in range(n_functions):
                        fields[a, k] += functions[index[a, j], k]
            for a in range(n_states):
                for k in range(n):
                    scores[s, k] += p[a] * (fields[state, k] - fields[a, k])
            # the covariance of the fields, as a sum over pairs of states
            for a in range(n_states):
                for b in range(a):
                    factor = weights[s] * p[a] * p[b]
                    for k in range(n):
                        difference[k] = fields[a, k] - fields[b, k]
                    for k in range(n):
                        slope = factor * difference[k]
                        for m in range(k + 1):
                            h[k, m] += slope * difference[m]
    return value


@njit(**OPTIONS)
def add_table_scores(states, weights, n_states, tiles, members, powers, table, scores):
    """Adds the gradient of each sample to its row of scores, or of all to the only one."""
    codes = np.empty(len(tiles), np.int64)
    index = np.empty((n_states, len(powers)), np.int64)
    p = np.empty(n_states)
    for s in range(len(states)):
        row = scores[s % len(scores)]
        _codes(states[s], tiles, powers, codes)
        for i in range(len(members)):
            if states[s, i] >= n_states:
                continue
            p[:] = 0
            _conditional(states[s, i], members[i], codes, powers, table, index, p)
            p[states[s, i]] -= 1
            for a in range(n_states):
                for j in range(len(powers)):
                    row[index[a, j]] -= weights[s] * p[a]


@njit(**OPTIONS)
def add_table_information(states, weights, n_states, tiles, members, powers, table, number, gradient, h):
    """Logarithm; adds the gradient, and to h a matrix that with its transpose is the information.

    Both have an entry for each state of the window that occurs, of which `number` has the numbers.
    """
    n_places = len(powers)
    codes = np.empty(len(tiles), np.int64)
    index = np.empty((n_states, n_places), np.int64)
    p = np.empty(n_states)
    entries = np.empty(2 * n_places, np.int64)
    value = 0.0
    for s in range(len(states)):
        _codes(states[s], tiles, powers, codes)
        for i in range(len(members)):
            state = states[s, i]
            if state >= n_states:
                continue
            p[:] = 0
            value += weights[s] * _conditional(state, members[i], codes, powers, table, index, p)
            for a in range(n_states):
                for j in range(n_places):
                    gradient[number[index[a, j]]] += weights[s] * ((1.0 if a == state else 0.0) - p[a])
                for b in range(a):
                    factor = weights[s] * p[a] * p[b]
                    for j in range(n_places):
                        entries[j], entries[n_places + j] = number[index[a, j]], number[index[b, j]]
                    for j in range(2 * n_places):
                        x = entries[j]
                        signed = factor if j < n_places else -factor
                        for m in range(j):
                            h[x, entries[m]] += signed if m < n_places else -signed
                        h[x, x] += factor / 2
    return value
