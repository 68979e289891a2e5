"""What a rank does when it is asked to stop under Slurm."""

import signal
import time

import pytest

SCRIPT = """\
import ctypes
import sys
import time
from types import SimpleNamespace

from dcl_hpc.cluster import signals

signals.GRACE_SECONDS = 1.0
stop = signals.StopRequest()
print("ready", flush=True)
if sys.argv[1] == "held up":  # in C for ever, and Python cannot run any thread
    mutex, library = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)
alone = SimpleNamespace(size=1)
if sys.argv[1] == "waits":  # for other groups of ranks
    while not stop.received:
        time.sleep(0.05)
    for _ in range(60):
        stop.waiting()
        time.sleep(0.05)
while not stop.agreed(alone):
    time.sleep(0.05)
time.sleep(2)  # saving takes longer than the ranks had to meet
sys.exit(85)
"""


@pytest.fixture
def rank(python, tmp_path):
    """Start a rank that has a case to show, and wait until it can be asked to stop."""
    script = tmp_path / "rank.py"
    script.write_text(SCRIPT)

    def start(case):
        process = python.start(script, case, environment={"SLURM_STEP_ID": "0"})
        assert process.stdout.readline() == "ready\n"
        return process

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("case", ["meets", "waits"])
def test_a_rank_that_answers_saves_in_peace(rank, case, number):
    """Asked once or again while it saves, it is not ended."""
    process = rank(case)
    process.send_signal(number)
    time.sleep(0.3)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 85, said
    assert "not all ranks answer" not in said


def test_a_rank_that_is_held_up_ends(rank):
    """A call that never returns, where no handler of Python runs, does not keep a step from its end."""
    process = rank("held up")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert said.strip() == "dcl_hpc: asked to stop, but not all ranks answer: ended"


def test_a_checkpoint_signal_ends_nobody(rank):
    """USR1 may come hours before the next place to stop."""
    process = rank("held up")
    process.send_signal(signal.SIGUSR1)
    time.sleep(3)
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)


LEAVING = """\
import os
import signal
import sys

from dcl_hpc.cluster.signals import StopRequest


class Last:
    def __del__(self, kill=os.kill, rank=os.getpid(), number=signal.SIGTERM):
        kill(rank, number)  # Python has put its handlers away


last = Last()
stop = StopRequest()
if sys.argv[1] == "saved":
    stop.finish()
sys.exit(85)
"""


@pytest.mark.parametrize(("case", "code"), [("saved", 85), ("not saved", -signal.SIGTERM)])
def test_exit_code_outlives_the_end_of_the_step(python, tmp_path, case, code):
    """The first rank that leaves makes Slurm end the others, which may be leaving, too."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    assert python(script, case).returncode == code
