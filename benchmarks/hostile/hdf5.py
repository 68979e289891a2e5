"""Damaged files of finished and of stopped runs: none is used, and what is made anew has the right bits.

A tiny system is finished once, and stopped in the middle of an import, of its chains, of a sweep, and of
labels; two glasses are finished, too. In each case one file of a copy is damaged, of HDF5 or any other, or
values in it are changed by h5py; then status, Python's interface, report and run are asked, and some times
run --update. Values with a checksum that was made anew cannot be told from right ones: they must break
nothing.
"""

import hashlib
import importlib
import json
import runpy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from dcl_hpc.storage import identity
from dcl_hpc.storage.store import Store

from .damages import CHANGES, RAW, WAYS, names_in
from .interface import interface
from .trial import SECONDS, Answer, Tally, command, forked
from .ways import ENSEMBLE, SYSTEM, TINIEST

# Of networks: TensorFlow is imported anew in each process.
SLOW = 180.0
# How often, one in so many: a stop that needs TensorFlow; run --update after a refusal.
NETWORKS, UPDATES = 16, 8
# What commands import, once for all cases; none of it imports TensorFlow.
LOADED = (
    "dcl_hpc.reporting.gallery", "dcl_hpc.reporting.opened", "dcl_hpc.reporting.system",
    "dcl_hpc.stages.evaluate", "dcl_hpc.stages.observe", "dcl_hpc.stages.train",
    "matplotlib.backends.backend_agg", "scipy.stats",
)  # fmt: skip
WORDS = ("damaged", "out of date", "gone", "another")
LABELS = SYSTEM.replace("labels.count = 500", "labels.count = 9000").replace('"rnn", "ednn"', '"rnn"')


@dataclass(frozen=True)
class Base:
    """A run that all cases begin with.

    Attributes
    ----------
    folder : Path
        With job.toml and runs.
    arguments : tuple of str
        Of run, besides the job.
    numbers : dict of str to str
        Digests of what run makes of it, by file.
    given : str
        What the Python interface gives of it.
    seconds : float
        How long run may take.
    """

    folder: Path
    arguments: tuple[str, ...]
    numbers: dict[str, str]
    given: str
    seconds: float = SECONDS


def run(chance, n: int, folder: Path, tally: Tally) -> None:
    """Make n cases."""
    for name in LOADED:
        importlib.import_module(name)
    quick, slow = bases(folder, n)
    for k in range(n):
        base = chance.choice(slow if slow and k % NETWORKS == NETWORKS - 1 else quick)
        trial = folder / "trial"
        shutil.copytree(base.folder, trial)
        case(chance, k, base, trial, tally)
        shutil.rmtree(trial)


def case(chance, k: int, base: Base, trial: Path, tally: Tally) -> None:
    """One damage, all readers, and the verdict."""
    root = trial / "runs" / "tiny"
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    begun = [path for path in files if path.suffix == ".h5" and identity.read_seal(path) is None]
    weight = [(1, 6)[path.suffix == ".h5"] * (1, 8)[path in begun] for path in files]
    path = chance.choices(files, weight)[0]
    before, others = path.read_bytes(), {p: p.read_bytes() for p in files if p != path and p.suffix == ".h5"}
    while path.read_bytes() == before:
        path.write_bytes(before)
        way = chance.choice(WAYS if path.suffix == ".h5" else RAW)
        what = way(chance, path, list(others))
    if resealed := path not in begun and way in CHANGES and chance.random() < 0.5:
        identity.seal(path, **{key: identity.read_seal(path)[key] for key in ("done", "seconds")})
    changed = path.read_bytes()
    name = f"{k}: {base.folder.name}, {path.relative_to(root)}, {what}{', resealed' * resealed}"
    arguments = (trial / "job.toml", "--runs", trial / "runs")
    answers = {
        "status": command("status", *arguments),
        "python": forked(lambda: print(interface(root)), base.seconds),
        "report": command("report", *arguments),
        "run": command_within(base.seconds, "run", *arguments, *base.arguments),
    }
    if chance.randrange(UPDATES) == 0 and not resealed:
        answers["update"] = command_within(base.seconds, "run", *arguments, "--update", *base.arguments)
    for asked, answer in answers.items():
        if answer.fault:
            tally.add(f"{name}: {asked}", answer)
            return
    if resealed:
        tally.add(name)
        return
    there = [p.read_bytes() for p in root.rglob("*.h5*")]
    if gone := [p for p, data in others.items() if identity_of(data) not in map(identity_of, there)]:
        tally.add(f"{name}: {gone[0].name}", answers["run"], "lost")
        return
    last = answers.get("update", answers["run"])
    given = answers["python"].out.strip()
    told = any(word in answer.out for answer in answers.values() for word in WORDS)
    wrong = not given.startswith("refused: ") and base.given and given != base.given
    if last.code == 0:
        wrong |= (found := numbers(root)) != base.numbers
        wrong |= (
            not told and path.exists() and path.read_bytes() == changed and not spare(path, before, changed)
        )
        last.out += f"\n{[one for one in found if found[one] != base.numbers.get(one)]}"
    else:
        wrong |= not told or "update" in answers
    tally.add(name, last, "accepted" if wrong else None)


