"""Numbers of the report: errors of the energy models and thermodynamics of the sweeps."""

import numpy as np

from ..energy.factory import ENERGIES
from ..physics import exact
from ..physics.observables import thermodynamics
from ..sampling.histograms import reweight
from ..sampling.peaks import vertex
from ..sampling.statistics import autocorrelation_time, jackknife, jackknife_of_strata, too_short

QUANTITIES = ("u", "m", "c", "chi")
OVERLAPS = ("abs_q", "q2", "q4", "binder")
# Fewest and most blocks per ladder; blocks shorter than a few autocorrelation times are no use.
MAX_BLOCKS, TIMES_PER_BLOCK = 10, 10
# Most bins of a distribution of overlaps.
MAX_BINS = 101


def energy_errors(model: np.ndarray, true: np.ndarray, width: float, ladder=None) -> dict:
    """Errors of an energy model on the test set.

    Energies are compared after subtracting their means over the set, since only differences mean
    anything.

    Parameters
    ----------
    model, true : ndarray, shape (n,)
        Energies in J.
    width : float
        Spacing of the levels in J.
    ladder : ndarray of int, shape (n,), optional
        Which of several independent ladders drew each configuration.

    Returns
    -------
    dict
        `rmse` (J); `slope` of E_model on E_true; `rmse_error` and `slope_error`, by the jackknife over
        ladders, None without two of them; and per level `level` (true energy, J), `bias`, `spread` (J)
        and `level_rmse` (J).
    """
    model, true = model - model.mean(), true - (reference := true.mean())
    difference = model - true
    keys = np.round((true + reference) / width)
    rows = {"level": [], "bias": [], "spread": [], "level_rmse": []}
    for key in np.unique(keys):
        mine = difference[keys == key]
        rows["level"].append(float(true[keys == key].mean() + reference))
        rows["bias"].append(float(mine.mean()))
        rows["spread"].append(float(mine.std()))
        rows["level_rmse"].append(float(np.sqrt((mine**2).mean())))
    moments = np.stack([difference, true, difference**2, difference * true, true**2], axis=1)
    groups = np.zeros(len(true), int) if ladder is None else ladder
    (rmse, slope), errors = jackknife_of_strata(_rmse_and_slope, moments, keys, groups)
    rmse_error, slope_error = (None if np.isnan(error) else float(error) for error in errors)
    return {
        "rmse": float(rmse),
        "rmse_error": rmse_error,
        "slope": float(slope),
        "slope_error": slope_error,
        **rows,
    }


def _rmse_and_slope(means: np.ndarray) -> np.ndarray:
    """From averages of d = E_model - E_true, t = E_true, d^2, d t and t^2, shape (..., 5)."""
    d, t, dd, dt, tt = np.moveaxis(means, -1, 0)
    rmse = np.sqrt(np.maximum(dd - d**2, 0))
    return np.stack([rmse, 1 + (dt - d * t) / (tt - t**2)], axis=-1)


def zero(energy: str, hamiltonian) -> float:
    """What to add to u by an energy, in J per site: learned ones are zero at infinite temperature.

    Without a true Hamiltonian, None, they stay so.
    """
    learned = ENERGIES[energy].learned and hamiltonian is not None
    return hamiltonian.mean_energy / hamiltonian.lattice.n_sites if learned else 0.0


