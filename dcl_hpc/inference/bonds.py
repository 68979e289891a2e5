r"""Pseudo-likelihood of a glass: every bond has a coupling, and every site a field, of its own.

For two states and :math:`E = -T ( \sum_{(ij)} K_{ij} s_i s_j + \sum_i H_i s_i )` the conditional of a site
is logistic,

.. math:: P(s_i \mid \text{all others}) = \left[ 1 + e^{-2 s_i (\sum_j K_{ij} s_j + H_i)} \right]^{-1},

and the logarithm of the product over sites and samples is concave (P. Ravikumar, M. Wainwright and
J. Lafferty, Ann. Stat. 38, 1287 (2010); E. Aurell and M. Ekeberg, PRL 108, 090201 (2012)). Both ends of a
bond share its coupling. Errors are Godambe's, see `likelihood`. Where a sample has lost a site, those beside
it are left out: what was there, and whether it acted, is not known.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from ..physics.lattice import Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from .samples import MIN_SAMPLES, NOTHING

# Fewer groups of independent samples do not tell their own scatter.
FEWEST = 10
# Groups of samples whose scores are kept, at most: enough for the covariance of hundreds of couplings.
GROUPS = 8192
# Most states of the neighbours of a site that are counted.
MOST_STATES = 2**10


@dataclass(frozen=True)
class Spins:
    """Configurations of two states at one temperature; beside `Bonds` what `Samples` are to interactions.

    Parameters
    ----------
    states : ndarray of uint8, shape (n_samples, n_sites)
        0 and 1, others where a sample has nothing at a site.
    temperature : float
        In J/k_B.
    groups : ndarray of int, shape (n_samples,)
        Group of each sample, 0 ... n_groups - 1: scores are those of groups.
    n_groups : int
    given : ndarray of float32, shape (n_samples, n_sites, 2), optional
        See `Samples`.
    """

    states: np.ndarray
    temperature: float
    groups: np.ndarray
    n_groups: int
    given: np.ndarray = field(default_factory=lambda: NOTHING)

    @classmethod
    def of(cls, states: np.ndarray, temperature: float, blocks: np.ndarray | None = None) -> "Spins":
        """Samples in groups, each of whole blocks of correlated ones.

        Parameters
        ----------
        blocks : ndarray of int, shape (n_samples,), optional
            See `Samples`.

        Raises
        ------
        ValueError
            If nothing can be learned from the states.
        """
        if len(states) < MIN_SAMPLES:
            raise ValueError(f"{len(states)} samples are too few; observe at least {MIN_SAMPLES}")
        if np.all(states == states[:1]):
            raise ValueError("all samples are equal; observe at a higher temperature")
        found, number = np.unique(np.arange(len(states)) if blocks is None else blocks, return_inverse=True)
        n_groups = min(GROUPS, len(found))
        if n_groups < FEWEST:
            raise ValueError(f"{n_groups} independent stretches tell no errors; observe {FEWEST} or more")
        return cls(states, temperature, number * n_groups // len(found), n_groups)

    @property
    def has_given(self) -> bool:
        """Whether a field is given."""
        return len(self.given) > 0

    def sum_of_squares(self, scores: np.ndarray) -> np.ndarray:
        """Godambe's J, float64 (n, n), of scores (n_groups, n), whose sum is 0 as the fit has it."""
        return scores.T @ scores * (self.n_groups / (self.n_groups - 1))

    def some(self, rows: np.ndarray, given: np.ndarray) -> "Spins":
        """Some of the samples, in the same groups, with a field that is given."""
        return replace(self, states=self.states[rows], groups=self.groups[rows], given=given)

    def score_rows(self, rows: np.ndarray) -> slice:
        """Where the scores of `some` samples are among those of all."""
        return slice(None)


