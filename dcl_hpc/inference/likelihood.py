r"""Pseudo-likelihood of configurations under a local energy, its derivatives and its maximum.

For :math:`E = -T \sum_k K_k F_k(s)`, with F_k the sum of a function f_k over all windows, the logarithm of

.. math:: \prod_{samples} \prod_i P(s_i \mid \text{all others}), \quad
          P(a) \propto \exp \sum_k K_k F_k(s_i \to a)

is concave in K (Besag, J. R. Stat. Soc. D 24, 179 (1975); Aurell and Ekeberg, PRL 108, 090201 (2012)).
Only windows that contain site i matter. Conditionals of one sample are correlated, so errors come from the
scatter of whole samples: Godambe's covariance :math:`H^{-1} J H^{-1}`, with H minus the second derivative
and J the sum of the squares of the samples' scores (Varin, Reid and Firth, Statistica Sinica 21, 5 (2011)).
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from . import kernels
from .bonds import Bonds
from .stars import Stars

# A Newton step below this is the last one; convergence is quadratic.
LAST_STEP = 1e-5
# Every such sample is used for a first approach to the maximum, if so many of them are left.
STRIDE, SHARE = 16, 1000
MAX_STEPS = 50
# Relative error of a sum over all samples, below which no decrease is seen.
ROUNDING = 1e-9
# Largest condition number of an information matrix that is trusted.
MAX_CONDITION = 1e12


@dataclass(frozen=True)
class Fit:
    """Maximum of the pseudo-likelihood.

    Attributes
    ----------
    parameters : float64 (n,)
        K = J / T, dimensionless.
    covariance : float64 (n, n)
        Godambe's, of the parameters.
    scores : float64 (n_samples, n)
        Derivative of every sample's logarithm, or of each group's.
    information : float64 (n, n)
        Minus the second derivative of the sum of all, with their weights.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    information: np.ndarray

    @property
    def wald(self) -> np.ndarray:
        """Square of each parameter over its variance, float64 (n,)."""
        return squared_z(self.parameters, np.diag(self.covariance))