def sweep_table(series, n_sites: int, offset: float = 0.0, offset_error: float = 0.0) -> dict:
    """Thermodynamics per site with jackknife errors at every temperature of a sweep.

    Blocks are stretches of single ladders, at least several autocorrelation times long.

    Parameters
    ----------
    series : SweepSeries
    offset, offset_error : float
        Constant to add to u and its standard error, in J per site; the latter is part of every error of u.

    Returns
    -------
    dict
        `temperature` (those that the job lists), `sweeps` (measurements of each chain),
        `autocorrelation_time` (sweeps), `effective_samples` (independent ones that would be worth as much),
        `too_short` (whether chains are, for their autocorrelation time and so the errors to be trusted), and
        for each of u, m, c, chi the list of values and `NAME_error`.
    """
    listed = np.flatnonzero(series.listed)
    table = {"temperature": series.temperature[listed].tolist(), "sweeps": series.energy.shape[2]}
    table |= {"autocorrelation_time": [], "effective_samples": [], "too_short": []}
    for name in QUANTITIES:
        table[name], table[f"{name}_error"] = [], []
    for k in listed:
        t, energy, order = series.temperature[k], series.energy[k], series.order[k]
        tau, origin = autocorrelation_time(energy.T), energy.mean()
        data = np.stack([energy - origin, (energy - origin) ** 2, order, order**2], axis=1)
        values, errors = jackknife(lambda m, t=t: thermodynamics(m, t, n_sites), _blocks(data, tau))
        values[0] += origin / n_sites + offset
        errors[0] = np.hypot(errors[0], offset_error)
        table["autocorrelation_time"].append(tau)
        table["too_short"].append(too_short(energy.shape[1], tau))
        table["effective_samples"].append(energy.size / (2 * tau))
        for name, value, error in zip(QUANTITIES, values, errors, strict=True):
            table[name].append(float(value))
            table[f"{name}_error"].append(float(error))
    return table


def _blocks(data: np.ndarray, tau: float) -> list[np.ndarray]:
    """Stretches of single ladders, or pairs of ladders, several autocorrelation times long.

    Parameters
    ----------
    data : ndarray, shape (n_ladders, n_observables, n_measurements)
    tau : float
        Autocorrelation time in measurements.
    """
    fewest = 2 if len(data) == 1 else 1  # one block alone has no error
    n_blocks = int(np.clip(data.shape[2] / (TIMES_PER_BLOCK * tau), fewest, MAX_BLOCKS))
    return [part for ladder in data for part in np.array_split(ladder, n_blocks, axis=1)]


def overlap_table(series, n_sites: int, symmetric: bool = True) -> dict | None:
    r"""Overlaps of a glass with jackknife errors at every temperature of a sweep.

    Without a field P(q) = P(-q) exactly, and the distribution is symmetrised. Then all that is here depends
    on q^2 alone, whose autocorrelation time sets the length of the blocks, and not on how often a replica
    turns over as a whole. Else that of q counts, too.

    The Binder parameter :math:`g = (3 - \langle q^4\rangle/\langle q^2\rangle^2)/2` (Binder, Z. Phys. B 43,
    119, 1981; for glasses Bhatt and Young, Phys. Rev. Lett. 54, 924, 1985) is 1 for a single pair of ground
    states and 1/N at infinite temperature.

    Parameters
    ----------
    series : SweepSeries
    n_sites : int
    symmetric : bool
        Whether a configuration and its inverse have the same energy.

    Returns
    -------
    dict or None
        `temperature` (those that the job lists), `autocorrelation_time` of q^2 (sweeps), `effective_samples`
        (independent pairs of configurations that would be worth as much); of <|q|>, <q^2>, <q^4> and g the
        values `abs_q`, `q2`, `q4`, `binder` and `NAME_error`; `q`, centres of the distribution's bins, and
        at each temperature `distribution`, the density P(q), and `distribution_error`. None for a sweep
        without overlaps.
    """
    if series.overlap is None:
        return None
    listed = np.flatnonzero(series.listed)
    centres, widths, bin_of = _overlap_bins(n_sites)
    table = {"temperature": series.temperature[listed].tolist(), "q": centres.tolist()}
    names = (*OVERLAPS, "distribution")
    columns = ("autocorrelation_time", "effective_samples", *names, *(f"{name}_error" for name in names))
    table |= {name: [] for name in columns}
    for q in series.overlap[listed]:
        tau = autocorrelation_time(q.T**2)
        if not symmetric:
            tau = max(tau, autocorrelation_time(q.T))
        powers = np.stack([np.abs(q), q**2, q**4], axis=1)
        bins = bin_of[np.rint(n_sites * (1 + q) / 2).astype(int)]
        inside = bins[:, None] == np.arange(len(centres))[:, None]
        averages = zip(*jackknife(_overlap_averages, _blocks(powers, tau)), strict=True)
        density = jackknife(
            lambda p: ((p + p[..., ::-1]) / 2 if symmetric else p) / widths, _blocks(inside, tau)
        )
        table["autocorrelation_time"].append(tau)
        table["effective_samples"].append(q.size / (2 * tau))
        for name, (value, error) in zip(names, (*averages, density), strict=True):
            table[name].append(value.tolist())
            table[f"{name}_error"].append(error.tolist())
    return table


