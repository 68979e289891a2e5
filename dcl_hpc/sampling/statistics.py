"""Averages of correlated series and their errors."""

import numpy as np
from emcee.autocorr import integrated_time


def autocorrelation_time(series: np.ndarray) -> float:
    """Integrated autocorrelation time in steps of the series, at least 1/2.

    Sokal's self-consistent window as implemented by emcee, averaged over chains; the convention
    is tau = 1/2 + sum of the autocorrelation function, so independent data have 1/2.

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


def jackknife(estimator, blocks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and standard error by leaving out one block at a time.

    Parameters
    ----------
    estimator : callable
        Maps arrays (concatenated along their last axis) to an array of estimates.
    blocks : list of ndarray, shape (..., n)
        Statistically independent blocks of data.

    Returns
    -------
    value, error : ndarrays
    """
    n = len(blocks)
    value = estimator(np.concatenate(blocks, axis=-1))
    left_out = np.array([estimator(np.concatenate(blocks[:i] + blocks[i + 1 :], axis=-1)) for i in range(n)])
    error = np.sqrt((n - 1) * left_out.var(axis=0))
    return value, error
