"""Learning curves: what more observations are worth to the RNN, the EDNN and fits without an RNN.

    python benchmarks/learning.py [JOB] [--samples 1e3 1e4 ...] [--runs FOLDER] [--ranks N] [--picture FILE]
                                  [--set KEY=VALUE ...] [--quick] [--json]

For each number of observations the whole chain of the job is run anew, with passes and batches of the RNN as
they are by default: few observations are shown many times. The error is the RMSE over the same number of
configurations of every energy level, and the largest error of u(T) of the sweeps. Runs that are complete in
FOLDER are not repeated.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from outcome import add_arguments, call, changed, finish, reference

from dcl_hpc.job import file as job_file

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Direct estimates use no more than that.
DIRECT = 10_000_000
QUICK = (
    "lattice.shape=[6, 6]", "sweep.shapes=[[6, 6]]", "observe.thermalization=20", "rnn.hidden=8",
    "rnn.epochs=1", "labels.count=1000", "ednn.focus=1", "ednn.context=1", "ednn.hidden=[8]", "ednn.epochs=1",
    "ednn.batch=100", "levels.per_level=10", "levels.max_sweeps=1000", "sweep.temperatures=[3.0, 4.0]",
    "sweep.ladders=2", "sweep.sweeps=100", "sweep.rnn_sweeps=10", "sweep.rnn_thermalization=4",
    "calibration.network_samples=500",
)  # fmt: skip
STYLES = {
    "rnn_as_trained": ("RNN as trained", "C1", "o--"),
    "rnn": ("RNN, calibrated", "C3", "o-"),
    "ednn_as_trained": ("EDNN as trained", "C9", "s--"),
    "ednn": ("EDNN, calibrated", "C0", "s-"),
    "pairwise": ("direct, pairs", "0.6", "v-"),
    "clusters": ("direct, selected", "k", "^-"),
    "table": ("direct, free table", "C2", "d-"),
    "direct": ("direct, selected", "k", "^-"),
}


def settings(n: int) -> list[str]:
    """Changes of a job for a number of observations."""
    return [
        f"name=observed_{n}", f"observe.samples={n}", f"observe.chains={min(n // 10, 5000)}",
        'rnn.epochs="auto"', 'rnn.batch="auto"', "rnn.validations=1", 'rnn.validation="auto"',
        f"direct.samples={min(n, DIRECT)}", 'sweep.energies=["true", "rnn", "ednn", "direct"]',
    ]  # fmt: skip


def measure(options, n: int) -> dict:
    """Errors of all routes from n observations."""
    settled = [*settings(n), *(QUICK if options.quick else ()), *options.set]
    arguments = options.job, options.runs, *changed(settled)
    call("run", *arguments, ranks=options.ranks, check=True, stdout=sys.stderr)
    summary = json.loads((options.runs / f"observed_{n}" / "report" / "summary.json").read_text())
    rmse = {name: summary[name]["rmse"] for name in ("rnn", "ednn")}
    for name, found in summary["calibration"].items():
        rmse[f"{name}_as_trained"] = found["as_trained"]["rmse"]
    for name, found in summary["direct"].items():
        if isinstance(found, dict) and "rmse" in found:
            rmse[name] = found["rmse"]
    du = {}
    for sweep in summary["sweeps"]:
        expected, _ = reference(summary, sweep)
        key = f"{sweep['energy']}_{'x'.join(map(str, sweep['shape']))}"
        du[key] = float(np.abs(np.array(sweep["u"]) - np.array(expected)).max())
    return {
        "rmse": rmse, "max_abs_du": du, "kl": summary["rnn"]["kl"], "seconds": summary["wall_seconds"],
        "git_commit": summary["git_commit"], "machine": summary["machine"],
    }  # fmt: skip


def draw(rows: dict, path: Path, title: str) -> None:
    """RMSE and largest error of u(T) against the number of observations."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    n = [int(key) for key in rows]
    for axis, what in zip(axes, ("rmse", "max_abs_du"), strict=True):
        first = next(iter(rows.values()))[what]
        for name in first:
            energy, _, shape = name.rpartition("_") if what == "max_abs_du" else (name, "", "")
            if energy not in STYLES or (shape and name != f"{energy}_{_observed(first)}"):
                continue
            label, colour, form = STYLES[energy]
            values = [row[what].get(name, np.nan) for row in rows.values()]
            axis.loglog(n, values, form, color=colour, label=label, ms=4, mfc="none")
        axis.set_xlabel("observations")
        axis.legend(frameon=False, fontsize=7)
    axes[0].set(ylabel="RMSE over all levels / J", title=title)
    axes[1].set(ylabel="largest error of u(T) / J", title="sweeps of the observed lattice")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _observed(du: dict) -> str:
    """Shape that the RNN has swept, which is that of the observations."""
    return next(name for name in du if name.startswith("rnn_")).rpartition("_")[2]


def main() -> None:
    """Run the chains and tell their errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/ising_L8.toml")
    parser.add_argument("--samples", type=float, nargs="+", default=[1e3, 1e4, 1e5, 1e6])
    parser.add_argument("--runs", type=Path, help="keep the runs here (default: nowhere)")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="draw the curves into this file")
    parser.add_argument("--set", action="append", default=[], help="change a value of the job, for all")
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.samples, options.ranks = [1000], 1
    sizes = [int(n) for n in options.samples]
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        options.runs = options.runs or Path(scratch)
        for n in sizes:
            rows[str(n)] = row = measure(options, n)
            texts = [f"{name} {value:.3f}" for name, value in row["rmse"].items()]
            print(f"{n:>10} observations, RMSE / J: {', '.join(texts)}", flush=True)
        if options.picture or options.quick:
            path = options.picture or Path(scratch) / "learning.png"
            draw(rows, path, job_file.load(options.job)[0].name)
    numbers = " ".join(f"{n:g}" for n in sizes)
    more = "".join(f" --set '{setting}'" for setting in options.set)
    finish(
        {"job": options.job, "rows": rows},
        f"learning.py {options.job} --samples {numbers}{more}",
        options.json,
    )


if __name__ == "__main__":
    main()
