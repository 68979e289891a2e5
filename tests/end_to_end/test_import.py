"""Configurations of a file become the observations of a job, on any number of ranks and after a kill."""

import hashlib
import json
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import results
from dcl_hpc.storage.rows import Rows

UNFINISHED = 85
PREFIX = "dcl_hpc: error: "
N = 300
STATES = np.random.default_rng(1).integers(0, 2, (N, 6, 6), np.uint8)
# Imports one configuration at a time and does something after the given number of commits.
INTERRUPTED = """\
import os
import signal
import sys

from dcl_hpc.pipeline import command
from dcl_hpc.stages import snapshots
from dcl_hpc.storage.store import Store

snapshots.BUFFER = 1
after, how, address, *arguments = sys.argv[1:]
commit, count = Store.commit, 0


def counted(*positional):
    global count
    commit(*positional)
    count += 1
    if count == int(after):
        if how == "touch":
            os.utime(address, ns=(1, 1))
        else:
            os.kill(os.getpid(), getattr(signal, how))


Store.commit = counted
parser = command.parser("observe", "")
command.accept_snapshots(parser)
command.main(parser, "observe", argv=[*arguments, "--from", address])
"""
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


@pytest.fixture
def source(tmp_path) -> Path:
    """A file of configurations with the values -1 and 1."""
    path = tmp_path / "mine.npy"
    np.save(path, 2.0 * STATES - 1)
    return path


@pytest.fixture
def observations(runs) -> Path:
    """Where the observations go."""
    return runs / "tiny" / "observations.h5"


@pytest.fixture
def interrupted(python, tmp_path, job_file, runs):
    """Start an import that is interrupted: `interrupted(address, after=10, how="SIGKILL", ranks=2)`."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)

    def start(address, after, how, ranks=1):
        return python(script, after, how, address, job_file, "--runs", runs, ranks=ranks)

    return start


def refused(done) -> str:
    """The one error line of a command that was refused."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(PREFIX)]
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0].removeprefix(PREFIX)


def committed(path) -> int:
    """Committed configurations."""
    with h5py.File(path, "r", locking=False) as file:
        return int(file["progress/committed"][0])


def assert_imported(path, states=STATES) -> None:
    """The file is complete and has these configurations with their true energies."""
    n = len(states)
    with h5py.File(path, "r") as file:
        assert file["progress/committed"][0] == file.attrs["total"] == n
        value = file["observations/states/value"]
        assert value.shape == (n, 1, 6, 6) and value.dtype == np.uint8
        np.testing.assert_array_equal(value[:, 0], states)
        spins = 2.0 * states - 1
        neighbours = np.roll(spins, 1, axis=1) + np.roll(spins, 1, axis=2)
        energy = -(spins * neighbours).sum(axis=(1, 2))
        np.testing.assert_array_equal(file["validation/energy/value"][:, 0], energy)


def correlated(n: int) -> np.ndarray:
    """A series of configurations in which a tenth of the spins is drawn anew at each step."""
    random = np.random.default_rng(2)
    result = random.integers(0, 2, (n, 36), np.uint8)
    for k in range(1, n):
        result[k] = np.where(random.random(36) < 0.1, result[k], result[k - 1])
    return result.reshape(n, 6, 6)


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_file_becomes_observations(dcl, source, observations, job_file, runs, ranks):
    """Later stages accept the imported file as complete observations of the job."""
    if ranks > 1:  # HDF5's own process beside those of MPI
        source = source.with_suffix(".h5")
        with h5py.File(source, "w") as file:
            file["states"] = STATES
    done = dcl("observe", "--from", source, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"observe: {N} configurations imported from {source}") == 1
    assert "correlated" not in done.stdout
    assert_imported(observations)
    job, text = jobs.load(job_file)
    path = Run(job, text, str(job_file), runs, 1).require("observe")
    rows = Rows(path, ["observations/states/value"], leading=2)
    assert rows.n == N
    np.testing.assert_array_equal(rows.read(100, 200)[0], STATES.reshape(N, -1)[100:200])
    assert sorted(p.name for p in observations.parent.iterdir()) == ["job.json", "observations.h5"]


