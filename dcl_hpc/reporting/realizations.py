"""Report of an ensemble: averages over its realizations and their errors, in one page and summary.json."""

import time

import numpy as np

from ..cluster import mpi
from ..errors import UserError
from ..pipeline.context import Context
from ..storage.documents import read_json

NETWORKS = ("rnn", "ednn")


def report_ensemble(context: Context) -> None:
    """Write the report from those of all realizations; rank 0 works, the others wait."""
    mpi.on_root(context.comm, write_report, context.run)
    if others := mpi.on_root(context.comm, _others, context.run):
        context.log(f"report: not in this job and left out: {', '.join(others)}")
    folder = context.run.root / "report"
    context.log(f"report: {folder / 'index.html'}")
    if context.comm.rank == 0:
        context.log(headline(read_json(folder / "summary.json")))


def write_report(run) -> None:
    """Join the realizations' files, average over them, draw figures, write summary.json and index.html."""
    from ..storage.realizations import link
    from . import disorder, figures, page, realization_figures

    started, inputs = time.monotonic(), run.report_inputs()
    members = [_summary(member) for member in run.realizations]
    link(run)
    folder = run.root / "report"
    folder.mkdir(exist_ok=True)
    recovered = _couplings(run)
    summary = _numbers(run, members, recovered) | {"inputs": inputs}
    pages = []

    def add(name, title, caption, figure):
        pages.append(page.save(folder / f"{name}.png", title, caption, figure))

    ground = summary["u_ground"]["value"]
    add(
        "thermodynamics", "Averages over realizations",
        "Symbols: averages over realizations with their standard error; thin lines: exact, of each "
        "realization; dashed: the temperature of the observations.",
        realization_figures.averages(summary["sweeps"], _curves(members), summary["temperature"], ground),
    )  # fmt: skip
    percent = {
        sweep["energy"]: disorder.relative(*_energies(members, sweep["energy"]))
        for sweep in summary["sweeps"]
        if sweep["errors"] and sweep["energy"] in NETWORKS
    }
    if percent:
        add(
            "errors", "Errors of the energy over realizations",
            "Boxes: quartiles and median; whiskers: smallest and largest; points: single realizations.",
            realization_figures.relative_errors(percent, summary["sweeps"][0]["temperature"]),
        )  # fmt: skip
    if overlaps := {s["energy"]: _flat(s["overlap"]) for s in summary["sweeps"] if s["overlap"]}:
        add(
            "overlaps", "Overlaps of replicas",
            "Averages over realizations; bands and bars: standard error. Binder parameter "
            "(3 - [<q^4>]/[<q^2>]^2)/2, where [ ] is the average over realizations.",
            figures.overlaps(overlaps),
        )  # fmt: skip
    if recovered:
        true, found = recovered
        add(
            "couplings", "Recovered couplings",
            "All bonds of all realizations.",
            realization_figures.recovered_couplings(
                true, {name: item["value"] for name, item in found.items()},
                {name: item["all"] for name, item in summary["couplings"].items()},
            ),
        )  # fmt: skip
    stages = members[0]["wall_seconds"]
    summary["wall_seconds"] = {
        stage: sum(member["wall_seconds"][stage] for member in members) for stage in stages
    }
    summary["wall_seconds"]["report"] += time.monotonic() - started
    page.publish(run, summary, pages, _description(run), "realizations.html")


def _others(run) -> list[str]:
    """Folders of realizations that are not in this job."""
    own = {member.root for member in run.realizations}
    return sorted(folder.name for folder in run.root.glob("realization_*") if folder not in own)


def _summary(run) -> dict:
    """Report of one realization."""
    state = run.state("report")
    if not state.current:
        reason = "is out of date" if state.problem else "does not exist"
        raise UserError(
            f"realization {run.realization}: its report {reason}; first run: "
            f"python -m dcl_hpc.report {run.job_path}"
        )
    return read_json(run.path("report"))


def _couplings(run) -> tuple[np.ndarray, dict] | None:
    """True couplings of all bonds of all realizations and what each energy makes of them, in J."""
    from ..storage.evaluation import read_couplings

    if not run.job.compares:
        return None
    parts = [read_couplings(member.path("evaluate")) for member in run.realizations]
    if any(part is None for part in parts):
        return None
    bonds = [part["bond"] for part in parts]
    true = np.concatenate([part["true"][bond] for part, bond in zip(parts, bonds, strict=True)])
    found = {}
    for name in [name for name in NETWORKS if name in parts[0]["recovered"]]:
        each = [part["recovered"][name] for part in parts]
        found[name] = {
            what: np.concatenate([item[what][bond] for item, bond in zip(each, bonds, strict=True)])
            for what in ("value", "error")
        } | {"field": np.concatenate([item["field"] for item in each])}
    return true, found