@dataclass(frozen=True)
class Bonds:
    """Products of the spins of pairs of sites, and spins of single sites, for fits to `Spins`.

    Parameters
    ----------
    n_sites : int
    pairs : ndarray of int, shape (n_pairs, 2)
    sites : ndarray of int, shape (n_fields,)
    """

    n_sites: int
    pairs: np.ndarray
    sites: np.ndarray

    @classmethod
    def of(cls, lattice: Lattice, fields: bool) -> "Bonds":
        """Those of a lattice; two bonds between the same sites are one pair."""
        pairs = np.unique(np.sort(lattice.bonds), axis=0)
        return cls(lattice.n_sites, pairs, np.arange(lattice.n_sites * fields))

    def __len__(self):
        return len(self.pairs) + len(self.sites)

    def take(self, rows) -> "Bonds":
        """Some of the functions, in ascending order."""
        numbers, n = np.arange(len(self))[rows], len(self.pairs)
        return Bonds(self.n_sites, self.pairs[numbers[numbers < n]], self.sites[numbers[numbers >= n] - n])

    @cached_property
    def around(self) -> tuple[np.ndarray, np.ndarray]:
        """What each site takes part in: numbers of the functions, -1 for no more, and the other site.

        Both int64 (n_sites, most functions of a site); of a field the other site is `n_sites`.
        """
        n = np.arange(len(self))
        alone = np.stack([self.sites, np.full(len(self.sites), self.n_sites)], axis=1)
        first, second = np.concatenate([self.pairs, alone]).T
        joined = n < len(self.pairs)
        own = np.concatenate([first, second[joined]])
        other, number = np.concatenate([second, first[joined]]), np.concatenate([n, n[joined]])
        order = np.argsort(own, kind="stable")
        counts = np.bincount(own, minlength=self.n_sites)
        rank = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
        numbers, others = np.full((2, self.n_sites, counts.max(initial=0)), -1)
        numbers[own[order], rank], others[own[order], rank] = number[order], other[order]
        return numbers, others

    def evaluation(self, observations: Spins):
        """What `likelihood.maximise` takes: by states of sites and their neighbours, if these are few."""
        most = self.around[0].shape[1]
        if observations.has_given or 2**most > MOST_STATES:
            return partial(self._derivatives, observations)
        counts = np.zeros((self.n_sites, 2**most, 2))
        _count(observations.states, self.around[1], counts)

        def evaluate(k, stride):
            gradient, h, slopes = np.zeros(len(k)), np.zeros((len(k), len(k))), np.zeros(counts.shape)
            value = _add_counted(counts, self.around[0], k, slopes, gradient, h)
            return value, partial(self._scores, observations, slopes), gradient, h

        return evaluate

    def _derivatives(self, observations: Spins, k: np.ndarray, stride: int):
        scores, h = np.zeros((observations.n_groups, len(k))), np.zeros((len(k), len(k)))
        rows = slice(None, None, stride)
        value = _add_derivatives(
            np.ascontiguousarray(observations.states[rows]), observations.groups[rows], *self.around,
            np.ascontiguousarray(observations.given[rows]), k, scores, h,
        )  # fmt: skip
        return value, scores, scores.sum(axis=0), h

    def _scores(self, observations: Spins, slopes: np.ndarray) -> np.ndarray:
        scores = np.zeros((observations.n_groups, len(self)))
        _add_scores(observations.states, observations.groups, *self.around, slopes, scores)
        return scores


@njit(inline="always", **OPTIONS)
def _state_of(row, others):
    """Number of the state of a site's neighbours, of a field 1; -1 if one of them is lost."""
    code = 0
    for j in range(len(others)):
        if others[j] >= 0 and code >= 0:
            state = row[others[j]] if others[j] < len(row) else 1
            code = 2 * code + state if state < 2 else -1
    return code


@njit(inline="always", **OPTIONS)
def _against(exponent):
    """1 / (1 + exp(x)), and its counterpart's logarithm."""
    low = min(exponent, 0.0)
    for_it, against = np.exp(low), np.exp(low - exponent)
    return against / (for_it + against), low - np.log(for_it + against)


