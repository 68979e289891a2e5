"""Kill observe and sweep at random moments: what was committed must never be lost.

    python benchmarks/kill_safety.py [--times N] [--ranks R] [--seed S] [--quick] [--json]

Observations without and with replica exchange and a sweep, which commit as often as they can, are killed
with SIGKILL in turn, one random rank or all and mpiexec, and started again. Every committed row and every
complete file must have the bits of an uninterrupted run on one rank.
"""

import argparse
import contextlib
import ctypes
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import h5py
from outcome import add_arguments

from dcl_hpc.cluster.launch import SETTINGS

JOB = """\
name = "job"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 3, samples = 8000, chains = 50, thermalization = 1000, thin = 2 }
sweep = { energies = ["true"], temperatures = [2, 3, 4], ladders = 3, thermalization = 400, sweeps = 160 }
"""
KINDS = {  # command and file
    "observe": ("observe", "observations.h5"),
    "exchange": ("observe --set observe.exchange.hottest=6.0", "observations.h5"),
    "sweep": ("sweep", "sweeps/true_6x6.h5"),
}
# A stage that commits as often as it can; one word in a file tells what rank 0 is doing.
STAGE = """\
import os, sys
from dcl_hpc.pipeline import command
from dcl_hpc.stages import observe
from dcl_hpc.stages import sweep
from dcl_hpc.storage.store import Store

def noted(method, during, after):
    return lambda *arguments: (note(during), method(*arguments), note(after))[1]

def note(word):
    if os.environ["OMPI_COMM_WORLD_RANK"] == "0":
        os.pwrite(notes, word.ljust(10).encode(), 0)

folder, stage, *arguments = sys.argv[1:]
notes = os.open(f"{folder}/notes", os.O_WRONLY)
observe.BUFFER, sweep.COMMIT_SECONDS = 1, -1.0
Store.write, Store.write_alone = (noted(f, "writing", "writing") for f in (Store.write, Store.write_alone))
Store.commit = noted(Store.commit, "committing", "sampling")
note("sampling")
command.main(command.parser(stage, ""), stage, argv=[f"{folder}/job.toml", *arguments])
"""
ROWS = ("observations", "validation", "series")


def children(parent: int) -> list[int]:
    with contextlib.suppress(OSError):
        texts = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
        return [int(child) for child in " ".join(texts).split()]
    return []


