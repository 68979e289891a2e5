"""Tables of all sweeps of a system, and what their chains are worth in words."""

import numpy as np

from ..energy.bonds import read_bonds
from ..energy.factory import ENERGIES
from ..physics import exact
from ..physics.shape import Shape
from ..pipeline.lattice_study import calibrate_name, sweep_name, sweep_of
from ..sampling.statistics import FEWEST_TIMES
from ..sampling.tempering import communication_barrier
from ..storage import results
from . import tables, uncertainty
from .novelty import Novelty

# Temperatures of the curves between those that the job lists, and how exact their values are.
FINE, TOLERANCE = 121, 1e-4


def sweep_tables(run) -> dict[Shape, list[dict]]:
    """Tables of the sweeps on each shape.

    Returns
    -------
    dict of shape to list of dict
        One for each energy; see `tables.sweep_table`, and: `energy`, `shape`, `boundary`, exact values
        `u_exact` and `c_exact`, `u_ground` (J per site), `overlap`, `exchange`, `reference_error` (J per
        site), `max_abs_du` with its temperature `t_at_max`, those of `Novelty.of`; `exact_curve` and the
        reweighted `curve`. What `uncertainty.table` adds.
    """
    energies: dict[Shape, list[str]] = {}
    for name in run.data:
        if run.stage(name).name == "sweep":
            energy, shape = sweep_of(name)
            energies.setdefault(shape, []).append(energy)
    novelty = Novelty(run)
    return {shape: _of_shape(run, shape, names, novelty) for shape, names in energies.items()}


def _of_shape(run, shape, energies: list[str], novelty: Novelty) -> list[dict]:
    """Tables of all sweeps on one shape, which share the exact values."""
    hamiltonian = run.job.build_hamiltonian(shape) if run.job.has_truth else None
    ground = exact.ground_state_energy(hamiltonian) if hamiltonian else None
    listed, n_sites = run.job.sweep.listed, run.job.build_lattice(shape).n_sites
    fine = np.linspace(listed[0], listed[-1], FINE)
    reference = tables.exact_table(hamiltonian, listed)
    shared = {
        "shape": list(shape),
        "boundary": shape.boundary,
        "u_exact": reference["u"],
        "c_exact": reference["c"],
        "u_ground": None if ground is None else ground / n_sites,
        "exact_curve": {"temperature": fine.tolist(), **tables.exact_table(hamiltonian, fine, TOLERANCE)},
    }
    result = []
    for energy in energies:
        series = results.read_sweep(run.path(sweep_name(energy, shape)))
        offset, error = tables.zero(energy, hamiltonian), zero_error(run, energy)
        table = tables.sweep_table(series, n_sites, offset, error)
        table |= uncertainty.table(series, table, n_sites)
        worst, at = tables.largest_error(table, reference)
        result.append(
            {
                "energy": energy,
                **shared,
                **table,
                "reference_error": error,
                "overlap": tables.overlap_table(series, n_sites, turns_over(run, energy, hamiltonian)),
                "exchange": exchange(series) if run.job.sweep.exchange else None,
                "max_abs_du": worst,
                "t_at_max": at,
                **novelty.of(energy, shape),
                "curve": tables.reweighted_curve(series, fine, n_sites, offset),
            }
        )
    return result


def turns_over(run, energy: str, hamiltonian) -> bool:
    """Whether a law is known to be the same for a configuration of spins and its inverse."""
    if hamiltonian is not None:
        return (1, 0) in hamiltonian.symmetries
    # of an unknown one if no field was found
    return run.job.is_glass and energy == "direct" and not len(read_bonds(run).interactions.sites)


def zero_error(run, energy: str) -> float:
    """Standard error of the zero of an energy, in J per site; the same on lattices of all sizes."""
    stage = ENERGIES[energy].stage
    if stage is None:  # not learned
        return 0.0
    error = results.read_reference_error(run.path(stage)) / run.job.build_lattice().n_sites
    if run.job.calibrates(energy):
        error *= results.read_calibration(run.path(calibrate_name(energy)))["weight"]
    return error