def _overlap_averages(moments: np.ndarray) -> np.ndarray:
    """<|q|>, <q^2>, <q^4>, and from them the Binder parameter (0 where every q is 0), shape (..., 4)."""
    abs_q, q2, q4 = np.moveaxis(moments, -1, 0)
    ratio = np.divide(q4, q2**2, out=np.full_like(q4, 3.0), where=q2 > 0)
    return np.stack([abs_q, q2, q4, (3 - ratio) / 2], axis=-1)


def _overlap_bins(n_sites: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bins for the possible overlaps -1, -1 + 2/N, ..., 1, symmetric about 0.

    Up to `MAX_BINS` of these values have a bin each. More share bins, an odd number of them in each, so that
    bins are centred at possible values; the two outermost bins may have fewer.

    Returns
    -------
    centres, widths : float64 (n_bins,)
    bin_of : int64 (n_sites + 1,)
        Bin of each value.
    """
    values = np.arange(-n_sites, n_sites + 1, 2)
    each = int(np.ceil(len(values) / MAX_BINS)) | 1
    middle = 0 if n_sites % 2 else each  # a border between bins at q = 0, or the centre of one
    bin_of = (values + middle) // (2 * each)
    bin_of -= bin_of[0]
    counts = np.bincount(bin_of)
    return np.bincount(bin_of, values) / counts / n_sites, 2 * counts / n_sites, bin_of


def reweighted_curve(series, temperatures, n_sites: int, offset: float = 0.0) -> dict | None:
    """u and c per site between the temperatures of a ladder, and the peak of c.

    Parameters
    ----------
    temperatures : ndarray, ascending

    Returns
    -------
    dict or None
        `temperature`, `u`, `c`, and `c_peak`, temperature and height of the largest c; None if the
        temperatures are too far apart.
    """
    energies = [energy.ravel() for energy in series.energy]
    answer = reweight(energies, series.temperature, temperatures)
    if answer is None:
        return None
    mean, variance = answer
    c = variance / (n_sites * temperatures**2)
    return {
        "temperature": temperatures.tolist(),
        "u": (mean / n_sites + offset).tolist(),
        "c": c.tolist(),
        "c_peak": [float(x) for x in vertex(temperatures, c)],
    }


def exact_table(hamiltonian, temperatures, tolerance: float = 0.0) -> dict:
    """Exact u, c and, on narrow lattices, m and chi; None where no method fits.

    Parameters
    ----------
    hamiltonian : Hamiltonian, optional
        None if nobody knows it.
    tolerance : float
        Error relative to the largest value of each quantity, for ascending temperatures so close to
        each other that most values may be interpolated; see `exact.curve`.
    """
    if hamiltonian is None:
        return {name: [None] * len(temperatures) for name in QUANTITIES}
    rows = exact.curve(hamiltonian, temperatures, tolerance)[:, 1:]
    rows[:, :2] /= hamiltonian.lattice.n_sites
    columns = zip(("u", "c", "m", "chi"), rows.T.tolist(), strict=True)
    table = {name: [None if np.isnan(x) else x for x in column] for name, column in columns}
    return {name: table[name] for name in QUANTITIES}


def largest_error(table: dict, reference: dict) -> tuple[float, float] | tuple[None, None]:
    """Largest deviation of u from the exact curve in J per site, and its temperature."""
    if any(value is None for value in reference["u"]):
        return None, None
    deviation = np.abs(np.array(table["u"]) - np.array(reference["u"]))
    worst = int(deviation.argmax())
    return float(deviation[worst]), table["temperature"][worst]
