r"""Do two samples of the same observables have the same means? A z-score each, and one p-value for all.

Errors of correlated series come from the scatter of batches that are longer than their memory, or of chains.
The difference of two means with unequal covariances is tested by Hotelling's :math:`T^2` with the degrees of
freedom of Krishnamoorthy and Yu, Statistics and Probability Letters 66, 161 (2004).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from .statistics import autocorrelation_time

# Batches of a series: no more are needed, and each is so many autocorrelation times long, unless the time is
# that of independent data: 1/2, with some 2.4 / sqrt(n) of noise in each of several estimates.
MOST_BATCHES, LENGTH, INDEPENDENT, NOISE = 2000, 20, 0.6, 8.0
# So many chains are a batch each: their series may be shorter than their memory.
ENOUGH = 250
# Relative scatter of rounding errors.
STILL = 1e-9
# Components of less variance than this share of an average one are combinations of the others.
LEAST_VARIANCE = 1e-6
# Batches that each component is worth.
PER_COMPONENT = 4


@dataclass(frozen=True)
class Mean:
    """Means of observables with their covariance.

    Attributes
    ----------
    value : float64 (n_observables,)
    covariance : float64 (n_observables, n_observables)
        Of the means.
    batches : float
        How many independent batches it was estimated from; infinite if it is known.
    """

    value: np.ndarray
    covariance: np.ndarray
    batches: float

    @property
    def error(self) -> np.ndarray:
        """Standard errors, float64 (n_observables,)."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class Comparison:
    """Difference of two means.

    Attributes
    ----------
    z : float64 (n_observables,)
        In standard errors; 0 where neither side varies and both agree.
    p : float
        Probability of so large a difference of all observables together, or a larger one, if there is none.
    components : int
        Independent combinations of observables that were tested.
    """

    z: np.ndarray
    p: float
    components: int


def mean_of_batches(batches: np.ndarray) -> Mean:
    """Mean of independent batches of equal length, (n_batches, n_observables)."""
    n = len(batches)
    return Mean(batches.mean(axis=0), np.atleast_2d(np.cov(batches.T)) / n, n)


def batches(values: np.ndarray, leading: tuple[int, ...], timed=slice(None)) -> tuple[np.ndarray, float]:
    """Averages over stretches of a series that are as good as independent.

    Parameters
    ----------
    values : ndarray, shape (n, n_observables)
    leading : tuple of int
        The axes of which n is made. Rows may be correlated along any one of them.
    timed : index
        Observables whose autocorrelation times are measured.

    Returns
    -------
    batches : float64 (n_batches, n_observables)
        A last stretch that is shorter than the others is left out.
    tau : float
        The largest autocorrelation time of all observables, in rows along the axis where it is the largest.
    """
    series = values.reshape(*leading, values.shape[1])
    times = [_time(np.moveaxis(series[..., timed], axis, 0)) for axis in range(len(leading))]
    axis = int(np.argmax(times))
    ordered = np.moveaxis(series, axis, len(leading) - 1).reshape(values.shape)
    tau = times[axis]
    independent = tau < INDEPENDENT + NOISE / np.sqrt(len(values))
    length = max(1 if independent else int(np.ceil(LENGTH * tau)), len(values) // MOST_BATCHES)
    if len(values) >= ENOUGH * leading[axis]:
        length = leading[axis] * max(1, len(values) // leading[axis] // MOST_BATCHES)
    length = max(1, min(length, len(values) // 2))
    n = len(values) // length
    return ordered[: n * length].reshape(n, length, -1).mean(axis=1), tau


def _time(series: np.ndarray) -> float:
    """The largest autocorrelation time along the first axis of (n, ..., n_observables).

    Where most series stand still, though not all at the same value, it is the series' length.
    """
    n, times = len(series), [0.5]
    columns = series.reshape(n, -1, series.shape[-1])
    scale = columns.std(axis=(0, 1))
    moving = columns.std(axis=0) > STILL * scale
    for k in np.flatnonzero(scale > STILL * np.abs(columns).max()) if n > 1 else ():
        stuck = moving[:, k].mean() < 0.5
        times.append(n if stuck else autocorrelation_time(columns[:, moving[:, k], k]))
    return max(times)


def compare(data: Mean, model: Mean, spread: np.ndarray, learning: np.ndarray | None = None) -> Comparison:
    """Test whether two means agree.

    Parameters
    ----------
    data, model : Mean
    spread : ndarray of float64, shape (n_observables, n_observables)
        Covariance of single configurations by the model; its principal components are tested.
    learning : ndarray, like `spread`, optional
        Covariance of the model's means due to the errors of what was learned.
    """
    sides = [data, model]
    if learning is not None:
        sides.append(Mean(model.value, learning, np.inf))
    difference = data.value - model.value
    variance = np.diag(sum(side.covariance for side in sides))
    z = np.where(variance > 0, difference / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)
    z = np.where((variance <= 0) & (np.abs(difference) > 1e-9), np.copysign(np.inf, difference), z)
    basis = _components(spread, int(min(data.batches, model.batches) // PER_COMPONENT))
    if np.any(np.isinf(z)) or basis.shape[1] == 0:
        return Comparison(z, 0.0 if np.any(np.isinf(z)) else 1.0, 0)
    parts = [basis.T @ side.covariance @ basis for side in sides]
    inverse = np.linalg.inv(sum(parts))
    moved = basis.T @ difference
    statistic, k = moved @ inverse @ moved, basis.shape[1]
    shares = [part @ inverse for part in parts]
    scatter = sum(
        (np.trace(share @ share) + np.trace(share) ** 2) / side.batches
        for share, side in zip(shares, sides, strict=True)
    )
    freedom = max((k + k**2) / scatter, k)
    scaled = statistic * (freedom - k + 1) / (freedom * k)
    return Comparison(z, float(fdtrc(k, freedom - k + 1, scaled)), k)


def _components(spread: np.ndarray, most: int) -> np.ndarray:
    """Principal components of the observables in units of their spread, columns, those that vary most."""
    scale = np.sqrt(np.diag(spread))
    used = scale > 0
    scale = np.where(used, scale, 1)
    values, vectors = np.linalg.eigh(spread / np.outer(scale, scale))
    order = np.argsort(-values)[: max(1, min(most, int((values > LEAST_VARIANCE).sum())))]
    order = order[values[order] > LEAST_VARIANCE]
    return (vectors / scale[:, None] * used[:, None])[:, order] / np.sqrt(values[order])
