"""What is derived from measurements: relaxation times, the thickness of the solid, slopes, regimes.

Errors are jackknife errors over independent samples.
"""

import itertools
from functools import cache

import numpy as np
from scipy.cluster.hierarchy import linkage

from ..sampling.statistics import jackknife

# A layer is liquid where the overlap of its replicas has fallen below this.
THRESHOLD = 1 / np.e
# Fewest measured times that the regimes of the energy are looked for in.
FEWEST_TIMES = 12
# Times, evenly in ln t, at which its fit looks at the energy.
FITTED_TIMES = 40


def over_samples(values: np.ndarray, estimator=lambda mean: mean) -> tuple[np.ndarray, np.ndarray]:
    """Estimate from the average over samples, with its jackknife error.

    Parameters
    ----------
    values : ndarray of float, shape (n_samples, ...)
    estimator : callable
        Maps the average, shape (...), to an array or a number; the average itself by default.

    Returns
    -------
    value, error : float64 ndarrays
        The error is nan for a single sample.
    """
    values = np.asarray(values, np.float64)
    shape = values.shape[1:]
    value = np.asarray(estimator(values.mean(axis=0)), np.float64)
    if len(values) < 2:
        return value, np.full_like(value, np.nan)

    def estimates(means):
        rows = [np.ravel(estimator(mean.reshape(shape))) for mean in np.atleast_2d(means)]
        return np.array(rows, np.float64)

    flat = values.reshape(len(values), -1, 1)
    _, error = jackknife(estimates, list(flat))
    return value, error.reshape(value.shape)


def relaxation_time(times: np.ndarray, correlation: np.ndarray) -> float:
    """Time tau at which a correlation falls to 1/e, by linear interpolation in ln t.

    Parameters
    ----------
    times : ndarray, shape (n,), ascending, in steps
    correlation : ndarray of float, shape (n,)

    Returns
    -------
    float
        nan if it does not fall so far, or begins below.
    """
    kept = np.isfinite(correlation) & (times > 0)
    times, correlation = np.asarray(times)[kept], np.asarray(correlation)[kept]
    below = np.flatnonzero(correlation < THRESHOLD)
    if not len(below) or below[0] == 0:
        return np.nan
    k = below[0]
    share = (correlation[k - 1] - THRESHOLD) / (correlation[k - 1] - correlation[k])
    return float(np.exp(np.log(times[k - 1]) + share * np.log(times[k] / times[k - 1])))


