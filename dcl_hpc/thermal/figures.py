"""Figures of the thermal study, after those of arXiv:2506.06789."""

import numpy as np
from matplotlib import colormaps
from scipy.cluster.hierarchy import dendrogram

from ..reporting.figures import STYLE, plt
from . import analysis, published
from .results import RAW, Point

SOLID, LIQUID = "#1f6fb4", "#f2b78c"
PUBLISHED = {"color": "k", "marker": "x", "ls": "", "ms": 5, "label": "published"}
LN_ALPHA = r"$\ln\alpha = \ln(M/N)$"
TIME = "$t$ / steps"


def colours(points: list[Point]) -> list:
    """A colour for each point, by ln alpha."""
    values = np.array([point.ln_alpha for point in points])
    span = np.ptp(values) or 1.0
    return list(colormaps["viridis"](0.9 * (values - values.min()) / span))


def title(point: Point) -> str:
    """Name of a point in a legend."""
    m = point.machine
    return f"M = {m.images}, N = {m.width}, L = {m.depth}"


def relaxation(points: list[Point], temperature: float):
    """Potential energy on log axes with its two times, and kinetic temperatures, against time."""
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
        for point, colour in zip(points, colours(points), strict=True):
            _curve(
                left, point["time"], point["energy/total"], point.error("energy/total"), colour, title(point)
            )
            for time, mark in zip(point["energy/regimes"], "^v", strict=True):
                if np.isfinite(time):
                    height = np.interp(time, point["time"], point["energy/total"])
                    left.plot(time, height, mark, color=colour, ms=6, mec="k", mew=0.6)
            for kind, style in (("neurons", "-"), ("weights", ":")):
                mean = point[f"temperature/{kind}"].mean(axis=1)
                _curve(right, point["time"], mean / (temperature or 1), None, colour, style=style)
        if any(point.published.regimes for point in points):
            for time in published.REGIMES:
                left.axvline(time, color="k", ls=":", lw=0.8)
        left.set(xscale="log", yscale="log", xlabel=TIME, ylabel="potential energy $E(t)$")
        unit = " / $T$" if temperature else ""
        right.set(xscale="log", yscale="log", xlabel=TIME, ylabel=f"kinetic temperature{unit}")
        right.axhline(1, color="k", lw=0.6)
        _legend(figure, left)
    return figure


def accuracy(points: list[Point]):
    """Accuracy on test images against time; beside it that of ordinary training against epochs."""
    trained = [point for point in points if "training/epoch" in point]
    with plt.rc_context(STYLE):
        panels = 1 + bool(trained)
        figure, axes = plt.subplots(1, panels, figsize=(4 * panels, 3.4), layout="constrained", squeeze=False)
        for point, colour in zip(points, colours(points), strict=True):
            _curve(
                axes[0, 0], point["time"], point["accuracy"], point.error("accuracy"), colour, title(point)
            )
            if point in trained:
                for name, style in (("accuracy", "-"), ("accuracy_tanh", ":")):
                    values, error = point[f"training/{name}"], point.error(f"training/{name}")
                    _curve(axes[0, 1], point["training/epoch"], values, error, colour, style=style)
        axes[0, 0].set(xscale="log", xlabel=TIME, ylabel="accuracy $A(t)$")
        if trained:
            axes[0, 1].set(xlabel="epoch of ordinary training", ylabel="accuracy")
        for axis in axes[0]:
            axis.set_ylim(0, 1.02)
        _legend(figure, axes[0, 0])
    return figure


