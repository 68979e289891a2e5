"""Figures of the report, after those of the paper."""

import io
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from ..energy.factory import ENERGIES
from ..job.units import PHYSICAL, Units
from .novelty import shade

NAMES = {name: energy.title for name, energy in ENERGIES.items()}
# in the order of the energies, with some to spare
COLOURS = dict(
    zip(ENERGIES, ("#555555", "#c44e52", "#1f6fb4", "#55a868", "#8172b3", "#ccb974"), strict=False)
)
MARKERS = dict(zip(ENERGIES, "s^oDvP", strict=False))
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.bbox": "tight",
}


def label(quantity: str, units: Units = PHYSICAL) -> str:
    """Name of a quantity with its unit, for an axis."""
    energy, temperature = (re.sub(r"_(\w)", r"$_\1$", unit) for unit in (units.energy, units.temperature))
    inverse = f"({energy})" if " " in energy else energy
    temperature = f"({temperature})" if "/" in temperature else temperature
    return {
        "temperature": f"temperature / {temperature}",
        "u": f"energy per site $u$ / {energy}",
        "m": r"order parameter $\langle|m|\rangle$",
        "c": "specific heat $c$ / k$_B$",
        "chi": rf"susceptibility $\chi$ / {inverse}$^{{-1}}$",
    }[quantity]


def predicted_energies(energies: dict, errors: dict):
    """Predicted against true energy with the diagonal (the paper's Fig. 2 top and 3b)."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(errors), figsize=(3.4 * len(errors), 3.2), squeeze=False)
        true = energies["true"]
        for axis, name in zip(axes[0], errors, strict=True):
            model = energies[name] - energies[name].mean() + true.mean()
            axis.plot(true, model, ".", ms=2, alpha=0.3, color=COLOURS[name], rasterized=True)
            ends = [true.min(), true.max()]
            axis.plot(ends, ends, "k-", lw=0.8)
            axis.set_title(f"{NAMES[name]}: RMSE {errors[name]['rmse']:.2f} J", fontsize=9)
            axis.set_xlabel("true energy / J")
            axis.set_ylabel("predicted energy / J")
    return figure


def errors_by_level(errors: dict):
    """RMSE and bias by energy level; the slope of E_model on E_true in the legend (Fig. 4)."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(6.8, 2.8))
        for name, rows in errors.items():
            style = {"color": COLOURS[name], "marker": MARKERS[name], "ms": 3, "lw": 1}
            axes[0].plot(rows["level"], rows["level_rmse"], label=NAMES[name], **style)
            label = f"{NAMES[name]}, slope {rows['slope']:.4f}"
            bias, spread = np.array(rows["bias"]), np.array(rows["spread"])
            axes[1].plot(rows["level"], bias, label=label, **style)
            axes[1].fill_between(rows["level"], bias - spread, bias + spread, alpha=0.15, color=COLOURS[name])
        axes[0].set_ylabel("RMSE / J")
        axes[1].set_ylabel("bias and spread / J")
        axes[1].axhline(0, color="k", lw=0.6)
        for axis in axes:
            axis.set_xlabel("true energy / J")
            axis.legend(fontsize=8)
        figure.tight_layout()
    return figure


def learning_curves(histories: dict, ednn_fit: str = "labels"):
    """Loss against epoch for each network, with the RNN's KL divergence to the exact distribution."""
    panels = [(name, "loss") for name in histories]
    losses = {"rnn": "-ln P / nats", "ednn": "relative squared error"}
    if ednn_fit == "pseudolikelihood":
        losses["ednn"] = "-ln pseudo-likelihood / nats"
    if "excess" in histories.get("rnn", {}):
        panels.insert(1, ("rnn", "excess"))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 2.6), squeeze=False)
        for axis, (name, what) in zip(axes[0], panels, strict=True):
            history = histories[name]
            epochs = history["epoch"]
            if what == "excess":
                axis.plot(epochs, history["excess"], "o-", ms=3, color=COLOURS["rnn"])
                axis.set_ylabel("KL divergence / nats")
                axis.set_yscale("log")
            else:
                axis.plot(epochs, history["training"], "o-", ms=3, color="#999999", label="training")
                axis.plot(epochs, history["validation"], "o-", ms=3, color=COLOURS[name], label="validation")
                axis.set_ylabel(losses.get(name, "loss"))
                if name == "ednn" and ednn_fit == "labels":
                    axis.set_yscale("log")
                axis.legend()
            axis.set_title(NAMES[name], fontsize=9)
            axis.set_xlabel("epoch")
            axis.set_xlim(0, 1.05 * max(epochs))
            axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        figure.tight_layout()
    return figure


