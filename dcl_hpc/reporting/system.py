"""All that is known of one system when its stages are complete, and its summary."""

from dataclasses import asdict, dataclass, field

import numpy as np

from ..energy.bonds import read_bonds
from ..energy.factory import ENERGIES, LEARNED
from ..inference.glass import BondEnergy
from ..pipeline.diagnosis import warnings
from ..pipeline.lattice_study import calibrate_name
from ..storage import results
from ..storage.evaluation import plain, read_couplings
from ..storage.observations import observed_rows
from . import bonds, explanation, law, recovery, sweeps, tables
from .agreement import agreement

# Learned energies, and those of networks before their calibration.
NETWORKS = (*LEARNED, *map(plain, LEARNED))


@dataclass(frozen=True)
class System:
    """Results of a run.

    Attributes
    ----------
    observed : dict
        Attributes of the observations.
    sweeps : dict of shape to list of dict
        See `sweeps.sweep_tables`.
    energies : dict of str to ndarray
        Energies of the test set by each model in J.
    errors : dict of str to dict
        Of each learned and each directly estimated energy; see `tables.energy_errors`. Empty without a truth.
    histories : dict of str to dict
        Learning curves of the networks that were trained.
    local : dict, optional
        Context of the EDNN's tiles, and how it was found or which interactions there are.
    direct : dict of str to tuple
        Interactions that each direct estimate found and the RMS of its own errors on the test set in J, None
        without one.
    couplings : dict, optional
        See `read_couplings`.
    bonds : BondEnergy, optional
        The direct estimate of a glass.
    checks : list of Check
        Tests of learned energies against snapshots.
    diagnosis : list of str
        What the snapshots themselves tell against the job.
    learned_from : int
        Observations that learners see.
    calibrations : dict of str to dict
        Of each network that was calibrated; see `results.read_calibration`.
    """

    observed: dict
    sweeps: dict
    energies: dict = field(default_factory=dict)
    errors: dict = field(default_factory=dict)
    histories: dict = field(default_factory=dict)
    local: dict | None = None
    direct: dict = field(default_factory=dict)
    couplings: dict | None = None
    bonds: BondEnergy | None = None
    checks: list = field(default_factory=list)
    diagnosis: list = field(default_factory=list)
    learned_from: int = 0
    calibrations: dict = field(default_factory=dict)


def read_system(run) -> System:
    """Read the files of a run, all of them complete."""
    job = run.job
    found = {"observed": results.read_observed(run.path("observe")), "sweeps": sweeps.sweep_tables(run)}
    if job.compares:
        found |= _evaluation(run)
    if job.uses_ednn:
        found["local"] = results.read_local_energy(run.path("ednn"))
    if job.direct and job.direct.methods and job.compares:
        found["direct"] = results.read_direct(run.path("evaluate"))
    if job.uses_direct:
        error = results.read_direct_error(run.path("evaluate")) if job.compares else None
        own = results.read_local_energy(run.path("direct"))
        found["direct"] = found.get("direct", {}) | {own["method"]: (own["interactions"], error)}
        found["bonds"] = read_bonds(run) if job.is_glass else None
    trained = [name for name in job.learned if job.is_trained(name)]
    found["histories"] = {name: results.read_history(run.path(name)) for name in trained}
    calibrated = {name: calibrate_name(name) for name in job.learned if job.calibrates(name)}
    found["calibrations"] = {n: results.read_calibration(run.path(file)) for n, file in calibrated.items()}
    found |= {"checks": explanation.read_checks(run), "diagnosis": warnings(run)}
    with observed_rows(run.path("observe"), job.held_out) as rows:
        found["learned_from"] = rows.n
    return System(**found)


def _evaluation(run) -> dict:
    """What the test set tells."""
    path = run.path("evaluate")
    (energies, width), ladder = results.read_evaluation(path), results.read_test_ladders(path)
    others = [name for name in energies if name != "true"]
    if not run.job.has_truth:
        return {"energies": energies}
    return {
        "energies": energies,
        "errors": {
            name: tables.energy_errors(energies[name], energies["true"], width, ladder) for name in others
        },
        "couplings": read_couplings(path),
    }


def numbers(run, system: System) -> dict:
    """What summary.json tells of a system, but where it comes from."""
    job = run.job
    others = {name: _accuracy(system, name) or None for name in LEARNED}
    return others | {
        "name": job.name if run.realization is None else f"{job.name}, realization {run.realization}",
        "temperature": job.observe.temperature,
        "truth": job.has_truth,
        "units": asdict(job.units),
        "agreement": [] if job.has_truth else _agreement(job, system),
        "rnn": _rnn(system),
        "ednn": None if system.local is None else _accuracy(system, "ednn") | system.local,
        "direct": _direct(job, system),
        "calibration": {
            name: found | {"as_trained": _accuracy(system, plain(name))}
            for name, found in system.calibrations.items()
        },
        "levels": {name: _levels(errors) for name, errors in system.errors.items() if name in NETWORKS},
        "couplings": _couplings(job, system),
        "compositions": law.compositions(run),
        "explanation": [
            explanation.summarized(check, system.diagnosis, _form(job)) for check in system.checks
        ],
        "diagnosis": system.diagnosis,
        "sweeps": sweeps.summarized(system.sweeps),
    }


def _form(job) -> str:
    """See `explanation.summarized`."""
    if job.has_truth:
        return "known"
    return "bonds" if job.is_glass else "alike" if job.hamiltonian.n_states == 2 else "known"


def _accuracy(system, name: str) -> dict:
    """Errors of an energy on the test set."""
    if name not in system.errors:
        return {}
    return {key: system.errors[name][key] for key in ("rmse", "rmse_error", "slope", "slope_error")}


def _levels(errors: dict) -> dict:
    """Errors of an energy on each level of the true one, in J, about their mean."""
    return {key: errors[key] for key in ("level", "bias", "spread", "level_rmse")}


def _rnn(system) -> dict | None:
    if "rnn" not in system.errors:
        return None
    history = system.histories["rnn"]
    best, kl = int(np.argmin(history["validation"])), history.get("excess")
    return _accuracy(system, "rnn") | {"kl": None if kl is None else float(kl[best])}


def _direct(job, system) -> dict | None:
    if not job.direct:
        return None
    own = job.direct.method if job.uses_direct else None
    found = {
        name: _accuracy(system, "direct" if name == own else f"direct_{name}")
        | {"predicted_error": predicted, "interactions": interactions}
        for name, (interactions, predicted) in system.direct.items()
    }
    if system.bonds:
        found["bonds"] |= bonds.numbers(system.bonds, job.build_lattice())
    return {"samples": min(job.direct.samples, system.learned_from)} | found


def _agreement(job, system) -> list[dict]:
    """How far the energies of an unknown system agree; see `agreement`."""
    titles = {name: ENERGIES[name].title for name in job.learned}
    if job.direct:
        own = job.direct.method if job.uses_direct else None
        titles |= {f"direct_{name}": name for name in job.direct.methods if name != own}
    return agreement({titles[name]: system.energies[name] for name in titles if name in system.energies})


def _couplings(job, system) -> dict | None:
    if not system.couplings:
        return None
    bond, true, found = (system.couplings[key] for key in ("bond", "true", "recovered"))
    return {name: recovery.coupling_errors(bond, true, found[name]) for name in job.learned}
