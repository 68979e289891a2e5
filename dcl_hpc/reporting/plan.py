"""How much data is enough: the error of a prediction by number of snapshots and where they are taken."""

import re
import zlib
from pathlib import Path

import numpy as np
from matplotlib.ticker import NullFormatter

from ..cluster import mpi
from ..errors import UserError
from ..inference.estimate import described, estimate
from ..inference.local_energy import LocalEnergy
from ..inference.planning import Predictions, error, simulate, snapshot_covariance
from ..job import defaults
from ..job.learners import Direct
from ..job.units import Units
from ..physics.shape import Shape
from ..pipeline.context import Context
from ..pipeline.provenance import provenance
from ..pipeline.run import Run
from ..storage.documents import read_json, write_bytes, write_json
from ..storage.identity import Damaged
from ..storage.observations import Observations, observed_rows
from . import figures
from .exact_values import parse_shape

# Temperatures of observation to compare, from and to multiples of that of the prediction.
DESIGNS, COLDEST, HOTTEST = 11, 1 / 8, 4.0
# Share of snapshots that another temperature has to save to be worth telling.
WORTH = 0.1
QUANTITIES = {"u": "energy per site", "tc": "temperature of the largest specific heat"}


def show(context: Context, options) -> None:
    """Print the plan and write it to the run's folder plan; rank 0 works, the others wait."""
    mpi.on_root(context.comm, _show, context, options)


def _show(context: Context, options) -> None:
    run, folder = context.run, context.run.root / "plan"
    _check(run, options)
    _refuse_foreign(folder)

    def on_sweep():
        context.stop.check(mpi.alone())

    shape = parse_shape(options.shape, run.job) if options.shape else Shape(run.job.lattice.shape)
    found = plan(run, options.of, options.error, options.at, shape, options.samples, context.log, on_sweep)
    context.log(as_text(found))
    write_bytes(folder / "plan.png", figures.png(draw(found, run.job.units)))
    about = {"stage": "plan", "about": "predicted standard errors; see docs/unknown.md"}
    origin = {key: provenance()[key] for key in ("creator", "git_commit")}
    write_json(folder / "plan.json", about | found | origin | {"job": run.job.model_dump(mode="json")})
    context.log(f"plan: {folder / 'plan.json'}, plan.png")


def _check(run: Run, options) -> None:
    """Raise UserError if there is nothing to plan, or arguments are wrong."""
    if run.job.is_glass:
        raise UserError("plan: the couplings of a glass differ from bond to bond; plans are for one law")
    for name in ("error", "at", "samples"):
        value = getattr(options, name)
        if value is not None and not 0 < value < np.inf:
            raise UserError(f"--{name} {value}: give a positive number")
    if options.of == "tc" and options.at is not None:
        raise UserError("--at goes with --of u; the peak is looked for among sweep.temperatures")


def _refuse_foreign(folder: Path) -> None:
    """Raise UserError if files are in the way that this command has not written."""
    path = folder / "plan.json"
    try:
        own = read_json(path).get("stage") == "plan"
    except FileNotFoundError:
        own = not (folder / "plan.png").exists()
    except Damaged:
        own = False
    if not own:
        raise UserError(f"{folder} has files that are not as this command writes them; move them away")


