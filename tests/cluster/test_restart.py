"""A stopped or killed stage goes on to the bits that it would have given without the interruption."""

import itertools
import os
import random
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from dcl_hpc.cluster.log import Progress

UNFINISHED = 85
# Command and file of each kind of stage.
STAGES = {"observe": "observe", "exchange": "observe", "sweep": "sweep", "glass": "sweep"}
FILES = {
    "observe": "observations.h5",
    "exchange": "observations.h5",
    "sweep": "sweeps/true_6x6.h5",
    "glass": "sweeps/true_6x6.h5",
}
ARGUMENTS = {
    "observe": ("--set", "observe.samples=20000"),
    "exchange": ("--set", "observe.samples=20000", "--set", "observe.exchange.hottest=6.0"),
    "sweep": ("--energy", "true", "--set", "sweep.sweeps=2000"),
    "glass": (
        "--set", "sweep.sweeps=2000", "--set", "sweep.energies=['true']",
        "--set", "hamiltonian.kind=edwards_anderson",
    ),
}  # fmt: skip
# What of a file counts up to the committed row.
ROWS = ("observations/", "validation/", "series/")
PARSER = """\
parser = command.parser(stage, "")
parser.add_argument("--energy")
parser.add_argument("--network", default="rnn")
"""
# Commits as often as it can, and takes its time for it.
SLOW = f"""\
import sys
import time

from dcl_hpc.pipeline import command
from dcl_hpc.stages import observe
from dcl_hpc.stages import sweep
from dcl_hpc.storage.store import Store

observe.BUFFER, sweep.COMMIT_SECONDS = 1, 0.0
commit = Store.commit


def slow(*arguments):
    commit(*arguments)
    time.sleep(0.01)


Store.commit = slow
stage, *arguments = sys.argv[1:]
{PARSER}
command.main(parser, stage, argv=arguments)
"""
# Starts the stage again and again; each start is killed before its n-th write to the file.
KILLED = f"""\
import os
import shutil
import signal
import sys

import h5py

from dcl_hpc.pipeline import command
from dcl_hpc.stages import observe
from dcl_hpc.stages import sweep
from dcl_hpc.storage.store import Store

observe.BUFFER, sweep.COMMIT_SECONDS = 1, 0.0
path, events, stage, *arguments = sys.argv[1:]
{PARSER}


def start(event):
    count = 0

    def counted(method):
        def call(*positional, **named):
            nonlocal count
            count += 1
            if count == event:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*positional, **named)

        return call

    for owner, name in (
        (Store, "write"), (Store, "write_alone"), (Store, "commit"), (h5py.File, "flush")
    ):
        setattr(owner, name, counted(getattr(owner, name)))
    command.main(parser, stage, argv=arguments)


for number, event in enumerate(events.split(",")):
    child = os.fork()
    if child == 0:
        start(int(event))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (event, status)
    shutil.copy(path, f"{{path}}.{{number}}")
"""


@pytest.fixture
def scripts(tmp_path) -> dict[str, Path]:
    """The programs above as files."""
    result = {}
    for name, text in (("slow", SLOW), ("killed", KILLED)):
        result[name] = tmp_path / f"{name}.py"
        result[name].write_text(text)
    return result


@pytest.fixture(scope="module")
def references(command, tiny_job, tmp_path_factory) -> dict[str, Path]:
    """File of each stage, made without interruption by one process."""
    runs = tmp_path_factory.mktemp("reference")
    for stage in FILES:
        folder = runs / stage
        done = command(STAGES[stage], tiny_job, "--runs", folder, *ARGUMENTS[stage])
        assert done.returncode == 0, done.stderr
    return {stage: runs / stage / "tiny" / name for stage, name in FILES.items()}


def committed(path) -> int:
    """Committed rows; 0 while there is no file."""
    if not path.exists():
        return 0
    with h5py.File(path, "r", locking=False) as file:
        return int(file["progress/committed"][0])


def total(path) -> int:
    """Rows of the complete file."""
    with h5py.File(path, "r", locking=False) as file:
        return int(file.attrs["total"])


