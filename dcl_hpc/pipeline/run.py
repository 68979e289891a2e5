"""The folder of a run, which file each stage makes, and whether it belongs to this job."""

import json
import os
import platform
import subprocess
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py

from .. import __version__
from ..errors import UserError
from ..job.study import Job
from ..storage.store import COMMITTED, WALL

FORMAT_VERSION = 1
LIBRARIES = ("numpy", "numba", "h5py", "mpi4py", "tensorflow", "tensorflow-cpu", "horovod")
# Which stage makes the file that another one needs.
COMMANDS = {
    "observe": "python -m dcl_hpc.observe",
    "rnn": "python -m dcl_hpc.train --network rnn",
    "label": "python -m dcl_hpc.label",
    "ednn": "python -m dcl_hpc.train --network ednn",
    "evaluate": "python -m dcl_hpc.evaluate",
    "sweep": "python -m dcl_hpc.sweep",
}


class OtherJob(UserError):
    """A file is there that another job made."""


def stage_name(energy: str, shape) -> str:
    """Name of one sweep's stage."""
    return f"sweep_{energy}_{'x'.join(map(str, shape))}"


@dataclass(frozen=True)
class Run:
    """Files of one job under `folder`/`job.name`.

    Parameters
    ----------
    job : Job
    job_text : str
        The job file verbatim, kept in every output.
    job_path : str
    folder : Path
    ranks : int
    overrides : tuple of str
        What --set changed.
    realization : int, optional
        Which realization of an ensemble this is, with a folder of its own in that of the ensemble.
    position : int, optional
        Its position in the list of realizations.
    first : Run, optional
        The ensemble's first realization, unless it is this one.
    """

    job: Job
    job_text: str
    job_path: str
    folder: Path
    ranks: int
    overrides: tuple[str, ...] = ()
    realization: int | None = None
    position: int | None = None
    first: "Run | None" = None

    @property
    def root(self) -> Path:
        """Folder of this job, or of this realization of it."""
        whole = self.folder / self.job.name
        return whole if self.realization is None else whole / f"realization_{self.realization}"

    @cached_property
    def realizations(self) -> tuple["Run", ...]:
        """Runs of an ensemble's realizations; empty for a single system."""
        runs = [
            replace(self, job=self.job.of(k), realization=k, position=position)
            for position, k in enumerate(self.job.realizations)
        ]
        return tuple(runs[:1] + [replace(run, first=runs[0]) for run in runs[1:]])

    def path(self, stage: str) -> Path:
        """File that a stage makes; sweeps are named sweep_ENERGY_SHAPE, candidates ednn_context_N."""
        if stage.startswith("sweep_"):
            return self.root / "sweeps" / f"{stage.removeprefix('sweep_')}.h5"
        if stage.startswith("ednn_"):
            return self.root / "ednn" / f"{stage.removeprefix('ednn_')}.h5"
        return (
            self.root
            / {
                "observe": "observations.h5",
                "rnn": "rnn/network.h5",
                "label": "labels.h5",
                "ednn": "ednn/network.h5",
                "evaluate": "evaluation.h5",
            }[stage]
        )

    @cached_property
    def sweeps(self) -> list[tuple[str, tuple[int, ...]]]:
        """Energy and shape of every sweep; the RNN knows the observed shape only."""
        return [
            (energy, shape)
            for energy in self.job.sweep.energies
            for shape in self.job.shapes
            if energy != "rnn" or shape == self.job.lattice.shape
        ]

    @cached_property
    def stages(self) -> list[str]:
        """All stages of a single system that make a file, in order."""
        job, result = self.job, ["observe"]
        result += ["rnn"] * job.uses_rnn + ["label"] * job.uses_labels + ["ednn"] * job.uses_ednn
        result += ["evaluate"] * job.compares
        return result + [stage_name(energy, shape) for energy, shape in self.sweeps]

    def provenance(self) -> dict:
        """Which program, commit, libraries and number of ranks are at work."""
        versions = {"python": platform.python_version()}
        for name in LIBRARIES:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
        return {
            "creator": f"dcl_hpc {__version__}",
            "git_commit": git_commit(),
            "library_versions": json.dumps(versions),
            "ranks": self.ranks,
            "machine": machine(),
        }

    def attributes(self, stage: str) -> dict:
        """Root attributes that say what a file is and where it came from."""
        return {
            "format": "dcl_hpc",
            "format_version": FORMAT_VERSION,
            "stage": "observe" if stage == "import" else stage,
            "job_name": self.job.name,
            "job_file": self.job_text,
            "overrides": "\n".join(self.overrides),
            "job": self.job.model_dump_json(),
            "dependencies": json.dumps(self._dependencies(stage)),
            "seed": self.job.seed,
            **self.provenance(),
        }

    def _dependencies(self, stage: str, changed: bool = False) -> dict:
        """What the job says that a stage depends on, and what is known of its inputs besides."""
        if stage.startswith("sweep_"):
            stage = stage.rsplit("_", 1)[0]
        result = self.job.dependencies(stage, changed)
        if stage not in ("observe", "import") and "observe" in result and self.source():
            result["observe"] = self.job.dependencies("import", changed)["observe"] | {"imported": True}
        if "rnn" in result:
            wanted = result["rnn"].pop("warm_start", False)
            if wanted and self.first:
                result["rnn"]["warm_start"] = f"realization {self.first.realization}"
            elif not changed:  # the first one's network does not depend on it
                result["rnn"]["warm_start"] = False
        return result

    def done(self, stage: str) -> bool:
        """Whether the stage's file exists, belongs to this job, and is complete.

        Raises
        ------
        UserError
            If a file is there that is damaged or was made by another job.
        """
        progress = self.progress(stage)
        return progress is not None and progress[0] >= progress[1]

    def progress(self, stage: str) -> tuple[int, int, float] | None:
        """Committed units, total units and seconds spent; None before the stage has begun."""
        path = self.path(stage)
        if not path.exists():
            return None
        try:
            with h5py.File(path, "r", locking=False) as file:
                made_with = json.loads(file.attrs["dependencies"])
                made_by = "import" if "source" in file.attrs else stage
                result = (
                    int(file[COMMITTED][0]),
                    int(file.attrs["total"]),
                    float(file[WALL][0]),
                )
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise _damaged(path, error) from None
        difference = _first_difference(
            made_with, self._dependencies(made_by), self._dependencies(made_by, changed=True)
        )
        if difference:
            raise OtherJob(
                f"{path} was made by another job: {difference}; choose another name "
                f"(--set name=NEW), or move the file away to make it anew"
            )
        return result

    def require(self, stage: str) -> Path:
        """Path of a complete input file.

        Raises
        ------
        UserError
            If it is missing, unfinished, damaged, or belongs to another job.
        """
        if not self.done(stage):
            state = "is not finished" if self.path(stage).exists() else "does not exist"
            command = COMMANDS[stage.split("_")[0]]
            source = self.source() if stage == "observe" else None
            origin = f" --from {source}" if source else ""
            origin += "" if self.position is None else f" --index {self.position}"
            raise UserError(f"{self.path(stage)} {state}; first run: {command} {self.job_path}{origin}")
        return self.path(stage)

    def source(self) -> str | None:
        """File that the observations are imported from; None if they are the job's own."""
        path = self.path("observe")
        if not path.exists():
            return None
        try:
            with h5py.File(path, "r", locking=False) as file:
                return file.attrs.get("source")
        except OSError as error:
            raise _damaged(path, error) from None


def _damaged(path: Path, error) -> UserError:
    return UserError(
        f"{path} is damaged or not a file of this program ({error}); move it away and run the stage again"
    )


def _first_difference(there, here, changed, where: str = "") -> str:
    """Where a file's values differ from this job's; keys that it did not know yet had their defaults.

    Parameters
    ----------
    changed : like `here`, without what has its default
    """
    if isinstance(there, dict) and isinstance(here, dict):
        changed = changed if isinstance(changed, dict) else {}
        for key in sorted({*there, *changed}):
            name = f"{where}.{key}" if where else key
            found = _first_difference(there.get(key), here.get(key), changed.get(key), name)
            if found:
                return found
        return ""
    return "" if there == here else f"{where} is {there} there and {here} in this job"


def machine() -> str:
    """Processor and number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def git_commit() -> str:
    """Commit of this program, with a mark if files differ from it."""
    here = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()
