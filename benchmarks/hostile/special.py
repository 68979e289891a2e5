"""Pipes, devices, folders, sockets, links and huge files in the place of files: told in a line, no wait."""

import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

# Imported once, before processes are forked.
from dcl_hpc.inference import free_table  # noqa: F401
from dcl_hpc.pipeline import status, submissions  # noqa: F401
from dcl_hpc.reporting import exact_values, plan, single  # noqa: F401
from dcl_hpc.stages import observe, sweep  # noqa: F401

from .trial import Tally, command

JOB = """\
name = "tiny"
lattice.shape = [4, 4]
hamiltonian = {{ kind = "edwards_anderson", couplings = "{couplings}" }}
observe = {{ temperature = 4.0, samples = 64, chains = 8, thermalization = 2, thin = 1 }}
sweep = {{ energies = ["true"], temperatures = [2.0, 3.0], ladders = 2, sweeps = 20, rungs = 2 }}
"""


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


KINDS = {
    "pipe": os.mkfifo,
    "zero": lambda path: path.symlink_to("/dev/zero"),
    "full": lambda path: path.symlink_to("/dev/full"),
    "null": lambda path: path.symlink_to("/dev/null"),
    "folder": Path.mkdir,
    "socket": _socket,
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
    "loop": lambda path: path.symlink_to(path),
    "sparse": _sparse,
    "empty": Path.touch,
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "text": lambda path: path.write_text("[" * 300_000),
    "binary": lambda path: path.write_bytes(os.urandom(300)),
}
# Places of it, and whether every command must refuse it there.
PLACES = {
    "job.toml": True,
    "couplings.npy": True,
    "couplings.txt": True,
    "from.npy": True,
    "from.h5": True,
    "from.txt": True,
    "runs/tiny/observations.h5": False,
    "runs/tiny/sweeps/true_4x4.h5": False,
    "runs/tiny/job.json": False,
    "runs/tiny/submitted.json": False,
    "runs/tiny/report/summary.json": False,
    "runs/tiny/.observe.lock": False,
    "runs/tiny": False,
    "runs": False,
}
COMMANDS = {
    "status": (),
    "submit": ("--dry-run",),
    "observe": (),
    "sweep": ("--energy", "true"),
    "report": (),
    "exact": ("--shape", "4x4", "--temperatures", "2"),
    "plan": (),
}
# Files that stay, whatever the answer is.
KEPT = ("runs/tiny/observations.h5", "runs/tiny/sweeps/true_4x4.h5", "runs/tiny/.observe.lock")


def run(chance: random.Random, n: int, folder: Path, tally: Tally) -> None:
    """Put n special files in the way of commands."""
    cases = [(kind, place) for kind in KINDS for place in PLACES]
    chance.shuffle(cases)
    made = _finished(folder)
    for k in range(n):
        _one(chance, *cases[k % len(cases)], made, folder / "case", tally)


def _finished(folder: Path) -> Path:
    """A folder with a job and its results."""
    made = folder / "made"
    made.mkdir()
    (made / "job.toml").write_text(JOB.format(couplings="gaussian"))
    for module in ("observe", "sweep"):
        words = [sys.executable, "-m", f"dcl_hpc.{module}", made / "job.toml", "--runs", made / "runs"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return made


def _one(chance: random.Random, kind: str, place: str, made: Path, folder: Path, tally: Tally) -> None:
    shutil.copytree(made, folder, symlinks=True)
    path = folder / place
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    if place.startswith("couplings"):
        (folder / "job.toml").write_text(JOB.format(couplings=place))
    module = "observe" if place.startswith("from") else chance.choice(list(COMMANDS))
    arguments = ["--from", path] if place.startswith("from") else COMMANDS[module]
    if place.startswith("from"):
        shutil.rmtree(folder / "runs")
    answer = command(module, folder / "job.toml", "--runs", folder / "runs", *arguments)
    fault = answer.fault
    if not fault and answer.code == 0 and PLACES[place]:
        fault = "accepted"
    if not fault and place in KEPT and not os.path.lexists(path):
        fault = "lost"
    tally.add(f"{kind} as {place} for {module}", answer, fault)
    shutil.rmtree(folder)