@pytest.fixture
def assert_committed_rows_equal(contents):
    """Check that all committed rows are those of the uninterrupted run, and that there are such rows."""

    def check(path, reference):
        one, two = contents(path), contents(reference)
        names = [name for name in two if name.startswith(ROWS)]
        assert one.keys() == two.keys() and len(names) > 2
        for name in names:
            n = one["committed"]
            assert one[name][:n].tobytes() == two[name][:n].tobytes(), (name, n)

    return check


@pytest.fixture
def assert_complete_and_equal(contents, assert_same):
    """Check that a file is complete and has all that the uninterrupted run has."""

    def check(path, reference):
        assert committed(path) == total(path) == total(reference)
        assert_same(contents(path), contents(reference))

    return check


def ranks_of(process, ranks: int) -> list[int]:
    """Process ids of the ranks: children of mpiexec, or the process itself."""
    if ranks == 1:
        return [process.pid]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == process.pid:
                found.append(int(entry.name))
    assert len(found) == ranks
    return sorted(found)


def wait_for_progress(process, path, beyond: int) -> None:
    """Return when the file has more committed rows."""
    end = time.monotonic() + 60
    while committed(path) <= beyond:
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(f"no progress beyond {beyond}: {process.communicate()}")
        time.sleep(0.005)