def squared_z(values: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Squares over variances, float64 (n,); what does not scatter, as in frozen samples, is 0 or certain."""
    certain = np.where(values == 0, 0.0, np.inf)
    return np.divide(values**2, variances, out=certain, where=variances != 0)


def fit(observations, interactions, start=None) -> Fit:
    """Parameters of some interactions that make the observations most likely.

    The last parameter is the share of the given field, if the samples have one.

    Parameters
    ----------
    observations : Samples or Spins
    interactions : Interactions or Bonds
        In the window of the samples, or a part of it.
    start : array_like, shape (n,), optional
        With one more for the share of the given field.

    Raises
    ------
    ValueError
        If the samples do not determine the parameters.
    """
    n, n_samples = len(interactions) + observations.has_given, len(observations.states)
    start = np.zeros(n) if start is None else np.asarray(start, float)
    evaluate = _evaluation(observations, interactions)
    k, scores, h = maximise(evaluate, start, n_samples)
    if callable(scores):
        scores = scores()
    inverse = inverted(h)
    return Fit(k, inverse @ observations.sum_of_squares(scores) @ inverse, scores, h)


def _evaluation(observations, interactions):
    """What `maximise` takes: by bonds, by states of stars if these are few, or by the windows' states."""
    if isinstance(interactions, Bonds):
        return interactions.evaluation(observations)
    n_samples, n = len(observations.states), len(interactions) + observations.has_given
    if n_samples <= n:
        raise ValueError(f"{n_samples} samples cannot determine {n} couplings; observe more")
    stars = Stars.of(observations, interactions)
    if stars is None:
        return partial(derivatives, observations, interactions.resized(observations.window).functions())
    if observations.has_given:
        return partial(stars.beside_given, observations)
    counts = stars.counts(observations)

    def evaluate(k, stride):
        value, gradient, h = stars.derivatives(counts, k)
        return value, partial(stars.scores, observations, k), gradient, h

    return evaluate


def inverted(information: np.ndarray) -> np.ndarray:
    """Inverse of an information matrix.

    Raises
    ------
    ValueError
        If it is singular.
    """
    scale = np.sqrt(np.diag(information))
    if np.all(scale > 0):
        correlation = information / np.outer(scale, scale)
        values, vectors = np.linalg.eigh(correlation)
        if len(values) == 0 or values[0] > values[-1] / MAX_CONDITION:
            return (vectors / values) @ vectors.T / np.outer(scale, scale)
    raise ValueError(
        "the samples do not determine all couplings (singular information); observe more, or at a higher"
        " temperature, or take a smaller tile"
    )


def maximise(evaluate, x: np.ndarray, n_samples: int):
    """Newton's method on a concave function: first on a share of many samples, then on all of them.

    Parameters
    ----------
    evaluate : callable (x, stride)
        Gives the value, something that is handed through, the gradient and minus the second derivative of
        every stride-th sample.
    x : ndarray
        Where to begin.
    n_samples : int

    Returns
    -------
    argument, what was handed through, minus the second derivative
    """
    if n_samples >= STRIDE * SHARE:
        with suppress(ValueError):  # a share may not determine what all samples do
            x = _climb(lambda x: evaluate(x, STRIDE), x)[0]
    return _climb(lambda x: evaluate(x, 1), x)


def _climb(evaluate, x):
    """Newton steps, halved until they lead upwards; derivatives are those before the last, tiny step."""
    value, extra, gradient, h = evaluate(x)
    for _ in range(MAX_STEPS):
        step = inverted(h) @ gradient
        if np.abs(step).max(initial=0) < LAST_STEP:
            return x + step, extra, h
        while True:
            new, *rest = evaluate(x + step)
            if new >= value - ROUNDING * abs(value):
                break
            step = step / 2
        x, value, (extra, gradient, h) = x + step, new, rest
    raise ValueError(
        "the pseudo-likelihood has no maximum: some states never occur beside others; observe more, or at a"
        " higher temperature, or take a smaller tile"
    )


def derivatives(observations, functions: np.ndarray, k: np.ndarray, stride: int = 1):
    """Logarithm of the pseudo-likelihood of every stride-th sample, with its derivatives.

    Returns
    -------
    value : float
    scores : float64 (n_samples, n)
    gradient : float64 (n,)
    information : float64 (n, n)
    """
    n, n_functions = len(k), functions.shape[1]
    states, weights, *geometry = observations.strided(stride)
    scores, h = np.zeros((len(states), n)), np.zeros((n, n))
    value = kernels.add_derivatives(
        states, weights, *geometry, functions @ k[:n_functions], functions, observations.given[::stride],
        k[n_functions:].sum(), scores, h,
    )  # fmt: skip
    return value, scores, weights @ scores, h + np.tril(h, -1).T


def table_scores(observations, table: np.ndarray, rows=slice(None), together: bool = False) -> np.ndarray:
    """Derivatives with respect to the entries of a table of K, float64 (n_rows or 1, window.size).

    Parameters
    ----------
    observations : Samples
    table : ndarray of float64, shape (window.size,)
        Minus the energy of each state of the window, over T.
    rows : index
        Which samples.
    together : bool
        Whether the weighted sum over samples is wanted.
    """
    states, weights, *geometry = observations.strided()
    states = np.ascontiguousarray(states[rows])
    weights = weights[rows] if together else np.ones(len(states))
    scores = np.zeros((1 if together else len(states), len(table)))
    kernels.add_table_scores(states, weights, *geometry, table, scores)
    return scores


def table_information(observations, table: np.ndarray, stride: int = 1, occurring=None):
    """Value and derivatives of every stride-th sample for a table of K.

    Parameters
    ----------
    occurring : ndarray of int, shape (n,), optional
        States of the window that can occur; all by default.

    Returns
    -------
    value : float
    gradient : float64 (n,)
    information : float64 (n, n)
    """
    occurring = np.arange(len(table)) if occurring is None else occurring
    number = np.zeros(len(table), np.int64)
    number[occurring] = np.arange(len(occurring))
    gradient, h = np.zeros(len(occurring)), np.zeros((len(occurring),) * 2)
    value = kernels.add_table_information(*observations.strided(stride), table, number, gradient, h)
    return value, gradient, h + h.T
