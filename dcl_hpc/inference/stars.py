"""What interactions make of a site, by its star: the other sites that they join with it.

Few interactions have small stars, with few states: an Ising law of nearest neighbours has four sites in one,
whatever window it was looked for in. Their states are counted once in all samples; the pseudo-likelihood
and its derivatives are then sums over the states of a star.
"""

from dataclasses import dataclass

import numpy as np

from ..physics.codes import all_states, weights
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from .interactions import Interactions
from .samples import Samples

# Most states of a star, and most entries of the fields in them.
MOST_STATES, MOST_ENTRIES = 2**14, 2**21


@dataclass(frozen=True)
class Stars:
    """Interactions of a site with its star.

    Attributes
    ----------
    sites : int32 (n_sites, n_star)
        Columns of the samples' states that are the star of each site.
    powers : int64 (n_star,)
        Weight of each in the number of the star's state.
    fields : float64 (n_star_states, n_states, n_interactions)
        Sum of each interaction over all places that hold the site, in its states and the star's.
    """

    sites: np.ndarray
    powers: np.ndarray
    fields: np.ndarray

    @classmethod
    def of(cls, observations: Samples, interactions: Interactions) -> "Stars | None":
        """The stars of some interactions on the lattice of samples; None if they have too many states."""
        words, window, q = interactions.words, observations.window, observations.window.n_states
        offsets = words.window.offsets
        pairs = [(k, j) for k, charges in enumerate(words.charges) for j in np.flatnonzero(charges)]
        # the others that each word joins with each of its sites
        others = [
            {
                tuple(offsets[i] - offsets[j]): words.charges[k, i]
                for i in np.flatnonzero(words.charges[k]) if i != j
            }
            for k, j in pairs
        ]  # fmt: skip
        star = np.array(sorted(set().union(*others)), np.int64).reshape(-1, window.dimension)
        n = len(star)
        if n * np.log2(window.base) > np.log2(MOST_STATES) + 1e-9:
            return None
        if window.base**n * q * len(interactions) > MOST_ENTRIES:
            return None
        digits = all_states(window.base, n) if n else np.zeros((1, 0), np.uint8)
        fields = np.zeros((len(digits), q, len(interactions)))
        angle = 2 * np.pi * np.arange(q) / q
        columns = {tuple(offset): column for column, offset in enumerate(star.tolist())}
        for (k, j), joined in zip(pairs, others, strict=True):
            places, charges = [columns[offset] for offset in joined], np.array([*joined.values()], np.int64)
            turns = (digits[:, places].astype(np.int64) - q // 2) @ charges
            turns = turns[:, None] + int(words.charges[k, j]) * (np.arange(q) - q // 2)
            values = (np.sin if words.sine[k] else np.cos)(angle)[turns % q]
            values[np.any(digits[:, places] == q, axis=1)] = 0
            fields[:, :, interactions.owner[k]] += interactions.sign[k] * values
        lattice = observations.lattice
        sites = lattice.at(lattice.coordinates[:, None] + star)
        sites = np.where(sites < 0, lattice.n_sites, sites).astype(np.int32)
        return cls(sites, weights(window.base, n).astype(np.int64), fields)

    def counts(self, observations: Samples) -> np.ndarray:
        """How often each state of a star and its site occurs, float64 (n_star_states, n_states)."""
        states, sample_weights, q, *_ = observations.strided()
        counts = np.zeros((len(self.fields), q))
        _count(states, sample_weights, q, self.sites, self.powers, counts)
        return counts

    def derivatives(self, counts: np.ndarray, k: np.ndarray):
        """Logarithm of the pseudo-likelihood of counted states, its gradient and information."""
        p, log_p, centred = self._centred(k)
        total = counts.sum(axis=1)
        gradient = np.einsum("ea,ean->n", counts, centred)
        weighted = centred * (total[:, None] * p)[:, :, None]
        h = np.tensordot(centred, weighted, ([0, 1], [0, 1]))
        return float((counts * log_p).sum()), gradient, (h + h.T) / 2

    def scores(self, observations: Samples, k: np.ndarray) -> np.ndarray:
        """Derivative of every sample's logarithm, float64 (n_samples, n)."""
        states, _, q, *_ = observations.strided()
        scores = np.zeros((len(states), len(k)))
        _add_scores(states, q, self.sites, self.powers, self._centred(k)[2], scores)
        return scores

    def beside_given(self, observations: Samples, k: np.ndarray, stride: int = 1):
        """As `likelihood.derivatives`, of samples with a given field, whose share is the last of k."""
        states, sample_weights, q, *_ = observations.strided(stride)
        n = len(k)
        scores, h = np.zeros((len(states), n)), np.zeros((n, n))
        value = _add_derivatives(
            states, sample_weights, q, self.sites, self.powers, self.fields, self.fields @ k[:-1],
            observations.given[::stride], k[-1], scores, h,
        )  # fmt: skip
        return value, scores, sample_weights @ scores, h + np.tril(h, -1).T

    def _centred(self, k):
        """Probabilities of a site's states, their logarithms, and the fields less their means."""
        exponent = self.fields @ k
        log_p = exponent - np.logaddexp.reduce(exponent, axis=1, keepdims=True)
        p = np.exp(log_p)
        return p, log_p, self.fields - np.einsum("ea,ean->en", p, self.fields)[:, None]


@njit(inline="always", **OPTIONS)
def _state_of(row, star, powers):
    code = 0
    for j in range(len(star)):
        code += powers[j] * np.int64(row[star[j]])
    return code


@njit(**OPTIONS)
def _count(states, weights, n_states, sites, powers, counts):
    """Adds the weight of each sample to the states that its sites and their stars have."""
    for s in range(len(states)):
        for i in range(len(sites)):
            if states[s, i] < n_states:
                counts[_state_of(states[s], sites[i], powers), states[s, i]] += weights[s]


@njit(**OPTIONS)
def _add_scores(states, n_states, sites, powers, centred, scores):
    for s in range(len(states)):
        for i in range(len(sites)):
            if states[s, i] < n_states:
                row = centred[_state_of(states[s], sites[i], powers), states[s, i]]
                for k in range(len(row)):
                    scores[s, k] += row[k]


@njit(**OPTIONS)
def _add_derivatives(states, weights, n_states, sites, powers, fields, table, given, share, scores, h):
    """Logarithm; adds gradients of samples to scores and the lower triangle to h, the given field last."""
    n = fields.shape[2]
    p, difference = np.empty(n_states), np.empty(n + 1)
    value = 0.0
    for s in range(len(states)):
        for i in range(len(sites)):
            state = states[s, i]
            if state >= n_states:
                continue
            code, own = _state_of(states[s], sites[i], powers), given[s, i]
            total, present = 0.0, table[code, state] + share * own[state]
            for a in range(n_states):
                p[a] = np.exp(table[code, a] + share * own[a] - present)
                total += p[a]
            value -= weights[s] * np.log(total)
            for a in range(n_states):
                p[a] /= total
            for a in range(n_states):
                if a == state:
                    continue
                for k in range(n):
                    scores[s, k] += p[a] * (fields[code, state, k] - fields[code, a, k])
                scores[s, n] += p[a] * (own[state] - own[a])
            for a in range(n_states):
                for b in range(a):
                    factor = weights[s] * p[a] * p[b]
                    for k in range(n):
                        difference[k] = fields[code, a, k] - fields[code, b, k]
                    difference[n] = own[a] - own[b]
                    for k in range(n + 1):
                        slope = factor * difference[k]
                        for m in range(k + 1):
                            h[k, m] += slope * difference[m]
    return value
