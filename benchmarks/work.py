"""What benchmarks of many systems share: runs of jobs, what they say, and cases done piece by piece."""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from outcome import call

import dcl_hpc
from dcl_hpc.job.toml import document
from dcl_hpc.reporting.opened import OpenedRun
from dcl_hpc.storage.documents import write_text

SAMPLES, QUICK_SAMPLES = 100_000, 4000


@dataclass(frozen=True)
class Work:
    """Where and how runs are made.

    Attributes
    ----------
    folder : Path
        Of runs, jobs and snapshots of one case.
    ranks : int
    quick : bool
    """

    folder: Path
    ranks: int
    quick: bool

    @property
    def samples(self) -> int:
        """Snapshots of a case."""
        return QUICK_SAMPLES if self.quick else SAMPLES

    def command(self, module: str, job: Path, *arguments) -> str:
        """What a command of the program says; it must succeed."""
        done = call(
            module, job, self.folder / "runs", *arguments, ranks=self.ranks, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        if done.returncode:
            raise SystemExit(f"{' '.join(done.args)}\n{said}")
        return said

    def run(self, job: dict, *arguments, module: str = "run") -> tuple[OpenedRun, str]:
        """The run of a job, and what the command said."""
        path = self.folder / f"{job['name']}.toml"
        path.write_text(document(job))
        said = self.command(module, path, *arguments)
        return dcl_hpc.open_run(self.folder / "runs" / job["name"]), said

    def snapshots(self, lattice: dict, truth: dict, temperature: float) -> Path:
        """A file of snapshots that chains of the true energy have made."""
        chains = self.samples // 100
        observe = {"temperature": temperature, "samples": self.samples, "chains": chains}
        job = {"name": "observed", "lattice": lattice, "hamiltonian": truth, "observe": observe}
        job["sweep"] = {"energies": ["true"], "temperatures": [temperature, 2 * temperature]}
        run, _ = self.run(job, module="observe")
        np.save(self.folder / "snapshots.npy", np.asarray(run.observations))
        return self.folder / "snapshots.npy"

    def sweeps(self, temperatures, shapes=()) -> dict:
        """The section sweep of a job but for its energies."""
        length = {"ladders": 2, "thermalization": 50, "sweeps": 200} if self.quick else {"sweeps": 20_000}
        return {"temperatures": [float(t) for t in temperatures], "shapes": list(shapes)} | length


def unknown(name: str, lattice: dict, temperature: float, **sections) -> dict:
    """A job about snapshots of a system of which nothing else is known."""
    observe = {"temperature": temperature}
    return {
        "name": name,
        "lattice": lattice,
        "hamiltonian": {"kind": "unknown"},
        "observe": observe,
    } | sections


def laws(run: OpenedRun, true: dict[str, float]) -> dict:
    """The interactions that were found beside the true ones, which `true` has in words."""
    rows, z, extra = list(run.interactions("direct")), [], 0
    for row in rows:
        coupling = true.get(row.about)
        extra += coupling is None
        if coupling is not None:
            z.append((row.coupling - coupling) / row.error)
    for words in true.keys() - {row.about for row in rows}:
        z.append(None)  # not found
        print(f"{'':12}{words} were not found", flush=True)
    for row in rows:
        print(f"{'':12}{row}", flush=True)
    found = [{"about": row.about, "coupling": row.coupling, "error": row.error} for row in rows]
    return {"z": z, "extra": extra, "interactions": found}


def explained(run: OpenedRun, energy: str = "direct") -> float:
    """Probability that the test of an energy against snapshots gives."""
    with h5py.File(run.folder / "checks" / f"{energy}.h5") as file:
        return json.loads(file.attrs["numbers"])["p"]


def swept(run: OpenedRun, energy: str) -> list[dict]:
    """Sweeps of an energy in the order of the job's shapes, as summary.json has them."""
    summary = json.loads((run.folder / "report" / "summary.json").read_text())
    return [sweep for sweep in summary["sweeps"] if sweep["energy"] == energy]


def compared(found: dict, true: dict) -> dict:
    """Differences of u of two sweeps at the same temperatures, in J per site, and of the peaks of c."""
    u, u_error, reference, error = (np.array(x) for x in (*_u(found), *_u(true)))
    difference = np.abs(u - reference)
    peak, there = found["c_peak"], true["c_peak"]
    return {
        "shape": found["shape"], "temperature": list(found["temperature"]), "u": u.tolist(),
        "u_true": reference.tolist(), "du": (u - reference).tolist(),
        "du_error": np.hypot(u_error, error).tolist(), "max_abs_du": float(difference.max()),
        "c_peak": peak, "c_peak_true": there,
        "c_peak_error": abs(peak[0] / there[0] - 1) if peak and there else None,
        "c_height_error": abs(peak[1] / there[1] - 1) if peak and there else None,
    }  # fmt: skip


def _u(sweep: dict) -> tuple[list, list]:
    return sweep["u"], sweep["u_error"]


def perform(cases: dict[str, Callable[[Work], dict]], options, left_out: dict[str, str]) -> dict:
    """Do cases one after the other, but for those that are done; the file `options.into` keeps each.

    Parameters
    ----------
    options : argparse.Namespace
        `into`, `ranks` and `quick`.
    left_out : dict of str to str
        Why a case is not done.
    """
    into = options.into
    result = json.loads(into.read_text()) if into and into.exists() else {}
    for name, case in cases.items():
        if name in result:
            print(f"{name:<12}done before", flush=True)
        elif name in left_out:
            print(f"{name:<12}left out: {left_out[name]}", flush=True)
        else:
            started = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="case_") as folder:
                work = Work(Path(folder), 1 if options.quick else options.ranks, options.quick)
                result[name] = case(work) | {"seconds": time.monotonic() - started}
            print(f"{name:<12}{_in_short(result[name])}", flush=True)
            if into:
                write_text(into, json.dumps(result, indent=1) + "\n")
    return result


def _in_short(found: dict) -> str:
    """The numbers of a case in one line."""
    shown = {
        key: value for key, value in found.items() if isinstance(value, (bool, int, float)) or key == "z"
    }
    return ", ".join(f"{key} {_short(value)}" for key, value in shown.items())


def _short(value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