def _numbers(run, members: list[dict], recovered) -> dict:
    """What is in summary.json but where it comes from; see `disorder` for averages."""
    from . import disorder
    from .recovery import coupling_errors

    average = disorder.average
    summary = {
        "name": run.job.name,
        "temperature": run.job.observe.temperature,
        "realizations": [member.realization for member in run.realizations],
        "u_ground": average([member["sweeps"][0]["u_ground"] for member in members]),
        "direct": None,
        "couplings": None,
    }
    for name in NETWORKS:
        each = [member[name] for member in members]
        known = [key for key in ("kl", "rmse", "slope") if all(each) and key in each[0]]
        summary[name] = {key: average([row[key] for row in each]) for key in known} or None
    if recovered:
        true, found = recovered
        summary["couplings"] = {
            name: {
                "all": coupling_errors(np.ones(len(true), bool), true, found[name]),
                **{
                    key: average([member["couplings"][name][key] for member in members])
                    for key in ("correlation", "slope", "rmse")
                },
            }
            for name in found
        }
    exact = {name: [member["sweeps"][0][f"{name}_exact"] for member in members] for name in ("u", "c")}
    temperatures = members[0]["sweeps"][0]["temperature"]
    summary["exact"] = {"temperature": temperatures} | {name: average(rows) for name, rows in exact.items()}
    summary["sweeps"] = []
    for position, sweep in enumerate(members[0]["sweeps"]):
        each = [member["sweeps"][position] for member in members]
        overlap = [row["overlap"] for row in each]
        summary["sweeps"].append(
            {
                "energy": sweep["energy"],
                "shape": sweep["shape"],
                "temperature": temperatures,
                **{name: average([row[name] for row in each]) for name in ("u", "c")},
                "overlap": disorder.overlaps(overlap) if all(overlap) else None,
                "errors": disorder.deviations(*_energies(members, sweep["energy"])),
            }
        )
    summary["members"] = [
        _row(number, member) for number, member in zip(summary["realizations"], members, strict=True)
    ]
    return summary


def _energies(members: list[dict], energy: str) -> tuple[list, list]:
    """Energy per site by a sweep and exactly, (n_realizations, n_temperatures), in J."""
    rows = [next(s for s in member["sweeps"] if s["energy"] == energy) for member in members]
    return [row["u"] for row in rows], [row["u_exact"] for row in rows]


def _row(number: int, member: dict) -> dict:
    """What is told of one realization."""
    row = {"realization": number, "u_ground": member["sweeps"][0]["u_ground"]}
    row |= {name: member[name] for name in NETWORKS}
    row["couplings"] = {
        name: {key: found[key] for key in ("correlation", "slope", "rmse")}
        for name, found in (member["couplings"] or {}).items()
    }
    row["worst"] = {
        sweep["energy"]: {"du": sweep["max_abs_du"], "temperature": sweep["t_at_max"]}
        for sweep in member["sweeps"]
    }
    return row


def _curves(members: list[dict]) -> dict | None:
    """Exact u and c of every realization; None where no method fits."""
    curves = [member["exact_curve"] for member in members]
    if any(curve["u"][0] is None for curve in curves):
        return None
    columns = {name: np.array([curve[name] for curve in curves]) for name in ("u", "c")}
    return {"temperature": curves[0]["temperature"], **columns}


def _flat(overlap: dict) -> dict:
    """Averages of overlaps in the form of a single system's table."""
    flat = {name: overlap[name] for name in ("temperature", "q")}
    for name in ("distribution", "binder"):
        flat |= {name: overlap[name]["value"], f"{name}_error": overlap[name]["error"]}
    return flat


def _description(run) -> str:
    job = run.job
    lattice = "x".join(map(str, job.lattice.shape))
    return (
        f"{_count(len(run.realizations))} of the Edwards-Anderson model with {job.hamiltonian.couplings} "
        f"couplings on the {lattice} lattice, each observed at T = {job.observe.temperature} only and "
        "learned on its own."
    )


def headline(summary: dict) -> str:
    """The table that ends a run, as text."""
    from .recovery import in_words

    lines = [f"  {_count(len(summary['realizations']))}"]
    if summary["u_ground"]["value"] is not None:
        lines[0] += f", ground-state energy per site {_text(summary['u_ground'], 4)} J"
    for name in NETWORKS:
        if found := summary[name]:
            kl = found.get("kl", {"value": None})
            lines.append(
                f"  {name.upper():<5} RMSE over all energy levels {_text(found['rmse'], 3)} J, slope "
                f"{_text(found['slope'], 4)}"
                + (f", KL {_text(kl, 4)} nats" if kl["value"] is not None else "")
            )
    for name, item in (summary["couplings"] or {}).items():
        lines.append(f"  {name.upper():<5} couplings of all realizations: {in_words(item['all'])}")
    for sweep in summary["sweeps"]:
        if errors := sweep["errors"]:
            worst, k = int(np.argmax(errors["largest"])), int(np.argmax(errors["rms"]["value"]))
            rms = {end: numbers[k] for end, numbers in errors["rms"].items()}
            lines.append(
                f"  {sweep['energy']:<5} |u - exact|: RMS over realizations up to {_text(rms, 4)} J at "
                f"T = {sweep['temperature'][k]:.2f}, largest {errors['largest'][worst]:.4f} at "
                f"T = {sweep['temperature'][worst]:.2f}, realization "
                f"{summary['realizations'][errors['largest_of'][worst]]}"
            )
    return "\n".join(lines)


def _count(n: int) -> str:
    return f"{n} realization{'s' * (n > 1)}"


def _text(found: dict, digits: int) -> str:
    """A number with its error."""
    error = "" if found["error"] is None else f" +- {found['error']:.{digits}f}"
    return f"{found['value']:.{digits}f}{error}"