def plan(
    run: Run, of: str, wanted: float, at: float | None, shape: Shape, samples: int | None,
    log=lambda text: None, on_sweep=lambda: None,
) -> dict:  # fmt: skip
    """Predict errors from the observations of a run.

    Parameters
    ----------
    run : Run
    of : {"u", "tc"}
    wanted : float
        Standard error in J per site, or in J/k_B.
    at : float, optional
        Temperature of u; the worst known one of the sweep by default.
    shape : Shape
        Lattice of the prediction.
    samples : int, optional
        Number of snapshots to tell the error from.
    log, on_sweep : callable

    Returns
    -------
    dict
        What plan.json has: the `pilot`; `rows`, for each temperature of the prediction the `error` from all
        snapshots that are there and the number `needed`; `design`, the error from as many independent
        snapshots at other temperatures and the `share` that is needed there; `sentences`.

    Raises
    ------
    UserError
        If the observations are missing, too few, or call for no interaction.
    """
    job = run.job
    found, pilot, per_snapshot = _pilot(run, log)
    lattice = job.build_lattice()
    temperatures = np.union1d(job.sweep.listed, [] if at is None else [at])
    key = zlib.crc32(f"plan {shape}".encode())
    log(f"plan: simulating the {len(found.coupling)} interactions found on {shape}")
    try:
        predictions = Predictions(
            found, job.build_lattice(shape), temperatures, job.stream_seed, key, on_sweep
        )
        if of == "tc":
            slopes = {predictions.peak: predictions.slope_of_peak()}
        else:
            slopes = {float(t): predictions.slope_of_u(t) for t in (temperatures if at is None else [at])}
    except ValueError as problem:
        raise UserError(f"plan: {problem}") from None
    rows = []
    for temperature, slope in slopes.items():
        one = error(slope, per_snapshot)
        rows.append(
            {"temperature": temperature, "error": one / np.sqrt(pilot["snapshots"]),
             "needed": _rounded((one / wanted) ** 2)}
        )  # fmt: skip
    target = max(rows, key=lambda row: row["error"])
    slope = slopes[target["temperature"]]
    log("plan: simulating observations at other temperatures")
    design = _design(found, lattice, job, slope, target["temperature"], pilot, on_sweep)
    result = {
        "quantity": of, "meaning": QUANTITIES[of], "unit": job.units.energy + " per site" if of == "u"
        else job.units.temperature, "temperature_unit": job.units.temperature, "shape": str(shape),
        "wanted": wanted, "pilot": pilot, "rows": rows, "target": target, "design": design,
    }  # fmt: skip
    if samples is not None:
        own = target["error"] * np.sqrt(pilot["snapshots"] / samples)
        result["samples"] = {"snapshots": samples, "error": float(own)}
    return result | {"sentences": _sentences(result, job)}


def _pilot(run: Run, log) -> tuple[LocalEnergy, dict, np.ndarray]:
    """The law that the observations tell, what they are, and the covariance of couplings for one of them."""
    job, path = run.job, run.require("observe")
    lattice, n_states = job.build_lattice(), job.hamiltonian.n_states
    section = job.direct or defaults.direct(Direct(), lattice, n_states)
    with observed_rows(path, job.held_out) as source, observed_rows(path) as every:
        learned, total = source.n, every.n
        states = source.read(0, min(learned, section.samples))[0]
    log(f"plan: direct estimate by {section.method} from {len(states)} snapshots")
    found = estimate(job, section.method, states, section.offsets(lattice), section.without)
    if not len(found.coupling):
        raise UserError(
            f"plan: {len(states)} snapshots call for no interaction, there is nothing to predict; observe "
            "more, or at a lower temperature"
        )
    observed = Observations(path)
    inefficiency = max(1.0, 2 * observed.autocorrelation_time / observed.thin)
    pilot = {
        "snapshots": total, "learned_from": learned, "fitted": len(states),
        "independent": learned / inefficiency, "temperature": job.observe.temperature,
        "method": section.method, "interactions": described(found),
    }  # fmt: skip
    # those held out are counted in, but do not help
    return found, pilot, found.covariance * len(states) * inefficiency * total / learned


def _design(found, lattice, job, slope, temperature: float, pilot: dict, on_sweep) -> list[dict]:
    """Errors from as many independent snapshots at other temperatures, where these tell the law."""
    own = job.observe.temperature
    grid = temperature * np.geomspace(COLDEST, HOTTEST, DESIGNS)
    grid = np.union1d(grid[np.abs(grid / own - 1) > 0.05], own)
    ladder, states = simulate(
        found.model(lattice), grid, job.stream_seed, zlib.crc32(b"plan"),
        lambda states: np.ascontiguousarray(states.T), on_sweep,
    )  # fmt: skip
    errors = {}
    for t in grid:
        try:
            covariance = snapshot_covariance(found, lattice, t, states[np.argmin(np.abs(ladder - t))])
        except ValueError:  # too cold
            continue
        errors[float(t)] = error(slope, covariance) / np.sqrt(pilot["independent"])
    return [
        {
            "temperature": t,
            "error": float(e),
            "share": float((e / errors[own]) ** 2) if own in errors else None,
        }
        for t, e in errors.items()
    ]


