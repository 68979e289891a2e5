"""A disk that fills up never looks like success, and costs nothing but the time until there is room."""

import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest

from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run

JOB = """\
name = "disk"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 4.0, samples = 20000, chains = 100, thermalization = 10, thin = 2 }
rnn = { hidden = 16, epochs = 1, batch = 1000 }
ednn = { fit = "clusters", samples = 2000 }
levels = { per_level = 2, max_sweeps = 1000 }
[sweep]
energies = ["true", "ednn"]
temperatures = [3.0, 4.0]
rungs = 2
ladders = 20
sweeps = 1000
thermalization = 4
"""
# A command that writes often; on a disk that promises more room than it has, as one does that others fill.
LATE = """\
import sys
from types import SimpleNamespace
from dcl_hpc.pipeline import command
from dcl_hpc.stages import observe, snapshots, sweep
from dcl_hpc.storage import layout

late, stage, *arguments = sys.argv[1:]
if late == "late":
    layout._reserve = lambda path: None
    layout.shutil = snapshots.shutil = SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=2**60))
observe.BUFFER = snapshots.BUFFER = 36 * 2000
sweep.COMMIT_SECONDS = 0.05
parser = command.parser(stage, "")
command.accept_snapshots(parser)
parser.add_argument("--energy")
parser.add_argument("--network")
command.main(parser, stage, argv=arguments)
"""
BEGUN = {  # what is there before a stage begins
    "observe": (), "rnn": ("observations.h5",), "sweep_true_6x6": (),
    "evaluate": ("observations.h5", "ednn"),
    "report": ("observations.h5", "ednn", "evaluation.h5", "sweeps"),
}  # fmt: skip


class SmallDisk:
    """A file system of 16 MiB in a mount namespace, which ends with its process."""

    def __init__(self, folder):
        mounted = ["unshare", "--mount", "sh", "-c"]
        mounted += [
            'mount -t tmpfs -o size=16m tmpfs "$1" && echo mounted && exec sleep 3600',
            "-",
            str(folder),
        ]
        self._holder = subprocess.Popen(mounted, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self._holder.stdout.readline() != "mounted\n":
            self.close()
            pytest.skip("no right to mount a file system")
        self.path = type(folder)(f"/proc/{self._holder.pid}/root{folder}")

    def close(self) -> None:
        """End it."""
        self._holder.kill()
        self._holder.communicate()

    def leave(self, room: int) -> None:
        """Fill it up to some bytes."""
        there = os.statvfs(self.path)
        with open(self.path / "others", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, there.f_bavail * there.f_frsize - room)

    def free(self) -> None:
        """Make room again."""
        (self.path / "others").unlink()


@pytest.fixture
def disk(tmp_path):
    """A small disk; skips where it cannot be had."""
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    (tmp_path / "disk").mkdir()
    small = SmallDisk(tmp_path / "disk")
    yield small
    small.close()


@pytest.fixture(scope="module")
def undisturbed(command, tmp_path_factory):
    """Folder with the job and its finished run, which is not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "job.toml").write_text(JOB)
    done = command("run", folder / "job.toml", "--runs", folder / "runs")
    assert done.returncode == 0, done.stderr
    return folder


def data(path) -> dict[str, bytes]:
    """Data sets of a file but those of restarts."""
    found = {}

    def look(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith(("progress/", "checkpoint/")):
            found[name] = item[()].tobytes()

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return found


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("output", "late", "room", "ranks"),
    [
        ("observe", "", 500, 1),
        ("observe", "late", 500, 2),
        ("rnn", "late", 150, 1),
        ("evaluate", "late", 40, 1),
        ("sweep_true_6x6", "late", 350, 2),
        ("report", "", 60, 1),
    ],
)
def test_full_disk(python, command, disk, undisturbed, output, late, room, ranks):
    """It is told in one line, the stage is not complete, and goes on when there is room again."""
    runs, before = disk.path / "runs", undisturbed / "runs" / "disk"
    for name in BEGUN[output]:
        copy = shutil.copytree if (before / name).is_dir() else shutil.copy2
        (runs / "disk").mkdir(parents=True, exist_ok=True)
        copy(before / name, runs / "disk" / name)
    disk.leave(room * 1024)
    stage, _, energy = output.partition("_")
    arguments = [undisturbed / "job.toml", "--runs", runs]
    arguments += ["--energy", energy.partition("_")[0]] if energy else []
    arguments += ["--network", "rnn"] if output == "rnn" else []
    changes = ('sweep.energies=["rnn"]',) if output == "rnn" else ()
    arguments += [f"--set={change}" for change in changes]
    failed = python("-c", LATE, late, stage, *arguments, ranks=ranks)
    assert failed.returncode == 2, failed.stderr
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("dcl_hpc: error:")]
    assert "cannot write" in line and "Traceback" not in failed.stderr
    run = Run(*jobs.load(undisturbed / "job.toml", changes), "job.toml", runs, 1)
    assert not run.state(output).current
    disk.free()
    again = command("train" if stage == "rnn" else stage, *arguments)
    assert again.returncode == 0, again.stderr
    assert run.state(output, content=True).current
    assert not [path for path in runs.rglob("*") if ".tmp." in path.name or ".lock" in path.name]
    if output not in ("rnn", "report"):  # nobody else has trained it
        assert data(run.path(output)) == data(before / run.path(output).relative_to(run.root))


@pytest.mark.mpi
def test_import_on_a_full_disk(python, command, disk, undisturbed, tmp_path):
    """An import goes on, too, where the disk was full."""
    runs, snapshots = disk.path / "runs", tmp_path / "snapshots.npy"
    states = np.random.default_rng(1).integers(0, 2, (20_000, 6, 6), np.uint8)
    np.save(snapshots, states)
    disk.leave(500 * 1024)
    arguments = [undisturbed / "job.toml", "--runs", runs, "--from", snapshots]
    failed = python("-c", LATE, "late", "observe", *arguments, ranks=2)
    assert failed.returncode == 2 and "Traceback" not in failed.stderr, failed.stderr
    assert failed.stderr.count("dcl_hpc: error: cannot write") == 1
    disk.free()
    again = command("observe", *arguments)
    assert again.returncode == 0, again.stderr
    with h5py.File(runs / "disk" / "observations.h5", "r") as file:
        np.testing.assert_array_equal(file["observations/states/value"][:, 0], states)
