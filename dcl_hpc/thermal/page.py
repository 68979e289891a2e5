"""The report of a thermal study: one page, its figures, and summary.json."""

import time
from itertools import groupby
from pathlib import Path

import numpy as np

from ..cluster import mpi
from ..pipeline.context import Context
from ..pipeline.lineage import report_inputs
from ..reporting.page import Figure, fill, renew, save, sign, write
from . import analysis, figures, published, results
from .results import RAW, Point


def report(context: Context, output: str) -> None:
    """Write the report from the analyses of all points, unless it is current; rank 0 works."""
    renew(context, output, write_report, headline)


def write_report(run) -> None:
    """Read the analyses, draw figures, write summary.json and index.html."""
    started, inputs = time.monotonic(), report_inputs(run)
    folder = run.root / "report"
    folder.mkdir(parents=True, exist_ok=True)
    points = [
        results.read_point(run.path(f"analyse_{machine.name}"), machine, mpi.alone())
        for machine in run.job.points
    ]
    points.sort(key=lambda point: (point.machine.depth, point.machine.alpha, point.machine.width))
    summary = summarize(run.job, points) | {"inputs": inputs}
    pictures = draw(folder, points, summary, run.job.dynamics.temperature)
    summary["wall_seconds"] = {name: run.state(name).progress.seconds for name in run.data}
    summary["wall_seconds"]["report"] = time.monotonic() - started
    origin, job_text = sign(run, summary)
    text = fill(
        "thermal.html", "dcl_hpc.thermal", summary=summary, figures=pictures, source=published.SOURCE,
        description=description(run.job), provenance=origin, job_text=job_text,
    )  # fmt: skip
    write(run, summary, pictures, text)


def summarize(job, points: list[Point]) -> dict:
    """All numbers of a study, plain; see `results.numbers` for those of a point."""
    told = [(x, analysis.solid_thickness(np.array(q))) for x, q in published.OVERLAP.items()]
    slope, error, _ = analysis.line(*np.transpose(told), np.zeros(len(told)))
    reference = {"slope": slope, "slope_error": error, "of": "xi_s of the published q_l*, M = 2000"}
    return {
        "name": job.name,
        "study": "thermal",
        "dynamics": job.dynamics.model_dump(mode="json"),
        "scan": [results.numbers(point) for point in points],
        "slopes": results.plain(slopes(points)),
        "published": {"source": published.SOURCE, "slope_of_xi_s": reference},
    }


def slopes(points: list[Point]) -> list[dict]:
    """Slopes of xi_s against ln alpha, of points of the same depth and the same width or number of images.

    Points without a liquid layer, whose xi_s cannot grow any more, are left out.
    """
    found = []
    for fixed, of in (("N", lambda m: (m.depth, m.width)), ("M", lambda m: (m.depth, m.images))):

        def key(point, of=of):
            return of(point.machine)

        for (depth, value), group in groupby(sorted(points, key=key), key):
            liquid = [point for point in group if point["final/solid"][RAW] < depth]
            x = np.array([point.ln_alpha for point in liquid])
            if len(set(x)) < 2:
                continue
            y, errors = zip(
                *((p["final/solid"][RAW], p.error("final/solid")[RAW]) for p in liquid), strict=True
            )
            slope, error, intercept = analysis.line(x, y, errors)
            found.append(
                {"L": depth, "fixed": fixed, "value": value, "points": len(x), "slope": slope,
                 "slope_error": error, "intercept": intercept,
                 "ln_alpha_min": x.min(), "ln_alpha_max": x.max()}
            )  # fmt: skip
            if np.isnan(error):
                found[-1]["reason"] = "two points whose xi_s have no error"
    return found