def ageing(point: Point):
    """Autocorrelations of neurons and weights against time for all waiting times, of three layers."""
    waiting, depth = point["waiting"], point.machine.depth
    layers = sorted({1, depth // 2, depth - 1})
    shades = colormaps["plasma"](np.linspace(0, 0.85, len(waiting)))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(layers), figsize=(2.7 * len(layers), 4.6), layout="constrained", sharex=True, sharey=True,
            squeeze=False,
        )  # fmt: skip
        for row, (kind, letter) in zip(axes, (("neurons", "c"), ("weights", "C")), strict=True):
            name = f"correlation/{kind}"
            for axis, layer in zip(row, layers, strict=True):
                index = np.s_[:, layer - 1, RAW]
                for k, (t_w, shade) in enumerate(zip(waiting, shades, strict=True)):
                    values, errors = point[name][:, k][index], point.error(name)[:, k][index]
                    _curve(axis, point["time"] - t_w, values, errors, shade, f"$t_w$ = {t_w:,}")
                axis.axhline(analysis.THRESHOLD, color="k", ls="--", lw=0.8)
                axis.set_xscale("log")
                axis.set_title(f"${letter}_{{{layer}}}$", fontsize=9)
        for axis in axes[-1]:
            axis.set_xlabel(TIME)
        axes[0, 0].set_ylabel("neurons")
        axes[1, 0].set_ylabel("weights")
        _legend(figure, axes[0, 0])
    return figure


def profile(points: list[Point]):
    """Final overlap of replicas against the layer, with the published ones and the line 1/e."""
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
        for point, colour in zip(points, colours(points), strict=True):
            layers = np.arange(1, point.machine.depth)
            values, errors = point["final/neurons"][:, RAW], point.error("final/neurons")[:, RAW]
            axis.errorbar(
                layers, values, _known(errors), fmt="o-", ms=4, lw=1, capsize=2, color=colour,
                label=title(point),
            )  # fmt: skip
            if point.published.overlap:
                told = point.published.overlap
                axis.plot(layers, told, "x--", ms=5, lw=0.8, color=colour)
        axis.axhline(analysis.THRESHOLD, color="k", ls="--", lw=0.8)
        if any(point.published.overlap for point in points):
            axis.plot([], [], "kx--", ms=5, lw=0.8, label="published")
        axis.set(xlabel="layer $l$", ylabel="overlap of replicas $q_l^*$")
        axis.xaxis.get_major_locator().set_params(integer=True)
        _legend(figure, axis)
    return figure


def final_values(points: list[Point]):
    """Accuracy and energy at the last time against ln alpha, with published values."""
    panels = {"accuracy": "accuracy $A^*$", "log10_energy_ratio": r"$\log_{10} E^*/E(0)$"}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
        x = [point.ln_alpha for point in points]
        for axis, (name, label) in zip(axes, panels.items(), strict=True):
            values = [float(point[f"final/{name}"]) for point in points]
            errors = _known([float(point.error(f"final/{name}")) for point in points])
            axis.errorbar(x, values, errors, fmt="o", ms=4, capsize=2, color=SOLID, label="thermal machine")
            told = [(a, getattr(p.published, name)) for a, p in zip(x, points, strict=True)]
            if told := [pair for pair in told if pair[1] is not None]:
                axis.plot(*zip(*told, strict=True), **PUBLISHED)
            axis.set(xlabel=LN_ALPHA, ylabel=label)
        for name, mark in (("accuracy", "s"), ("accuracy_tanh", "D")):
            known = [p for p in points if f"training/{name}" in p]
            if known:
                values = [p[f"training/{name}"][-1] for p in known]
                label = "ordinary training" + (", signs" if name == "accuracy" else ", tanh")
                axes[0].plot(
                    [p.ln_alpha for p in known], values, mark, ms=4, mfc="none", color="0.5", label=label
                )
        _legend(figure, axes[0])
    return figure


def phases(points: list[Point], fits: list[dict]):
    """Solid and liquid layers against ln alpha, and the thickness of the solid with its slope."""
    depths = sorted({point.machine.depth for point in points})
    with plt.rc_context(STYLE):
        panels = len(depths) + 1
        figure, axes = plt.subplots(1, panels, figsize=(4 * panels, 3.6), layout="constrained", squeeze=False)
        for axis, depth in zip(axes[0], depths, strict=False):
            _layers(axis, [point for point in points if point.machine.depth == depth], depth)
        _thickness(axes[0, -1], points, fits)
        _legend(figure, axes[0, -1])
    return figure


def _layers(axis, points: list[Point], depth: int) -> None:
    """Every hidden layer of every point as a dot, solid or liquid, with the boundaries between."""
    layers = np.arange(1, depth)
    for point in points:
        q = point["final/neurons"][:, RAW]
        shades = np.where(q < analysis.THRESHOLD, LIQUID, SOLID)
        axis.scatter(np.full(depth - 1, point.ln_alpha), layers, c=shades, s=30, zorder=2)
        if point.published.overlap:
            ends = analysis.boundaries(np.array(point.published.overlap))
            axis.plot([point.ln_alpha] * 2, ends, zorder=4, **PUBLISHED)
        axis.plot(
            [point.ln_alpha] * 2, point["final/boundaries"][RAW], "_", color="k", ms=9, mew=1.5, zorder=3
        )
    axis.set(xlabel=LN_ALPHA, ylabel="layer $l$", ylim=(0, depth))
    axis.set_title(f"L = {depth}", fontsize=9)
    axis.yaxis.get_major_locator().set_params(integer=True)


def _thickness(axis, points: list[Point], fits: list[dict]) -> None:
    """Depth against ln alpha: below the thickness xi_s all is solid, above there is a liquid."""
    x = np.array([point.ln_alpha for point in points])
    depth = np.array([point.machine.depth for point in points])
    values = np.array([point["final/solid"][RAW] for point in points])
    errors = _known([point.error("final/solid")[RAW] for point in points])
    axis.errorbar(x, values, errors, fmt="o", ms=4, capsize=2, color="k", mfc="w", label=r"$\xi_s$")
    axis.scatter(x, depth, c=np.where(values < depth, LIQUID, SOLID), marker="s", s=24, label="depth $L$")
    for fit in fits:
        ends = np.array([fit["ln_alpha_min"], fit["ln_alpha_max"]])
        line = fit["intercept"] + fit["slope"] * ends
        axis.plot(ends, line, "k-", lw=0.8)
        axis.fill_between(ends, 0, line, color=SOLID, alpha=0.15, lw=0)
        axis.fill_between(ends, line, depth.max(), color=LIQUID, alpha=0.3, lw=0)
    if published.DEPTH in depth:
        told = [(a, analysis.solid_thickness(np.array(q))) for a, q in published.OVERLAP.items()]
        axis.plot(*zip(*told, strict=True), **PUBLISHED)
    axis.set(xlabel=LN_ALPHA, ylabel="depth / layers", ylim=(0, 1.05 * depth.max()))


def hierarchy(point: Point):
    """Overlap matrix of the weights of one sample's replicas and its dendrogram, of two layers."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, 2, figsize=(7, 5.2), layout="constrained", height_ratios=(1, 2), squeeze=False
        )
        for (above, below), layer in zip(axes.T, shown_layers(point.machine.depth), strict=True):
            overlaps = point["overlap/weights"][0, :, :, layer - 1]
            tree = dendrogram(
                analysis.clusters(overlaps), ax=above, color_threshold=0, above_threshold_color="k",
            )  # fmt: skip
            above.set(ylabel="$1 - Q$", ylim=(0, None))
            above.set_title(f"layer {layer}", fontsize=9)
            order = tree["leaves"]
            image = below.imshow(overlaps[np.ix_(order, order)], vmin=0, vmax=1, cmap="viridis")
            below.set(
                xticks=range(len(order)), xticklabels=order, yticks=range(len(order)), yticklabels=order
            )
            below.set(xlabel="replica", ylabel="replica")
        figure.colorbar(image, ax=axes[1], label="$Q^{ab}$", shrink=0.8)
    return figure


def overlaps(point: Point):
    """Overlaps of replicas against time, and their distribution at the last time."""
    depth, edges = point.machine.depth, point["distribution/edges"]
    shades = colormaps["coolwarm"](np.linspace(0, 1, depth))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(8, 5.2), layout="constrained")
        for row, (kind, letter) in zip(axes, (("neurons", "q"), ("weights", "Q")), strict=True):
            values, errors = point[f"replicas/{kind}"], point.error(f"replicas/{kind}")
            for k in range(values.shape[1]):
                _curve(
                    row[0], point["replicas/time"], values[:, k, RAW], errors[:, k, RAW], shades[k],
                    f"$l$ = {k + 1}",
                )  # fmt: skip
                row[1].stairs(point[f"distribution/{kind}"][:, k], edges, color=shades[k], lw=1)
            row[0].axhline(analysis.THRESHOLD, color="k", ls="--", lw=0.8)
            row[0].set(xscale="log", xlabel="steps since the replicas parted", ylabel=f"${letter}_l(t)$")
            row[1].set(xlabel=f"${letter}_l^{{ab}}$", ylabel="density", yscale="log")
        _legend(figure, axes[1, 0])
    return figure


def shown_layers(depth: int) -> tuple[int, int]:
    """A layer of weights in the middle and one at the edge, 5 and 9 of 10."""
    return max(depth // 2, 1), max(depth - 1, 1)


def _curve(axis, times, values, errors, colour, label=None, style="-") -> None:
    """A line over positive times, with its error as a band."""
    shown = (np.asarray(times) > 0) & np.isfinite(values)
    times, values = np.asarray(times)[shown], values[shown]
    axis.plot(times, values, style, lw=1, color=colour, label=label)
    if errors is not None and np.isfinite(errors[shown]).all():
        axis.fill_between(
            times, values - errors[shown], values + errors[shown], color=colour, alpha=0.2, lw=0
        )


def _known(errors) -> np.ndarray:
    """Errors for bars, 0 where there are none."""
    return np.nan_to_num(np.asarray(errors, np.float64))


def _legend(figure, axis) -> None:
    handles = axis.get_legend_handles_labels()
    if handles[0]:
        figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8)
