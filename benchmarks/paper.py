"""Each figure and number of the paper beside ours: a page with a figure, from the results that are kept.

    python benchmarks/paper.py [--into FOLDER] [--quick] [--json]

Reads `benchmarks/results`, where each file says by which command it was made, and writes `paper.md` and
`paper.png` into FOLDER (docs). Nothing is computed here: a row whose file is missing says so.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from outcome import add_arguments, finish, reference

from dcl_hpc.reporting.sweeps import rounded

RESULTS = Path(__file__).parent / "results"
NOT_RUN = "not run"
# Configurations and epochs of the paper.
PUBLISHED, EPOCHS = 51_200_000, 30
COLOURS = {"rnn": "C3", "ednn": "C0", "rnn_as_trained": "C1", "ednn_as_trained": "C9"}
NAMES = {
    "rnn": "RNN, calibrated",
    "ednn": "EDNN, calibrated",
    "rnn_as_trained": "RNN as trained",
    "ednn_as_trained": "EDNN as trained",
}
# Stages whose time is that of a row, in the order in which they run.
STAGES = ("observe", "rnn", "label", "ednn", "calibrate", "evaluate", "sweep", "report")
HEAD = """# The paper's figures, and ours

Made by `.venv/bin/python benchmarks/paper.py` from files of `benchmarks/results`, each of which has its
command, commit and machine. RMSE in J over the same number of configurations of each energy level, |du| in J
per site. Networks are given as they were trained, which is the published method, and calibrated by the
interactions that the snapshots call for. The paper ([arXiv:2003.02647](https://arxiv.org/abs/2003.02647)) has
numbers for two of its results; the other rows have what its figures and text claim. In the variants the RNN
was shown each observation as it was taken (`rnn.symmetric = false`). The job of a file is in its commit.

| there | the paper | here | numbers |
|---|---|---|---|
"""
COMMANDS = "\nThe files were made by\n\n"
FIGURE = """
![Energies per site and errors by level](paper.png)

Lines: exact. Marks: Metropolis with the learned energies. Dashed: the temperature of the observations. Lower
left: root mean square error on each level of the true energy, as in the paper's Fig. 4.
"""


@dataclass(frozen=True)
class Row:
    """One figure or number.

    Attributes
    ----------
    there : str
        Its place in the paper.
    claim : str
    file : str
        Of the results, without ending.
    found : callable (dict) -> str
        What the file says of it.
    """

    there: str
    claim: str
    file: str
    found: Callable[[dict], str]

    def cells(self, folder: Path) -> list[str]:
        """What the table says."""
        if (result := read(folder, self.file)) is None:
            return [self.there, self.claim, NOT_RUN, ""]
        link = f"[{self.file}](../benchmarks/results/{self.file}.json)"
        return [self.there, self.claim, self.found(result), link]


def commands(folder: Path) -> str:
    """By which command each file was made, in what time and where."""
    files = {row.file: read(folder, row.file) for row in ROWS}
    return "".join(
        f"- {file}: `{result['command']}`, {time(result)}\n" for file, result in files.items() if result
    )


def read(folder: Path, file: str) -> dict | None:
    """A result that is kept."""
    path = folder / f"{file}.json"
    return json.loads(path.read_text()) if path.exists() else None


def time(result: dict) -> str:
    """How long it took, and where."""
    seconds = result.get("wall_seconds")
    if not seconds:
        return result["machine"]
    total = sum(value for stage, value in seconds.items() if stage.startswith(STAGES))
    return f"{total / 60:.0f} min, {result['machine']}"


def rmse(*names: str) -> Callable[[dict], str]:
    """RMSE of networks on all levels."""

    def found(result: dict) -> str:
        parts = []
        for name in names:
            trained = result.get("calibration", {}).get(name, {}).get("as_trained")
            parts.append(
                f"{name.upper()} {trained['rmse']:.2f}, calibrated {result[name]['rmse']:.3f}"
                if trained
                else f"{name.upper()} {result[name]['rmse']:.2f}"
            )
        return "RMSE " + "; ".join(parts)

    return found


def curve(name: str, length: int) -> Callable[[dict], str]:
    """Largest error of an energy's u(T) on one lattice."""

    def found(result: dict) -> str:
        if (sweep := swept(result, name, length)) is None:
            return NOT_RUN
        expected, errors = reference(result, sweep)
        differences = np.abs(np.array(sweep["u"]) - np.array(expected))
        worst = int(differences.argmax())
        error = np.hypot(sweep["u_error"][worst], errors[worst] if errors else 0)
        where = f"{name.upper()} on {length}x{length}"
        return (
            f"{where}, largest \\|du\\| {rounded(differences[worst], error)} "
            f"at T = {sweep['temperature'][worst]:.2f}{', from the true sweep' if errors else ''}"
        )

    return found


def swept(result: dict, name: str, length: int) -> dict | None:
    """A sweep of an energy on a square lattice."""
    found = [s for s in result["sweeps"] if s["energy"] == name and s["shape"] == [length, length]]
    return found[0] if found else None


def both(*parts: Callable[[dict], str]) -> Callable[[dict], str]:
    """Several findings of one file."""
    return lambda result: "; ".join(part(result) for part in parts)


def couplings(result: dict) -> str:
    """How well a glass's couplings are found."""
    parts = [f"{found['rmse']:.4f} by {name.upper()}" for name, found in result["couplings"].items()]
    return f"RMSE of the couplings {', '.join(parts)}"


def variants(*names: str) -> Callable[[dict], str]:
    """KL divergence of variants of the RNN from the same observations."""

    def found(result: dict) -> str:
        rows = result["variants"]
        parts = [f"{name} {rows[name]['kl']:.3f} in {rows[name]['seconds']:.0f} s" for name in names]
        return f"KL in nats from {result['samples']:,} observations: " + "; ".join(parts)

    return found


def unaffordable(result: dict) -> str:
    """How long a training takes that was timed on fewer configurations."""
    (row,) = result["lengths"].values()
    rate = row["per_s"]
    days = PUBLISHED * EPOCHS / rate / 86400
    return (
        f"at {rate:.0f} configurations/s in these settings would take {days:.0f} days; all rows above have "
        "a tenth of the data or less, once"
    )


GLASS = both(rmse("rnn", "ednn"), curve("rnn", 8), curve("ednn", 8), couplings)
ROWS = (
    Row("Fig. 2a", "energies follow the diagonal", "ising_L8", rmse("rnn")),
    Row("Fig. 2c", "u(T) of the RNN's energy on 8x8 as the true one's", "ising_L8", curve("rnn", 8)),
    Row("Fig. 2b", "Potts, the same", "potts_q3_L8", rmse("rnn", "ednn")),
    Row("Fig. 2d", "Potts, the same", "potts_q3_L8", both(curve("rnn", 8), curve("ednn", 8))),
    Row("Fig. 3b", "16x16 from 8x8 by the EDNN", "ising_L8", both(curve("ednn", 16), curve("ednn", 8))),
    Row("Fig. 4", "RMSE of the RNN 2.06, of the EDNN 1.47", "ising_L8", rmse("rnn", "ednn")),
    Row("Fig. 5", "U(T) of a glass (instance 69) as the true one's", "ea_69", GLASS),
    Row("Fig. 6", "the same of another glass (instance 70 here)", "ea_70", GLASS),
    Row(
        "text",
        "twice the temperature of observation changes nothing qualitatively",
        "ising_L8_T8",
        both(rmse("rnn", "ednn"), curve("rnn", 8), curve("ednn", 8), curve("ednn", 16)),
    ),
    Row(
        "text",
        "snake or spiral makes no difference",
        "variants_L8",
        variants("default", "snake order", "raster order"),
    ),
    Row(
        "text",
        "the same, of a glass (instance 69)",
        "variants_glass",
        variants("default", "spiral order", "raster order"),
    ),
    Row(
        "supplement",
        "up to four stacked units help modestly",
        "variants_L8",
        variants("default", "two layers", "three layers", "four layers"),
    ),
    Row("supplement", "dropout (0.1)", "variants_L8", variants("default", "dropout")),
    Row("supplement", "a Transformer should do better", "variants_L8", variants("default", "transformer")),
    Row(
        "supplement",
        "8e5 observations a site, 378 units, 30 epochs",
        "ising_L8_paper",
        unaffordable,
    ),
)
# Panels of the figure: title, file, length of the lattice, energies.
PANELS = (
    ("Ising 8x8 (Fig. 2c)", "ising_L8", 8, ("rnn", "ednn")),
    ("Potts 8x8 (Fig. 2d)", "potts_q3_L8", 8, ("rnn", "ednn")),
    ("Ising 16x16 from 8x8 (Fig. 3b)", "ising_L8", 16, ("ednn",)),
    ("glass 69 (Fig. 5)", "ea_69", 8, ("rnn", "ednn")),
    ("another glass (Fig. 6)", "ea_70", 8, ("rnn", "ednn")),
)


def draw(folder: Path, path: Path) -> None:
    """The figure."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
    places = [axes[0, 0], axes[0, 1], axes[0, 2], axes[1, 1], axes[1, 2]]
    for axis, (title, file, length, energies) in zip(places, PANELS, strict=True):
        axis.set(title=title, xlabel="T / (J/k$_B$)", ylabel="u / J per site")
        if (result := read(folder, file)) is None:
            axis.text(0.5, 0.5, NOT_RUN, transform=axis.transAxes, ha="center")
            continue
        axis.axvline(result["temperature"], color="k", lw=0.8, ls="--")
        true = swept(result, "true", length)
        axis.plot(true["temperature"], reference(result, true)[0], "k-", lw=1)
        for name in energies:
            if sweep := swept(result, name, length):
                band = {"color": COLOURS[name], "ms": 4, "lw": 1, "mfc": "none"}
                axis.errorbar(
                    sweep["temperature"], sweep["u"], sweep["u_error"], fmt="o", label=name.upper(), **band
                )
        axis.legend(frameon=False)
    axis, result = axes[1, 0], read(folder, "ising_L8")
    axis.set(
        title="errors by level, Ising 8x8 (Fig. 4)", xlabel="true energy / J", ylabel="RMSE / J", yscale="log"
    )
    for name, rows in ((result or {}).get("levels") or {}).items():
        if name in NAMES:
            axis.plot(rows["level"], rows["level_rmse"], color=COLOURS[name], label=NAMES[name])
            axis.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Write the page and its figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[1] / "docs", metavar="FOLDER")
    add_arguments(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        into = Path(scratch) if options.quick else options.into
        rows = [row.cells(RESULTS) for row in ROWS]
        (into / "paper.md").write_text(
            HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + FIGURE + COMMANDS + commands(RESULTS)
        )
        draw(RESULTS, into / "paper.png")
        print(f"{into / 'paper.md'}: {len(rows)} rows, {sum(NOT_RUN in row[2] for row in rows)} not run")
    finish({"rows": rows}, "paper.py", options.json)


if __name__ == "__main__":
    main()
