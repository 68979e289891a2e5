r"""Does a correlated series of observables have the means that a model predicts? A z each, and one p for all.

A series of n rows is worth :math:`n / g` independent ones, with the statistical inefficiency
:math:`g = 1 + 2 \sum_t \rho(t)` of each observable, the sum up to Sokal's window (A. Sokal, in Functional
Integration, ed. C. DeWitt-Morette et al., 1997, sec. 3). If the model is right, the variance of a mean is
g / n times that of single configurations by the model. All observables are tested together by two
statistics: the sum of squares over their principal components sees where many are off by a little, the
largest deviation of any one where one thing is wrong and all else is right.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr

# The sum of autocorrelations ends at so many times the autocorrelation time that it has given.
WINDOW = 5
# Relative scatter of rounding errors.
STILL = 1e-9
# Components of less variance than this share of an average one are combinations of the others.
LEAST_VARIANCE = 1e-6
# Observables of which a series has fewer independent values are not tested: their memory is hardly known.
FEWEST = 10
# Degrees of freedom, and probability, beyond which more makes no difference.
MOST_FREEDOM, ALMOST_ONE = 1e6, 1 - 1e-12


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
class SeriesMean:
    """Means over a correlated series.

    Attributes
    ----------
    value, error : float64 (n_observables,)
        With standard errors by the scatter of the series itself.
    tau : float
        The largest autocorrelation time of all observables, in rows; 1/2 of independent ones.
    """

    value: np.ndarray
    error: np.ndarray
    tau: float


@dataclass(frozen=True)
class Comparison:
    """Difference between the means of a series and those of a model.

    Attributes
    ----------
    data : SeriesMean
        Means of the series.
    z : float64 (n_observables,)
        In the standard errors that the difference has if the model is right; 0 where nothing varies and both
        agree.
    p : float
        Probability of so large differences, or larger ones, if the model is right.
    components : int
        Independent combinations of observables that were tested.
    """

    data: SeriesMean
    z: np.ndarray
    p: float
    components: int


def mean_of_batches(batches: np.ndarray) -> Mean:
    """Mean of independent batches of equal length, (n_batches, n_observables)."""
    n = len(batches)
    return Mean(batches.mean(axis=0), np.atleast_2d(np.cov(batches.T)) / n, n)


def mean_of_series(rows: np.ndarray, leading: tuple[int, ...], timed=slice(None)) -> SeriesMean:
    """Means over rows that may be correlated.

    Parameters
    ----------
    rows : ndarray, shape (n, n_observables)
    leading : tuple of int
        The axes of which n is made. Rows may be correlated along any one of them.
    timed : index
        Observables whose inefficiency is measured; the largest stands for the others.
    """
    known = _inefficiency(rows[:, timed], leading)
    g = np.full(rows.shape[1], known.max(initial=1.0))
    g[timed] = known
    return _mean(rows, g)


def _mean(rows: np.ndarray, g: np.ndarray) -> SeriesMean:
    """Means of rows of known inefficiencies."""
    return SeriesMean(rows.mean(axis=0), rows.std(axis=0) * np.sqrt(g / len(rows)), float(g.max() / 2))


def compare(
    rows: np.ndarray, leading: tuple[int, ...], model: Mean, spread: np.ndarray,
    learning: np.ndarray | None = None, whole: bool = True,
) -> Comparison:  # fmt: skip
    """Test whether a series has the means of a model.

    Parameters
    ----------
    rows, leading
        See `mean_of_series`.
    model : Mean
    spread : ndarray of float64, shape (n_observables, n_observables)
        Covariance of single configurations by the model; its principal components are tested.
    learning : ndarray, like `spread`, optional
        Covariance of the model's means due to the errors of what was learned.
    whole : bool
        Whether rows are of whole configurations. If sites were lost they scatter more than by the model, and
        their own scatter counts where it is larger.
    """
    n, m = rows.shape
    basis = np.column_stack([np.eye(m), _components(spread)])

    def variances(covariance):
        return np.einsum("ik,ij,jk->k", basis, covariance, basis)

    combined, scatter = rows @ basis, variances(spread)
    if not whole:
        scatter = np.maximum(scatter, combined.var(axis=0))
    g = _inefficiency(combined, leading)
    data, independent = _mean(rows, g[:m]), n / g
    own, by_chains = scatter / independent, variances(model.covariance)
    variance = own + by_chains + (0 if learning is None else variances(learning))
    difference = (data.value - model.value) @ basis
    varies = variance > 0
    z = np.where(varies, difference / np.sqrt(np.where(varies, variance, 1)), 0.0)
    z = np.where(~varies & (np.abs(difference) > STILL), np.copysign(np.inf, difference), z)
    tested = varies & (independent >= min(FEWEST, n))
    some = np.flatnonzero(tested[m:]) + m
    if np.isinf(z).any() or not tested.any():
        return Comparison(data, z[:m], 0.0 if np.isinf(z).any() else 1.0, 0)
    with np.errstate(invalid="ignore"):  # Welch's degrees of freedom
        uncertain = own**2 / independent + by_chains**2 / model.batches
        freedom = variance**2 / np.maximum(uncertain, variance**2 / MOST_FREEDOM)
    p = [_of_smallest((2 * stdtr(freedom, -np.abs(z)))[tested].min(), int(tested.sum()))]
    if k := len(some):
        p.append(float(fdtrc(k, k / (1 / freedom[some]).sum(), (z[some] ** 2).sum() / k)))
    return Comparison(data, z[:m], _of_smallest(min(p), len(p)), k)


def _of_smallest(p: float, n: int) -> float:
    """Probability that the smallest of n independent probabilities is so small; of others it is less."""
    return float(-np.expm1(n * np.log1p(-min(p, ALMOST_ONE))))


def _inefficiency(rows: np.ndarray, leading: tuple[int, ...]) -> np.ndarray:
    """Rows that are worth an independent one, float64 (n_observables,), by the axis where they are most."""
    found = [np.ones(rows.shape[1])]
    for axis in range(len(leading)):
        series = np.moveaxis(rows.reshape(*leading, -1), axis, 0)
        series = series.reshape(leading[axis], -1, rows.shape[1])
        found.append(np.array([_of_series(series[:, :, k]) for k in range(rows.shape[1])]))
    return np.max(found, axis=0)


def _of_series(series: np.ndarray) -> float:
    """Inefficiency of one observable of several chains, (n_times, n_chains), about their common mean.

    About each chain's own, as `autocorrelation_time` has it, chains that are shorter than their memory would
    seem to forget.
    """
    n = len(series)
    moved = series - series.mean()
    if n < 2 or moved.std() <= STILL * np.abs(series).max(initial=0):
        return 1.0
    waves = np.fft.rfft(moved, 2 * n, axis=0)
    correlation = np.fft.irfft((np.abs(waves) ** 2).sum(axis=1))[:n]
    g = 2 * np.cumsum(correlation / correlation[0]) - 1
    ended = np.arange(n) >= WINDOW * g / 2
    end = int(ended.argmax()) if ended.any() else int(g.argmax())
    # the mean is that of the same rows, which takes its own variance from each product
    return max(1.0, g[end] / max(1 - (2 * end + 1) / series.size, 0.2))


def _components(spread: np.ndarray) -> np.ndarray:
    """Principal components of the observables in units of their spread, columns, of variance 1."""
    scale = np.sqrt(np.diag(spread))
    used = scale > 0
    scale = np.where(used, scale, 1)
    values, vectors = np.linalg.eigh(spread / np.outer(scale, scale))
    some = values > LEAST_VARIANCE
    return (vectors / scale[:, None] * used[:, None])[:, some] / np.sqrt(values[some])
