"""Kill observe and sweep at random moments: what was committed must never be lost.

    python benchmarks/kill_safety.py [--times N] [--ranks R] [--seed S] [--json]

Observations without and with replica exchange and a sweep, which commit as often as they can, are killed
with SIGKILL in turn, one random rank or all of them and mpiexec, and started again until they are complete.
Every committed row and every complete file must have the bits of a run on one rank without interruption.
The exit code is 1 after any loss.
"""

import argparse
import contextlib
import ctypes
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
import numpy as np

from dcl_hpc.run import SETTINGS

JOB = """\
name = "job"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 3.0, samples = 18000, chains = 50, thermalization = 1000, thin = 2 }
sweep = { energies = ["true"], temperatures = [2.0, 3.0, 4.0], ladders = 3, thermalization = 400, sweeps = 400 }
"""
# Command and file of each kind of run.
KINDS = {
    "observe": (["observe"], "observations.h5"),
    "exchange": (["observe", "--set", "observe.exchange.hottest=6.0"], "observations.h5"),
    "sweep": (["sweep"], "sweeps/true_6x6.h5"),
}
# Commits as often as it can; the first byte of a file tells what rank 0 is doing.
STAGE = """\
import os, sys
from dcl_hpc import cli, observe, sweep
from dcl_hpc.storage.store import Store

observe.BUFFER, sweep.COMMIT_SECONDS = 1, -1.0
notes, stage, *arguments = sys.argv[1:]
notes = os.open(notes, os.O_WRONLY)

def note(moment):
    if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0")) == "0":
        os.pwrite(notes, moment, 0)

def noted(method, during, after):
    def call(*positional):
        note(during)
        method(*positional)
        note(after)
    return call

for name, during, after in (("write", b"w", b"w"), ("write_alone", b"w", b"w"), ("commit", b"c", b"r")):
    setattr(Store, name, noted(getattr(Store, name), during, after))
work = noted({"observe": observe.observe, "sweep": sweep.sweep}[stage], b"r", b"e")
cli.main(cli.parser(stage, ""), work, argv=arguments)
"""
MOMENTS = {"s": "starting", "r": "sampling", "w": "writing", "c": "committing", "e": "ending"}
PATIENCE = 120  # seconds until a run counts as hanging