@pytest.fixture
def slow(python, scripts, job_file, runs):
    """Start a slow stage: `slow("observe", ranks=2)`."""

    def start(stage, ranks):
        return python.start(
            scripts["slow"], STAGES[stage], job_file, "--runs", runs, *ARGUMENTS[stage], ranks=ranks
        )

    return start


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("stage", "ranks"),
    [("exchange", 2), ("sweep", 1)],
)
def test_stopped_stage_goes_on(
    dcl, slow, references, runs, assert_committed_rows_equal, assert_complete_and_equal, stage, ranks
):
    """SIGTERM to one rank: all save, exit code 85; the same command completes with the same bits."""
    path = runs / "tiny" / FILES[stage]
    process = slow(stage, ranks)
    wait_for_progress(process, path, 0)
    os.kill(ranks_of(process, ranks)[-1], signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == UNFINISHED, err
    assert "stopped; start the same command again" in out and "Traceback" not in err
    assert 0 < committed(path) < total(path)
    assert_committed_rows_equal(path, references[stage])
    done = dcl(STAGES[stage], *ARGUMENTS[stage], ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert_complete_and_equal(path, references[stage])


@pytest.mark.mpi
def test_killed_ranks_leave_a_readable_file(
    dcl, slow, references, runs, assert_committed_rows_equal, assert_complete_and_equal
):
    """SIGKILL of all ranks at random moments, twice; the same command completes with the same bits."""
    stage, moments = "glass", random.Random(1)
    path = runs / "tiny" / FILES[stage]
    for _ in range(2):
        process = slow(stage, 2)
        wait_for_progress(process, path, committed(path))
        time.sleep(moments.uniform(0, 0.1))
        for rank in ranks_of(process, 2):
            os.kill(rank, signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode not in (0, UNFINISHED)
        assert 0 < committed(path) < total(path)
        assert_committed_rows_equal(path, references[stage])
    done = dcl(STAGES[stage], *ARGUMENTS[stage], ranks=2)
    assert done.returncode == 0, done.stderr
    assert_complete_and_equal(path, references[stage])


# A commit makes 4 calls of `write` and 3 to commit; with replica exchange it has 7 calls of `write_alone` in
# between, and the sweep one `write` more; overlaps of a glass are one `write_alone` before the checkpoint.
@pytest.mark.parametrize(
    ("stage", "events"),
    [
        ("observe", (1,)),
        ("observe", (8, 2, 3, 4, 5, 6, 7, 13, 14, 15, 30)),
        ("exchange", (15, 3, 6, 11, 12, 13, 14, 27, 28, 40)),
        ("sweep", (1,)),
        ("sweep", (16, 4, 6, 9, 12, 13, 14, 15, 29, 45)),
        ("glass", (17, 4, 5, 14, 15, 16, 36)),
    ],
    ids=[
        "observe before the first commit",
        "observe",
        "exchange",
        "sweep before the first commit",
        "sweep",
        "glass",
    ],
)
def test_kill_before_any_write_is_harmless(
    python, dcl, scripts, references, job_file, runs, assert_committed_rows_equal, assert_complete_and_equal,
    stage, events,
):  # fmt: skip
    """Killed before its n-th write for many n in a row, a stage still completes with the same bits."""
    path, listed = runs / "tiny" / FILES[stage], ",".join(map(str, events))
    done = python(
        scripts["killed"], path, listed, STAGES[stage], job_file, "--runs", runs, *ARGUMENTS[stage]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number in range(len(events)):
        assert_committed_rows_equal(path.with_name(f"{path.name}.{number}"), references[stage])
    assert len(events) == 1 or committed(path) > 0
    done = dcl(STAGES[stage], *ARGUMENTS[stage])
    assert done.returncode == 0, done.stderr
    assert_complete_and_equal(path, references[stage])


@pytest.fixture(scope="module")
def trained(command, tiny_job, tmp_path_factory) -> Path:
    """Folder of a run with a trained RNN, never interrupted."""
    runs = tmp_path_factory.mktemp("trained")
    for module in (("observe",), ("train", "--network", "rnn")):
        done = command(module[0], tiny_job, "--runs", runs, *module[1:])
        assert done.returncode == 0, done.stderr
    return runs / "tiny"


def stopping(after: int):
    """What takes the place of `Progress.step`: the process gets SIGTERM at a step of training."""
    step, steps = Progress.step, itertools.count(1)

    def counted(*arguments):
        if next(steps) == after:
            signal.raise_signal(signal.SIGTERM)
        step(*arguments)

    return counted


def test_stopped_training_goes_on(dcl, monkeypatch, trained, runs):
    """Stopped within the first and the second epoch, a training ends with the weights of one that was not."""
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / "observations.h5").write_bytes((trained / "observations.h5").read_bytes())
    path = runs / "tiny" / "rnn" / "network.h5"
    # 15 steps per epoch, asked after every tenth: at 10, then, 12 steps later, at 15 + 10
    for after, stopped_at in ((3, 10), (12, 25)):
        with monkeypatch.context() as patch:
            patch.setattr(Progress, "step", stopping(after))
            done = dcl("train", "--network", "rnn")
        assert done.returncode == UNFINISHED, done.stderr
        assert committed(path) == stopped_at
    done = dcl("train", "--network", "rnn")
    assert done.returncode == 0, done.stderr
    with h5py.File(path, "r") as file, h5py.File(trained / "rnn" / "network.h5", "r") as right:
        for group in ("history", "arrays"):
            assert file[group].keys() == right[group].keys()
            for name, data in right[group].items():
                assert np.asarray(file[group][name]).tobytes() == np.asarray(data).tobytes(), name


@pytest.mark.parametrize("both", [False, True], ids=["last", "both"])
def test_damaged_checkpoint(dcl, trained, runs, both):
    """A training goes on from the checkpoint before a damaged one to the same weights; all is kept."""
    shutil.copytree(trained, runs / "tiny")
    path = runs / "tiny" / "rnn" / "network.h5"
    for damaged in (path, path.with_name("network.previous.h5"))[: 1 + both]:
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
    bad = path.read_bytes()
    done = dcl("train", "--network", "rnn")
    if both:
        assert done.returncode == 2 and "network.h5 is damaged" in done.stderr
        assert path.read_bytes() == bad
        return
    assert done.returncode == 0 and "going on from the checkpoint before it" in done.stdout, done.stderr
    assert path.with_name("network.h5.damaged").read_bytes() == bad
    with h5py.File(path, "r") as file, h5py.File(trained / "rnn" / "network.h5", "r") as right:
        for name, data in right["arrays"].items():
            assert np.asarray(file["arrays"][name]).tobytes() == np.asarray(data).tobytes(), name
