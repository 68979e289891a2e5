"""Averages over the realizations of an ensemble, with errors and confidence intervals."""

import warnings

import numpy as np
from scipy.stats import bootstrap, norm, t

from ..sampling.statistics import jackknife

CONFIDENCE = 0.95
# Fewer realizations have no confidence interval: all of their range would be too narrow a one.
FEWEST = 5
RESAMPLES, SEED = 2000, 1
# Resamples at a time, on which random numbers depend, and numbers in them, about.
BATCH, BLOCK = 100, 2**22


def average(*columns, function=lambda mean: mean) -> dict:
    r"""Function of averages over realizations, with its uncertainty.

    The error is the jackknife's over realizations, for a mean :math:`s/\sqrt{n}`. Like the interval it holds
    the disorder and the sampling of each realization. The interval is the bootstrap's over realizations, each
    drawn with all of its columns (BCa; Efron, J. Am. Stat. Assoc. 82, 171, 1987). With few realizations the
    bootstrap is too narrow by :math:`\sqrt{(n-1)/n}` and by a normal in place of Student's distribution, so
    :math:`\Phi(-\sqrt{n/(n-1)}\,t_{\alpha/2,\,n-1})` and not :math:`\alpha/2` is left out on either side
    (Hesterberg, Am. Stat. 69, 371, 2015). For the mean of n = 5, 8, 10 and 20 normal numbers it then holds
    the true one in 92, 94, 94 and 95 % of all cases, for their root mean square in 83, 88, 90 and 92 %: the
    skewer the distribution, the more realizations are needed.

    Parameters
    ----------
    *columns : array_like of float, shape (n_realizations, ...)
        Of equal shape; None where nothing is known.
    function : callable
        Maps the averages of the columns, arrays of equal shape, to an array of that shape.

    Returns
    -------
    dict
        `value`; `error`, the standard error, for two realizations or more; `low` and `high`, ends of the
        interval of 95 % confidence, for `FEWEST` realizations or more. Lists of shape (...), None where there
        is nothing.
    """
    columns = np.array(columns, float)
    inner, n = columns.shape[2:], columns.shape[1]
    data = columns.reshape(len(columns), n, -1)
    missing = np.full(data.shape[2], np.nan)
    low = high = error = missing
    with np.errstate(invalid="ignore", divide="ignore"):
        value = function(*data.mean(axis=1))
        if n > 1:
            error = _jackknife(data, function)
        if n >= FEWEST and data.size:
            parts = np.array_split(data, 1 + BATCH * data.size // BLOCK, axis=2)
            low, high = np.concatenate([_interval(part, function) for part in parts], axis=1)
            same = (data == data[:, :1]).all(axis=(0, 1))  # the bootstrap of equal numbers gives nan
            low, high = (np.where(same, value, end) for end in (low, high))
    named = {"value": value, "error": error, "low": low, "high": high}
    return {name: _plain(numbers.reshape(inner)) for name, numbers in named.items()}


def _jackknife(data, function) -> np.ndarray:
    """Standard errors (m,) of a function of the averages of data (n_columns, n_realizations, m)."""

    def estimator(means):
        return function(*np.moveaxis(means.reshape(*means.shape[:-1], len(data), -1), -2, 0))

    blocks = [data[:, k].reshape(-1, 1) for k in range(data.shape[1])]
    return jackknife(estimator, blocks)[1]


def _interval(data, function) -> np.ndarray:
    """Ends (2, m) of the confidence interval; see `average`."""
    n = data.shape[1]
    tail = norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - CONFIDENCE) / 2, n - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of data that are all the same
        interval = bootstrap(
            data.swapaxes(1, 2), lambda *x, axis: function(*(y.mean(axis=axis) for y in x)), paired=True,
            axis=-1, vectorized=True, method="BCa", confidence_level=1 - 2 * tail, n_resamples=RESAMPLES,
            batch=BATCH, rng=np.random.default_rng(SEED),
        ).confidence_interval  # fmt: skip
    return np.stack(interval)


def _plain(numbers: np.ndarray):
    """Numbers as lists for JSON, None in place of nan."""
    return np.where(np.isnan(numbers), None, numbers).tolist()


def binder(q2: np.ndarray, q4: np.ndarray) -> np.ndarray:
    """Binder parameter of an ensemble, (3 - [<q^4>]/[<q^2>]^2)/2, from averages over the disorder.

    Bhatt and Young, Phys. Rev. Lett. 54, 924 (1985); not the average of the realizations' own parameters.
    """
    return (3 - q4 / q2**2) / 2


def overlaps(tables: list[dict]) -> dict:
    """Averages over realizations of `tables.overlap_table`.

    Parameters
    ----------
    tables : list of dict
        One for each realization, at the same temperatures.

    Returns
    -------
    dict
        `temperature`, `q` (centres of bins), and of `abs_q`, `q2`, `q4`, `binder` and `distribution` the
        dict of `average`.
    """
    column = {name: [table[name] for table in tables] for name in ("abs_q", "q2", "q4", "distribution")}
    return {
        "temperature": tables[0]["temperature"],
        "q": tables[0]["q"],
        **{name: average(values) for name, values in column.items()},
        "binder": average(column["q2"], column["q4"], function=binder),
    }


def deviations(u, exact) -> dict | None:
    """How far energies are from the exact ones in an ensemble.

    Parameters
    ----------
    u, exact : array_like of float, shape (n_realizations, n_temperatures)
        Energy per site of each realization in J.

    Returns
    -------
    dict or None
        At each temperature of u - u_exact over realizations: `mean` and `rms` as in `average` and `largest`
        (of the absolute value), in J, with `largest_of`, the position of its realization; the same relative
        to |u_exact| under `percent`; and `each`, the values, as the arguments are. None without exact values.
    """
    exact = np.array(exact, float)
    if np.isnan(exact).any():
        return None
    each = np.array(u, float) - exact
    return {
        **_spread(each),
        "largest_of": np.abs(each).argmax(axis=0).tolist(),
        "percent": _spread(relative(u, exact)),
        "each": each.tolist(),
    }


def relative(u, exact) -> np.ndarray:
    """Deviation in percent of the exact value's magnitude; arguments as in `deviations`."""
    exact = np.array(exact, float)
    return 100 * (np.array(u, float) - exact) / np.abs(exact)


def _spread(values: np.ndarray) -> dict:
    return {
        "mean": average(values),
        "rms": average(values**2, function=np.sqrt),
        "largest": np.abs(values).max(axis=0).tolist(),
    }
