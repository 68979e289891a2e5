"""Ways to make the results of a finished run stale or damaged, and what has to be said of each."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SYSTEM = """\
name = "tiny"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 4.0, samples = 1000, chains = 100, thermalization = 10, thin = 2 }
rnn = { hidden = 4, epochs = 1, batch = 100 }
labels.count = 500
ednn = { hidden = [4], epochs = 1, batch = 100 }
levels = { per_level = 2, max_sweeps = 1000 }
[sweep]
energies = ["true", "rnn", "ednn"]
temperatures = [3.0, 4.0]
rungs = 2
ladders = 2
sweeps = 20
thermalization = 4
rnn_sweeps = 4
rnn_thermalization = 2
"""
ENSEMBLE = (
    SYSTEM.replace('"ising"', '"edwards_anderson"\nhamiltonian.realizations = [5, 3]')
    .replace("hidden = 4,", "hidden = 4, warm_start = true,")
    .replace("[6, 6]", "[4, 4]")
    .replace(', "ednn"]', "]")
)
# Without TensorFlow.
TINIEST = SYSTEM.replace("hidden = [4], epochs = 1, batch = 100", 'fit = "clusters"').replace(
    '"rnn", "ednn"', '"ednn"'
)
BLOCK = 65536  # bytes before the data of a file


class Trial:
    """A copy of a finished run, in a folder of its own."""

    def __init__(self, folder: Path, finished: Path):
        self.folder = folder
        shutil.copytree(finished, folder)
        self.root = folder / "runs" / "tiny"

    def __call__(self, command: str, *arguments) -> tuple[int, str]:
        """Exit code and output of a command on the job."""
        done = subprocess.run(
            [sys.executable, "-m", f"dcl_hpc.{command}", self.folder / "job.toml",
             "--runs", self.folder / "runs", *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, (done.stdout + done.stderr).replace(f"{self.folder}/", "")

    def must(self, command: str, *arguments) -> None:
        """Run a command that has to succeed."""
        code, said = self(command, *arguments)
        assert code == 0, said

    def snapshots(self, name: str, seed: int) -> Path:
        """A file of random configurations."""
        path = self.folder / name
        np.save(path, np.random.default_rng(seed).integers(0, 2, (1000, 6, 6), np.uint8))
        return path

    def flip(self, name: str, place: int) -> None:
        """Change one bit of a file."""
        data = bytearray((self.root / name).read_bytes())
        data[place] ^= 1
        (self.root / name).write_bytes(data)

    def results(self) -> dict[Path, bytes]:
        """All results, those moved aside, too; ensemble.h5 is a view of others, drawn up with the report."""
        paths = (path for path in self.root.rglob("*.h5*") if path.name != "ensemble.h5")
        return {path: path.read_bytes() for path in paths}


def anew(output: str, command: str, *arguments):
    """Remove a file, or a folder of files, and make it again."""

    def way(trial: Trial) -> None:
        path = trial.root / output
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        trial.must(command, *arguments)

    return way


def removed(output: str):
    """Remove a file."""
    return lambda trial: (trial.root / output).unlink()


def changed(*changes: str):
    """Ask with other values of the job."""
    arguments = [argument for change in changes for argument in ("--set", change)]
    return lambda trial: arguments


def imported(first: str, second: str):
    """Everything from one file of snapshots, then an import of another one."""

    def way(trial: Trial) -> None:
        trial.must("run", "--update", "--from", trial.snapshots(first, 1))
        shutil.rmtree(trial.root / "old")
        trial.must("observe", "--update", "--from", trial.snapshots(second, 2))

    return way


def changed_source(trial: Trial) -> list[str]:
    """The file of snapshots is another one than at the import, under the same name."""
    trial.must("observe", "--update", "--from", trial.snapshots("a.npy", 1))
    return ["--from", str(trial.snapshots("a.npy", 2))]


def of_older_run(output: str):
    """A file of another run of the same job is put in the place of this one's."""

    def way(trial: Trial) -> None:
        finished = trial.root.rename(trial.root.with_name("finished"))
        trial.must("run")
        (finished / output).write_bytes((trial.root / output).read_bytes())
        shutil.rmtree(trial.root)
        finished.rename(trial.root)

    return way


def of_other_output(source: str, target: str):
    """The file of one output is put in the place of another's."""
    return lambda trial: shutil.copy(trial.root / source, trial.root / target)


def of_format_1(trial: Trial) -> None:
    """The labels are a file of the format before."""
    path = trial.root / "labels.h5"
    path.write_bytes(path.read_bytes()[BLOCK:])


def copied(trial: Trial) -> None:
    """The folder is a copy of itself."""
    subprocess.run(["cp", "-r", trial.root, trial.folder / "copy"], check=True)
    shutil.rmtree(trial.root)
    (trial.folder / "copy").rename(trial.root)


