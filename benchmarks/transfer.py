"""Transfer: a local energy found on a small lattice, in Monte Carlo on larger ones, against exact values.

    python benchmarks/transfer.py JOB [--runs FOLDER] [--ranks N] [--sizes 16 32 64 128] [--json]
    python benchmarks/transfer.py --quick [--json]

JOB is an Ising job whose EDNN is complete in FOLDER. Every size is swept with replica exchange between the
temperatures below, which lie close to each other around the transition; u is compared with Kaufman's
values there, and the peak of the specific heat, by reweighting, with the peak of Kaufman's curve.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from outcome import add_arguments, call, changed, finish

from dcl_hpc.job import file as job_file
from dcl_hpc.physics import exact
from dcl_hpc.pipeline.lattice_study import files_of
from dcl_hpc.pipeline.run import Run
from dcl_hpc.reporting import tables
from dcl_hpc.storage import results

COARSE = (1.5, 1.75, 2.0, 2.1, 2.5, 2.6, 2.75, 3.0, 3.25, 3.5, 3.75, 4.0, 4.5, 5.0)
NEAR = np.round(np.arange(2.16, 2.4401, 0.02), 2)
LADDERS = 8
# Proposed flips: of small lattices, and per site of a row of large ones, where correlations last longer.
FLIPS, FLIPS_PER_ROW = 4e10, 1.25e9
# The job of --quick, whose local energy is learned here, and its sweeps.
QUICK = (
    "lattice.shape=[6, 6]", 'sweep.energies=["ednn"]', "sweep.shapes=[[6, 6]]", "observe.samples=10000",
    "observe.chains=100", 'ednn.fit="clusters"', "ednn.focus=1", "ednn.samples=10000",
)  # fmt: skip
QUICK_SWEEPS = 400


def command(options, module: str, folder: Path, *arguments: str) -> None:
    """Run a command of the program on all ranks; what it says goes to the standard error output."""
    settings = changed(QUICK if options.quick else ())
    call(
        module, options.job, folder, *settings, *arguments, ranks=options.ranks, check=True, stdout=sys.stderr
    )


def sweep(options, folder: Path, length: int) -> Path:
    """Sweep one size and return its file."""
    temperatures = sorted({*COARSE, *NEAR.tolist()})
    flips = max(FLIPS, FLIPS_PER_ROW * length)
    sweeps = int(min(flips / (length**2 * LADDERS * len(temperatures)), 40_000))
    sweeps = QUICK_SWEEPS if options.quick else sweeps
    settings = {
        "energies": '["ednn"]', "shapes": f"[[{length}, {length}]]", "temperatures": str(temperatures),
        "start": '"uniform"',  # walls between domains of large lattices would stay for ever
        "ladders": LADDERS, "rungs": len(temperatures), "thermalization": sweeps // 2, "sweeps": sweeps // 2,
    }  # fmt: skip
    changes = changed(f"sweep.{key}={value}" for key, value in settings.items())
    command(options, "sweep", folder, "--energy", "ednn", *changes)
    return next(folder.glob(f"*/sweeps/ednn_{length}x{length}.h5"))


def compare(job, length: int, path: Path) -> dict:
    """Errors of u, and the peak of c, of one size."""
    hamiltonian = job.build_hamiltonian((length, length))
    n_sites = length**2
    series = results.read_sweep(path)
    table = tables.sweep_table(series, n_sites)
    reference = tables.exact_table(hamiltonian, series.temperature)
    errors = np.abs(np.array(table["u"]) - np.array(reference["u"], float))
    worst = int(np.argmax(errors))
    near = np.isin(series.temperature, NEAR)
    fine = np.linspace(NEAR[0], NEAR[-1], 281)
    close = results.SweepSeries(
        series.temperature[near], series.listed[near], series.energy[near], series.order[near], None, 0
    )
    curve = tables.reweighted_curve(close, fine, n_sites)
    exact_c = exact.curve(hamiltonian, fine, 1e-5)[:, 2]
    peak = float(fine[np.argmax(exact_c)])
    found = curve["c_peak"][0] if curve else float(series.temperature[np.nanargmax(table["c"])])
    return {
        "size": length, "temperature": table["temperature"], "u": table["u"], "u_error": table["u_error"],
        "u_exact": reference["u"], "c": table["c"], "c_exact": reference["c"],
        "max_abs_du": float(errors[worst]), "t_at_max": float(series.temperature[worst]),
        "c_peak": found, "c_peak_exact": peak, "c_peak_off_by": abs(found / peak - 1),
        "c_peak_reweighted": curve is not None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/ising_L8.toml")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.ranks, options.sizes = 1, [12]
    job, text = job_file.load(options.job, QUICK if options.quick else ())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.quick:
            command(options, "observe", folder)
            command(options, "train", folder, "--network", "ednn")
        else:
            run = Run(job, text, options.job, options.runs, options.ranks)
            for output in files_of(job, "ednn"):
                path = run.require(output)
                (folder / job.name / path.parent.name).mkdir(parents=True)
                shutil.copy(path, folder / job.name / path.parent.name)
        for length in options.sizes:
            row = compare(job, length, sweep(options, folder, length))
            rows.append(row)
            print(
                f"{length:>4}  largest error of u {row['max_abs_du']:.4f} J at T = {row['t_at_max']:.2f}; "
                f"peak of c at {row['c_peak']:.3f}, exact {row['c_peak_exact']:.3f}",
                flush=True,
            )
    result = {"observed": list(job.lattice.shape), "sizes": rows}
    finish(result, f"transfer.py {options.job}", options.json)


if __name__ == "__main__":
    main()
