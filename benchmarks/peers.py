"""Couplings that inverse-Ising estimators of others find, beside the interactions selected here.

    python benchmarks/peers.py [--python PATH] [--peers NAME ...] [--cases NAME ...] [--limit SECONDS]
                               [--runs FOLDER] [--into FILE] [--quick] [--json]

All get the same snapshots, of 8x8 Ising and of the glass 69, at T = 4. Peers are those that the interpreter
at PATH has (pip install adabmDCA pseudolm plgpm, best in an environment of their own). Seconds are those of
one core for the fit alone; a peer that can be stopped is stopped at the limit, others are given up at twice
that.
Errors are those of the couplings of all pairs of sites, and of u(T) of chains by replica exchange with each
energy, against exact values. Runs of FOLDER have the names of the cases: snapshots are theirs, and where one
has an EDNN it is compared, too. Selected interactions are one law for all sites; a glass, which has none, is
fitted bond by bond. With --into FILE each case is written as it ends, and those that FILE has are left out.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from inverse.estimators import ESTIMATORS
from inverse.pairs import PairsEnergy, energies_per_site
from outcome import add_arguments, finish

import dcl_hpc
from dcl_hpc.energy.bonds import BondTables
from dcl_hpc.energy.couplings import CONFIGURATIONS, recover, true_couplings
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.errors import UserError
from dcl_hpc.inference import glass
from dcl_hpc.inference.bonds import Spins
from dcl_hpc.inference.estimate import estimate
from dcl_hpc.physics import exact
from dcl_hpc.pipeline import opening
from dcl_hpc.storage.documents import write_text

JOBS = Path(__file__).resolve().parents[1] / "jobs"
GLASS = {"hamiltonian.realizations": [69]}
# For each case the job, what is changed in it, and the number of snapshots.
CASES = {
    f"{system}_{n:.0e}".replace("e+0", "e"): (JOBS / f"{job}.toml", changes, n)
    for n in (10_000, 100_000)
    for system, job, changes in (("ising", "ising_L8", {}), ("glass", "ea_L8", GLASS))
}
SWEEPS, SEED = 1500, 1
# What --quick looks at: an EDNN that is no network, too.
SMALL = {
    "lattice.shape": [6, 6], "sweep.shapes": [[6, 6]], "observe.chains": 200, "observe.thermalization": 20,
    "sweep.temperatures": [3.0, 4.0, 5.0], "sweep.energies": ["true", "ednn"], "ednn.fit": "clusters",
    "ednn.focus": 1, "ednn.context": 1,
}  # fmt: skip
QUICK = {"ising_2e3": (JOBS / "ising_L8.toml", SMALL, 2000)}
# Stages that an EDNN takes, besides the observations.
LEARNING = ("rnn", "label", "ednn")


class System:
    """A system with its snapshots, and the errors of energies that were found from them.

    Parameters
    ----------
    run : OpenedRun
        With observations.
    n : int
        How many of them count.
    sweeps : int
        Of the chains that sample u(T).
    """

    def __init__(self, run, n: int, sweeps: int):
        self.run, self.sweeps = run, sweeps
        self.hamiltonian = run.job.build_hamiltonian()
        self.lattice = self.hamiltonian.lattice
        self.states = np.asarray(run.observations[:n]).reshape(n, -1)
        self.pairs = np.stack(np.triu_indices(self.lattice.n_sites, 1), axis=1)
        self.couplings = true_couplings(self.hamiltonian, self.pairs)
        self.temperatures = run.job.sweep.listed
        self.u = exact.curve(self.hamiltonian, self.temperatures)[:, 1] / self.lattice.n_sites

    def errors(self, model, couplings: np.ndarray | None = None, seconds: float | None = None) -> dict:
        """Errors of an energy in J: of the couplings of all pairs, and the largest of u(T).

        Parameters
        ----------
        model : EnergyModel
        couplings : ndarray of float, shape (n_pairs,), optional
            In J; by default the model is asked for them.
        """
        if couplings is None:
            random = np.random.default_rng(SEED).integers(0, 2, (CONFIGURATIONS, self.lattice.n_sites))
            couplings = recover(model, random, self.pairs).value
        off, bond = couplings - self.couplings, self.couplings != 0
        u, error = energies_per_site(model, self.temperatures, self.sweeps, SEED)
        worst = int(np.abs(u - self.u).argmax())
        return {
            "rmse": float(np.sqrt((off**2).mean())), "bonds_rmse": float(np.sqrt((off[bond] ** 2).mean())),
            "bonds_mean_error": float((off[bond] * np.sign(self.couplings[bond])).mean()),
            "correlation": float(np.corrcoef(couplings, self.couplings)[0, 1]),
            "max_abs_du": float(np.abs(u - self.u)[worst]), "du_error": float(error[worst]),
            "at": float(self.temperatures[worst]), "u": u.tolist(),
        } | ({} if seconds is None else {"seconds": seconds})  # fmt: skip

    def own(self) -> dict:
        """What the interactions that the snapshots call for are off, of a glass one of each bond."""
        fit = self._bonds if self.run.job.is_glass else self._selected
        fit(self.states[:200])  # compiled and warm
        started = time.process_time()
        model = fit(self.states)
        return self.errors(model, seconds=time.process_time() - started)

    def _selected(self, states):
        job = self.run.job
        return estimate(job, "clusters", states, job.direct.offsets(self.lattice)).model(self.lattice)

    def _bonds(self, states):
        found = glass.fit(Spins.of(states, self.run.job.observe.temperature), self.lattice)
        return BondTables(self.lattice, found.interactions, found.coupling)

    def ednn(self) -> dict | None:
        """The same of the run's EDNN, if it has one; seconds are those of all its stages."""
        try:
            model = self.run.energy("ednn").model
        except UserError:
            return None
        run = opening.open_run(self.run.folder)
        spent = sum(run.state(name).progress.seconds for name in LEARNING if name in run.data)
        return self.errors(model, seconds=spent)

    def peers(self, name: str, options) -> dict:
        """The same of what a peer found, by the names of its fits; nothing if time was over."""
        script = Path(__file__).parent / "inverse" / "estimators.py"
        with tempfile.TemporaryDirectory(prefix="peers_") as folder:
            np.save(Path(folder) / "snapshots.npy", self.states)
            line = [options.python, script, name, Path(folder) / "snapshots.npy", folder, str(options.limit)]
            done = subprocess.run(
                line, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
            )
            if done.returncode == -signal.SIGXCPU:
                return {}
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr}")
            return {path.stem: self._found(np.load(path)) for path in sorted(Path(folder).glob("*.npz"))}

    def _found(self, fit) -> dict:
        temperature = self.run.job.observe.temperature
        couplings, fields = temperature * fit["couplings"], temperature * fit["fields"]
        model = PairsEnergy(self.lattice, couplings, fields)
        return self.errors(model, couplings[tuple(self.pairs.T)], float(fit["seconds"]))


