"""Figures of a single system's page with their titles and captions."""

from pathlib import Path

from ..energy.factory import LEARNED
from . import bonds, explanation, figures, lattices, novelty, recovery
from .page import Figure, save
from .system import System


def draw(folder: Path, job, system: System, summary: dict) -> list[Figure]:
    """Draw all figures of a system and write them into a folder, in the order of the page."""
    pages = [_headline(folder, job, system)]
    pages += [_explanation(folder, check, job.units.energy) for check in system.checks]
    lattice = job.build_lattice()
    if (lattice.kind != "hypercubic" or not lattice.regular) and lattices.can_draw(lattice):
        pages.append(_lattice(folder, lattice))
    learned = {name: system.errors[name] for name in LEARNED if name in system.errors}
    if learned:
        pages += _test_set(folder, system.energies, learned)
    if system.bonds:
        pages.append(_bonds(folder, lattice, system.bonds, job.units.energy))
    if summary["couplings"]:
        pages.append(_couplings(folder, system.couplings, summary["couplings"]))
    if system.histories:
        pages.append(_learning(folder, job, system.histories))
    for shape, sweeps in system.sweeps.items():
        pages += _shape(folder, job, str(shape), sweeps)
    return pages


def _headline(folder, job, system) -> Figure:
    return save(
        folder / "headline.png", "Prediction from one temperature",
        "Energy and specific heat per site; symbols: Metropolis with the learned energies; "
        + ("line: exact; " if job.has_truth else "")
        + "dashed: the temperature of the observations.",
        figures.headline(system.sweeps, tuple(job.lattice.shape), job.observe.temperature, job.units),
    )  # fmt: skip


def _explanation(folder, check, unit: str) -> Figure:
    return save(
        folder / f"explanation_{check.energy}_{check.temperature:g}.png",
        f"Snapshots against the {figures.NAMES[check.energy]}, T = {check.temperature:g}",
        "Means over snapshots and over chains with the learned energy, with standard errors; distribution "
        "of the learned energy on both sides.",
        explanation.figure(check, unit),
    )


def _lattice(folder, lattice) -> Figure:
    return save(
        folder / "lattice.png", "The observed lattice",
        f"Nearest neighbours of the {lattices.in_words(lattice)}; dotted: bonds that lead round it.",
        lattices.observed_lattice(lattice),
    )  # fmt: skip


def _test_set(folder, energies, errors) -> list[Figure]:
    predicted = save(
        folder / "energies.png", "Predicted against true energy",
        "Test set with the same number of configurations of every energy level; both energies "
        "relative to their mean.",
        figures.predicted_energies(energies, errors),
    )  # fmt: skip
    levels = save(
        folder / "levels.png", "Errors by energy level",
        "Root mean square error, and bias with spread; a straight line through the bias is an error "
        "of slope, which shifts the temperature axis.",
        figures.errors_by_level(errors),
    )  # fmt: skip
    return [predicted, levels]


def _bonds(folder, lattice, found, unit: str) -> Figure:
    return save(
        folder / "bonds.png", "Couplings of bonds",
        "Those that make the observations most likely, one of each bond; bars: standard errors.",
        bonds.picture(lattice, found, unit),
    )  # fmt: skip


def _couplings(folder, couplings, errors) -> Figure:
    bond, true, found = (couplings[key] for key in ("bond", "true", "recovered"))
    return save(
        folder / "couplings.png", "Recovered couplings",
        "From energies of random configurations with one and two spins flipped; bars: standard error, "
        "by what is not pairwise in the learned energy and what observations tell.",
        recovery.recovered_couplings(bond, true, found, errors),
    )  # fmt: skip


def _learning(folder, job, histories) -> Figure:
    return save(
        folder / "learning.png", "Learning curves",
        "KL divergence: mean excess of -ln P over the exact value on held-out observations."
        if job.has_truth
        else "Losses on the observations that networks learn from and on those held out.",
        figures.learning_curves(histories, job.ednn.fit),
    )  # fmt: skip


def _told_bands(sweeps: list[dict]) -> str:
    known = any(sweep.get("u_band_68") for sweep in sweeps)
    text = " Shaded: intervals of 68 % and 95 % by the finite observations and the Monte Carlo together."
    return text if known else ""


def _shape(folder, job, size: str, sweeps: list[dict]) -> list[Figure]:
    """Thermodynamics on one lattice, and overlaps where there are some."""
    zeros = [
        f"{figures.NAMES[sweep['energy']]} {sweep['reference_error']:.1e} {job.units.energy} per site"
        for sweep in sweeps
        if sweep["reference_error"]
    ]
    told = f" Error bars of u contain its standard error: {', '.join(zeros)}." if zeros else ""
    lowest = sweeps[0]["u_ground"] if job.is_glass else None
    pages = [
        save(
            folder / f"thermodynamics_{size}.png", f"Thermodynamics, {size}",
            "Error bars: Monte Carlo, jackknife over blocks longer than the autocorrelation time."
            f"{_told_bands(sweeps)} The additive constant of learned energies is fixed at infinite "
            f"temperature.{told}{novelty.caption(sweeps)}",
            figures.thermodynamics(sweeps, job.observe.temperature, lowest=lowest, units=job.units),
        )
    ]  # fmt: skip
    if overlap := {sweep["energy"]: sweep["overlap"] for sweep in sweeps if sweep["overlap"]}:
        pages.append(
            save(
                folder / f"overlaps_{size}.png", f"Overlaps of replicas, {size}",
                "Overlap of independent replicas at equal temperatures; bands and bars: jackknife error.",
                figures.overlaps(overlap),
            )
        )  # fmt: skip
    return pages
