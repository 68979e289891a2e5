"""Ways to make results stale, and what status, run and report say of them.

A tiny run is finished once; for each way its folder is copied, something in it is replaced, and the
commands are asked. Nothing that is out of date may be used: `run` and `report` refuse, or there is nothing
to refuse. In the end `run --update` makes anew what is
out of date. `--json` prints all answers; `--quick` tries three ways.

    python benchmarks/stale.py [--quick] [--json]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

JOB = """\
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


class Trial:
    """A copy of the finished run, in a folder of its own."""

    def __init__(self, folder: Path, finished: Path):
        self.folder = folder
        shutil.copytree(finished, folder)
        self.root = folder / "runs" / "tiny"

    def __call__(self, command: str, *arguments) -> tuple[int, str]:
        """Exit code and output of a command on the job."""
        done = subprocess.run(
            [sys.executable, "-m", f"dcl_hpc.{command}", self.folder / "tiny.toml",
             "--runs", self.folder / "runs", *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, (done.stdout + done.stderr).replace(f"{self.folder}/", "")

    def anew(self, output: str, command: str, *arguments) -> None:
        """Remove a file and make it again."""
        path = self.root / output
        path.unlink()
        path.with_name(f"{path.stem}.previous.h5").unlink(missing_ok=True)
        code, said = self(command, *arguments)
        assert code == 0, said

    def snapshots(self, name: str) -> Path:
        """A file of random configurations."""
        path = self.folder / name
        random = np.random.default_rng(len(name))
        np.save(path, random.integers(0, 2, (1000, 6, 6), np.uint8))
        return path


def imported(trial: Trial) -> None:
    """Everything from snapshots A, then an import of B under the same name."""
    first = trial("run", "--from", trial.snapshots("a.npy"), "--update")
    assert first[0] == 0, first[1]
    second = trial("observe", "--from", trial.snapshots("bb.npy"), "--update")
    assert second[0] == 0, second[1]


def changed(*arguments):
    """Commands that are given another job."""

    def way(trial: Trial):
        return arguments

    return way


def other_observations(trial: Trial) -> None:
    """The file of another run of the same job is put in its place."""
    (trial.root / "observations.h5").rename(trial.folder / "kept.h5")
    assert trial("observe")[0] == 0


def half_observed(trial: Trial) -> None:
    """Observations are gone, the rest is there."""
    (trial.root / "observations.h5").unlink()


def older(trial: Trial) -> None:
    """The network is a file of the format before."""
    path = trial.root / "rnn" / "network.h5"
    path.write_bytes(path.read_bytes()[65536:])


def damaged(trial: Trial) -> None:
    """One byte of the labels is another one."""
    path = trial.root / "labels.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def moved(trial: Trial) -> None:
    """All files have new times, as after cp -r."""
    for path in sorted(trial.root.rglob("*")):
        path.touch()


WAYS = {
    "snapshots B imported after A": imported,
    "observed again": lambda trial: trial.anew("observations.h5", "observe"),
    "observations deleted": half_observed,
    "own chains, then --from FILE": lambda trial: ("--from", str(trial.snapshots("a.npy"))),
    "RNN trained again": lambda trial: trial.anew("rnn/network.h5", "train", "--network", "rnn"),
    "labels made again": lambda trial: trial.anew("labels.h5", "label"),
    "EDNN trained again": lambda trial: trial.anew("ednn/network.h5", "train", "--network", "ednn"),
    "evaluated again": lambda trial: trial.anew("evaluation.h5", "evaluate"),
    "a sweep made again": lambda trial: trial.anew("sweeps/true_6x6.h5", "sweep", "--energy", "true"),
    "rnn.epochs changed": changed("--set", "rnn.epochs=2"),
    "observe.temperature changed": changed("--set", "observe.temperature=5.0"),
    "sweep.energies with one more": changed("--set", "sweep.shapes=[[6, 6], [8, 8]]"),
    "file of an earlier format": older,
    "damaged labels": damaged,
    "copied with cp -r": moved,
}
QUICK = ("observed again", "damaged labels", "copied with cp -r")


def answers(trial: Trial, way) -> dict:
    """What the commands say after something was replaced, and whether --update mends it."""
    arguments = way(trial) or ()
    before = {path: path.read_bytes() for path in trial.root.rglob("*.h5")}
    _, status = trial("status", *_known(arguments))
    lines = [line for line in status.splitlines() if line.startswith("  ") and line[2:3] != " "]
    marked = [line.split()[0] for line in lines if "out of date" in line or "damaged" in line]
    report, run = trial("report", *_known(arguments)), trial("run", *arguments)
    lost = [str(path) for path in before if not path.exists()]
    updated = trial("run", "--update", *arguments)
    return {
        "status": marked,
        "run": _summed(run),
        "report": _summed(report),
        "lost": lost,
        "update": updated[0],
    }


def _known(arguments) -> list[str]:
    """Those that commands without --from take."""
    return [] if "--from" in arguments else list(arguments)


def _summed(answer: tuple[int, str]) -> str:
    code, said = answer
    errors = [line for line in said.splitlines() if "error:" in line]
    return f"{code}: {errors[-1].partition('error: ')[2]}" if errors else f"{code}"


def main() -> None:
    """Try all ways."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three ways")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        finished = Path(name) / "finished"
        finished.mkdir()
        (finished / "tiny.toml").write_text(JOB)
        done = subprocess.run(
            [sys.executable, "-m", "dcl_hpc.run", finished / "tiny.toml", "--runs", finished / "runs"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = {}
        for number, way in enumerate(QUICK if options.quick else WAYS):
            result[way] = answers(Trial(Path(name) / str(number), finished), WAYS[way])
            if not options.json:
                found = result[way]
                print(f"{way}\n  status: {', '.join(found['status']) or 'nothing out of date'}")
                print(
                    f"  run:    {found['run']}\n  report: {found['report']}\n  update: {found['update']}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
