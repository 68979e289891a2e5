"""Figures of an ensemble's report."""

import numpy as np

from .figures import COLOURS, MARKERS, NAMES, STYLE, label, plt

# Points of one realization that are told apart in a figure; of more only their distribution is.
POINTS = 100


def averages(sweeps: list[dict], curves: dict | None, observed_at: float, lowest: float | None):
    """Energy and specific heat against temperature, averaged over realizations.

    Parameters
    ----------
    sweeps : list of dict
        `energy`, `temperature`, and `u` and `c` as `disorder.average` gives them.
    curves : dict, optional
        Exact `u` and `c` of every realization, float (n_realizations, n), at each `temperature`.
    lowest : float, optional
        Average energy of the ground states per site in J.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
        for axis, name in zip(axes, ("u", "c"), strict=True):
            if curves:
                n = len(curves[name])
                alpha = float(np.clip(10 / n, 0.05, 0.5))
                axis.plot(curves["temperature"], curves[name].T, "-", color="#999999", lw=0.5, alpha=alpha)
                average = curves[name].mean(axis=0)
                axis.plot(curves["temperature"], average, "k-", lw=1, label="exact")
            for sweep in sweeps:
                energy = sweep["energy"]
                axis.errorbar(
                    sweep["temperature"], sweep[name]["value"], np.array(sweep[name]["error"], float),
                    fmt=MARKERS[energy], ms=3.5, lw=0, elinewidth=0.8, capsize=2, color=COLOURS[energy],
                    mfc="none", label=NAMES[energy],
                )  # fmt: skip
            if name == "u" and lowest is not None:
                axis.axhline(lowest, color="k", ls=":", lw=1, label="ground state")
            axis.axvline(observed_at, color="#2a9d5c", ls="--", lw=1)
            axis.set_xlabel("temperature / (J/k$_B$)")
            axis.set_ylabel(label(name))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    return figure


def relative_errors(percent: dict, temperatures):
    """Relative error of the energy over realizations at each temperature: quartiles, range, single ones.

    Parameters
    ----------
    percent : dict of energy to float ndarray, shape (n_realizations, n_temperatures)
    temperatures : sequence of float
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(percent), 1, figsize=(7, 2.3 * len(percent)), squeeze=False)
        places = np.arange(len(temperatures))
        for axis, (energy, values) in zip(axes[:, 0], percent.items(), strict=True):
            axis.axhline(0, color="k", lw=0.6)
            axis.boxplot(
                values, positions=places, widths=0.5, whis=(0, 100), manage_ticks=False,
                medianprops={"color": COLOURS[energy]}, boxprops={"lw": 0.8}, whiskerprops={"lw": 0.8},
            )  # fmt: skip
            if len(values) <= POINTS:
                beside = np.linspace(-0.2, 0.2, len(values))[:, None] if len(values) > 1 else np.zeros((1, 1))
                axis.plot(places + beside, values, ".", ms=3, alpha=0.6, color=COLOURS[energy])
            axis.set_xticks(places, [f"{t:g}" for t in temperatures], rotation=45 * (len(places) > 12))
            axis.set_ylabel("$(u - u_{exact}) / |u_{exact}|$ / %")
            axis.set_title(NAMES[energy], fontsize=9)
        axes[-1, 0].set_xlabel("temperature / (J/k$_B$)")
        figure.tight_layout()
    return figure


def recovered_couplings(true: np.ndarray, recovered: dict, errors: dict):
    """Recovered against true couplings of all bonds of all realizations, with the diagonal.

    Parameters
    ----------
    true : float ndarray, shape (n,), in J
    recovered : dict of energy to float ndarray, shape (n,), in J
    errors : dict of energy to dict
        As `couplings.coupling_errors` gives them.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(recovered), figsize=(3.4 * len(recovered), 3.2), squeeze=False)
        alpha = float(np.clip(200 / len(true), 0.03, 0.7))
        for axis, (energy, values) in zip(axes[0], recovered.items(), strict=True):
            axis.plot(true, values, ".", ms=3, alpha=alpha, color=COLOURS[energy], rasterized=True)
            ends = [true.min(), true.max()]
            axis.plot(ends, ends, "k-", lw=0.8)
            axis.set_title(f"{NAMES[energy]}: RMSE {errors[energy]['rmse']:.3f} J", fontsize=9)
            axis.set_xlabel("true coupling / J")
            axis.set_ylabel("recovered coupling / J")
        figure.tight_layout()
    return figure