def children(parent: int) -> list[int]:
    """Living child processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, its_parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(its_parent) == parent and state != "Z":
                found.append(int(path.parent.name))
    return found


def kill(processes) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def kill_the_rest() -> None:
    """End all that was started; ranks without their mpiexec became children of this process."""
    while orphans := children(os.getpid()):
        kill(orphans)
        time.sleep(0.01)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def read(path: Path) -> tuple[int, int, dict[str, np.ndarray]]:
    """Committed and total rows, and all data that counts: rows so far, checkpoint in its valid half."""
    data = {}
    with h5py.File(path, "r", locking=False) as file:
        done, half = file["progress/committed"][()].tolist()

        def visit(name, item):
            if not isinstance(item, h5py.Dataset) or name.startswith("progress/"):
                return
            if name.startswith("checkpoint/"):
                data[name] = item[half]
            else:
                data[name] = item[:done] if item.dims[0].label in ("record", "measurement") else item[()]

        file.visititems(visit)
        return done, int(file.attrs["total"]), data


class Campaign:
    """Runs of all kinds in one folder, what was killed, and what was lost."""

    def __init__(self, folder: Path, ranks: int, seed: int):
        self.folder, self.ranks, self.random = folder, ranks, random.Random(seed)
        self.job, self.notes, self.scratch = folder / "job.toml", folder / "notes", folder / "mpi"
        self.job.write_text(JOB)
        self.counts, self.moments, self.losses = Counter(), Counter(), []
        self.before = dict.fromkeys(KINDS, 0)
        self.references, self.lengths = {}, {}
        for kind in KINDS:
            self.finish(self.start(kind, 1), kind)
            self.references[kind] = read(self.path(kind))
            shutil.rmtree(self.path(kind).parents[-len(folder.parents) - 2])
            started = time.monotonic()
            self.finish(self.start(kind, ranks), kind)
            length = time.monotonic() - started
            with h5py.File(self.path(kind), "r") as file:
                work = min(length, float(file["progress/wall_seconds"][0]))
            self.lengths[kind] = length - work, work
            self.check(kind, complete=True)

    def path(self, kind: str) -> Path:
        return self.folder / kind / "job" / KINDS[kind][1]

    def start(self, kind: str, ranks: int) -> subprocess.Popen:
        shutil.rmtree(self.scratch, ignore_errors=True)  # Open MPI cannot tidy up after SIGKILL
        self.scratch.mkdir()
        self.notes.write_text("s")
        stage, *settings = KINDS[kind][0]
        front = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
        arguments = [self.notes, stage, self.job, "--runs", self.folder / kind, *settings]
        scratch = {"TMPDIR": str(self.scratch), "OMPI_MCA_btl_vader_backing_directory": str(self.scratch)}
        with open(self.folder / "output", "w") as output:
            return subprocess.Popen(
                [*front, sys.executable, "-c", STAGE, *map(str, arguments)],
                env=os.environ | SETTINGS | scratch, stdout=output, stderr=output,
            )  # fmt: skip

    def finish(self, process, kind: str) -> None:
        """Wait for a run that nobody kills."""
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = f"still running after {PATIENCE} s"
        kill_the_rest()
        if code:
            self.lose(kind, f"did not end well: {code}\n{(self.folder / 'output').read_text()}")

    def lose(self, kind: str, what: str) -> None:
        self.losses.append(f"{kind}: {what}")
        print(f"LOSS after {self.counts['kills']} kills, {self.losses[-1]}", flush=True)

    def check(self, kind: str, complete: bool) -> None:
        """Compare a file with its reference; a complete or a lost one begins anew."""
        path, losses = self.path(kind), len(self.losses)
        _, total, reference = self.references[kind]
        done, data = 0, None
        if path.exists():
            try:
                done, _, data = read(path)
            except (OSError, KeyError, RuntimeError) as error:
                self.lose(kind, f"unreadable: {error}")
        elif self.before[kind] or complete:
            self.lose(kind, "the file is gone")
        if data is not None:
            if done < self.before[kind] or (complete and done < total):
                self.lose(kind, f"{done} rows committed of {total}, {self.before[kind]} before")
            for name, expected in reference.items():
                if done == total or name.startswith(("observations/", "validation/", "series/")):
                    same = data[name].tobytes() == expected[: len(data[name])].tobytes()
                    if not same:
                        self.lose(kind, f"{name} differs in {done} committed rows")
        self.counts["resumptions"] += 0 < self.before[kind] < done
        self.before[kind] = done
        if complete or len(self.losses) > losses:
            self.counts["completions"] += complete
            shutil.rmtree(self.folder / kind, ignore_errors=True)
            self.before[kind] = 0

    def strike(self, kind: str) -> None:
        """Start or go on, and kill after a random part of the time that it would take."""
        start_up, work = self.lengths[kind]
        left = 1 - self.before[kind] / self.references[kind][1]
        process = self.start(kind, self.ranks)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0, 1.1 * (start_up + left * work)))
        if process.poll() is not None:
            self.finish(process, kind)
            self.check(kind, complete=True)
            return
        ranks = children(process.pid) if self.ranks > 1 else [process.pid]
        everyone = self.random.random() < 0.5 or not ranks
        moment, existed = self.notes.read_text()[:1], self.path(kind).exists()
        kill([process.pid, *ranks] if everyone else [self.random.choice(ranks)])
        with contextlib.suppress(subprocess.TimeoutExpired):  # mpiexec ends the other ranks
            process.wait(PATIENCE)
        if process.poll() is None:
            self.lose(kind, "ranks hang after one of them was killed")
        kill_the_rest()
        self.counts["kills"] += 1
        self.counts["of all ranks" if everyone else "of one rank"] += 1
        self.moments[f"{MOMENTS[moment]}{'' if existed else ', no file yet'}"] += 1
        self.check(kind, complete=False)
