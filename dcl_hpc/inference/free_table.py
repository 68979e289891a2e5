r"""All interactions of a window at once: a free table of tile energies.

The couplings of all words, with Godambe's covariance V, have no bias and a large common error. They are
taken for a draw from independent normal distributions of mean 0, whose variance all words of equally
many sites share and which is found by maximum marginal likelihood (empirical Bayes; MacKay's fixed point,
Neural Comput. 4, 415 (1992)). The posterior mean shrinks what the data do not support.
"""

import numpy as np

from ..physics.tiles import MAX_FREE
from .interactions import Interactions, Words
from .likelihood import inverted, maximise, table_information, table_scores
from .local_energy import LocalEnergy
from .samples import Samples

# Precision of K = J/T before anything is observed; it keeps states that never occur near 0.
RIDGE = 1.0
# Entries of the scores held at a time.
CHUNK = 2**20
# Fixed-point iterations of the prior.
ITERATIONS = 200


def fit(observations: Samples, shrink: bool = True, ridge: float = RIDGE) -> LocalEnergy:
    """The local energy with an interaction for every word of the window.

    Parameters
    ----------
    observations : Samples
    shrink : bool
        Whether couplings are shrunk by empirical Bayes; the free maximum otherwise.
    ridge : float
        Precision of each K = J/T around 0, in the likelihood.

    Raises
    ------
    ValueError
        If more than `MAX_FREE` states of the window can occur, or without a ridge the samples do not
        determine the table.
    """
    window, t = observations.window, observations.temperature
    occurring = _occurring(observations)
    if len(occurring) > MAX_FREE:
        raise ValueError(
            f"a free table of {len(occurring)} tile states is too large, at most {MAX_FREE} fit; take a"
            " smaller tile, or clusters.fit"
        )
    words = Words.all(window)
    words = words.take(observations.has(words))
    functions = words.functions()
    entries = functions[occurring]

    def evaluate(k, stride):
        value, gradient, h = table_information(observations, functions @ k, stride, occurring)
        h = entries.T @ h @ entries + ridge * np.eye(len(k))
        return value - ridge * (k @ k) / 2, None, entries.T @ gradient - ridge * k, h

    k, _, h = maximise(evaluate, np.zeros(len(words)), len(observations.states))
    inverse = inverted(h)
    covariance = inverse @ _sum_of_squares(observations, functions @ k, occurring, entries) @ inverse
    if shrink:
        k, covariance = shrunk(k, covariance, words.order)
    return LocalEnergy(Interactions.single(words), t * k, t**2 * covariance)


def shrunk(estimate: np.ndarray, covariance: np.ndarray, group: np.ndarray):
    """Posterior mean and covariance of normal parameters whose prior variances are one for each group.

    Parameters
    ----------
    estimate : ndarray of float64, shape (n,)
    covariance : ndarray of float64, shape (n, n)
    group : ndarray of int, shape (n,)

    Returns
    -------
    mean : float64 (n,)
    covariance : float64 (n, n)
    """
    kinds = group[:, None] == np.unique(group)
    size = kinds.sum(axis=0)
    variance = kinds.T @ estimate**2 / size
    for _ in range(ITERATIONS):
        prior = kinds @ variance
        # (1/prior + 1/covariance)^-1, also where prior vanishes
        gain = np.linalg.solve(covariance + np.diag(prior), np.diag(prior)).T
        mean = gain @ estimate
        # the number of parameters of each group that the data determine
        determined = kinds.T @ np.diag(gain)
        old, variance = variance, (kinds.T @ mean**2) / np.maximum(determined, 1e-9)
        if np.allclose(old, variance, rtol=1e-3, atol=1e-12):
            break
    posterior = gain @ covariance
    return mean, (posterior + posterior.T) / 2


def _occurring(observations: Samples) -> np.ndarray:
    """States of the window that can occur beside the sites that are absent, int64 (n,)."""
    window = observations.window
    if not window.absent:
        return np.arange(window.size)
    there = (window.digits < window.n_states) @ (1 << np.arange(window.n_places))
    return np.flatnonzero(np.isin(there, observations.patterns))


def _sum_of_squares(observations: Samples, table, occurring, entries: np.ndarray) -> np.ndarray:
    """Godambe's J, float64 (n, n); scores of samples are summed over before they are projected."""
    size, n = len(occurring), len(observations.states)
    blocks = np.arange(n) if observations.blocks is None else observations.blocks
    order = np.argsort(blocks, kind="stable")  # blocks stay whole
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))
    chunks = np.unique(
        starts[np.searchsorted(starts, np.arange(0, n, max(CHUNK // len(table), 1)), "right") - 1]
    )
    total = np.zeros((size, size))
    for rows in np.split(order, chunks[1:]):
        scores = table_scores(observations, table, rows)[:, occurring]
        total += observations.sum_of_squares(scores, rows)
    return entries.T @ total @ entries