def _rounded(n: float) -> int:
    """A number of snapshots with two digits, rounded up."""
    unit = 10.0 ** max(np.floor(np.log10(max(n, 1))) - 1, 0)
    return int(np.ceil(n / unit) * unit)


def _sentences(found: dict, job) -> list[str]:
    """What the plan says, in words."""
    pilot, target, unit = found["pilot"], found["target"], found["unit"]
    name = f"u({target['temperature']:g})" if found["quantity"] == "u" else "the peak of c"
    name, needed, have = f"{name} on {found['shape']}", target["needed"], pilot["snapshots"]
    held = have - pilot["learned_from"]
    first = f"for {name} within {found['wanted']:g} {unit} "
    first += f"take {needed:,} snapshots" if needed > have else f"{needed:,} snapshots are enough"
    sentences = [f"{first} (you have {have:,}, {held:,} of them held out: {target['error']:.2g})"]
    if job.direct and needed * pilot["learned_from"] / have > job.direct.samples:
        sentences[0] += f", and direct.samples = {needed}"
    if "samples" in found:
        sentences.append(
            f"from {found['samples']['snapshots']:,} snapshots: {found['samples']['error']:.2g} {unit}"
        )
    if pilot["independent"] < pilot["learned_from"] / 1.5:
        sentences.append(f"the snapshots are correlated, worth {pilot['independent']:,.0f} independent ones")
    design = [row for row in found["design"] if row["share"] is not None]
    if design:
        best = min(design, key=lambda row: row["share"])
        if best["share"] < 1 - WORTH:
            sentences.append(
                f"observing at T = {best['temperature']:.3g} instead would need {best['share']:.2g} times as "
                "many independent ones"
            )
        else:
            sentences.append("no other temperature of observation needs much fewer")
    return sentences


def as_text(found: dict) -> str:
    """Tables and sentences for a terminal."""
    of = "u" if found["quantity"] == "u" else "T of the peak of c"
    lines = [f" {'T':>9} {'error of ' + of:>26} {'snapshots for ' + format(found['wanted'], 'g'):>24}"]
    lines += [
        f" {row['temperature']:>9.4g} {row['error']:>26.2g} {row['needed']:>24,}" for row in found["rows"]
    ]
    lines.append(f" {'observed at':>13} {'error':>22} {'snapshots, relative':>24}")
    for row in found["design"]:
        share = "" if row["share"] is None else format(row["share"], ".2g")
        own = "  <- now" if row["temperature"] == found["pilot"]["temperature"] else ""
        lines.append(f" {row['temperature']:>13.4g} {row['error']:>22.2g} {share:>24}{own}")
    return "\n".join([*lines, *found["sentences"]])


def draw(found: dict, units: Units):
    """Error against the number of snapshots, and against the temperature at which they are taken."""
    plt, pilot, target = figures.plt, found["pilot"], found["target"]
    with plt.rc_context(figures.STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8))
        n = np.sort([target["needed"], pilot["snapshots"]]) * [1 / 3, 3]
        left.loglog(n, target["error"] * np.sqrt(pilot["snapshots"] / n), color=figures.COLOURS["direct"])
        left.plot(
            pilot["snapshots"], target["error"], "o", color=figures.COLOURS["direct"], label="there are"
        )
        left.axhline(found["wanted"], color="k", ls=":", lw=1, label="wanted")
        left.set_xlabel("snapshots")
        left.xaxis.set_minor_formatter(NullFormatter())
        right.semilogy(
            [row["temperature"] for row in found["design"]], [row["error"] for row in found["design"]],
            "o-", ms=3, color=figures.COLOURS["direct"],
        )  # fmt: skip
        right.axvline(pilot["temperature"], color="#2a9d5c", ls="--", lw=1, label="observed")
        right.axvline(target["temperature"], color="k", ls=":", lw=1, label="predicted")
        right.set_xlabel(figures.label("temperature", units).replace("ture", "ture of snapshots", 1))
        name = f"u({target['temperature']:.3g})" if found["quantity"] == "u" else "peak of c"
        unit = re.sub(r"_(\w)", r"$_\1$", found["unit"])
        for axis in (left, right):
            axis.set_ylabel(f"error of {name} / ({unit})")
            axis.legend(fontsize=8)
        figure.tight_layout()
    return figure
