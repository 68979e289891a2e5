"""Systems of which only snapshots are known: the whole chain without a truth, from files and from Python."""

import json
import re
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import LoggingLog
from dcl_hpc.cluster.signals import StopRequest
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference.estimate import estimate
from dcl_hpc.job.file import load
from dcl_hpc.physics.hamiltonian import clock, ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.pipeline.batches import plan
from dcl_hpc.pipeline.context import Context
from dcl_hpc.pipeline.opening import open_run
from dcl_hpc.pipeline.run import Run
from dcl_hpc.reporting.energies import write_energies
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

LATTICE = Lattice((6, 6))
JOB = """\
name = "mine"
lattice.shape = [6, 6]
hamiltonian.kind = "unknown"
sweep = { ladders = 4, thermalization = 50, sweeps = 400 }
"""
# Short for all energies; which are added.
ALL = {
    "name": "all",
    "lattice": {"shape": [4, 4]},
    "hamiltonian": {"kind": "unknown", "states": 3},
    "observe": {"temperature": 2.0},
    "rnn": {"hidden": 8, "epochs": 1, "batch": 100},
    "labels": {"count": 500},
    "ednn": {"focus": 1, "hidden": [4], "epochs": 1, "batch": 100},
    "sweep": {
        "energies": ["rnn", "ednn", "direct"], "temperatures": [1.5, 2.0], "ladders": 2, "rungs": 2,
        "thermalization": 10, "sweeps": 20, "rnn_thermalization": 2, "rnn_sweeps": 4,
    },
}  # fmt: skip


