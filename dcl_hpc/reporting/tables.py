"""Numbers of the report: errors of the energy models and thermodynamics of the sweeps."""

import numpy as np

from ..physics import exact
from ..physics.observables import thermodynamics
from ..sampling.statistics import autocorrelation_time, jackknife, reweight

QUANTITIES = ("u", "m", "c", "chi")
# Fewest and most blocks per ladder; blocks shorter than a few autocorrelation times are no use.
MAX_BLOCKS, TIMES_PER_BLOCK = 10, 10


def energy_errors(model: np.ndarray, true: np.ndarray, width: float) -> dict:
    """Errors of an energy model on the test set.

    Energies are compared after subtracting their means over the set, since only differences mean
    anything.

    Parameters
    ----------
    model, true : ndarray, shape (n,)
        Energies in J.
    width : float
        Spacing of the levels in J.

    Returns
    -------
    dict
        `rmse` (J); `slope` of E_model on E_true; and per level `level` (true energy, J), `bias`,
        `spread` (J) and `level_rmse` (J).
    """
    model, true = model - model.mean(), true.copy()
    reference = true.mean()
    difference = model - (true - reference)
    keys = np.round(true / width)
    rows = {"level": [], "bias": [], "spread": [], "level_rmse": []}
    for key in np.unique(keys):
        mine = difference[keys == key]
        rows["level"].append(float(true[keys == key].mean()))
        rows["bias"].append(float(mine.mean()))
        rows["spread"].append(float(mine.std()))
        rows["level_rmse"].append(float(np.sqrt((mine**2).mean())))
    centred = true - reference
    return {
        "rmse": float(np.sqrt((difference**2).mean())),
        "slope": float(centred @ model / (centred @ centred)),
        **rows,
    }


def sweep_table(series, n_sites: int, offset: float = 0.0) -> dict:
    """Thermodynamics per site with jackknife errors at every temperature of a sweep.

    Blocks are stretches of single ladders, at least several autocorrelation times long.

    Parameters
    ----------
    series : SweepSeries
    offset : float
        Constant to add to u, in J per site.

    Returns
    -------
    dict
        `temperature` (those that the job lists), `autocorrelation_time` (sweeps), `effective_samples`
        (independent ones that would be worth as much), and for each of u, m, c, chi the list of values
        and `NAME_error`.
    """
    listed = np.flatnonzero(series.listed)
    table = {"temperature": series.temperature[listed].tolist()}
    table |= {"autocorrelation_time": [], "effective_samples": []}
    for name in QUANTITIES:
        table[name], table[f"{name}_error"] = [], []
    for k in listed:
        t, energy, order = series.temperature[k], series.energy[k], series.order[k]
        tau, origin = autocorrelation_time(energy.T), energy.mean()
        n_blocks = int(np.clip(energy.shape[1] / (TIMES_PER_BLOCK * tau), 1, MAX_BLOCKS))
        data = np.stack([energy - origin, (energy - origin) ** 2, order, order**2], axis=1)
        blocks = [part for ladder in data for part in np.array_split(ladder, n_blocks, axis=1)]
        values, errors = jackknife(lambda m, t=t: thermodynamics(m, t, n_sites), blocks)
        values[0] += origin / n_sites + offset
        table["autocorrelation_time"].append(tau)
        table["effective_samples"].append(energy.size / (2 * tau))
        for name, value, error in zip(QUANTITIES, values, errors, strict=True):
            table[name].append(float(value))
            table[f"{name}_error"].append(float(error))
    return table


def reweighted_curve(series, temperatures, n_sites: int, offset: float = 0.0) -> dict | None:
    """u and c per site between the temperatures of a ladder, and the peak of c.

    Parameters
    ----------
    temperatures : ndarray, ascending

    Returns
    -------
    dict or None
        `temperature`, `u`, `c`, and `c_peak` with its temperature and height; None if the temperatures are
        too far apart.
    """
    energies = [energy.ravel() for energy in series.energy]
    answer = reweight(energies, series.temperature, temperatures)
    if answer is None:
        return None
    mean, variance = answer
    c = variance / (n_sites * temperatures**2)
    top = int(np.argmax(c))
    return {
        "temperature": temperatures.tolist(),
        "u": (mean / n_sites + offset).tolist(),
        "c": c.tolist(),
        "c_peak": [float(temperatures[top]), float(c[top])],
    }


def exact_table(hamiltonian, temperatures, tolerance: float = 0.0) -> dict:
    """Exact u, c and, on narrow lattices, m and chi; None where no method fits.

    Parameters
    ----------
    tolerance : float
        Error relative to the largest value of each quantity, for ascending temperatures so close to
        each other that most values may be interpolated; see `exact.curve`.
    """
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
