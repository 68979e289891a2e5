"""Write the report of a run: one page, its figures, and summary.json."""

import time

import numpy as np

from ..cluster import mpi
from ..physics import exact
from ..pipeline.context import Context
from ..pipeline.stages import sweep_name, sweep_of
from ..sampling.tempering import communication_barrier
from ..storage.documents import read_json


def report(context: Context, output: str) -> None:
    """Write the report of a system from all its results, unless it is current; rank 0 works."""
    run = context.run
    if context.update or not mpi.on_root(context.comm, run.state, output).current:
        mpi.on_root(context.comm, write_report, run)
    context.log(f"report: {run.root / 'report' / 'index.html'}")
    if context.comm.rank == 0:
        context.log(headline(read_json(run.path(output))))


def write_report(run) -> None:
    """Collect results, draw figures, write summary.json and index.html."""
    from ..storage import results
    from ..storage.evaluation import read_couplings
    from . import figures, page, recovery, tables

    started = time.monotonic()
    job = run.job
    inputs = run.report_inputs()
    for name in run.data:
        run.require(name)
    folder = run.root / "report"
    folder.mkdir(parents=True, exist_ok=True)
    observed = results.read_observed(run.path("observe"))
    summary = {
        "name": job.name if run.realization is None else f"{job.name}, realization {run.realization}",
        "temperature": job.observe.temperature,
        "rnn": None,
        "ednn": None,
        "direct": None,
        "couplings": None,
    }
    pages = []

    def add(name, title, caption, figure):
        pages.append(page.save(folder / f"{name}.png", title, caption, figure))

    errors, histories = {}, {}
    if job.compares:
        energies, width = results.read_evaluation(run.path("evaluate"))
        for name in [name for name in ("rnn", "ednn") if name in energies]:
            if run.job.is_trained(name):
                histories[name] = results.read_history(run.path(name))
            errors[name] = tables.energy_errors(energies[name], energies["true"], width)
            summary[name] = {"rmse": errors[name]["rmse"], "slope": errors[name]["slope"]}
    if summary["rnn"]:
        best = int(np.argmin(histories["rnn"]["validation"]))
        kl = histories["rnn"].get("excess")
        summary["rnn"]["kl"] = None if kl is None else float(kl[best])
    if job.uses_ednn:
        summary["ednn"] |= results.read_local_energy(run.path("ednn"))
    if job.direct:
        estimates = results.read_direct(run.path("evaluate"))
        summary["direct"] = {"samples": min(job.direct.samples, observed["samples"])}
        for name, (interactions, predicted) in estimates.items():
            found = tables.energy_errors(energies[f"direct_{name}"], energies["true"], width)
            found = {"rmse": found["rmse"], "slope": found["slope"], "predicted_error": predicted}
            summary["direct"][name] = found | {"interactions": interactions}
    by_shape = _sweep_tables(run, tables, results)
    summary["sweeps"] = [
        {key: value for key, value in sweep.items() if not key.endswith("curve")}
        | {"c_peak": sweep["curve"] and sweep["curve"]["c_peak"]}
        for sweeps in by_shape.values()
        for sweep in sweeps
    ]
    shape = tuple(job.lattice.shape)
    add(
        "headline", "Prediction from one temperature",
        "Energy and specific heat per site; symbols: Metropolis with the learned energies; line: exact; "
        "dashed: the temperature of the observations.",
        figures.headline(by_shape, shape, job.observe.temperature),
    )  # fmt: skip
    if errors:
        add(
            "energies", "Predicted against true energy",
            "Test set with the same number of configurations of every energy level; both energies "
            "relative to their mean.",
            figures.predicted_energies(energies, errors),
        )  # fmt: skip
        add(
            "levels", "Errors by energy level",
            "Root mean square error, and bias with spread; a straight line through the bias is an error "
            "of slope, which shifts the temperature axis.",
            figures.errors_by_level(errors),
        )  # fmt: skip
    if job.compares and (recovered := read_couplings(run.path("evaluate"))):
        bond, true, found = (recovered[key] for key in ("bond", "true", "recovered"))
        summary["couplings"] = {
            name: recovery.coupling_errors(bond, true, found[name]) for name in job.learned
        }
        add(
            "couplings", "Recovered couplings",
            "From energies of random configurations with one and two spins flipped; bars: standard error, "
            "due to what is not pairwise in the learned energy.",
            recovery.recovered_couplings(bond, true, found, summary["couplings"]),
        )  # fmt: skip
    if histories:
        add(
            "learning", "Learning curves",
            "KL divergence: mean excess of -ln P over the exact value on held-out observations.",
            figures.learning_curves(histories, job.ednn.fit),
        )  # fmt: skip
    for other, sweeps in by_shape.items():
        size = "x".join(map(str, other))
        add(
            f"thermodynamics_{size}", f"Thermodynamics, {size}",
            "Error bars: jackknife over blocks longer than the autocorrelation time. The additive constant "
            "of learned energies is fixed at infinite temperature.",
            figures.thermodynamics(
                sweeps, job.observe.temperature, lowest=sweeps[0]["u_ground"] if job.is_glass else None
            ),
        )  # fmt: skip
        if overlap := {s["energy"]: s["overlap"] for s in sweeps if s["overlap"]}:
            add(
                f"overlaps_{size}", f"Overlaps of replicas, {size}",
                "Overlap of independent replicas at equal temperatures; bands and bars: jackknife error.",
                figures.overlaps(overlap),
            )  # fmt: skip
    if run.realization is not None:  # for the figure of all of them
        curve = by_shape[shape][0]["exact_curve"]
        summary["exact_curve"] = {name: curve[name] for name in ("temperature", "u", "c")}
    summary["observations"] = observed
    summary["wall_seconds"] = {name: run.state(name).progress.seconds for name in run.data}
    summary["wall_seconds"]["report"] = time.monotonic() - started
    summary["commits"] = {name: results.read_commit(run.path(name)) for name in run.data}
    summary["inputs"] = inputs
    page.publish(run, summary, pages, _description(job, observed))


