r"""How errors of an energy reach what is predicted with it.

The energy is E + sum_k z_k M_k with modes M_k, and z_k are unknown, independent, of mean 0 and variance 1.
Averages move by linear response,

.. math:: \frac{d\langle A\rangle}{dz} = \Big\langle\frac{dA}{dz}\Big\rangle - \beta\,\mathrm{cov}(A, M),

and their variance is the sum of the squares over modes. Where that is not linear, the same samples are
reweighted to energies with random z (a parametric bootstrap; Imbalzano et al., J. Chem. Phys. 154, 074102,
2021, do so for committees).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ..physics.observables import thermodynamics

# Fewest blocks for the noise of derivatives.
BLOCKS = 16
# Random energies that the response is compared for with the linear one, and that intervals are taken from.
TRIALS, DRAWS = 100, 1000
# Curvature, in standard errors, that intervals do without.
CURVED = 0.2
# Samples of one temperature that are reweighted, and the least number that they must be worth then.
SAMPLES, LEAST_EFFECTIVE = 4000, 50
# Floats of the weights that are held at a time.
CHUNK = 2**18
LEVELS = {"band_68": 0.68, "band_95": 0.95}


@dataclass(frozen=True)
class Propagated:
    """Errors of u, m, c and chi per site by errors of the energy.

    Attributes
    ----------
    error : float64 (4,)
        Standard errors by linear response.
    intervals : dict of str to float64 (4, 2)
        "band_68" and "band_95": ends relative to the value, of intervals that contain the error of the Monte
        Carlo, too.
    holds : bool
        False where the response is not linear and samples are too few to see what it is.
    """

    error: np.ndarray
    intervals: dict[str, np.ndarray]
    holds: bool


def propagate(energy, order, modes, temperature: float, n_sites: int, monte_carlo) -> Propagated:
    """Errors of averages at one temperature.

    Parameters
    ----------
    energy, order : float (n_ladders, n_records)
        Energy in J and order parameter per site, drawn at the temperature; ladders are independent.
    modes : float (n_ladders, n_records, n_modes)
        Errors of the energy in J.
    temperature : float
        In J/k_B.
    n_sites : int
    monte_carlo : array_like, shape (4,)
        Standard errors of u, m, c and chi by the sampling.
    """
    about = temperature, n_sites
    derivative, noise = response(energy, order, modes, *about)
    raw = (derivative**2).sum(axis=1)
    variance = np.maximum(raw - noise, 0)
    error, monte_carlo = np.sqrt(variance), np.asarray(monte_carlo, float)
    total = np.hypot(error, monte_carlo)
    intervals = {
        name: total[:, None] * np.array([-1, 1]) * ndtri((1 + level) / 2) for name, level in LEVELS.items()
    }
    few = [x[:, :: -(-energy.size // SAMPLES)] for x in (energy, order, modes)]
    slope, random = response(*few, *about)[0], np.random.default_rng(0)
    few = [x.reshape(few[0].size, *x.shape[2:]).astype(float) for x in few]

    def beyond(z):
        """What is not linear in the response, and the effective number of samples, for weights of modes."""
        moved, effective = reweighted(*few, z, *about)
        return moved - (slope @ z).T, effective

    z = random.standard_normal((len(modes[0, 0]), TRIALS))
    strength = np.sqrt((modes.std(axis=(0, 1)) ** 2).sum()) / temperature
    scale = 1 / max(1, strength)  # where reweighting works; what is beyond grows with the square
    curved = np.sqrt((beyond(scale * z)[0] ** 2).mean(axis=0)) > CURVED * scale**2 * total
    if not curved.any():
        return Propagated(error, intervals, True)
    z = random.standard_normal((len(z), DRAWS))
    more, effective = beyond(z)
    if np.quantile(effective, 1 - LEVELS["band_95"]) < LEAST_EFFECTIVE:
        return Propagated(error, intervals, False)
    shrunk = np.sqrt(np.divide(variance, raw, out=np.zeros(4), where=raw > 0))
    moved = shrunk * (derivative @ z).T + more + monte_carlo * random.standard_normal(more.shape)
    for name, level in LEVELS.items():
        ends = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2], axis=0).T
        intervals[name] = np.where(curved[:, None], ends, intervals[name])
    return Propagated(error, intervals, True)


def response(energy, order, modes, temperature: float, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of u, m, c and chi with respect to the weights of modes.

    Parameters as of `propagate`.

    Returns
    -------
    derivative : float64 (4, n_modes)
    noise : float64 (4,)
        What the scatter of the derivatives adds to the sum of their squares, by the jackknife.
    """
    mean = modes.mean(axis=(0, 1), dtype=float)
    pieces = min(max(1, -(-BLOCKS // len(energy))), energy.shape[1])
    sums = []
    for e, o, m in zip(energy - energy.mean(), order - order.mean(), modes, strict=True):
        for rows in np.array_split(np.arange(len(e)), pieces):
            powers = np.stack([np.ones(len(rows)), e[rows], e[rows] ** 2, o[rows], o[rows] ** 2])
            sums.append(powers @ np.column_stack([np.ones(len(rows)), m[rows] - mean]))
    sums = np.array(sums)
    value = _derivatives(sums.sum(axis=0), mean, temperature, n_sites)
    n = len(sums)
    if n < 2:
        return value, np.zeros(4)
    left_out = _derivatives(sums.sum(axis=0) - sums, mean, temperature, n_sites)
    return value, (n - 1) * left_out.var(axis=0).sum(axis=1)


def _derivatives(sums, mean, temperature: float, n_sites: int) -> np.ndarray:
    """See `response`; of sums of 1, e, e^2, o, o^2, alone and times each mode, (..., 5, 1 + n_modes)."""
    means = sums / sums[..., :1, :1]
    alone, modes = means[..., :1], means[..., :1, 1:]
    _, e, _, o, _ = np.moveaxis(alone, -2, 0)
    _, of_e, of_e2, of_o, of_o2 = np.moveaxis(means[..., 1:] - alone * modes, -2, 0)
    du = mean + modes[..., 0, :] - of_e / temperature
    of_variance = 2 * of_e - (of_e2 - 2 * e * of_e) / temperature
    dm = -of_o / temperature
    of_spread = -(of_o2 - 2 * o * of_o) / temperature
    return np.stack(
        [du / n_sites, dm, of_variance / (n_sites * temperature**2), n_sites * of_spread / temperature],
        axis=-2,
    )


def reweighted(energy, order, modes, z, temperature: float, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """How far u, m, c and chi are from their values for energies with errors.

    Parameters
    ----------
    energy, order : float (n,)
    modes : float (n, n_modes)
    z : float (n_modes, n_draws)
        Weights of the modes.

    Returns
    -------
    moved : float64 (n_draws, 4)
    effective : float64 (n_draws,)
        Samples that are left in effect, (sum w)^2 / sum w^2 with the weights w.
    """
    origin, mean = energy.mean(), modes.mean(axis=0)
    e = energy - origin
    base = thermodynamics(_moments(e[:, None], order, np.full((len(e), 1), 1 / len(e))), temperature, n_sites)
    moved, effective = np.empty((z.shape[1], 4)), np.empty(z.shape[1])
    step = max(1, CHUNK // len(e))
    for rows in (slice(k, k + step) for k in range(0, z.shape[1], step)):
        shift = (modes - mean) @ z[:, rows]
        weights = np.exp((shift.min(axis=0) - shift) / temperature)
        weights /= weights.sum(axis=0)
        moments = _moments(e[:, None] + shift, order, weights)
        moved[rows] = thermodynamics(moments, temperature, n_sites) - base
        moved[rows, 0] += mean @ z[:, rows] / n_sites
        effective[rows] = 1 / (weights**2).sum(axis=0)
    return moved, effective


def _moments(energy, order, weights) -> np.ndarray:
    """Means of E, E^2, m, m^2, float64 (n_draws, 4), of energies (n, 1 or n_draws)."""
    first = (weights * energy).sum(axis=0)
    second = (weights * energy**2).sum(axis=0)
    return np.stack([first, second, order @ weights, order**2 @ weights], axis=-1)
