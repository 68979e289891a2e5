"""Errors of local energies found without an RNN, over several data sets, and seconds of each fit.

    python benchmarks/direct.py [JOB] [--seeds N] [--quick] [--json]

Runs observe, train and evaluate of the job for each seed. The error is the RMSE over the same number of
configurations of every energy level; the median over data sets counts.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from outcome import add_arguments, changed, finish

from dcl_hpc.reporting import tables
from dcl_hpc.storage import results

ENERGIES = {
    "ednn": "ednn",
    "clusters": "direct_clusters",
    "table": "direct_table",
    "pairwise": "direct_pairwise",
}


# Fits that take seconds.
QUICK = (
    "lattice.shape=[6, 6]", "sweep.shapes=[[6, 6]]", "observe.samples=2000", "observe.chains=100",
    "observe.thermalization=20", "ednn.epochs=1", "direct.samples=2000", "levels.per_level=10",
    "levels.max_sweeps=1000",
)  # fmt: skip


def one(job: str, seed: int, folder: str, changes=()) -> dict:
    """RMSE (J), slope and seconds of every fit to one data set, and the interactions selected."""
    name = f"seed_{seed}"
    settings = [
        "--runs",
        folder,
        *changed([f"seed={seed}", f"name={name}", "ednn.calibrate=false", *changes]),
    ]
    for module in ("observe", "train", "evaluate"):
        command = [sys.executable, "-m", f"dcl_hpc.{module}", job, *settings]
        threads = os.environ | {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
        out = subprocess.run(command, env=threads, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = {
        method: float(value) for method, value in re.findall(r"estimate by (\w+) from .*: ([\d.]+) s", out)
    }
    root = Path(folder) / name
    with h5py.File(root / "ednn" / "network.h5") as file:
        seconds["ednn"] = float(file["progress/wall_seconds"][0])
    energies, width = results.read_evaluation(root / "evaluation.h5")
    found = {}
    for method, column in ENERGIES.items():
        errors = tables.energy_errors(energies[column], energies["true"], width)
        found[method] = {"rmse": errors["rmse"], "slope": errors["slope"], "seconds": seconds[method]}
    with h5py.File(root / "evaluation.h5") as file:
        found["clusters"]["interactions"] = json.loads(file.attrs["direct"])["clusters"]
        found["samples"] = json.loads(file.attrs["job"])["direct"]["samples"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/direct_L8.toml")
    parser.add_argument("--seeds", type=int, default=5)
    add_arguments(parser)
    options = parser.parse_args()
    found, changes = [], ()
    if options.quick:
        options.seeds, changes = 1, QUICK
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            found.append(one(options.job, seed, folder, changes))
            row = "  ".join(
                f"{method} {found[-1][method]['rmse']:.3f} J ({found[-1][method]['seconds']:.0f} s)"
                for method in ENERGIES
            )
            print(f"seed {seed}: {row}", flush=True)
    result = {"samples": found[0]["samples"]}
    for method in ENERGIES:
        result[f"{method}_rmse"] = float(np.median([row[method]["rmse"] for row in found]))
        print(f"{method:<10} median RMSE {result[f'{method}_rmse']:.3f} J")
    finish(result | {"data_sets": found}, f"direct.py {options.job}", options.json)


if __name__ == "__main__":
    main()