def _sweep_tables(run, tables, results) -> dict:
    by_shape, job = {}, run.job
    for name in run.data:
        if run.stage(name).name == "sweep":
            energy, shape = sweep_of(name)
            by_shape.setdefault(shape, []).append(energy)
    for shape, energies in by_shape.items():
        hamiltonian = job.build_hamiltonian(shape)
        ladder = job.sweep.listed
        fine = np.linspace(ladder[0], ladder[-1], 121)
        curve = {"temperature": fine.tolist(), **tables.exact_table(hamiltonian, fine, 1e-4)}
        reference = tables.exact_table(hamiltonian, ladder)
        ground, n_sites = exact.ground_state_energy(hamiltonian), hamiltonian.lattice.n_sites
        by_shape[shape] = []
        for energy in energies:
            series = results.read_sweep(run.path(sweep_name(energy, shape)))
            # learned energies are zero at infinite temperature by convention
            offset = 0.0 if energy == "true" else hamiltonian.mean_energy / n_sites
            table = tables.sweep_table(series, n_sites, offset)
            worst, at = tables.largest_error(table, reference)
            by_shape[shape].append(
                {
                    "energy": energy,
                    "shape": list(shape),
                    **table,
                    "u_exact": reference["u"],
                    "c_exact": reference["c"],
                    "u_ground": None if ground is None else ground / n_sites,
                    "overlap": tables.overlap_table(series, n_sites),
                    "exchange": _exchange(series) if job.sweep.exchange else None,
                    "max_abs_du": worst,
                    "t_at_max": at,
                    "exact_curve": curve,
                    "curve": tables.reweighted_curve(series, fine, n_sites, offset),
                }
            )
    return by_shape


def _exchange(series) -> dict:
    """How replica exchange went."""
    return {
        "ladder": series.temperature.tolist(),
        "acceptance": series.acceptance.tolist(),
        "communication_barrier": communication_barrier(series.acceptance),
        "round_trips": series.round_trips,
        "sweeps": series.energy.shape[2],
        "replicas": series.energy.shape[1] * len(series.temperature),
    }


def _description(job, observed) -> str:
    lattice = "x".join(map(str, job.lattice.shape))
    if observed["source"]:
        origin = f"imported from {observed['source']}; autocorrelation time "
        origin += f"{observed['autocorrelation_time']:.2f} configurations"
    else:
        origin = f"one every {observed['thin']} sweeps of a chain; autocorrelation time "
        origin += f"{observed['autocorrelation_time']:.2f} sweeps"
    model = job.hamiltonian.kind.replace("_", "-").title() + " model"
    if job.is_glass and isinstance(job.hamiltonian.couplings, str):
        model += f" with {job.hamiltonian.couplings} couplings"
    return (
        f"{observed['samples']:,} configurations of the {model} on "
        f"the {lattice} lattice, observed at T = {job.observe.temperature} only ({origin}). "
        "The learners saw no energy and no Hamiltonian."
    )


def headline(summary: dict) -> str:
    """The table that ends a run, as text."""
    from .recovery import in_words

    lines = []
    for row in (summary["ednn"] or {}).get("search", []):
        chosen = "  <- chosen" if row["context"] == summary["ednn"]["context"] else ""
        lines.append(
            f"  context {row['context']}: held-out loss {row['loss']:.5f} +- {row['loss_error']:.5f}{chosen}"
        )
    for name in ("rnn", "ednn"):
        if summary[name]:
            kl = summary[name].get("kl")
            lines.append(
                f"  {name.upper():<5} RMSE over all energy levels {summary[name]['rmse']:.3f} J, slope "
                f"{summary[name]['slope']:.4f}" + (f", KL {kl:.4f} nats" if kl is not None else "")
            )
    for name, found in (summary["couplings"] or {}).items():
        lines.append(f"  {name.upper():<5} couplings recovered: {in_words(found)}")
    for name, found in (summary["direct"] or {}).items():
        if name != "samples":
            lines.append(
                f"  {name} directly from {summary['direct']['samples']} observations: "
                f"RMSE {found['rmse']:.3f} J (from its own errors {found['predicted_error']:.3f}), "
                f"slope {found['slope']:.4f}"
            )
    for sweep in summary["sweeps"]:
        if sweep["max_abs_du"] is not None:
            lines.append(
                f"  {sweep['energy']:<5} {'x'.join(map(str, sweep['shape'])):>7}  largest |u - exact| "
                f"{sweep['max_abs_du']:.4f} J per site at T = {sweep['t_at_max']:.2f}"
            )
    return "\n".join(lines)
