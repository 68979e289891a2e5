"""One writer at a time, also after crashes, full disks and on folders that cannot be written."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from dcl_hpc.cluster import lock as locks
from dcl_hpc.cluster import slurm
from dcl_hpc.cluster.lock import Lock
from dcl_hpc.errors import UserError

# Runs a command in a small file system of its own, which goes when it ends.
MOUNTED = 'mount -t tmpfs -o size=64k tmpfs "$1" && shift && eval "$1" && shift && exec "$@"'
# Takes the lock at the same moment as others, in file systems without hard links, and holds it for a while.
RACER = """\
import errno, os, sys, time
from pathlib import Path
from dcl_hpc.cluster.lock import Lock
from dcl_hpc.errors import UserError

path, number, starts, release = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])

def no_links(*arguments):
    raise OSError(number, os.strerror(number))

os.link = no_links
time.sleep(max(0, starts - time.time()))
try:
    with Lock(path, "racer"):
        while not release.exists():
            time.sleep(0.05)
    print("held")
except UserError as error:
    print("refused" if "is in use by racer" in str(error) else error)
"""


@pytest.fixture
def path(tmp_path):
    """A lock in a folder that does not exist."""
    return tmp_path / "runs" / "tiny" / ".observe.lock"


def left_by(path, **changes) -> None:
    """Leave a lock as another process would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**locks.myself(), "about": "observe", **changes}))


def test_second_is_refused_while_the_first_lives(path):
    """Held by a living process; free and without a trace afterwards."""
    with Lock(path, "first"):
        with (
            pytest.raises(UserError, match=r"in use by first \(process .* wait for it"),
            Lock(path, "second"),
        ):
            pass
        assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert not path.parents[1].exists()


@pytest.mark.parametrize(
    "changes", [{"pid": 2**22 + 1, "started": 1}, {"started": 1}], ids=["gone", "reused"]
)
def test_lock_of_a_dead_process_is_taken(path, changes):
    """A process that is gone, also when its number is used again, has no lock."""
    left_by(path, **changes)
    with Lock(path, "next") as mine:
        assert mine.is_mine() and json.loads(path.read_text())["about"] == "next"
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("active", "step", "says"),
    [(True, True, "wait for it"), (True, False, None), (False, None, None), (None, None, "remove ")],
)
def test_lock_of_another_node(path, monkeypatch, active, step, says):
    """Slurm tells whether the job and the step of another node live; where it does not, a person must."""
    monkeypatch.setattr(slurm, "is_active", lambda job: active)
    monkeypatch.setattr(slurm, "is_running_step", lambda name: step)
    left_by(path, host="elsewhere", job="12", step="0")
    if says is None:
        with Lock(path, "next"):
            pass
    else:
        with pytest.raises(UserError, match=says), Lock(path, "next"):
            pass
        assert path.exists()


def test_earlier_start_of_the_same_job_is_dead(path, monkeypatch):
    """A job that was started again takes over from the node that it lost."""
    left_by(path, host="elsewhere", job="12", step="0", restart="0")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with Lock(path, "next"):
        pass


def test_loss_is_noticed(path):
    """Who has lost the lock to another does not remove it."""
    with Lock(path, "first") as mine:
        left_by(path, pid=1)
        assert not mine.is_mine()
    assert path.exists()


def test_damaged_lock(path):
    """A damaged lock is named."""
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(UserError, match=r"\.observe\.lock is damaged; remove it"), Lock(path, "next"):
        pass


def mounted(folder, before: str, *command):
    """Run a command with a file system of 64 KiB mounted on a folder, after a line of shell."""
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", folder]
    if os.geteuid() or subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("needs root and the right to mount")
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", MOUNTED, "-", folder, before, *map(str, command)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ('head -c 80000 /dev/zero >"$2"/zero 2>/dev/null; true', "free space"),
        ('mount -o remount,ro "$2"', "check permissions"),
        ("true", "MiB free"),
    ],
    ids=["full", "read-only", "too small"],
)
def test_disk(tmp_path, job_file, before, says):
    """A full disk, a read-only one, and one too small for the result are told in one line."""
    runs = tmp_path / "disk"
    runs.mkdir()
    before = before.replace('"$2"', f"'{runs}'")
    done = mounted(runs, before, sys.executable, "-m", "dcl_hpc.observe", job_file, "--runs", runs)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("dcl_hpc: error: cannot write") and says in line


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links(path, number):
    """Where there are none, one of several processes has the lock and the others are refused."""
    starts, release = str(time.time() + 2), path.parents[2] / "release"
    command = [sys.executable, "-c", RACER, path, str(number), starts, release]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    until = time.monotonic() + 60
    while sum(racer.poll() is None for racer in racers) > 1 and time.monotonic() < until:
        time.sleep(0.05)
    release.touch()
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert said == ["held", "refused", "refused"]
    # the folder itself stays where one that was refused had made it
    assert not list(path.parents[1].rglob("*.lock*"))
