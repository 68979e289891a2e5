"""Ctrl-C is like SIGTERM: what was done is saved; a second one ends the command at once."""

import os
import signal
import time

import pytest

UNFINISHED, INTERRUPTED = 85, 130
ENDLESS = """\
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.signals import Stopped, StopRequest
import sys, time

def work(comm):
    stop = StopRequest()
    print("ready", flush=True)
    while sys.argv[1] == "never":
        time.sleep(0.05)
    while not stop.agreed(comm):
        time.sleep(0.05)
    return 85

mpi.run(work)
"""


@pytest.fixture
def endless(python, tmp_path):
    """Start a command without end, which asks whether to stop, or never does; it is ready."""
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)

    def start(case):
        process = python.start(script, case)
        assert process.stdout.readline() == "ready\n"
        return process

    return start


def test_interrupt_stops(endless):
    """It ends as it does when it is asked by SIGTERM."""
    process = endless("asks")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (UNFINISHED, "")


def test_second_interrupt_ends(endless):
    """Who does not want to wait does not have to."""
    process = endless("never")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert said == "dcl_hpc: ended at once; what was saved before is kept\n"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, INTERRUPTED), (signal.SIGUSR1, UNFINISHED)],
)
def test_signal_during_imports(python, job_file, runs, number, code):
    """One line and the exit code; a batch job whose time is over comes back."""
    # sent by the process itself, from within the first import that takes long
    hurry = runs.parent / "here" / "sitecustomize.py"
    hurry.parent.mkdir()
    hurry.write_text(
        "import os, sys\nclass Finder:\n    def find_spec(self, name, *rest):\n"
        f"        if name == 'numpy': os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    done = python(
        "-m",
        "dcl_hpc.run",
        job_file,
        "--runs",
        runs,
        environment={"PYTHONPATH": f"{hurry.parent}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert (done.returncode, done.stderr) == (code, "dcl_hpc: stopped before the work began\n")
    assert not runs.exists()


@pytest.mark.mpi
def test_ranks_save(python, job_file, runs):
    """With --ranks the exit code is that of the ranks."""
    arguments = (job_file, "--runs", runs, "--ranks", 2, "--set", "observe.samples=4000000")
    process = python.start("-m", "dcl_hpc.run", *arguments)
    assert "thermalizing" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == UNFINISHED and "Traceback" not in said, said
    assert "stopped; start the same command again" in out
