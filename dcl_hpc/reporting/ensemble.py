"""All that is known of an ensemble when its realizations have their reports, and its summary."""

from dataclasses import dataclass

import numpy as np

from ..energy.factory import LEARNED
from ..errors import UserError
from ..storage.documents import read_json
from ..storage.evaluation import read_couplings
from . import disorder
from .disorder import average
from .recovery import coupling_errors


@dataclass(frozen=True)
class Ensemble:
    """Reports of all realizations.

    Attributes
    ----------
    members : list of dict
        Their summaries.
    couplings : tuple, optional
        True couplings of all bonds of all realizations and what each energy makes of them, in J.
    """

    members: list[dict]
    couplings: tuple[np.ndarray, dict] | None

    def energies(self, energy: str) -> tuple[list, list]:
        """Energy per site by a sweep and exactly, (n_realizations, n_temperatures), in J."""
        rows = [next(s for s in member["sweeps"] if s["energy"] == energy) for member in self.members]
        return [row["u"] for row in rows], [row["u_exact"] for row in rows]

    def exact_curves(self) -> dict | None:
        """Exact u and c of every realization; None where no method fits."""
        curves = [member["exact_curve"] for member in self.members]
        if any(curve["u"][0] is None for curve in curves):
            return None
        columns = {name: np.array([curve[name] for curve in curves]) for name in ("u", "c")}
        return {"temperature": curves[0]["temperature"], **columns}


def read_ensemble(run) -> Ensemble:
    """Read the reports of all realizations.

    Raises
    ------
    UserError
        If one is missing or out of date.
    """
    return Ensemble([_summary(member) for member in run.realizations], _couplings(run))


def _summary(run) -> dict:
    """Report of one realization."""
    state = run.state("report")
    if not state.current:
        reason = "is out of date" if state.problem else "does not exist"
        raise UserError(
            f"realization {run.realization}: its report {reason}; first run: {run.command('report')}"
        )
    return read_json(run.path("report"))


def _couplings(run) -> tuple[np.ndarray, dict] | None:
    """True couplings of all bonds of all realizations and what each energy makes of them, in J."""
    if not run.job.compares:
        return None
    parts = [read_couplings(member.require("evaluate")) for member in run.realizations]
    if any(part is None for part in parts):
        return None
    bonds = [part["bond"] for part in parts]
    true = np.concatenate([part["true"][bond] for part, bond in zip(parts, bonds, strict=True)])
    found = {}
    for name in [name for name in LEARNED if name in parts[0]["recovered"]]:
        each = [part["recovered"][name] for part in parts]
        found[name] = {
            what: np.concatenate([item[what][bond] for item, bond in zip(each, bonds, strict=True)])
            for what in ("value", "error")
        } | {what: np.concatenate([item[what] for item in each]) for what in ("field", "true_field")}
    return true, found


def numbers(run, ensemble: Ensemble) -> dict:
    """What is in summary.json but where it comes from; see `disorder` for averages."""
    members, realizations = ensemble.members, [member.realization for member in run.realizations]
    first = members[0]["sweeps"]
    exact = {name: [member["sweeps"][0][f"{name}_exact"] for member in members] for name in ("u", "c")}
    return {
        "name": run.job.name,
        "temperature": run.job.observe.temperature,
        "realizations": realizations,
        "u_ground": average([member["sweeps"][0]["u_ground"] for member in members]),
        "couplings": _recovered(ensemble),
        **{name: _accuracy([_learned(member, name) for member in members]) for name in LEARNED},
        "exact": {"temperature": first[0]["temperature"]}
        | {name: average(rows) for name, rows in exact.items()},
        "sweeps": [
            _sweep([member["sweeps"][position] for member in members])
            | {"errors": disorder.deviations(*ensemble.energies(sweep["energy"]))}
            for position, sweep in enumerate(first)
        ],
        "members": [_row(number, member) for number, member in zip(realizations, members, strict=True)],
    }


def _learned(member: dict, name: str) -> dict | None:
    """What is told of an energy; of the direct estimate by its only method."""
    return (member["direct"] or {}).get("bonds") if name == "direct" else member[name]


def _accuracy(each: list[dict | None]) -> dict | None:
    """Averages of a network's errors; None without the network."""
    known = [key for key in ("kl", "rmse", "slope") if all(each) and key in each[0]]
    return {key: average([row[key] for row in each]) for key in known} or None


def _recovered(ensemble) -> dict | None:
    """Errors of all couplings together, and averages of those of each realization."""
    if not ensemble.couplings:
        return None
    true, found = ensemble.couplings
    result = {}
    for name in found:
        each = [member["couplings"][name] for member in ensemble.members]
        together = coupling_errors(np.ones(len(true), bool), true, found[name])
        keys = ("correlation", "slope", "rmse")
        result[name] = {"all": together} | {key: average([row[key] for row in each]) for key in keys}
    return result


def _sweep(each: list[dict]) -> dict:
    """Averages of one sweep of all realizations."""
    overlap = [row["overlap"] for row in each]
    return {
        **{key: each[0][key] for key in ("energy", "shape", "temperature", "sweeps")},
        "boundary": each[0].get("boundary"),
        **{name: average([row[name] for row in each]) for name in ("u", "c")},
        "overlap": disorder.overlaps(overlap) if all(overlap) else None,
        "effective_samples": average([row["effective_samples"] for row in each]),
        "fewest_effective_samples": np.min([row["effective_samples"] for row in each], axis=0).tolist(),
        "longest_autocorrelation_time": np.max(
            [row["autocorrelation_time"] for row in each], axis=0
        ).tolist(),
        "too_short": np.sum([row["too_short"] for row in each], axis=0).tolist(),
    }


def _row(number: int, member: dict) -> dict:
    """What is told of one realization."""
    row = {"realization": number, "u_ground": member["sweeps"][0]["u_ground"]}
    row |= {name: _learned(member, name) for name in LEARNED}
    row["couplings"] = {
        name: {key: found[key] for key in ("correlation", "slope", "rmse")}
        for name, found in (member["couplings"] or {}).items()
    }
    row["worst"] = {
        sweep["energy"]: {"du": sweep["max_abs_du"], "temperature": sweep["t_at_max"]}
        for sweep in member["sweeps"]
    }
    return row
