"""Write the report of a run: one page, its figures, and summary.json."""

import time

from ..energy.factory import LEARNED
from ..job.units import PHYSICAL
from ..pipeline.context import Context
from ..pipeline.lineage import report_inputs


def report(context: Context, output: str) -> None:
    """Write the report of a system from all its results, unless it is current; rank 0 works."""
    from .page import renew

    renew(context, output, write_report, headline)


def write_report(run) -> None:
    """Collect results, draw figures, write summary.json and index.html."""
    from . import gallery, page
    from .system import numbers, read_system

    started, inputs = time.monotonic(), report_inputs(run)
    folder = run.root / "report"
    folder.mkdir(parents=True, exist_ok=True)
    system = read_system(run)
    summary = numbers(run, system)
    pictures = gallery.draw(folder, run.job, system, summary)
    if run.realization is not None:  # for the figure of all of them
        curve = system.sweeps[tuple(run.job.lattice.shape)][0]["exact_curve"]
        summary["exact_curve"] = {name: curve[name] for name in ("temperature", "u", "c")}
    summary["observations"] = system.observed
    summary |= _origin(run) | {"inputs": inputs}
    summary["wall_seconds"]["report"] = time.monotonic() - started
    page.publish(run, summary, pictures, _description(run.job, system.observed))


def _origin(run) -> dict:
    """What each file has taken, and the commit of the program that made it."""
    from ..storage import results

    return {
        "wall_seconds": {name: run.state(name).progress.seconds for name in run.data},
        "commits": {name: results.read_commit(run.path(name)) for name in run.data},
    }


def _description(job, observed) -> str:
    from .lattices import in_words

    if observed["source"]:
        origin = f"imported from {observed['source']}; autocorrelation time "
        origin += f"{observed['autocorrelation_time']:.2f} configurations"
        if observed["incomplete"]:
            origin += f"; in {observed['incomplete']:,} of them atoms are lost"
    else:
        origin = f"one every {observed['thin']} sweeps of a chain; autocorrelation time "
        origin += f"{observed['autocorrelation_time']:.2f} sweeps"
    if not job.has_truth:
        model = f"an unknown system with {job.hamiltonian.n_states} states a site"
        unit = (
            f"observed at T_o = {job.observe.temperature:g} only"
            if job.units == PHYSICAL
            else "observed at one temperature T_o only; energies are in k_B T_o, temperatures in T_o"
        )
        where = in_words(job.build_lattice())
        return (
            f"{observed['samples']:,} configurations of {model} on the {where}, {unit} ({origin}). "
            "There is nothing to compare with but the snapshots."
        )
    model = job.hamiltonian.kind.replace("_", "-").title() + " model"
    if job.is_glass and isinstance(job.hamiltonian.couplings, str):
        model += f" with {job.hamiltonian.couplings} couplings"
    return (
        f"{observed['samples']:,} configurations of the {model} on "
        f"the {in_words(job.build_lattice())}, observed at T = {job.observe.temperature} only ({origin}). "
        "The learners saw no energy and no Hamiltonian."
    )


def headline(summary: dict) -> str:
    """The table that ends a run, as text."""
    from . import bonds, uncertainty
    from .recovery import in_words
    from .sweeps import peak, size, warnings

    energy, temperature = summary["units"]["energy"], summary["units"]["temperature"]
    lines = []
    for row in (summary["ednn"] or {}).get("search", []):
        chosen = "  <- chosen" if row["context"] == summary["ednn"]["context"] else ""
        lines.append(
            f"  context {row['context']}: held-out loss {row['loss']:.5f} +- {row['loss_error']:.5f}{chosen}"
        )
    for name in LEARNED:
        if "rmse" in (summary[name] or {}):
            kl = summary[name].get("kl")
            lines.append(
                f"  {name.upper():<5} RMSE over all energy levels {_number(summary[name], 'rmse', 3)} J, "
                f"slope {_number(summary[name], 'slope', 4)}"
                + (f", KL {kl:.4f} nats" if kl is not None else "")
            )
    for name, found in (summary["couplings"] or {}).items():
        lines.append(f"  {name.upper():<5} couplings recovered: {in_words(found)}")
    for name, found in (summary["direct"] or {}).items():
        if name == "samples":
            continue
        origin = f"  {name} directly from {summary['direct']['samples']} observations: "
        if "rmse" in found:
            lines.append(
                f"{origin}RMSE {_number(found, 'rmse', 3)} J (from its own errors "
                f"{found['predicted_error']:.3f}), slope {_number(found, 'slope', 4)}"
            )
        elif "bonds" in found:
            lines.append(origin + bonds.in_words(found, energy))
        else:
            lines.append(f"{origin}{len(found['interactions'])} interactions")
    lines += [
        f"  {row['first']} and {row['second']}: difference of energies {row['rms']:.3f} {energy} (RMS)"
        + ("" if row["correlation"] is None else f", correlation {row['correlation']:.4f}")
        for row in summary["agreement"]
    ]
    for sweep in summary["sweeps"]:
        if not summary["truth"] and sweep["c_peak"]:
            height, t = peak(sweep)
            per = f"({temperature})" if "/" in temperature else temperature
            lines.append(
                f"  {sweep['energy']:<6} {size(sweep):>7}  largest specific heat in k_B per site {height}, "
                f"at T / {per} = {t}"
            )
        if sweep["max_abs_du"] is not None:
            lines.append(
                f"  {sweep['energy']:<5} {size(sweep):>7}  largest |u - exact| "
                f"{sweep['max_abs_du']:.4f} J per site at T = {sweep['t_at_max']:.2f}"
            )
    lines += [f"  {test['sentence']}" for test in summary.get("explanation", [])]
    told = (*warnings(summary["sweeps"]), *uncertainty.warnings(summary["sweeps"]))
    lines += [f"  warning: {text}" for text in (*summary.get("diagnosis", []), *told)]
    return "\n".join(lines)


def _number(found: dict, name: str, digits: int) -> str:
    """A number with its error, if it has one."""
    error = found.get(f"{name}_error")
    return f"{found[name]:.{digits}f}" + ("" if error is None else f" +- {error:.{digits}f}")