def draw(folder: Path, points: list[Point], summary: dict, temperature: float) -> list[Figure]:
    """Draw all figures and write them into a folder, in the order of the page."""
    shown = max(points, key=lambda point: (point.published.overlap is not None, point.machine.alpha))
    named = figures.title(shown)
    told = f"published: {published.SOURCE}"
    pages = [
        save(
            folder / "profile.png", "Liquid and solid layers",
            "Overlap of replicas of each hidden layer at the last time: dashed line 1/e, below it a layer is "
            f"liquid. Error bars: jackknife over samples; crosses: {told}.",
            figures.profile(points),
        ),
        save(
            folder / "phases.png", "Phase diagram",
            "Solid (blue) and liquid (orange) layers; dashes: where the overlap is 1/e, by linear "
            f"interpolation. Right: thickness of the solid with fitted lines; crosses: {told}.",
            figures.phases(points, summary["slopes"]),
        ),
        save(
            folder / "final.png", "Accuracy and energy at the last time",
            f"Error bars: jackknife over samples; crosses: {told}.",
            figures.final_values(points),
        ),
        save(
            folder / "relaxation.png", "Relaxation of the energy",
            "Triangles: tau_0, from which on E falls like -ln t, and tau_th, when it crashes, of a fit by "
            "four straight lines in ln t; dotted: published times. Right: kinetic temperature of neurons "
            "(full) and weights (dotted).",
            figures.relaxation(points, temperature),
        ),
        save(
            folder / "accuracy.png", "Accuracy",
            "Test images told right by feed-forward with the weights of the moment. Ordinary training: full, "
            "feed-forward of signs; dotted, of tanh.",
            figures.accuracy(points),
        ),
        save(
            folder / "ageing.png", f"Ageing, {named}",
            "Autocorrelation since the waiting time, raw sums, of neurons and weights; dashed: 1/e.",
            figures.ageing(shown),
        ),
        save(
            folder / "overlaps.png", f"Overlaps of replicas, {named}",
            "Averages over pairs of replicas and samples against time, and the distribution of single pairs "
            "at the last time; neurons above, weights below.",
            figures.overlaps(shown),
        ),
    ]  # fmt: skip
    if shown["overlap/weights"].shape[1] > 2:
        pages.append(
            save(
                folder / "hierarchy.png", f"Replicas of one sample, {named}",
                "Overlaps of the weights of a layer in the middle and one at the edge, and complete-linkage "
                "dendrograms of the distance 1 - Q.",
                figures.hierarchy(shown),
            )
        )  # fmt: skip
    return pages


def description(job) -> str:
    """What was done, in two sentences."""
    d, s = job.dynamics, job.samples
    return (
        f"A multi-layer perceptron as a physical system: neurons and weights move by molecular dynamics at "
        f"T = {d.temperature:g} for {d.steps:,} steps. {s.samples} independent samples, each with "
        f"{s.replicas} replicas that part at t = {s.waiting:,}; digits "
        f"{job.data.digits[0]} and {job.data.digits[1]}, images: {job.data.source}."
    )


def headline(summary: dict) -> str:
    """The table that ends a run, as text."""
    lines = []
    for row in summary["scan"]:
        q = " ".join(f"{x:.2f}" for x in row["q_star"])
        lines.append(
            f"  {row['name']:<14} xi_s {_number(row, 'xi_s', 2)} layers, A* {_number(row, 'accuracy', 3)}, "
            f"log10 E*/E(0) {_number(row, 'log10_energy_ratio', 2)}; q* {q}"
        )
    for row in summary["slopes"]:
        lines.append(
            f"  slope of xi_s against ln alpha, L = {row['L']}, {row['fixed']} = {row['value']}: "
            f"{_number(row, 'slope', 2)}"
        )
    return "\n".join(lines)


def _number(row: dict, key: str, digits: int) -> str:
    """A number with its error, if it has one."""
    error = row[f"{key}_error"]
    value = "?" if row[key] is None else f"{row[key]:.{digits}f}"
    return value + ("" if error is None else f" +- {error:.{digits}f}")
