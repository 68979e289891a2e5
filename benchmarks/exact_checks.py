"""Compare sampled energies and specific heats with exact values, errors included.

    python benchmarks/exact_checks.py [--quick] [--json FILE]

Sweeps with the true energy run as the commands that users start, on two ranks. For each system z is the
deviation of the energy per site from its exact value in units of the reported error. Replica exchange
correlates temperatures; the correlations are estimated from the means of the independent ladders and taken
out of the sum of squares (Hotelling's test, whose F distribution allows for their being estimates). chi2 is
the value with the same p, so that systems add up. Errors that are too small show as p near 0, errors that
are too large as p near 1.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from scipy.stats import chi2, f

from dcl_hpc.job import file as job_file
from dcl_hpc.reporting.tables import exact_table, sweep_table
from dcl_hpc.storage.results import read_sweep

RANKS = 2
JOB = """
name = "{name}"
seed = {seed}
[lattice]
shape = {shape}
[hamiltonian]
{hamiltonian}
[observe]
temperature = 4.0
[sweep]
energies = ["true"]
temperatures = {temperatures}
ladders = 130
thermalization = 2000
sweeps = {sweeps}
exchange = {exchange}
"""
ISING = 'kind = "ising"'
POTTS = 'kind = "potts"\nstates = 3\nform = "clock"'
GLASS = 'kind = "edwards_anderson"\ncouplings = "published"\ninstance = 69'
WIDE = [1.5, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
SYSTEMS = {
    "ising_8x8": (ISING, [8, 8], WIDE, 10_000, True),
    "ising_8x8_without_exchange": (ISING, [8, 8], WIDE[1:], 10_000, False),
    "ising_16x16": (ISING, [16, 16], WIDE, 10_000, True),
    "potts_clock_q3_8x8": (POTTS, [8, 8], [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0, 4.0], 10_000, True),
    "glass_69": (GLASS, [8, 8], [0.5, 1.0, 2.0, 4.0], 20_000, True),
}
# What --quick looks at.
QUICK = {"ising_4x4": (ISING, [4, 4], [2.0, 3.0, 5.0], 300, True)}


def check(name: str, system: tuple, folder: Path, seed: int) -> dict:
    """Run one system and compare."""
    hamiltonian, shape, temperatures, sweeps, exchange = system
    path = folder / f"{name}.toml"
    path.write_text(
        JOB.format(
            name=name, seed=seed, shape=shape, hamiltonian=hamiltonian, temperatures=temperatures,
            sweeps=sweeps, exchange=str(exchange).lower(),
        )
    )  # fmt: skip
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = ["mpiexec", "-n", str(RANKS), sys.executable, "-m", "dcl_hpc.sweep", str(path)]
    subprocess.run([*command, "--runs", str(folder)], env=environment, check=True, stdout=subprocess.DEVNULL)
    job, _ = job_file.load(path)
    model = job.build_hamiltonian()
    n_sites = model.lattice.n_sites
    output = folder / name / "sweeps" / f"true_{model.lattice}.h5"
    series = read_sweep(output)
    table, reference = sweep_table(series, n_sites), exact_table(model, temperatures)
    z = {
        key: (np.array(table[key]) - np.array(reference[key])) / np.array(table[f"{key}_error"])
        for key in ("u", "c")
    }
    correlation = np.corrcoef(series.energy[series.listed].mean(axis=2))
    squares = float(z["u"] @ np.linalg.solve(correlation, z["u"]))
    n, degrees = series.energy.shape[1], len(temperatures)
    p_value = float(f.sf(squares * (n - degrees) / (degrees * (n - 1)), degrees, n - degrees))
    with h5py.File(output) as file:
        provenance = {key: file.attrs[key] for key in ("git_commit", "machine", "creator")}
    return {
        "temperature": temperatures,
        "u": table["u"],
        "u_error": table["u_error"],
        "u_exact": reference["u"],
        "z_u": z["u"].tolist(),
        "z_c": z["c"].tolist(),
        "acceptance": None if not exchange else series.acceptance.tolist(),
        "round_trips": series.round_trips,
        "chi2": float(chi2.isf(p_value, degrees)),
        "degrees": degrees,
        "p_value": p_value,
        **provenance,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all numbers to this file")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("--quick", action="store_true", help="one small system, in seconds")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, system in (QUICK if options.quick else SYSTEMS).items():
            results[name] = r = check(name, system, Path(folder), options.seed)
            largest = {key: np.abs(r[f"z_{key}"]).max() for key in ("u", "c")}
            print(
                f"{name:<28} largest |z| of u {largest['u']:.2f}, of c {largest['c']:.2f}; "
                f"chi2 {r['chi2']:.1f} for {r['degrees']}, p = {r['p_value']:.3f}",
                flush=True,
            )
    statistic = sum(r["chi2"] for r in results.values())
    degrees = sum(r["degrees"] for r in results.values())
    p_value = float(chi2.sf(statistic, degrees))
    worst = max(np.abs(r["z_u"]).max() for r in results.values())
    print(f"all: largest |z| {worst:.2f}, chi2 {statistic:.1f} for {degrees} degrees, p = {p_value:.3f}")
    if options.json:
        command = shlex.join(["python", "benchmarks/exact_checks.py", *sys.argv[1:]])
        summary = {"command": command, "p_value": p_value, "largest_z": float(worst), **results}
        options.json.write_text(json.dumps(summary, indent=1) + "\n")
    sys.exit(0 if worst < 4 and 1e-3 < p_value < 1 - 1e-3 else 1)


if __name__ == "__main__":
    main()