def thermodynamics(
    sweeps: list[dict], observed_at: float, quantities=("u", "m", "c", "chi"), lowest: float | None = None,
    units: Units = PHYSICAL,
):  # fmt: skip
    """Averages against temperature for all sweeps of one shape (Fig. 2 bottom and 3c; of a glass 5 and 6).

    Parameters
    ----------
    lowest : float, optional
        Energy of the ground state per site in J, to be marked.
    """
    columns = min(2, len(quantities))
    rows = -(-len(quantities) // columns)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(3.5 * columns, 2.6 * rows), squeeze=False)
        for axis, name in zip(axes.ravel(), quantities, strict=True):
            curve = sweeps[0]["exact_curve"]
            if curve[name][0] is not None:
                axis.plot(curve["temperature"], curve[name], "k-", lw=1, label="exact")
            for sweep in sweeps:
                _band(axis, sweep, name)
                between = sweep["curve"]
                if between and name in between:
                    style = {"lw": 0.6, "color": COLOURS[sweep["energy"]]}
                    axis.plot(between["temperature"], between[name], **style)
                axis.errorbar(
                    sweep["temperature"], sweep[name], sweep[f"{name}_error"], fmt=MARKERS[sweep["energy"]],
                    ms=3.5, lw=0, elinewidth=0.8, color=COLOURS[sweep["energy"]], mfc="none",
                    label=NAMES[sweep["energy"]],
                )  # fmt: skip
            if name in ("u", "c"):
                shade(axis, sweeps, COLOURS)
            if name == "u" and lowest is not None:
                axis.axhline(lowest, color="k", ls=":", lw=1, label="ground state")
            axis.axvline(observed_at, color="#2a9d5c", ls="--", lw=1)
            axis.set_xlabel(label("temperature", units))
            axis.set_ylabel(label(name, units))
        axes[0, 0].legend(fontsize=8)
        figure.tight_layout()
    return figure


def _band(axis, sweep: dict, name: str) -> None:
    """Shade what the observations leave open with the Monte Carlo, 68 % and paler 95 %, where it is known.

    Along the curve between the temperatures of the sweep, if there is one.
    """
    t, value, between = sweep["temperature"], sweep[name], sweep["curve"]
    for level in ("band_95", "band_68"):
        if not sweep.get(f"{name}_{level}"):
            continue
        ends = np.transpose(sweep[f"{name}_{level}"])
        along = t
        if between and name in between:
            along = between["temperature"]
            ends = [np.add(between[name], np.interp(along, t, end - np.array(value))) for end in ends]
        axis.fill_between(along, *ends, alpha=0.15, lw=0, color=COLOURS[sweep["energy"]])


def overlaps(tables: dict):
    """Distribution of the overlap at the lowest, a middle and the highest temperature; Binder parameter.

    Parameters
    ----------
    tables : dict of energy to dict
        As `tables.overlap_table` gives them: `temperature`, `q`, `distribution` and `binder` with errors, of
        which each may be None.
    """
    temperatures = next(iter(tables.values()))["temperature"]
    chosen = sorted({0, len(temperatures) // 2, len(temperatures) - 1})
    with plt.rc_context(STYLE):
        panels = len(chosen) + 1
        figure, axes = plt.subplots(-(-panels // 2), 2, figsize=(7, 2.6 * -(-panels // 2)))
        axes = axes.ravel()
        for axis, k in zip(axes, chosen, strict=False):
            for energy, table in tables.items():
                density = np.array(table["distribution"][k], float)
                error = np.array(table["distribution_error"][k], float)
                axis.plot(table["q"], density, lw=1, color=COLOURS[energy], label=NAMES[energy])
                axis.fill_between(
                    table["q"], density - error, density + error, alpha=0.25, lw=0, color=COLOURS[energy]
                )
            axis.set_title(f"T = {temperatures[k]:g}", fontsize=9)
            axis.set_xlabel("overlap $q$")
            axis.set_ylabel("$P(q)$")
            axis.set_ylim(bottom=0)
        for energy, table in tables.items():
            axes[panels - 1].errorbar(
                temperatures, np.array(table["binder"], float), np.array(table["binder_error"], float),
                fmt=MARKERS[energy], ms=3.5, lw=0, elinewidth=0.8, color=COLOURS[energy], mfc="none",
                label=NAMES[energy],
            )  # fmt: skip
        axes[panels - 1].set_xlabel("temperature / (J/k$_B$)")
        axes[panels - 1].set_ylabel("Binder parameter $g$")
        for axis in axes[panels:]:
            axis.remove()
        axes[panels - 1].legend(fontsize=8)
        figure.tight_layout()
    return figure


def headline(sweeps_by_shape: dict, observed_shape, observed_at: float, units: Units = PHYSICAL):
    """One picture of the whole result: u and c on every lattice, observed and never seen."""
    with plt.rc_context(STYLE):
        shapes = list(sweeps_by_shape)
        figure, axes = plt.subplots(2, len(shapes), figsize=(3.4 * len(shapes), 4.6), squeeze=False)
        for column, shape in enumerate(shapes):
            for axis, name in zip(axes[:, column], ("u", "c"), strict=True):
                curve = sweeps_by_shape[shape][0]["exact_curve"]
                if curve[name][0] is not None:
                    axis.plot(curve["temperature"], curve[name], "k-", lw=1, label="exact")
                for sweep in sweeps_by_shape[shape]:
                    energy = sweep["energy"]
                    if energy != "true":
                        _band(axis, sweep, name)
                        axis.plot(
                            sweep["temperature"], sweep[name], MARKERS[energy], ms=4, mfc="none",
                            color=COLOURS[energy], label=NAMES[energy],
                        )  # fmt: skip
                shade(axis, sweeps_by_shape[shape], COLOURS)
                axis.axvline(observed_at, color="#2a9d5c", ls="--", lw=1)
                axis.set_ylabel(label(name, units))
            seen = "observed at the dashed line" if shape == observed_shape else "never observed"
            axes[0, column].set_title(f"{shape}, {seen}", fontsize=9)
            axes[1, column].set_xlabel(label("temperature", units))
        if axes[0, 0].get_legend_handles_labels()[0]:
            axes[0, 0].legend(fontsize=8)
        figure.tight_layout()
    return figure


def png(figure) -> bytes:
    """A figure as PNG; its memory is freed."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()
