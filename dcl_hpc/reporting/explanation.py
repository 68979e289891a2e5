"""Whether learned energies explain the snapshots, in words, numbers and a figure."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ..energy.factory import ENERGIES
from ..pipeline.lattice_study import check_name
from ..storage.checks import Check, read_check
from .figures import COLOURS, NAMES, STYLE

# Probabilities below which the snapshots contradict an energy, and below which that is open.
CONTRADICTED, OPEN = 1e-3, 0.05
# Autocorrelation time of independent snapshots, and how much larger the largest of several estimates is by
# chance, times the root of their number.
INDEPENDENT, NOISE = 0.6, 8.0
# Standard errors that are worth a word, and observables of which one is said.
NOTABLE, SHOWN = 3.5, 3


def read_checks(run) -> list[Check]:
    """All tests of a run, in the order of the job."""
    return [read_check(run.path(check_name(*one))) for one in run.job.checks]


def summarized(check: Check, warnings: list[str], form: str = "known") -> dict:
    """What summary.json and the page tell of a test.

    Parameters
    ----------
    warnings : list of str
        What the snapshots themselves tell.
    form : {"known", "alike", "bonds"}
        What an unknown law was taken for: the same everywhere, or couplings of single bonds.
    """
    columns = ("data", "data_error", "model", "model_error", "z")
    rows = zip(check.names, *(getattr(check, name).tolist() for name in columns), strict=True)
    return {
        "energy": check.energy,
        "temperature": check.temperature,
        **check.numbers,
        "explains": explains(check),
        "worth": worth(check),
        "sentence": sentence(check, warnings, form),
        "observables": [dict(zip(("name", *columns), row, strict=True)) for row in rows],
    }


def explains(check: Check) -> bool:
    """Whether the snapshots do not contradict the energy."""
    return check.numbers["p"] >= CONTRADICTED


def worth(check: Check) -> int | None:
    """How many independent snapshots the slowest observable takes them for; None if they are independent."""
    n, tau = check.numbers["snapshots"], check.numbers["data_tau"]
    return None if tau < INDEPENDENT + NOISE / np.sqrt(n) else max(1, round(n / (2 * tau)))


def sentence(check: Check, warnings: list[str], form: str = "known") -> str:
    """The result in plain words, with what may be wrong."""
    numbers, title = check.numbers, ENERGIES[check.energy].title
    name = Path(numbers["source"]).name
    those = f"the snapshots of {name} at T = {check.temperature:g}" if name else "the snapshots held out"
    n = f"{numbers['snapshots']:,} of them"
    shown = f"p = {numbers['p']:.2g}" if numbers["p"] > 1e-99 else "p < 1e-99"
    if numbers["p"] >= OPEN:
        return f"The energy by the {title} explains {those} ({shown}, {n})."
    if explains(check):
        return (
            f"Whether the energy by the {title} explains {those} is open ({shown}, {n}): chance alone is as "
            f"far off once in {1 / numbers['p']:.0f} times. Test it against others ([[check]])."
        )
    return (
        f"The energy by the {title} does not explain {those} ({shown}, {n}): {_deviations(check)}. "
        f"Likely causes: {'; '.join(_causes(check, warnings, form))}."
    )


def _deviations(check) -> str:
    """The observables that differ most, in words."""
    order = np.argsort(-np.abs(check.z))[:SHOWN]
    said = []
    for k in order[np.abs(check.z[order]) > NOTABLE]:
        how = "small" if check.z[k] > 0 else "large"
        said.append(f"its {check.names[k]} is {abs(check.z[k]):.1f} standard errors too {how}")
    return ", ".join(said) or "many observables by a little each"


def _causes(check, warnings, form: str) -> list[str]:
    """What would make the observables differ that do."""
    causes = [f"what the snapshots themselves tell ({len(warnings)} warnings)"] if warnings else []
    if check.numbers["source"]:
        causes.append("another temperature or another system than the job says")
    z = dict(zip(check.names, check.z, strict=True))

    def off(*beginnings):
        return any(name.startswith(beginnings) and abs(value) > NOTABLE for name, value in z.items())

    pairs = [k for k, name in enumerate(check.names) if name.startswith("correlation at")]
    differ = [k for k in pairs if abs(check.z[k]) > NOTABLE]
    if z.get("fluctuation of the energy", 0) > NOTABLE:
        causes.append("snapshots of several temperatures, whose energies scatter more than they should")
    if off("correlation across"):
        causes.append("edges that are open, not periodic (lattice.boundary)")
    if off("magnetization", "share"):
        causes.append("a field that the energy lacks")
        if not off("structure factor at k = 0"):
            causes.append("snapshots of one phase only, where the energy goes through several")
    if off("product of three", "product of triangles") and not off("magnetization"):
        causes.append("an interaction of three sites")
    if off("product of plaquettes", "product of hexagons") and not differ:
        causes.append("an interaction round a loop")
    if differ:
        causes.append("interactions that are missing or reach farther than its tiles see")
        stronger = np.abs(check.data[differ]) > np.abs(check.model[differ])
        if stronger.all() or not stronger.any():
            strength = "weak" if stronger.all() else "strong"
            causes.append(f"interactions all too {strength}, as of a network that was trained too little")
    causes = causes or ["an interaction that the energy lacks; tiles that are too small"]
    if form == "bonds":
        causes.append("interactions beyond nearest neighbours, which are not fitted where bonds differ")
    elif form == "alike":
        causes.append("a law that differs from place to place (hamiltonian.disorder = true)")
    return [*causes, "snapshots that are not all of one temperature, or not in equilibrium"]


def figure(check: Check, unit: str = "J"):
    """Correlations by distance, structure factors and the energy's distribution on both sides."""
    colour = COLOURS[check.energy]
    pairs, waves = (
        [k for k, name in enumerate(check.names) if name.startswith(what)]
        for what in ("correlation at", "structure")
    )
    with plt.rc_context(STYLE):
        panels = 3 if check.histogram else 2
        drawn, axes = plt.subplots(1, panels, figsize=(3.2 * panels, 2.7))
        for axis, which, x in ((axes[0], pairs, check.distances), (axes[1], waves, range(len(waves)))):
            axis.errorbar(x, check.data[which], check.data_error[which], fmt="ko", ms=3, label="snapshots")
            axis.errorbar(
                x, check.model[which], check.model_error[which], fmt="x", ms=6, color=colour,
                label=NAMES[check.energy],
            )  # fmt: skip
        axes[0].set_xlabel("distance / nearest neighbours")
        axes[0].set_ylabel("pair correlation")
        axes[0].legend(fontsize=8)
        axes[1].set_xticks(range(len(waves)))
        short = [check.names[k].partition(" at ")[2].removeprefix("the ") for k in waves]
        axes[1].set_xticklabels(short, rotation=60, ha="right", fontsize=6)
        axes[1].set_ylabel("structure factor $S(k)$")
        if check.histogram:
            edges = check.histogram["edges"]
            axes[2].stairs(check.histogram["data"], edges, color="k", label="snapshots")
            axes[2].stairs(check.histogram["model"], edges, color=colour, label=NAMES[check.energy])
            axes[2].set_xlabel(f"energy per site by the model / {unit}")
            axes[2].set_ylabel("density")
        drawn.tight_layout()
    return drawn