def snapshots(hamiltonian, n: int, temperature: float) -> np.ndarray:
    """Independent configurations, uint8 (n, *lattice)."""
    model = TrueEnergy(hamiltonian, n)
    chains = Chains.start(model, np.full(n, 1 / temperature), range(n), 3, Purpose.OBSERVE)
    chains.sweep(model, 100)
    return chains.states.T.reshape(n, *hamiltonian.lattice.shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A job file of an Ising model at T = 4 that says nothing of it, and its snapshots as -1 and 1."""
    path = tmp_path_factory.mktemp("unknown")
    (path / "mine.toml").write_text(JOB)
    np.save(path / "snapshots.npy", 2.0 * snapshots(ising(LATTICE), 2000, 4.0) - 1)
    return path


@pytest.fixture(scope="module")
def run(folder):
    """The run of that job, all stages."""
    states = np.load(folder / "snapshots.npy")
    return dcl_hpc.start(folder / "mine.toml", folder / "runs").make(snapshots=states)


def refusal(done) -> str:
    """The one line of a command that was refused."""
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dcl_hpc: error: ")]
    return line


def test_law_is_found_in_units_of_the_temperature(run, folder):
    """J / T_o = 1/4 and nothing else; predictions at T_o agree with the snapshots."""
    (found,) = run.interactions()
    assert found.sites == ((0, 0), (1, 0)) and found.tied == 2
    assert abs(found.coupling - 0.25) < 4 * found.error < 0.02
    curves = run.sweep()
    assert (curves.temperature[0], curves.temperature[-1]) == (0.5, 2.0)
    energies = (
        ising(LATTICE).energy((np.load(folder / "snapshots.npy") > 0).reshape(2000, 36).astype(int)) / 4
    )
    mean, error = energies.mean() / 36, energies.std() / 36 / np.sqrt(2000)
    k = int(np.argmin(np.abs(curves.temperature - 1)))
    assert abs(curves.u[k] - mean) < 4 * np.hypot(error, curves.u_error[k])
    assert np.isnan(curves.u_exact).all()


def test_nothing_tells_of_a_truth(run):
    """Neither files nor the page have a true energy, exact values or levels; the convention is told."""
    made = sorted(str(path.relative_to(run.folder)) for path in run.folder.rglob("*.h5"))
    assert made == ["checks/direct.h5", "direct.h5", "observations.h5", "sweeps/direct_6x6.h5"]
    with h5py.File(run.folder / "observations.h5") as file:
        assert "validation" not in file
    text = re.sub('base64,[^"]*', "", (run.folder / "report" / "index.html").read_text())
    assert "How far the curves can be wrong" in text and "seed of their training" not in text
    assert "exact" not in text and "RMSE" not in text and "true" not in text
    assert (
        "E = - coupling x sum over the lattice" in text
        and "coupling / k_B T_o" in text
        and "J/k_B" not in text
    )
    summary = json.loads((run.folder / "report" / "summary.json").read_text())
    assert summary["truth"] is False and summary["sweeps"][0]["u_exact"] == [None] * 11
    with pytest.raises(dcl_hpc.UserError, match="no true energy"):
        run.energy("true")


def test_energies_of_whole_snapshots(run, folder, command):
    """From Python and by the command into three formats, with the errors that the fit gives."""
    states, named = np.load(folder / "snapshots.npy")[:100], folder / "new.npz"
    energy = run.energy()
    found = estimate(run.job, "clusters", run.observations[:1600].reshape(1600, 36), box(2, 3, 0))
    expected, errors = found.energy((states.reshape(100, 36) > 0).astype(np.uint8), LATTICE)
    np.testing.assert_allclose(energy.energies(states), expected, atol=1e-4)
    np.testing.assert_allclose(energy.errors(states), errors, rtol=1e-9)
    np.savez(named, states)
    done = command("label", folder / "mine.toml", "--runs", folder / "runs", "--from", named)
    assert done.returncode == 0, done.stderr
    with h5py.File(run.folder / "energies" / "new_direct.h5") as file:
        np.testing.assert_array_equal(file["energy"][()], energy.energies(states))
        assert "k_B T_o" in file["energy"].attrs["about"] and "new.npz" in file.attrs["source"]
    context = Context(open_run(run.folder), mpi.alone(), LoggingLog(), StopRequest(listen=False))

    def write(to):
        write_energies(
            context, SimpleNamespace(configurations=str(named), energy="direct", to=to, index=None)
        )

    write(folder / "e.npy")
    write(folder / "e.csv")
    table = np.load(folder / "e.npy")
    np.testing.assert_array_equal(table["error"], energy.errors(states))
    lines = (folder / "e.csv").read_text().splitlines()
    head = [line.startswith("#") for line in lines].index(False)
    assert lines[head] == "energy,error" and any("k_B T_o" in line for line in lines[:head])
    columns = np.loadtxt(lines[head + 1 :], delimiter=",")
    np.testing.assert_array_equal(columns[:, 0], table["energy"])
    with pytest.raises(dcl_hpc.UserError, match="told by the extension"):
        write(folder / "e.xlsx")
    named = folder / "e.npy"
    np.save(named, states)
    with pytest.raises(dcl_hpc.UserError, match="these are the configurations"):
        write(named)


def test_all_energies_side_by_side(folder):
    """RNN, EDNN and direct estimate of three states, compared with each other on the page."""
    lattice = Lattice((4, 4))
    states = snapshots(clock(lattice, 3), 1000, 2.0)
    run = dcl_hpc.start(ALL, folder / "runs").make(snapshots=states)
    summary = json.loads((run.folder / "report" / "summary.json").read_text())
    pairs = {(row["first"], row["second"]): row for row in summary["agreement"]}
    assert set(pairs) == {("RNN", "EDNN"), ("RNN", "direct estimate"), ("EDNN", "direct estimate")}
    last = states.reshape(1000, 16)
    energies = [run.energy(name).energies(last) for name in ("rnn", "direct")]
    expected = np.corrcoef(*energies)[0, 1]
    assert pairs["RNN", "direct estimate"]["correlation"] == pytest.approx(expected, abs=1e-3)
    assert [s["energy"] for s in summary["sweeps"]] == ["rnn", "ednn", "direct"]
    assert summary["units"] == {"energy": "J", "temperature": "J/k_B"}
    found, curves = summary["sweeps"][2], run.sweep("direct")
    for name in ("u", "c", "m", "chi"):
        assert getattr(curves, f"{name}_data_error").tolist() == found[f"{name}_data_error"]
        band = [getattr(curves, f"{name}_{end}").tolist() for end in ("low", "high")]
        assert band == np.transpose(found[f"{name}_band_68"]).tolist()
    assert np.all(curves.u_data_error > 0) and np.all((curves.u_low < curves.u) & (curves.u < curves.u_high))
    page = (run.folder / "report" / "index.html").read_text()
    assert "How far the curves can be wrong" in page and "seed of their training" in page
    assert all(sweep["u_band_68"] for sweep in summary["sweeps"])


def test_what_is_missing_is_told(folder, command):
    """In one line, with a command that has --runs and --set as they were given."""
    given = ("--runs", folder / "other", "--set", "name=new")
    more = f"--from FILE --runs {folder / 'other'} --set name=new"
    line = refusal(command("run", folder / "mine.toml", *given))
    assert (
        f"snapshots are needed: python -m dcl_hpc.run {folder / 'mine.toml'} {more}, or set observe" in line
    )
    job, text = load(folder / "mine.toml", ("name=new",))
    new = Run(job, text, "mine.toml", folder / "other", 1, ("name=new",))
    with pytest.raises(dcl_hpc.UserError, match=f"python -m dcl_hpc.observe mine.toml {re.escape(more)}"):
        new.require("observe")
    with pytest.raises(dcl_hpc.UserError, match="snapshots are needed"):
        plan(new)
    assert not list((folder / "other").rglob("*.h5"))


def test_job_file_names_the_snapshots(folder, command):
    """Relative to the job file, for the commands and for batch jobs, which keep a copy of it elsewhere."""
    job, inner = folder / "named.toml", folder / "inner"
    inner.mkdir()
    job.write_text(JOB + 'observe.source = "snapshots.npy"\n')
    done = command("observe", job, "--runs", inner)
    assert done.returncode == 0, done.stderr
    assert dcl_hpc.open_run(inner / "mine").observations.source == str(folder / "snapshots.npy")
    done = command("submit", job, "--runs", inner, "--set", "name=b", "--dry-run")
    first = done.stdout.splitlines()[0]
    assert "b-observe" in first and f'observe.source="{folder / "snapshots.npy"}"' in first