def touched(trial: Trial) -> None:
    """All files have new times, in the order of their names."""
    for path in sorted(trial.root.rglob("*")):
        path.touch()


@dataclass(frozen=True)
class Way:
    """A way to make results stale.

    Attributes
    ----------
    make : callable (Trial)
        Replaces something; may give arguments that all commands are then given.
    stale : str
        Files that status must name.
    report : bool
        Whether status must say that the report is out of date.
    unseen : bool
        Whether it takes reading a file's content, or making what is missing, to see that something is wrong.
    recovered : bool
        Whether run goes on by itself, from the checkpoint before the last.
    of : str
        The job.
    """

    make: Callable
    stale: str = ""
    report: bool = True
    unseen: bool = False
    recovered: bool = False
    of: str = SYSTEM

    @property
    def refused(self) -> bool:
        """Whether run and report must refuse."""
        return (bool(self.stale) or self.unseen) and not self.recovered


EDNN = "evaluation.h5 sweeps/ednn_6x6.h5"
LABELS = f"ednn/network.h5 {EDNN}"
RNN = f"labels.h5 sweeps/rnn_6x6.h5 {LABELS}"
OBSERVED = f"rnn/network.h5 {RNN}"
ALL = f"observations.h5 {OBSERVED}"
FIRST, SECOND = "realization_5", "realization_3"
GLASS = "rnn/network.h5 evaluation.h5 sweeps/rnn_4x4.h5"


def below(folder: str, names: str) -> str:
    """Names of files in a folder."""
    return " ".join(f"{folder}/{name}" for name in names.split())


WAYS = {
    "observed again": Way(anew("observations.h5", "observe"), OBSERVED),
    "observations deleted": Way(removed("observations.h5"), unseen=True),
    "own chains, then --from FILE": Way(
        lambda trial: ["--from", str(trial.snapshots("a.npy", 1))], "", report=False, unseen=True
    ),
    "B imported after A": Way(imported("a.npy", "b.npy"), OBSERVED),
    "B imported after A, same name": Way(imported("a.npy", "a.npy"), OBSERVED),
    "--from FILE that has changed": Way(changed_source, OBSERVED),
    "RNN trained again": Way(anew("rnn", "train", "--network", "rnn"), RNN),
    "labels made again": Way(anew("labels.h5", "label"), LABELS),
    "EDNN trained again": Way(anew("ednn", "train", "--network", "ednn"), EDNN),
    "evaluated again": Way(anew("evaluation.h5", "evaluate")),
    "a sweep made again": Way(anew("sweeps/true_6x6.h5", "sweep", "--energy", "true")),
    "rnn.epochs changed": Way(changed("rnn.epochs=2"), OBSERVED),
    "observe.temperature changed": Way(changed("observe.temperature=5.0"), ALL),
    "another size asked for": Way(changed("sweep.shapes=[[6, 6], [8, 8]]")),
    "observations of an older run": Way(of_older_run("observations.h5"), OBSERVED),
    "a sweep of an older run": Way(of_older_run("sweeps/ednn_6x6.h5"), "sweeps/ednn_6x6.h5"),
    "a sweep in another's place": Way(
        of_other_output("sweeps/true_6x6.h5", "sweeps/rnn_6x6.h5"), "sweeps/rnn_6x6.h5"
    ),
    "file of an earlier format": Way(of_format_1, "labels.h5"),
    "damaged first block": Way(lambda trial: trial.flip("labels.h5", 1000), "labels.h5"),
    "damaged data": Way(lambda trial: trial.flip("labels.h5", -1), "", report=False, unseen=True),
    "damaged network, checkpoint before": Way(
        lambda trial: trial.flip("rnn/network.h5", 1000), "rnn/network.h5", recovered=True
    ),
    "damaged page of the report": Way(lambda trial: trial.flip("report/index.html", 500)),
    "copied with cp -r": Way(copied, report=False),
    "all files touched": Way(touched, report=False),
    "glasses: first RNN trained again": Way(
        anew(f"{FIRST}/rnn", "train", "--network", "rnn", "--index", "0"),
        below(FIRST, GLASS.partition(" ")[2]) + " " + below(SECOND, GLASS),
        of=ENSEMBLE,
    ),
    "glasses: second observed again": Way(
        anew(f"{SECOND}/observations.h5", "observe", "--index", "1"), below(SECOND, GLASS), of=ENSEMBLE
    ),
    "glasses: one in another's place": Way(
        of_other_output(f"{FIRST}/sweeps/true_4x4.h5", f"{SECOND}/sweeps/true_4x4.h5"),
        f"{SECOND}/sweeps/true_4x4.h5", of=ENSEMBLE,
    ),
}  # fmt: skip
QUICK = {
    "a sweep in another's place": Way(
        of_other_output("sweeps/true_6x6.h5", "sweeps/ednn_6x6.h5"), "sweeps/ednn_6x6.h5", of=TINIEST
    ),
}
