"""Which interactions the data call for: forward selection with backward elimination.

An interaction is kept if its Wald statistic z^2, with Godambe's covariance, exceeds

    ln(samples) + 2 ln(candidates),

what one parameter more costs in the extended Bayesian information criterion (Chen and Chen, Biometrika
95, 759 (2008), gamma = 1) for composite likelihoods (Gao and Song, JASA 105, 1531 (2010)). With 1e5
samples and 400 candidates, abs(z) > 4.8: one false interaction in some two thousand fits.
"""

import numpy as np

from .interactions import Interactions
from .likelihood import Fit, derivatives, fit, inverted, squared_z, table_scores
from .samples import Samples

# Candidates whose score test is done with all samples, the most promising of a sample of samples.
SHORTLIST = 8
# Numbers of that sample, at most and at least, and the entries of its tables.
SAMPLE, LEAST, ENTRIES = 2048, 64, 2**21
MAX_INTERACTIONS = 200


def threshold(n_samples: float, n_candidates: int) -> float:
    """Least z^2 of an interaction that is kept."""
    return float(np.log(max(n_samples, 1)) + 2 * np.log(n_candidates))


def select(
    observations: Samples, candidates: Interactions, start=(), most: int | None = None
) -> tuple[list[int], Fit]:
    """Numbers of the candidates that are kept, and their fit.

    Parameters
    ----------
    observations : Samples
    candidates : Interactions
    start : iterable of int
        Candidates to begin with.
    most : int, optional
        With so many the search ends.

    Raises
    ------
    ValueError
        If there are no candidates, or more than `MAX_INTERACTIONS` are called for.
    """
    if not len(candidates):
        raise ValueError("sites of this tile have no interaction at all; take a larger one")
    least = threshold(observations.weights.sum(), len(candidates))
    chosen = [int(k) for k in start]
    k, visited = None, set()
    while True:
        current = fit(observations, candidates.take(chosen), k)
        k = current.parameters
        visited.add(frozenset(chosen))
        if chosen and current.wald.min() < least:
            dropped = int(current.wald.argmin())
            chosen.pop(dropped)
            k = np.delete(k, dropped)
            continue
        ranked = _score_tests(observations, candidates, chosen, current)
        new = [c for c, z2 in ranked if z2 > least and frozenset([*chosen, c]) not in visited]
        if not new or (most is not None and len(chosen) >= most):
            return chosen, current
        if len(chosen) == MAX_INTERACTIONS:
            raise ValueError(
                f"more than {MAX_INTERACTIONS} interactions are called for; take a smaller tile, or table.fit"
            )
        chosen.append(new[0])
        k = np.append(k, 0.0)


def _score_tests(observations, candidates, chosen, current) -> list[tuple[int, float]]:
    """Most promising candidates with z^2 of their score tests, largest first."""
    functions = candidates.take(chosen).functions()
    shortlist = _shortlist(observations, candidates, chosen, functions @ current.parameters, current)
    both = np.concatenate([functions, candidates.take(shortlist).functions()], axis=1)
    n = len(chosen)
    k = np.append(current.parameters, np.zeros(len(shortlist)))
    _, scores, gradient, h = derivatives(observations, both, k)
    # the part of a candidate's score that the fit of the chosen ones does not take up
    regression = h[n:, :n] @ inverted(h[:n, :n])
    residual = scores[:, n:] - scores[:, :n] @ regression.T
    gradient = gradient[n:] - regression @ gradient[:n]
    z2 = squared_z(gradient, np.diag(observations.sum_of_squares(residual)))
    return [(shortlist[j], z2[j]) for j in np.argsort(-z2)]


def _shortlist(observations, candidates, chosen, table, current) -> list[int]:
    """Candidates with the largest scores for their scatter, the scatter from a sample of samples."""
    window = observations.window
    n = len(observations.states)
    rows = np.linspace(0, n - 1, min(n, np.clip(ENTRIES // window.size, LEAST, SAMPLE))).astype(int)
    total = candidates.project(table_scores(observations, table, together=True))[0]
    parts = [rows[k : k + LEAST] for k in range(0, len(rows), LEAST)]
    scores = np.concatenate([candidates.project(table_scores(observations, table, part)) for part in parts])
    weights = observations.weights[rows][:, None]
    if chosen:
        root = np.sqrt(weights)
        own = current.scores[rows] * root
        scores = scores - current.scores[rows] @ np.linalg.lstsq(own, scores * root, rcond=None)[0]
    variance = (weights * scores**2).sum(axis=0)
    free = np.setdiff1d(np.flatnonzero(variance > 1e-9 * variance.max()), chosen)
    return free[np.argsort(-(total[free] ** 2) / variance[free])][:SHORTLIST].tolist()
