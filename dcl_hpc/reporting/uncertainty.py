"""Errors of a sweep's curves by the finite observations, beside those of its Monte Carlo."""

import numpy as np

from ..sampling.bands import LEVELS, propagate
from ..sampling.peaks import QUANTITIES as PEAKS
from ..sampling.peaks import Peak, peaks
from .tables import QUANTITIES

# Errors of the energy: by the finite observations, and by the seeds of training, where there is a committee.
KINDS = ("data_error", "training_error")


def table(series, rows: dict, n_sites: int) -> dict:
    """What is known of errors at the temperatures that a job lists.

    Parameters
    ----------
    series : SweepSeries
    rows : dict
        See `tables.sweep_table`.
    n_sites : int

    Returns
    -------
    dict
        For each of u, m, c and chi: `NAME_data_error`, standard errors by the observations, and
        `NAME_training_error`, by a committee; `NAME_band_68` and `NAME_band_95`, lists of [low, high] of
        intervals that contain both and those by the Monte Carlo; all of them None where no such errors of the
        energy are known. `band_holds`: whether bands at a temperature can be trusted, or None. For c and chi
        `NAME_peak`, temperature and height of the largest value, and their errors, `NAME_peak_error` by the
        Monte Carlo, `NAME_peak_data_error` and `NAME_peak_training_error`; None where temperatures are too
        far apart or the peak is not between them.
    """
    return bands(series, rows, n_sites) | _peaks(series, n_sites)


def bands(series, rows: dict, n_sites: int) -> dict:
    """The part of `table` that is not about peaks."""
    names, kinds = [f"{name}_{what}" for name in QUANTITIES for what in (*KINDS, *LEVELS)], _kinds(series)
    if not kinds:
        return dict.fromkeys((*names, "band_holds"))
    columns: dict[str, list] = {name: [] for name in (*names, "band_holds")}
    for row, k in enumerate(np.flatnonzero(series.listed)):
        value, monte_carlo = ([rows[name + end][row] for name in QUANTITIES] for end in ("", "_error"))
        energy, order = (x[k][:, series.records] for x in (series.energy, series.order))
        about = series.temperature[k], n_sites, monte_carlo
        own = {name: propagate(energy, order, modes[k], *about) for name, modes in kinds.items()}
        both = np.concatenate([modes[k] for modes in kinds.values()], axis=2)
        errors = next(iter(own.values())) if len(own) == 1 else propagate(energy, order, both, *about)
        columns["band_holds"].append(errors.holds)
        for q, name in enumerate(QUANTITIES):
            for kind, one in own.items():
                columns[f"{name}_{kind}"].append(float(one.error[q]))
            for level in LEVELS:
                columns[f"{name}_{level}"].append((value[q] + errors.intervals[level][q]).tolist())
    return {name: values or None for name, values in columns.items()}


def peaks_of(series, n_sites: int) -> dict[str, Peak]:
    """The peaks of c and chi that are between the temperatures, with their errors."""
    records = slice(None) if series.records is None else series.records
    return peaks(series.energy, series.order, series.temperature, n_sites, _kinds(series), records)


def _peaks(series, n_sites: int) -> dict:
    found, result = peaks_of(series, n_sites), {}
    for name in PEAKS:
        peak = found.get(name)
        errors = {"error": peak.error, **peak.errors} if peak else {}
        result[f"{name}_peak"] = peak and [peak.temperature, peak.height]
        for kind in ("error", *KINDS):
            result[f"{name}_peak_{kind}"] = errors[kind].tolist() if kind in errors else None
    return result


def _kinds(series) -> dict:
    """Modes of each kind of error that is known, by its name."""
    given = dict(zip(KINDS, (series.modes, series.training_modes), strict=True))
    return {name: modes for name, modes in given.items() if modes is not None}


def warnings(sweeps: list[dict]) -> list[str]:
    """A sentence for each sweep that has temperatures at which bands cannot be trusted.

    Parameters
    ----------
    sweeps : list of dict
        As in summary.json of a system.
    """
    from .sweeps import size

    result = []
    for sweep in sweeps:
        held = sweep.get("band_holds") or []
        lost = ", ".join(f"{t:g}" for t, fine in zip(sweep["temperature"], held, strict=False) if not fine)
        if lost:
            result.append(
                f"{sweep['energy']} {size(sweep)}, T = {lost}: the energy is so uncertain that averages do "
                "not follow its errors in proportion, and samples do not reach so far: bands may be too "
                "narrow or too wide there; observe more"
            )
    return result