def kill_all() -> None:
    """End all that was started; ranks without their mpiexec became children of this process."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for process in children(os.getpid()):
                os.kill(process, signal.SIGKILL)
            os.waitpid(-1, 0)


def read(path: Path) -> tuple[int, dict]:
    """Number of committed rows, and all data: of rows and checkpoints what is valid."""
    names = []
    with h5py.File(path, "r", locking=False) as file:
        done, half = file["progress/committed"][()].tolist()
        valid = {"checkpoint": half} | dict.fromkeys(ROWS, slice(done))
        file.visit(names.append)
        names = [name for name in names if isinstance(file[name], h5py.Dataset) and "progress" not in name]
        return done, {name: file[name][valid.get(name.partition("/")[0], ())] for name in names}


class Campaign:
    """Runs of all kinds in one folder, how often they were killed, and what was lost."""

    def __init__(self, folder: Path, kinds: list[str], ranks: int, seed: int):
        self.folder, self.ranks, self.random = folder, ranks, random.Random(seed)
        (folder / "job.toml").write_text(JOB)
        self.paths = {kind: folder / kind / "job" / name for kind, (_, name) in KINDS.items()}
        self.counts, self.moments = Counter(kills=0, losses=0), Counter()
        self.before, self.references, self.lengths = dict.fromkeys(KINDS, 0), {}, {}
        for kind, n in itertools.product(kinds, (1, ranks)):  # the first run is the reference
            started = time.monotonic()
            self.end(kind, self.start(kind, n))
            self.lengths[kind] = time.monotonic() - started

    def start(self, kind: str, ranks: int) -> subprocess.Popen:
        """Start a run or go on with it."""
        scratch, output = self.folder / "mpi", self.folder / "output"
        shutil.rmtree(scratch, ignore_errors=True)  # Open MPI cannot tidy up after SIGKILL
        scratch.mkdir()
        (self.folder / "notes").write_text("starting  ")
        places = {"TMPDIR": str(scratch), "OMPI_MCA_btl_vader_backing_directory": str(scratch)}
        command = [*f"mpiexec -n {ranks}".split(), sys.executable, "-c", STAGE, self.folder]
        command += [*KINDS[kind][0].split(), "--runs", self.folder / kind]
        with output.open("w") as file:
            return subprocess.Popen(command, env=os.environ | SETTINGS | places, stdout=file, stderr=file)

    def lose(self, kind: str, what: str) -> None:
        """Count and tell a loss."""
        self.counts["losses"] += 1
        print(f"LOSS after {self.counts['kills']} kills, {kind}: {what}", flush=True)

    def end(self, kind: str, process, killed: bool = False) -> None:
        """Wait for the end of a run and check what it wrote; once complete it begins anew."""
        losses, done, before = self.counts["losses"], 0, self.before[kind]
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            self.lose(kind, "some ranks hang")
        kill_all()
        if process.returncode and not killed:
            self.lose(kind, f"ended with {process.returncode}\n{(self.folder / 'output').read_text()}")
        try:
            if before or not killed or self.paths[kind].exists():
                done, data = found = read(self.paths[kind])
                total, reference = self.references.setdefault(kind, found)
                for name in [name for name in reference if done == total or name.startswith(ROWS)]:
                    if data[name].tobytes() != reference[name][: len(data[name])].tobytes():
                        self.lose(kind, f"{name} differs, {done} of {total} rows committed")
                if done < (before if killed else total):
                    self.lose(kind, f"{done} of {total} rows committed, {before} before")
        except (OSError, KeyError, RuntimeError) as error:
            self.lose(kind, f"unreadable: {error!r}")
        self.counts.update(resumptions=0 < before < done, completions=not killed)
        self.before[kind] = done
        if not killed or self.counts["losses"] > losses:
            shutil.rmtree(self.folder / kind, ignore_errors=True)
            self.before[kind] = 0

    def strike(self, kind: str) -> None:
        """Start or go on, and kill after a random part of the time of an uninterrupted run."""
        process = self.start(kind, self.ranks)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0, self.lengths[kind]))
            return self.end(kind, process)
        ranks = children(process.pid)
        everyone = not ranks or self.random.random() < 0.5
        moment = (self.folder / "notes").read_text().strip()
        self.moments[moment if self.paths[kind].exists() else f"{moment}, no file yet"] += 1
        for victim in [process.pid, *ranks] if everyone else [self.random.choice(ranks)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        self.counts.update(["kills", "of_all" if everyone else "of_one"])
        return self.end(kind, process, killed=True)  # mpiexec ends the other ranks


def main() -> int:
    global JOB
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="kills (default 100)")
    parser.add_argument("--ranks", type=int, default=2, help="MPI ranks (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (default 1)")
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.times, JOB = 1, JOB.replace("samples = 8000", "samples = 2000")
    kinds = ["exchange"] if options.quick else list(KINDS)
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphaned ranks become children
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, turns = time.monotonic(), itertools.cycle(kinds)
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        try:
            campaign = Campaign(Path(folder), kinds, options.ranks, options.seed)
            counts = campaign.counts
            while counts["kills"] < options.times:
                campaign.strike(next(turns))
                line = f"{counts['kills']} of {options.times} kills, {counts['losses']} losses"
                print(line, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
            for kind in [kind for kind in kinds if campaign.paths[kind].exists()]:
                campaign.end(kind, campaign.start(kind, options.ranks))
        finally:
            kill_all()
    seconds = round(time.monotonic() - started)
    result = {**counts, **vars(options), "seconds": seconds, "moments": dict(campaign.moments)}
    print("\n".join(f"{name:<12} {value}" for name, value in result.items()))
    if options.json:
        print(json.dumps(result))
    return int(counts["losses"] > 0)


if __name__ == "__main__":
    sys.exit(main())