def test_file_describes_itself(dcl, source, observations):
    """The file says where it came from, and every data set what it holds."""
    assert dcl("observe", "--from", source).returncode == 0
    known = results.read_observed(observations)
    assert (known["temperature"], known["thin"]) == (4.0, 1)
    assert 0.5 <= known["autocorrelation_time"] < 0.8
    found = []

    def look(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("progress"):
            found.append(name)
            assert item.attrs["about"], name
            assert all(axis.label for axis in item.dims), name

    with h5py.File(observations, "r") as file:
        file.visititems(look)
        assert [axis.label for axis in file["observations/states/value"].dims] == [
            "record",
            "chain",
            "y",
            "x",
        ]
        np.testing.assert_array_equal(file["observations/states/step"][()], np.arange(1, N + 1))
        np.testing.assert_array_equal(file["observations/states/time"][()], np.arange(1.0, N + 1))
        assert file.attrs["source"] == str(source) and file.attrs["n_states"] == 2
        assert file.attrs["stage"] == "observe" and file.attrs["job_name"] == "tiny"
        assert file.attrs["source_digest"] == hashlib.sha256(source.read_bytes()).hexdigest() + ":"
    assert len(found) == 4


def test_observations_of_another_run_are_a_source(dcl, runs, tmp_path):
    """The program's own observations are imported as any HDF5 file, its records and chains in a row."""
    assert dcl("observe", folder=tmp_path / "other").returncode == 0
    other = tmp_path / "other" / "tiny" / "observations.h5"
    done = dcl("observe", "--from", other)
    assert done.returncode == 0, done.stderr
    with h5py.File(other, "r") as file:
        assert_imported(
            runs / "tiny" / "observations.h5", file["observations/states/value"][()].reshape(-1, 6, 6)
        )


@pytest.mark.parametrize(("chains", "axes"), [(1, 1), (20, 2), (20, 1)])
def test_correlated_configurations_are_told(dcl, tmp_path, observations, chains, axes):
    """A series is recognised as correlated, also where records of independent chains alternate."""
    series = correlated(4000)
    if chains > 1:
        series = series.reshape(chains, -1, 6, 6).swapaxes(0, 1)
    if axes == 1:
        series = series.reshape(-1, 6, 6)
    np.save(tmp_path / "series.npy", series)
    done = dcl("observe", "--from", tmp_path / "series.npy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("warning: configurations are correlated") == 1
    assert done.stdout.count("taken for 20 chains") == (chains > 1 and axes == 1)
    # both observables decay as products of two or more spins, each with 10 steps
    assert 2 < results.read_observed(observations)["autocorrelation_time"] < 8
    assert_imported(observations, series.reshape(-1, 6, 6))


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


def test_import_needs_room(dcl, source, runs, monkeypatch):
    """Nothing is begun that the disk cannot hold, however small the file is that unpacks to it."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=N * 60 - 1))
    message = refused(dcl("observe", "--from", source))
    assert f"{N} configurations take {N * 60 / 2**30:.3g} GiB, " in message and "make room" in message
    assert not runs.exists()


def test_complete_import_is_left(dcl, source, observations):
    """The same command again changes nothing, and writes the run's record where a full disk left none."""
    assert dcl("observe", "--from", source).returncode == 0
    before, record = observations.read_bytes(), observations.with_name("job.json")
    said = record.read_bytes()
    record.unlink()
    done = dcl("observe", "--from", source)
    assert done.returncode == 0, done.stderr
    assert "observations.h5 is complete" in done.stdout
    assert observations.read_bytes() == before and record.read_bytes() == said


@pytest.mark.mpi
def test_complete_import_needs_no_source(dcl, source, observations):
    """Without --from the command says that the imported observations are complete, and changes nothing."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    done = dcl("observe", ranks=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("observations.h5 is complete") == 1
    assert observations.read_bytes() == before


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


def test_settings_of_chains_do_not_matter_to_an_import(dcl, source, observations, job_file, runs):
    """How the job's own chains would run does not matter to imported observations; the temperature does."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    done = dcl("observe", "--set", "observe.samples=4000", "--set", "observe.chains=20")
    assert done.returncode == 0, done.stderr
    assert "observations.h5 is complete" in done.stdout
    assert observations.read_bytes() == before

    def run(override):
        job, text = jobs.load(job_file, (f"observe.{override}",))
        return Run(job, text, str(job_file), runs, 1)

    def require(override):
        return run(override).require("observe")

    network = [run(f"samples={n}").attributes("rnn")["dependencies"] for n in (4000, 6000)]
    assert network[0] == network[1] != run("temperature=3.0").attributes("rnn")["dependencies"]

    for override in ("samples=4000", "chains=10", "thermalization=99", "thin=7", "exchange.hottest=9.0"):
        assert require(override) == observations
    with pytest.raises(UserError, match=r"another job: observe\.temperature is 4\.0 there and 3\.0 in"):
        require("temperature=3.0")


def test_chain_on_imported_observations(dcl, source, runs):
    """All stages of a job run on imported observations, and the report tells where they came from."""
    settings = ("--set", 'sweep.energies=["true"]')
    assert dcl("observe", "--from", source, *settings).returncode == 0
    done = dcl("run", *settings)
    assert done.returncode == 0, done.stderr
    assert "observations.h5 is complete" in done.stdout
    summary = json.loads((runs / "tiny" / "report" / "summary.json").read_text())
    assert summary["observations"]["source"] == str(source)
    assert summary["observations"]["samples"] == N
    page = (runs / "tiny" / "report" / "index.html").read_text(encoding="utf-8")
    assert f"{N} configurations of the Ising model on the 6x6 lattice" in page
    assert f"imported from {source}" in page


@pytest.mark.parametrize("complete", [True, False])
def test_second_source_is_refused(dcl, interrupted, source, observations, tmp_path, complete):
    """Observations of another source are neither replaced nor continued, nor those of a changed one."""
    if complete:
        assert dcl("observe", "--from", source).returncode == 0
    else:
        interrupted(source, 40, "SIGKILL")
    before = observations.read_bytes()
    np.savez(tmp_path / "other.npz", a=STATES, b=STATES)
    message = refused(dcl("observe", "--from", f"{tmp_path}/other.npz:b"))
    assert f"observations.h5 was imported from {source}, not from {tmp_path}/other.npz:" in message
    assert "choose another name (--set name=NEW)" in message
    assert "or make it anew with --update (the old file is moved aside, not deleted)" in message
    np.save(source, STATES[::-1])
    assert f"was imported from {source}, which has changed since;" in refused(
        dcl("observe", "--from", source)
    )
    assert observations.read_bytes() == before


def test_imported_observations_are_not_replaced_by_simulated_ones(dcl, source, observations):
    """What takes their place has to be said; without that nothing is moved."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    for command in ("observe", "run"):
        message = refused(dcl(command, "--update", "--set", "observe.temperature=4.5"))
        assert f"was imported from {source}: say with --from which snapshots" in message
    assert observations.read_bytes() == before and not (observations.parent / "old").exists()
    done = dcl("observe", "--update", "--from", source, "--set", "observe.temperature=4.5")
    assert done.returncode == 0 and (observations.parent / "old" / "1" / "observations.h5").exists()


def test_array_of_the_same_file_is_another_source(dcl, observations, tmp_path):
    """Two arrays of one file are two sources."""
    np.savez(tmp_path / "x.npz", a=STATES, b=STATES)
    assert dcl("observe", "--from", f"{tmp_path}/x.npz:a").returncode == 0
    assert dcl("observe", "--from", f"{tmp_path}/x.npz:a").returncode == 0
    assert "was imported from" in refused(dcl("observe", "--from", f"{tmp_path}/x.npz:b"))


def test_own_observations_are_not_replaced(dcl, source, observations):
    """Observations of the job's own chains are kept."""
    assert dcl("observe").returncode == 0
    before = observations.read_bytes()
    message = refused(dcl("observe", "--from", source))
    assert "observations.h5 has observations of the job's own chains; choose another name" in message
    assert observations.read_bytes() == before


def test_import_for_another_job_is_refused(dcl, source, observations):
    """An import at another temperature is another job's."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    message = refused(dcl("observe", "--from", source, "--set", "observe.temperature=3.0"))
    assert "was made by another job: observe.temperature is 4.0 there and 3.0 in this job" in message
    assert observations.read_bytes() == before


def test_source_that_changes_while_it_is_read(interrupted, source, observations):
    """Nothing is committed from a source that is still being written."""
    message = refused(interrupted(source, 40, "touch"))
    assert "mine.npy changed while it was read; import it when it is complete" in message
    assert committed(observations) == 40


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_wrong_source_is_refused(dcl, tmp_path, runs, ranks):
    """A mistake in the source is told once, before anything is made."""
    mixed = STATES.astype(int)
    mixed[-1, 5, 5] = -1
    np.save(tmp_path / "mixed.npy", mixed)
    assert "mixes conventions" in refused(dcl("observe", "--from", tmp_path / "mixed.npy", ranks=ranks))
    assert "no.npy does not exist" in refused(dcl("observe", "--from", tmp_path / "no.npy", ranks=ranks))
    assert not runs.exists()


def test_missing_file_is_told_before_a_missing_network(dcl, tmp_path):
    """Of energies of configurations."""
    assert "no.npy does not exist" in refused(dcl("label", "--from", tmp_path / "no.npy"))


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
