"""An import that is killed, stopped or disturbed loses nothing and goes on."""

import signal

import h5py
import pytest

from .imports import STATES, assert_imported, committed, refused

UNFINISHED = 85
# Gets SIGTERM while it checks the sixth configuration, and must not check an eighth.
STOPPED_CHECK = """\
import os
import signal
import sys

from dcl_hpc.pipeline import command
from dcl_hpc.physics import configurations

configurations.BLOCK = 1
address, *arguments = sys.argv[1:]
read = configurations.Configurations.read


def stopped(source, start, stop):
    if start == 5:
        os.kill(os.getpid(), signal.SIGTERM)
    assert start < 7
    return read(source, start, stop)


configurations.Configurations.read = stopped
parser = command.parser("observe", "")
command.accept_snapshots(parser)
command.main(parser, "observe", argv=[*arguments, "--from", address])
"""


@pytest.mark.mpi
@pytest.mark.parametrize(("how", "ranks"), [("SIGKILL", 2), ("SIGTERM", 1)])
def test_interrupted_import_goes_on(dcl, interrupted, source, observations, ranks, how):
    """Killed or stopped, an import goes on behind its last commit, if what was committed is as it was."""
    done = interrupted(source, 40, how, ranks)
    if how == "SIGTERM":
        assert done.returncode == UNFINISHED, done.stderr
        assert "stopped; start the same command again" in done.stdout
    else:
        assert done.returncode not in (0, UNFINISHED)
    assert committed(observations) == 40
    assert "is not finished" in refused(dcl("train"))
    with h5py.File(observations, "r+") as file:
        file["observations/states/value"][39, 0] = 1 - STATES[39]
        assert not file["observations/states/value"][40:].any()
    assert "what was saved in observations/states/value has changed" in refused(
        dcl("observe", "--from", source, ranks=ranks)
    )
    with h5py.File(observations, "r+") as file:
        file["observations/states/value"][39, 0] = STATES[39]
    done = dcl("observe", "--from", source, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert_imported(observations)


def test_stop_while_checking(python, source, job_file, runs, tmp_path):
    """An import that is stopped while it reads the source for the first time leaves nothing behind."""
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED_CHECK)
    done = python(script, source, job_file, "--runs", runs)
    assert done.returncode == UNFINISHED, done.stderr
    assert not runs.exists()


@pytest.mark.mpi
def test_unfinished_import_needs_its_source(dcl, interrupted, source, observations, job_file):
    """Without --from the command says how to go on, and no chains are started in the imported file."""
    interrupted(source, 40, "SIGKILL")
    before = observations.read_bytes()
    for command, ranks in (("observe", 2), ("run", 1)):
        message = refused(dcl(command, ranks=ranks))
        assert "observations.h5 is not finished; first run: python -m dcl_hpc.observe" in message
        assert f"{job_file} --from {source}" in message
    assert observations.read_bytes() == before


def test_source_that_changes_while_it_is_read(interrupted, source, observations):
    """Nothing is committed from a source that is still being written."""
    message = refused(interrupted(source, 40, "touch"))
    assert "mine.npy changed while it was read; import it when it is complete" in message
    assert committed(observations) == 40


def test_import_that_is_being_written_is_refused(python, dcl, interrupted, source, observations):
    """Two imports at the same time do not write to the same file."""
    with h5py.File(source.with_suffix(".h5"), "w") as file:
        file["states"] = STATES
    interrupted(source.with_suffix(".h5"), 40, "SIGKILL")
    holder = python.start(
        "-c",
        "import h5py, sys, time; f = h5py.File(sys.argv[1], 'r+'); print(1, flush=True); time.sleep(60)",
        observations,
    )
    try:
        assert holder.stdout.readline() == "1\n"
        message = refused(dcl("observe", "--from", source.with_suffix(".h5")))
        assert "observations.h5 is being written by another process" in message
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert committed(observations) == 40