def compare(name: str, case: tuple, versions: dict, options, folder: Path) -> dict:
    """All estimators on one case's snapshots."""
    job, changes, n = case
    if (folder / name).exists():
        run = dcl_hpc.open_run(folder / name)
    else:
        chains = {"observe.chains": min(n // 10, 5000)}
        run = dcl_hpc.start(job, folder, {"name": name, "observe.samples": n} | chains | changes)
        run.make("observe", *(["ednn"] if options.quick else []))
    system = System(next(iter(run.realizations), run), n, 50 if options.quick else SWEEPS)
    rows = {"true": system.errors(TrueEnergy(system.hamiltonian))}
    rows["bonds" if run.job.is_glass else "selected"] = system.own()
    if found := system.ednn():
        rows["EDNN"] = found
    for peer in versions:
        rows |= (found := system.peers(peer, options))
        if not found:
            print(f"{name:<12}{peer} was given up", flush=True)
    about = {"versions": versions, "limit": options.limit, "temperature": list(system.temperatures)}
    return about | {"u_exact": system.u.tolist(), "rows": rows}


def show(name: str, rows: dict) -> None:
    """The rows of a case as a table."""
    for title, row in rows.items():
        seconds = f", {row['seconds']:.1f} s" if "seconds" in row else ""
        print(
            f"{name:<12}{title:<24}RMSE of couplings {row['rmse']:.4f} J, correlation "
            f"{row['correlation']:.4f}, largest error of u {row['max_abs_du']:.4f} +- {row['du_error']:.4f} J"
            f" at T = {row['at']:g}{seconds}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--peers", nargs="+", choices=ESTIMATORS, default=[*ESTIMATORS], help="which of them")
    parser.add_argument("--limit", type=float, default=600, help="seconds that a peer may take")
    parser.add_argument("--runs", type=Path, help="keep the runs here (default: nowhere)")
    parser.add_argument("--into", type=Path, help="JSON file that keeps what is done")
    add_arguments(parser)
    options = parser.parse_args()
    cases = QUICK if options.quick else {name: CASES[name] for name in options.cases or CASES}
    script = Path(__file__).parent / "inverse" / "estimators.py"
    found = subprocess.run([options.python, script], capture_output=True, text=True, check=True).stdout
    versions = {name: version for name, version in json.loads(found).items() if name in options.peers}
    if missing := [ESTIMATORS[name][1] for name in options.peers if name not in versions]:
        print(f"{options.python} lacks {', '.join(missing)} (pip install): no comparison with them")
    kept = options.into and options.into.exists()
    result = json.loads(options.into.read_text()) if kept else {"cases": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for name, case in cases.items():
            if name not in result["cases"]:
                folder = options.runs or Path(scratch)
                result["cases"][name] = compare(name, case, versions, options, folder)
                if options.into:
                    write_text(options.into, json.dumps(result, indent=1) + "\n")
            show(name, result["cases"][name]["rows"])
    chosen = f"--peers {' '.join(options.peers)} --cases {' '.join(cases)}"
    finish(result, f"peers.py --python PATH {chosen}", options.json)


if __name__ == "__main__":
    main()