def spare(path: Path, before: bytes, changed: bytes) -> bool:
    """Whether a change of a file is harmless: nothing that counts is in it, or it has the same values."""
    if path.suffix == ".json":
        try:
            return json.loads(before) == json.loads(changed)
        except ValueError:
            return False
    # what is not committed, and checkpoints before the last: the numbers were compared
    return path.suffix == ".h5" or "tensorboard" in path.parts


def identity_of(data: bytes) -> bytes:
    """The first lines of a file, by which it is known, wherever it was moved."""
    return data[: identity.SEAL]


def command_within(seconds: float, module: str, *arguments) -> Answer:
    """As `trial.command`, with another limit of time."""

    def work():
        sys.argv = [f"dcl_hpc.{module}", *map(str, arguments)]
        runpy.run_module(f"dcl_hpc.{module}", run_name="__main__", alter_sys=True)

    return forked(work, seconds)


def numbers(root: Path) -> dict[str, str]:
    """Digests of all data sets of the results of a run, by file, but of how long they took."""
    found = {}
    for path in sorted(root.rglob("*.h5")):
        name = path.relative_to(root)
        if name.parts[0] == "old" or ".previous" in name.name:
            continue
        digest = hashlib.sha256()
        with h5py.File(path, "r") as file:
            half = int(file["progress/committed"][1])
            for name in sorted(names_in(file)):
                if not name.startswith("progress"):
                    counts = half if name.startswith("checkpoint") else ()
                    digest.update(name.encode() + file[name][counts].tobytes())
        found[str(name)] = digest.hexdigest()
    return found


# The runs that cases begin with.


def bases(folder: Path, n: int) -> tuple[list[Base], list[Base]]:
    """Runs without and with networks; for few cases a finished and a stopped one."""
    quick = [
        base(folder / "finished", TINIEST),
        base(folder / "sweeping", TINIEST, 7, {"sweep": {"COMMIT_SECONDS": 0.0}}),
    ]
    if n < NETWORKS:
        return quick, []
    snapshots = folder / "snapshots.npy"
    np.save(snapshots, np.random.default_rng(1).integers(0, 2, (1000, 6, 6), np.uint8))
    imports = ("--from", str(snapshots))
    quick += [
        base(folder / "observing", TINIEST, 2, {"observe": {"BUFFER": 6 * 6 * 100}}),
        base(folder / "importing", TINIEST, 3, {"snapshots": {"BUFFER": 6 * 6 * 100}}, imports),
    ]
    return quick, [
        base(folder / "labelling", LABELS, 2, seconds=SLOW),
        base(folder / "glasses", ENSEMBLE, seconds=SLOW),
    ]


def base(
    folder: Path, job: str, commits: int | None = None, settings: dict | None = None,
    arguments: tuple[str, ...] = (), seconds: float = SECONDS,
) -> Base:  # fmt: skip
    """A run that is finished, or killed after so many commits."""
    folder.mkdir()
    (folder / "job.toml").write_text(job)
    everything = ("run", folder / "job.toml", "--runs", folder / "runs", *arguments)
    if commits is not None:
        killed = forked(lambda: _stopped(commits, settings or {}, everything), SLOW)
        assert killed.code == 0, killed
    whole = folder.with_name(f"{folder.name}_whole")
    if commits is not None:
        shutil.copytree(folder, whole)
    else:
        whole = folder
    everything = ("run", whole / "job.toml", "--runs", whole / "runs", *arguments)
    done = command_within(SLOW, *everything)
    assert done.code == 0, done
    root = whole / "runs" / "tiny"
    given = forked(lambda: print(interface(root)), seconds).out.strip() if commits is None else ""
    return Base(folder, arguments, numbers(root), given, seconds)


def _stopped(commits: int, settings: dict, arguments) -> None:
    """Run a command, which ends as if it were killed after so many commits."""
    for module, changes in settings.items():
        for name, value in changes.items():
            setattr(importlib.import_module(f"dcl_hpc.stages.{module}"), name, value)
    commit, left = Store.commit, [commits]

    def counted(store, *values):
        commit(store, *values)
        left[0] -= 1
        if not left[0]:
            sys.exit(0)

    Store.commit = counted
    sys.argv = list(map(str, arguments))
    runpy.run_module("dcl_hpc.run", run_name="__main__", alter_sys=True)
