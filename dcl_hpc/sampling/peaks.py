"""Where c and chi are largest, and how far that can be wrong."""

from dataclasses import dataclass

import numpy as np

from ..physics.observables import thermodynamics
from .histograms import Histograms
from .statistics import log_mixture

# Points at which a peak is looked for, and temperatures of the ladder that they reach over on either side.
POINTS, REACH = 25, 2
# Groups of ladders that are left out in turn; random energies, and samples of each temperature for these.
GROUPS, DRAWS, SAMPLES = 8, 50, 1000
QUANTITIES = {"c": 2, "chi": 3}


@dataclass(frozen=True)
class Peak:
    """The largest value of a curve.

    Attributes
    ----------
    temperature, height : float
    error : float64 (2,)
        Standard errors of both by the sampling.
    errors : dict of str to float64 (2,)
        Standard errors of both by each kind of error of the energy.
    """

    temperature: float
    height: float
    error: np.ndarray
    errors: dict[str, np.ndarray]


def vertex(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Largest value of a curve at equally spaced points, by a parabola through the three highest."""
    top = int(np.argmax(y))
    if not 0 < top < len(y) - 1:
        return float(x[top]), float(y[top])
    left, middle, right = y[top - 1 : top + 2]
    curvature = left - 2 * middle + right
    step = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(x[top] + step * (x[1] - x[0])), float(middle - 0.25 * (left - right) * step)


def peaks(energy, order, temperatures, n_sites: int, kinds=None, records=slice(None)) -> dict[str, Peak]:
    """The peaks of c and chi, by all samples of the temperatures around them together, see `Histograms`.

    Parameters
    ----------
    energy, order : float (n_temperatures, n_ladders, n)
        In J, and per site; ladders are independent.
    temperatures : float64 (n_temperatures,), ascending
        In J/k_B.
    n_sites : int
    kinds : dict of str to float (n_temperatures, n_ladders, n_records, n_modes), optional
        Modes of each kind of error of the energy, see `bands.propagate`.
    records : ndarray of int, shape (n_records,), optional
        Which of the n samples they are of.

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
    e, o = energy[used] - energy[used].mean(), order[used]
    groups = min(GROUPS, energy.shape[1])
    found = Histograms.of(temperatures[used], e, (e, e**2, o, o**2), groups)
    if found is None:
        return {}
    curves = [_of_averages(found, targets, n_sites, k) for k in (None, *range(groups if groups > 1 else 0))]
    e, o, moved = e[:, :, records], o[:, :, records], {}
    few = slice(None, None, max(1, e[0].size // SAMPLES))
    for kind, modes in (kinds or {}).items():
        about = temperatures[used], targets, n_sites
        moved[kind] = _of_random_energies(e[:, :, few], o[:, :, few], modes[used, :, few], *about)
    result = {}
    for k, name in enumerate(QUANTITIES):
        whole, *left_out = (one[k] for one in curves)
        if 0 < np.argmax(whole) < POINTS - 1:
            places = np.array([vertex(targets[k], curve) for curve in left_out])
            error = np.sqrt((len(places) - 1) * places.var(axis=0)) if left_out else np.full(2, np.nan)
            by_energy = {
                kind: np.std([vertex(targets[k], curve) for curve in curves_of[k]], axis=0)
                for kind, curves_of in moved.items()
                if curves_of is not None
            }
            result[name] = Peak(*vertex(targets[k], whole), error, by_energy)
    return result


def _of_averages(found: Histograms, targets, n_sites: int, without) -> list[np.ndarray]:
    """c and chi at their targets, two of float64 (n_targets,)."""
    averages = (found.averages(at, without) for at in targets)
    columns = QUANTITIES.values()
    return [
        thermodynamics(moments, at, n_sites)[:, column]
        for moments, at, column in zip(averages, targets, columns, strict=True)
    ]


def _of_random_energies(energy, order, modes, temperatures, targets, n_sites: int) -> np.ndarray | None:
    """c and chi at their targets, float64 (2, DRAWS, n_targets), of random energies."""
    mixture = log_mixture([e.ravel() for e in energy], temperatures)
    if mixture is None:
        return None
    e, o = energy.ravel() - energy.mean(), order.ravel()
    z = np.random.default_rng(0).standard_normal((DRAWS, modes.shape[-1]))
    modes = modes.reshape(len(e), -1).astype(float)
    curves = np.empty((len(QUANTITIES), DRAWS, POINTS))
    for k, shift in enumerate(z @ (modes - modes.mean(axis=0)).T):
        moved = e + shift
        powers = np.stack([moved, moved**2, o, o**2], axis=1)
        for row, at, column in zip(curves[:, k], targets, QUANTITIES.values(), strict=True):
            weights = -moved / at[:, None] - mixture
            weights = np.exp(weights - weights.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            row[:] = thermodynamics(weights @ powers, at, n_sites)[:, column]
    return curves
