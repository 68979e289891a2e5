"""Where c and chi are largest, and how far that can be wrong."""

from dataclasses import dataclass

import numpy as np

from ..physics.observables import thermodynamics
from .statistics import log_mixture

# Points at which a peak is looked for, and temperatures of the ladder that they reach over on either side.
POINTS, REACH = 25, 2
# Samples of each temperature, groups of ladders that are left out in turn, and random energies.
SAMPLES, GROUPS, DRAWS = 1000, 8, 50
QUANTITIES = {"c": 2, "chi": 3}


@dataclass(frozen=True)
class Peak:
    """The largest value of a curve.

    Attributes
    ----------
    temperature, height : float
    error : float64 (2,)
        Standard errors of both by the sampling.
    data_error : float64 (2,), optional
        Standard errors of both by the observations; None where they are not known.
    """

    temperature: float
    height: float
    error: np.ndarray
    data_error: np.ndarray | None


def vertex(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Largest value of a curve at equally spaced points, by a parabola through the three highest."""
    top = int(np.argmax(y))
    if not 0 < top < len(y) - 1:
        return float(x[top]), float(y[top])
    left, middle, right = y[top - 1 : top + 2]
    curvature = left - 2 * middle + right
    step = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(x[top] + step * (x[1] - x[0])), float(middle - 0.25 * (left - right) * step)


def peaks(energy, order, temperatures, n_sites: int, modes=None) -> dict[str, Peak]:
    """The peaks of c and chi, by all samples of the temperatures around them together, see `log_mixture`.

    Parameters
    ----------
    energy, order : float (n_temperatures, n_ladders, n)
        In J, and per site; ladders are independent.
    temperatures : float64 (n_temperatures,), ascending
        In J/k_B.
    n_sites : int
    modes : float (n_temperatures, n_ladders, n, n_modes), optional
        See `bands.propagate`.

    Returns
    -------
    dict of str to Peak
        Without those that are not between the temperatures, or all if these are too far apart.
    """
    moments = np.stack([x.mean(axis=(1, 2)) for x in (energy, energy**2, order, order**2)], axis=-1)
    values = thermodynamics(moments, temperatures, n_sites)
    tops = [int(np.argmax(values[:, column])) for column in QUANTITIES.values()]
    last = len(temperatures) - 1
    targets = [np.linspace(*temperatures[[max(k - REACH, 0), min(k + REACH, last)]], POINTS) for k in tops]
    used = slice(max(min(tops) - REACH - 1, 0), max(tops) + REACH + 2)
    stride = max(1, energy[0].size // SAMPLES)
    samples = [x[used, :, ::stride] for x in (energy, order)]
    about = temperatures[used], targets, n_sites
    whole = _curves(*samples, *about)
    groups = np.arange(energy.shape[1]) % min(GROUPS, energy.shape[1])
    left_out = [_curves(*(x[:, groups != k] for x in samples), *about) for k in np.unique(groups)]
    if any(curves is None for curves in (whole, *left_out)):
        return {}
    moved = None if modes is None else _curves(*samples, *about, modes[used, :, ::stride])
    result = {}
    for k, name in enumerate(QUANTITIES):
        if 0 < np.argmax(whole[k][0]) < POINTS - 1:
            places = np.array([vertex(targets[k], curves[k][0]) for curves in left_out])
            error, data_error = np.sqrt((len(places) - 1) * places.var(axis=0)), None
            if moved is not None:
                data_error = np.std([vertex(targets[k], curve) for curve in moved[k]], axis=0)
            result[name] = Peak(*vertex(targets[k], whole[k][0]), error, data_error)
    return result


def _curves(energy, order, temperatures, targets, n_sites: int, modes=None) -> np.ndarray | None:
    """c and chi at their targets, float64 (2, n_curves, n_targets), of one energy or of random ones."""
    mixture = log_mixture([e.ravel() for e in energy], temperatures)
    if mixture is None:
        return None
    e, o = energy.ravel() - energy.mean(), order.ravel()
    shifts = np.zeros((1, len(e)))
    if modes is not None:
        z = np.random.default_rng(0).standard_normal((DRAWS, modes.shape[-1]))
        modes = modes.reshape(len(e), -1).astype(float)
        shifts = z @ (modes - modes.mean(axis=0)).T
    curves = np.empty((len(QUANTITIES), len(shifts), POINTS))
    for k, shift in enumerate(shifts):
        moved = e + shift
        powers = np.stack([moved, moved**2, o, o**2], axis=1)
        for row, at, column in zip(curves[:, k], targets, QUANTITIES.values(), strict=True):
            weights = -moved / at[:, None] - mixture
            weights = np.exp(weights - weights.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            row[:] = thermodynamics(weights @ powers, at, n_sites)[:, column]
    return curves