@njit(**OPTIONS)
def _count(states, others, counts):
    """Adds up how often each state of a site's neighbours and itself occurs."""
    for s in range(len(states)):
        for i in range(states.shape[1]):
            code = _state_of(states[s], others[i])
            if states[s, i] < 2 and code >= 0:
                counts[i, code, states[s, i]] += 1


@njit(**OPTIONS)
def _add_counted(counts, numbers, k, slopes, gradient, h):
    """Logarithm of the counted states; adds gradient and information, and gives the slope of each state."""
    value, twice = 0.0, np.empty(numbers.shape[1])
    for i in range(len(counts)):
        count = 0
        while count < len(twice) and numbers[i, count] >= 0:
            count += 1
        own = numbers[i, :count]
        for code in range(2**count):
            n = counts[i, code, 0] + counts[i, code, 1]
            if n == 0:
                continue
            exponent = 0.0
            for j in range(count):
                twice[j] = 4.0 * ((code >> (count - 1 - j)) & 1) - 2
                exponent += k[own[j]] * twice[j]
            slope = 0.0
            for state in range(2):
                spin = 2.0 * state - 1
                against, logarithm = _against(spin * exponent)
                slopes[i, code, state] = spin * against
                value += counts[i, code, state] * logarithm
                slope += counts[i, code, state] * spin * against
            curvature = n * against * (1 - against)
            for a in range(count):
                gradient[own[a]] += slope * twice[a]
                for b in range(count):
                    h[own[a], own[b]] += curvature * twice[a] * twice[b]
    return value


@njit(**OPTIONS)
def _add_scores(states, groups, numbers, others, slopes, scores):
    """Adds the gradients of samples to the scores of their groups."""
    n_sites = states.shape[1]
    for s in range(len(states)):
        for i in range(n_sites):
            code = _state_of(states[s], others[i])
            if states[s, i] > 1 or code < 0:
                continue
            slope = slopes[i, code, states[s, i]]
            for j in range(numbers.shape[1]):
                if numbers[i, j] < 0:
                    break
                up = others[i, j] == n_sites or states[s, others[i, j]] == 1
                scores[groups[s], numbers[i, j]] += 2 * slope if up else -2 * slope


@njit(**OPTIONS)
def _add_derivatives(states, groups, numbers, others, given, k, scores, h):
    """Logarithm; adds gradients to the scores of groups, and the information, the given field last."""
    n_given, most = min(len(given), 1), numbers.shape[1]
    n_sites, last, value = states.shape[1], len(k) - 1, 0.0
    spins, twice = np.zeros(n_sites + 1), np.zeros(most + 1)
    own = np.zeros((n_sites, most + 1, most + 1))
    counts = (numbers >= 0).sum(axis=1)
    for s in range(len(states)):
        for i in range(n_sites):  # 0 where there is none
            spins[i] = 2.0 * states[s, i] - 1 if states[s, i] < 2 else 0.0
        spins[-1] = 1.0
        row = scores[groups[s]]
        for i in range(n_sites):
            count, exponent, lost = counts[i], 0.0, spins[i] == 0
            for j in range(count):
                twice[j] = 2 * spins[others[i, j]]
                exponent += k[numbers[i, j]] * twice[j]
                lost |= twice[j] == 0
            if lost:
                continue
            if n_given:
                twice[count] = np.float64(given[s, i, 1]) - np.float64(given[s, i, 0])
                exponent += k[last] * twice[count]
            against, logarithm = _against(spins[i] * exponent)
            value += logarithm
            slope, curvature = spins[i] * against, against * (1 - against)
            for j in range(count):
                row[numbers[i, j]] += slope * twice[j]
            if n_given:
                row[last] += slope * twice[count]
            for a in range(count + n_given):
                for b in range(count + n_given):
                    own[i, a, b] += curvature * twice[a] * twice[b]
    for i in range(n_sites):
        for a in range(counts[i] + n_given):
            first = numbers[i, a] if a < counts[i] else last
            for b in range(counts[i] + n_given):
                h[first, numbers[i, b] if b < counts[i] else last] += own[i, a, b]
    return value
