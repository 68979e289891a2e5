"""Report of an ensemble: averages over its realizations and their errors, in one page and summary.json."""

import time

import numpy as np

from ..cluster import mpi
from ..energy.factory import LEARNED
from ..pipeline.context import Context
from ..pipeline.lineage import report_inputs
from ..storage.documents import read_json


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
    from . import page
    from .ensemble import numbers, read_ensemble

    started, inputs = time.monotonic(), report_inputs(run)
    ensemble = read_ensemble(run)
    joined = link(run)
    folder = run.root / "report"
    folder.mkdir(exist_ok=True)
    summary = numbers(run, ensemble) | {"inputs": inputs}
    pictures = _draw(folder, ensemble, summary)
    stages = ensemble.members[0]["wall_seconds"]
    summary["wall_seconds"] = {
        stage: sum(member["wall_seconds"][stage] for member in ensemble.members) for stage in stages
    }
    summary["wall_seconds"]["report"] += time.monotonic() - started
    page.publish(run, summary, pictures, _description(run), "realizations.html", (joined,))


def _draw(folder, ensemble, summary: dict) -> list:
    """All figures of an ensemble, in the order of the page."""
    from . import disorder, figures, page, realization_figures

    pages = [
        page.save(
            folder / "thermodynamics.png", "Averages over realizations",
            "Symbols: averages over realizations with their standard error; thin lines: exact, of each "
            "realization; dashed: the temperature of the observations.",
            realization_figures.averages(
                summary["sweeps"], ensemble.exact_curves(), summary["temperature"],
                summary["u_ground"]["value"],
            ),
        )
    ]  # fmt: skip
    percent = {
        sweep["energy"]: disorder.relative(*ensemble.energies(sweep["energy"]))
        for sweep in summary["sweeps"]
        if sweep["errors"] and sweep["energy"] in LEARNED
    }
    if percent:
        pages.append(
            page.save(
                folder / "errors.png", "Errors of the energy over realizations",
                "Boxes: quartiles and median; whiskers: smallest and largest; points: single realizations.",
                realization_figures.relative_errors(percent, summary["sweeps"][0]["temperature"]),
            )
        )  # fmt: skip
    if overlaps := {s["energy"]: _flat(s["overlap"]) for s in summary["sweeps"] if s["overlap"]}:
        pages.append(
            page.save(
                folder / "overlaps.png", "Overlaps of replicas",
                "Averages over realizations; bands and bars: standard error. Binder parameter "
                "(3 - [<q^4>]/[<q^2>]^2)/2, where [ ] is the average over realizations.",
                figures.overlaps(overlaps),
            )
        )  # fmt: skip
    if ensemble.couplings:
        true, found = ensemble.couplings
        pages.append(
            page.save(
                folder / "couplings.png", "Recovered couplings", "All bonds of all realizations.",
                realization_figures.recovered_couplings(
                    true, {name: item["value"] for name, item in found.items()},
                    {name: item["all"] for name, item in summary["couplings"].items()},
                ),
            )
        )  # fmt: skip
    return pages


def _flat(overlap: dict) -> dict:
    """Averages of overlaps in the form of a single system's table."""
    flat = {name: overlap[name] for name in ("temperature", "q")}
    for name in ("distribution", "binder"):
        flat |= {name: overlap[name]["value"], f"{name}_error": overlap[name]["error"]}
    return flat


def _others(run) -> list[str]:
    """Folders of realizations that are not in this job."""
    own = {member.root for member in run.realizations}
    return sorted(folder.name for folder in run.root.glob("realization_*") if folder not in own)


def _description(run) -> str:
    from .lattices import in_words

    job = run.job
    lattice = in_words(job.build_lattice())
    return (
        f"{_count(len(run.realizations))} of the Edwards-Anderson model with {job.hamiltonian.couplings} "
        f"couplings on the {lattice}, each observed at T = {job.observe.temperature} only and "
        "learned on its own."
    )


def headline(summary: dict) -> str:
    """The table that ends a run, as text."""
    from .recovery import in_words
    from .sweeps import warnings

    lines = [f"  {_count(len(summary['realizations']))}"]
    if summary["u_ground"]["value"] is not None:
        lines[0] += f", ground-state energy per site {_text(summary['u_ground'], 4)} J"
    for name in LEARNED:
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
    lines += [f"  warning: {text}" for text in warnings(summary["sweeps"], len(summary["realizations"]))]
    return "\n".join(lines)


def _count(n: int) -> str:
    return f"{n} realization{'s' * (n > 1)}"


def _text(found: dict, digits: int) -> str:
    """A number with its error."""
    error = "" if found["error"] is None else f" +- {found['error']:.{digits}f}"
    return f"{found['value']:.{digits}f}{error}"
