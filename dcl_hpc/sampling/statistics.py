"""Averages of correlated series, their errors, and averages at temperatures between."""

import logging

import numpy as np
from emcee.autocorr import function_1d, integrated_time
from scipy.special import logsumexp

# Acceptance below which temperatures are too far apart for reweighting.
LEAST_OVERLAP = 0.05
# Series shorter than so many times 2 tau give too short a time; emcee's rule, whose time is 2 tau.
FEWEST_TIMES = 50
# Chains in turn: rounds that are needed, standard errors of likeness by chance, and the share of the largest
# likeness that a smaller lag may have in its place.
LEAST_TURNS, SURE, AS_GOOD = 4, 6, 0.8


def autocorrelation_time(series: np.ndarray) -> float:
    """Integrated autocorrelation time in steps of the series, at least 1/2.

    Sokal's self-consistent window as implemented by emcee, averaged over chains; the convention
    is tau = 1/2 + sum of the autocorrelation function, so independent data have 1/2. Of a short series it
    is too small; `too_short` tells.

    Parameters
    ----------
    series : ndarray, shape (n_steps, n_chains)
    """
    series = np.asarray(series, dtype=float)
    series = series[:, series.std(axis=0) > 0]
    if series.shape[1] == 0 or len(series) < 4:
        return 0.5
    tau = integrated_time(series[:, :, None], c=5, tol=0, quiet=True, has_walkers=True)[0]
    return max(0.5, float(tau) / 2)


def chains_in_turn(series: np.ndarray) -> int:
    """How many chains take turns in a series: neighbours know nothing of each other, rows of one chain do.

    That is the lag at which an observable is most alike itself, if that is no chance and all smaller lags
    have less than half of it; 1 for a single chain, for independent data and where too little tells.

    Parameters
    ----------
    series : ndarray, shape (n, n_observables)
    """
    n, lags = len(series), len(series) // LEAST_TURNS
    moving = [column for column in np.asarray(series, float).T if column.std() > 0]
    if lags < 2 or not moving:
        return 1
    likeness = np.stack([function_1d(column)[: lags + 1] for column in moving], axis=1)
    likeness /= 1 - np.arange(lags + 1)[:, None] / n  # fewer products at larger lags
    found = 1 + (likeness[1:] >= AS_GOOD * likeness[1:].max(axis=0)).argmax(axis=0)
    best = likeness[found, np.arange(len(found))]
    before = np.array([np.abs(likeness[1:lag, k]).max(initial=0) for k, lag in enumerate(found)])
    clear = (best > SURE / np.sqrt(n)) & (before < best / 2)
    return int(found[clear][best[clear].argmax()]) if clear.any() else 1


def too_short(n_steps: int, tau: float) -> bool:
    """Whether a series is too short for its autocorrelation time, and errors that rely on it, to be trusted.

    The rule is emcee's (Foreman-Mackey et al., PASP 125, 306, 2013), 50 times 2 tau in our convention.
    """
    return bool(n_steps < FEWEST_TIMES * 2 * tau)


def jackknife(estimator, blocks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and standard error by leaving out one block at a time.

    Parameters
    ----------
    estimator : callable
        Maps the means of observables, shape (..., n_observables), to estimates, shape (..., n_estimates).
    blocks : list of ndarray, shape (n_observables, n)
        Statistically independent blocks of data.

    Returns
    -------
    value, error : ndarrays, shape (n_estimates,)
    """
    n = len(blocks)
    sums = np.array([block.sum(axis=-1, dtype=float) for block in blocks])
    lengths = np.array([block.shape[-1] for block in blocks], float)[:, None]
    value = estimator(sums.sum(axis=0) / lengths.sum())
    left_out = estimator((sums.sum(axis=0) - sums) / (lengths.sum() - lengths))
    return value, np.sqrt((n - 1) * left_out.var(axis=0))


def jackknife_of_strata(estimator, values: np.ndarray, strata, groups) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and standard error of a stratified sample by leaving out one independent group at a time.

    Averages are those of each stratum's average, weighted as in the whole sample: leaving out a group
    does not change how much a stratum counts. Where it leaves nothing of one, that keeps its average.

    Parameters
    ----------
    estimator : callable
        As in `jackknife`.
    values : ndarray, shape (n, n_observables)
    strata, groups : array_like, shape (n,)
        Which of them each sample belongs to.

    Returns
    -------
    value, error : ndarrays, shape (n_estimates,)
        The error is nan if there are fewer than two groups.
    """
    strata, groups = (np.unique(labels, return_inverse=True)[1] for labels in (strata, groups))
    n_groups, n_strata = groups.max() + 1, strata.max() + 1
    sums, counts = np.zeros((n_groups, n_strata, values.shape[1])), np.zeros((n_groups, n_strata, 1))
    np.add.at(sums, (groups, strata), values)
    np.add.at(counts, (groups, strata), 1)
    total, size = sums.sum(axis=0), counts.sum(axis=0)
    left, rest = total - sums, size - counts
    averages = np.where(rest > 0, left / np.maximum(rest, 1), total / size)
    value = estimator(total.sum(axis=0) / size.sum())
    if n_groups < 2:
        return value, np.full_like(value, np.nan)
    left_out = estimator((averages * size).sum(axis=1) / size.sum())
    return value, np.sqrt((n_groups - 1) * left_out.var(axis=0))


def overlapping(energies, temperatures) -> bool:
    """Whether all neighbouring temperatures have enough energies in common, by their rate of exchange.

    Parameters
    ----------
    energies : sequence of ndarray, shape (n,)
        In J, drawn at each temperature.
    temperatures : ndarray, in J/k_B
    """
    beta = 1 / np.asarray(temperatures, float)
    for k in range(len(beta) - 1):
        n = min(len(energies[k]), len(energies[k + 1]))
        exponent = (beta[k] - beta[k + 1]) * (energies[k][:n] - energies[k + 1][:n])
        if np.exp(np.minimum(exponent, 0)).mean() < LEAST_OVERLAP:
            return False
    return True


def log_mixture(energies: list[np.ndarray], temperatures) -> np.ndarray | None:
    """Logarithm of the probability of each energy among samples of several temperatures, by MBAR.

    Parameters
    ----------
    energies : list of ndarray, shape (n,)
        In J, drawn at each temperature.
    temperatures : ndarray, ascending, in J/k_B

    Returns
    -------
    float64 (n,)
        Of all energies, one temperature after the other, relative to the density of states and up to a
        constant: -E/T minus this is the logarithm of a sample's weight at T. Energies are counted from their
        mean. None if neighbouring temperatures have too few energies in common.
    """
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # which recommends another library on import
    from pymbar import MBAR

    if not overlapping(energies, temperatures):
        return None
    beta = 1 / np.asarray(temperatures, float)
    counts, pooled = np.array([len(e) for e in energies]), np.concatenate(energies)
    pooled = pooled - pooled.mean()
    free = MBAR(beta[:, None] * pooled, counts).f_k
    return logsumexp(free[:, None] - beta[:, None] * pooled, b=counts[:, None], axis=0)
