"""Models of another program, mcising (`pip install mcising`, here or anywhere on the PATH)."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
from work import Work

# Sweeps between snapshots, at least ten autocorrelation times in all cases; and sweeps for u(T).
INTERVAL, SWEEPS = 50, 400_000


class Mcising:
    """One of its models.

    Parameters
    ----------
    work : Work
    options : str
        What its command run is told about the model.
    temperature : float
        Of the snapshots.
    """

    def __init__(self, work: Work, options: str, temperature: float):
        self.work, self.options, self.temperature = work, options.split(), temperature

    @staticmethod
    def command() -> str | None:
        """The program, if it is installed."""
        beside = Path(sys.executable).parent / "mcising"
        return str(beside) if beside.exists() else shutil.which("mcising")

    def run(self, name: str, temperatures, sweeps: int, interval: int, seed: int, *more: str) -> Path:
        """Run it and return its file."""
        path = self.work.folder / name
        line = [self.command(), "run", *self.options, "--sweeps", str(sweeps), "--interval", str(interval)]
        line += ["--therm", "5000", "--seed", str(seed), "--mode", "independent", "-o", str(path), *more]
        line += [part for t in temperatures for part in ("-T", f"{t:g}")]
        subprocess.run(line, capture_output=True, check=True)
        return path

    def snapshots(self) -> str:
        """The data set of its snapshots, as --from takes it."""
        path = self.run("snapshots.h5", [self.temperature], INTERVAL * self.work.samples, INTERVAL, 1)
        return f"{path}:/{self._group(path, self.temperature)}/configurations"

    def u(self, temperatures) -> dict:
        """Its energies per site with errors, as a sweep has them."""
        sweeps = SWEEPS // 100 if self.work.quick else SWEEPS
        path = self.run("u.h5", temperatures, sweeps, 10, 2, "--no-store-configs")
        with h5py.File(path) as file:
            found = [file[self._group(path, t)]["statistics"].attrs for t in temperatures]
            u, error = ([float(row[key]) for row in found] for key in ("energy", "energy_error"))
        return {"u": u, "u_error": error, "c_peak": None}

    @staticmethod
    def _group(path: Path, temperature: float) -> str:
        with h5py.File(path) as file:
            named = (name for name in file if name.startswith("T="))
            return min(named, key=lambda name: abs(float(name[2:]) - temperature))