def exchange(series) -> dict:
    """How replica exchange went."""
    return {
        "ladder": series.temperature.tolist(),
        "acceptance": series.acceptance.tolist(),
        "communication_barrier": communication_barrier(series.acceptance),
        "round_trips": series.round_trips,
        "sweeps": series.energy.shape[2],
        "replicas": series.energy.shape[1] * len(series.temperature),
    }


def summarized(by_shape: dict) -> list[dict]:
    """All sweeps for summary.json, which has of curves the peak of c alone."""
    return [
        {key: value for key, value in sweep.items() if not key.endswith("curve")}
        | {"c_peak": sweep["c_peak"] or (sweep["curve"] and sweep["curve"]["c_peak"])}
        for sweeps in by_shape.values()
        for sweep in sweeps
    ]


def size(sweep: dict) -> str:
    """Name of the lattice of a sweep in summary.json, such as 16x16."""
    return str(Shape(sweep["shape"], sweep.get("boundary")))


def peak(sweep: dict) -> tuple[str, str]:
    """The largest specific heat per site and its temperature with their errors, in words.

    Parameters
    ----------
    sweep : dict
        As in summary.json of a system.
    """
    if not sweep["c_peak"]:
        return "temperatures too far apart", ""
    t, height = sweep["c_peak"]
    for end, side in ((min(sweep["temperature"]), "lowest"), (max(sweep["temperature"]), "highest")):
        if np.isclose(t, end, rtol=1e-9):
            return f"{height:.4f}, still rising: name others in sweep.temperatures", f"{end:g}, the {side}"
    errors = [
        sweep[key] for key in ("c_peak_error", *map("c_peak_{}".format, uncertainty.KINDS)) if sweep.get(key)
    ]
    if not errors:
        return f"{height:.4f}", f"{t:.3f}"
    error = np.sqrt(np.sum(np.square(errors), axis=0))
    return rounded(height, error[1]), rounded(t, error[0])


def rounded(value: float, error: float) -> str:
    """A number with its standard error in units of the last digits, such as 1.644(4)."""
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 4
    return f"{value:.{digits}f}({round(error * 10**digits)})"


def warnings(sweeps: list[dict], realizations: int | None = None) -> list[str]:
    """A sentence for each sweep that has chains too short to trust their errors.

    Parameters
    ----------
    sweeps : list of dict
        As in summary.json of a system or of an ensemble.
    realizations : int, optional
        How many an ensemble has.
    """
    result = []
    for sweep in sweeps:
        short = [k for k, flag in enumerate(sweep["too_short"]) if flag]
        if not short:
            continue
        name = f"{sweep['energy']} {size(sweep)}"
        temperatures = ", ".join(f"{sweep['temperature'][k]:g}" for k in short)
        where, times = "", "autocorrelation_time"
        if realizations is not None:
            where = f" in up to {max(sweep['too_short'])} of {realizations} realizations"
            times = f"longest_{times}"
        tau = max(sweep[times][k] for k in short)
        result.append(
            f"{name}, T = {temperatures}: chains of {sweep['sweeps']} sweeps are shorter than {FEWEST_TIMES} "
            f"autocorrelation times (2 tau = {2 * tau:.0f}){where}: error bars are too small"
        )
    return result


def worth(sweep: dict) -> dict:
    """Fewest and most effective samples of a sweep at its temperatures, and where there are fewest.

    Parameters
    ----------
    sweep : dict
        As in summary.json of a system or of an ensemble, where it is about single realizations.
    """
    fewest = sweep.get("fewest_effective_samples") or sweep["effective_samples"]
    times = sweep.get("longest_autocorrelation_time") or sweep["autocorrelation_time"]
    place = int(np.argmin(fewest))
    return {
        "fewest": fewest[place],
        "at": sweep["temperature"][place],
        "most": max(fewest),
        "longest": 2 * max(times),
    }