def relaxation_times(times: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """`relaxation_time` of each of the columns of a correlation, shape (n, ...); float64 (...)."""
    flat = correlation.reshape(len(times), -1).T
    return np.array([relaxation_time(times, column) for column in flat]).reshape(correlation.shape[1:])


def boundaries(overlap: np.ndarray) -> tuple[float, float]:
    """Where the overlap of replicas falls below 1/e, seen from the input and from the output.

    Linear interpolation between layers; the clamped layers 0 and L have overlap 1.

    Parameters
    ----------
    overlap : ndarray of float, shape (L - 1,)
        q_l* of the hidden layers l = 1 ... L-1.

    Returns
    -------
    left, right : float
        In layers from the input. Without a liquid layer both are nan.
    """
    q = np.concatenate([[1.0], overlap, [1.0]])
    liquid = np.flatnonzero(q < THRESHOLD)
    if not len(liquid):
        return np.nan, np.nan
    first, last = liquid[0], liquid[-1]
    left = first - (THRESHOLD - q[first]) / (q[first - 1] - q[first])
    right = last + (THRESHOLD - q[last]) / (q[last + 1] - q[last])
    return float(left), float(right)


def solid_thickness(overlap: np.ndarray) -> float:
    """Thickness of the solid in layers, xi_s = L - xi_l, with xi_l of the liquid between `boundaries`.

    L if no layer is liquid.
    """
    left, right = boundaries(overlap)
    depth = len(overlap) + 1
    return float(depth) if np.isnan(left) else depth - (right - left)


def u_shape(overlap: np.ndarray) -> np.ndarray:
    """How far the lowest q_l* is below the first and the last hidden layer's; both positive for a U, (2,)."""
    return np.array([overlap[0], overlap[-1]]) - np.min(overlap)


def off_diagonal(overlaps: np.ndarray) -> np.ndarray:
    """Average over the pairs of different replicas of overlaps, shape (..., R, R, n_layers, forms)."""
    first, second = np.triu_indices(overlaps.shape[-3], 1)
    return overlaps[..., first, second, :, :].mean(axis=-3)


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Density of the values in each column, float64 (n_bins, n_columns); what is outside counts at the ends.

    Parameters
    ----------
    values : ndarray of float, shape (n, n_columns)
    edges : ndarray of float, shape (n_bins + 1,), ascending
    """
    inside = np.clip(values, edges[0], edges[-1])
    return np.stack([np.histogram(column, edges, density=True)[0] for column in inside.T], axis=1)


def line(x, y, error) -> tuple[float, float, float]:
    """Slope of a straight line through points, its standard error, and the value at x = 0.

    Points are weighted by their errors; if one has none, all count alike, and their scatter around the line
    gives the error, nan for two points.

    Parameters
    ----------
    x, y, error : ndarrays of float, shape (n,), n >= 2 different x
    """
    x, y, error = (np.asarray(values, np.float64) for values in (x, y, error))
    known = bool(np.all(np.isfinite(error) & (error > 0)))
    weight = 1 / error**2 if known else np.ones_like(x)
    middle, height = (np.average(values, weights=weight) for values in (x, y))
    centred = x - middle
    spread = (weight * centred**2).sum()
    value = (weight * centred * y).sum() / spread
    if known:
        wrong = spread**-0.5
    else:
        rest, freedom = y - height - value * centred, len(x) - 2
        wrong = np.sqrt((rest**2).sum() / freedom / spread) if freedom > 0 else np.nan
    return float(value), float(wrong), float(height - value * middle)


def regimes(times: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """The two times of the energy: tau_0, from which on it falls like -ln t, and tau_th, when it crashes.

    The energy, interpolated to times evenly in ln t, is fitted by four straight lines in ln t that meet at
    three of these times, by least squares: the start, the fall, the crash, the end. The first two of these
    times are given, each known to a step of this grid.

    Parameters
    ----------
    times : ndarray, shape (n,), ascending, in steps
    energy : ndarray of float, shape (n,)

    Returns
    -------
    float64 (2,)
        In steps; nan if there are too few times, or if the second line is not steeper than the first, the
        third than the second, and the fourth less steep than the third.
    """
    kept = times > 0
    measured = np.log(times[kept])
    if len(measured) < FEWEST_TIMES:
        return np.full(2, np.nan)
    x = np.linspace(measured[0], measured[-1], FITTED_TIMES)
    y = np.interp(x, measured, energy[kept])
    knots, basis, solution = _pieces()
    found = solution @ y
    best = int(np.argmin((((basis @ found[..., None])[..., 0] - y) ** 2).sum(axis=1)))
    start, fall, crash, end = np.cumsum(found[best, 1:])
    if not (crash < fall < min(start, 0) and crash < end):
        return np.full(2, np.nan)
    return np.exp(x[knots[best, :2]])


@cache
def _pieces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All choices of three bends on the grid of `regimes`, in steps of it, and their least squares.

    Returns
    -------
    knots : int64 (n, 3)
    basis : float64 (n, FITTED_TIMES, 5)
        A constant, the grid, and what is beyond each bend.
    solution : float64 (n, 5, FITTED_TIMES)
        Maps values on the grid to the coefficients of the basis.
    """
    grid = np.arange(FITTED_TIMES, dtype=np.float64)
    choices = itertools.combinations(range(1, FITTED_TIMES - 1), 3)
    knots = np.array([c for c in choices if c[1] - c[0] > 1 and c[2] - c[1] > 1])
    lines = np.broadcast_to(np.stack([np.ones_like(grid), grid]), (len(knots), 2, FITTED_TIMES))
    normal = np.concatenate([lines, np.maximum(grid - knots[..., None], 0)], axis=1)
    basis = normal.swapaxes(1, 2)
    return knots, basis, np.linalg.solve(normal @ basis, normal)


def clusters(overlaps: np.ndarray) -> np.ndarray:
    """Complete-linkage clusters of replicas by their distance d = 1 - Q (arXiv:2506.06789, Fig. 4).

    Parameters
    ----------
    overlaps : ndarray of float, shape (R, R)
        Q^{ab}; the diagonal does not matter.

    Returns
    -------
    float64 (R - 1, 4)
        See `scipy.cluster.hierarchy.linkage`.
    """
    distances = np.maximum(1 - (overlaps + overlaps.T) / 2, 0)
    return linkage(distances[np.triu_indices(len(overlaps), 1)], "complete")
