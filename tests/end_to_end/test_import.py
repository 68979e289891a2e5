"""Configurations of a file become the observations of a job, on any number of ranks."""

import hashlib
import json

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import results
from dcl_hpc.storage.rows import Rows

from .imports import STATES, N, assert_imported


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
