"""Results of a run as Python has them: the physics, the report's numbers, and what is refused."""

import json
import logging
import re
import shutil
import signal
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.energy import factory
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage.replicas import last_configurations

from .conftest import GLASS, ISING, PLANTED

JOBS = sorted(Path(__file__).parents[2].glob("jobs/*.toml"))


def refusal(function, *arguments, **named) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(dcl_hpc.UserError) as caught:
        function(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_planted_interactions_are_found(ising):
    """The selection finds the nearest neighbours and nothing else, pairs both axes; within their errors."""
    (found,) = ising.interactions()
    assert found.tied == 2 and set(np.abs(np.subtract(*found.sites))) == {0, 1}
    assert 0 < found.error < 0.01 and abs(found.coupling - PLANTED) < 4 * found.error
    pairs = ising.interactions("pairwise")
    assert pairs.source == "pairwise" and len(pairs) >= 2
    strongest = {tuple(np.abs(np.subtract(*pair.sites))) for pair in pairs[:2]}
    assert strongest == {(0, 1), (1, 0)}
    np.testing.assert_allclose(pairs.coupling[:2], PLANTED, atol=5 * pairs.error.max())
    assert list(pairs.coupling) == [pair.coupling for pair in pairs]
    assert str(found) in repr(ising.interactions()) and "1 interactions by ednn" in repr(ising.interactions())


def test_learned_energies_are_the_true_ones(ising):
    """Energy differences on sizes that were never observed, by selection, pairs and the true Hamiltonian."""
    states = np.random.default_rng(1).choice([-1, 1], (50, 8, 10))
    exact = -PLANTED * sum((states * np.roll(states, 1, axis)).sum(axis=(1, 2)) for axis in (1, 2))
    true = ising.energy("true", (8, 10)).energies(states)
    np.testing.assert_allclose(true, exact, atol=1e-4)
    tolerance = 5 * ising.interactions()[0].error * 160
    for name in ("ednn", "pairwise"):
        energy = ising.energy(name, shape=[8, 10])
        assert energy.shape == (8, 10) and energy.n_states == 2 and name in repr(energy)
        np.testing.assert_allclose(energy.energies(states), true, atol=2 * tolerance)
        differences = energy.differences(states[0], states)
        np.testing.assert_allclose(differences, energy.energies(states) - energy.energies(states[0]))


def test_energies_of_direct_estimates_are_those_of_the_evaluation(ising):
    """The table that is kept gives the energies that were compared with the true ones."""
    with h5py.File(ising.folder / "evaluation.h5", locking=False) as file:
        states, expected = file["test/states/value"][()], file["test/energy/direct_pairwise"][()]
        np.testing.assert_allclose(ising.energy("pairwise").energies(states), expected, atol=1e-4)
        np.testing.assert_allclose(ising.energy().energies(states), file["test/energy/ednn"][()], atol=1e-6)


def test_sweeps_are_those_of_the_report(ising):
    """All numbers of summary.json, to the last bit."""
    summary = json.loads((ising.folder / "report" / "summary.json").read_text())
    assert len(summary["sweeps"]) == 4
    for expected in summary["sweeps"]:
        found = ising.sweep(expected["energy"], tuple(expected["shape"]))
        assert found.energy == expected["energy"] and list(found.shape) == expected["shape"]
        for name in (
            "temperature",
            "autocorrelation_time",
            "effective_samples",
            "too_short",
            "u_exact",
            "c_exact",
        ):
            assert getattr(found, name).tolist() == expected[name]
        for name in ("u", "c", "m", "chi"):
            assert getattr(found, name).tolist() == expected[name]
            assert getattr(found, f"{name}_error").tolist() == expected[f"{name}_error"]
            assert getattr(found, name).dtype == np.float64
        assert expected["rare_share"] == (None if found.energy == "true" else found.rare_share.tolist())
        for name in ("c", "chi"):
            peak, told = found.peaks.get(name), expected[f"{name}_peak_error"]
            assert (peak and peak.error.tolist()) == told
        worst = np.abs(found.u - found.u_exact).max()
        assert worst == pytest.approx(expected["max_abs_du"], abs=1e-12)
    assert len(found) == 3 and found.overlap is None and "(" not in repr(found)


def test_sweeps_agree_with_exact_values(ising):
    """Energies of the true and the learned sweep within errors, where a sweep is long enough to know them."""
    for energy in ("true", "ednn"):
        curves = ising.sweep(energy)
        assert np.all(np.abs(curves.u - curves.u_exact)[-1] < 6 * curves.u_error[-1])


def test_rare_tiles_by_plain_counting(ising):
    """States of 3x3 tiles in the observations, and the configurations with which a sweep ended."""
    summary = json.loads((ising.folder / "report" / "summary.json").read_text())
    tile = next(sweep["rare_tile"] for sweep in summary["sweeps"] if sweep["energy"] == "ednn")
    states = np.asarray(ising.observations)
    codes = sum(
        np.roll(states, (-y, -x), axis=(1, 2)).astype(int) << (8 - 3 * y - x)
        for y in range(3)
        for x in range(3)
    )
    counts = np.bincount(codes.ravel(), minlength=512)
    assert (tile["rare"], tile["never"]) == ((counts < 100).sum(), (counts == 0).sum()) and tile["rare"] > 0
    assert (tile["states"], tile["observations"], tile["tiles"]) == (512, 20_000, 2 * 36)
    curves, last = ising.sweep("ednn"), last_configurations(ising.folder / "sweeps" / "ednn_6x6.h5", 2)
    u = ising.energy().energies(last.reshape(6, 6, 6)).reshape(3, 2).mean(axis=1) / 36
    assert np.all(np.abs(u - curves.u) < 5 * curves.temperature * np.sqrt(curves.c / 36 / 2))
    assert u[0] < u[1] < u[2]


def test_data_frames(ising, glass, monkeypatch):
    """Tables have the columns of the objects; without pandas one line says what is missing."""
    frame, curves = ising.sweep("ednn", (6, 8)).to_pandas(), ising.sweep("ednn", (6, 8))
    np.testing.assert_array_equal(frame["u_error"], curves.u_error)
    np.testing.assert_array_equal(frame["c_exact"], curves.c_exact)
    assert list(frame.columns[:3]) == ["temperature", "u", "u_error"] and len(frame) == 3
    table = glass.realizations[0].interactions().to_pandas()
    assert list(table["true"]) == [row.true for row in glass.realizations[0].interactions()]
    assert list(table.columns[:3]) == ["sites", "coupling", "error"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert refusal(curves.to_pandas) == "to_pandas needs pandas, which is not installed: pip install pandas"


def test_opened_without_its_job_file(ising, tmp_path):
    """A copy of the folder, under another name, gives the same numbers, with and without its record."""
    shutil.copytree(ising.folder, tmp_path / "copy")
    for _ in range(2):
        copy = dcl_hpc.open_run(tmp_path / "copy")
        assert copy.job == ising.job and copy.folder == tmp_path / "copy"
        assert copy.sweep("ednn").to_pandas().equals(ising.sweep("ednn").to_pandas())
        assert list(copy.interactions()) == list(ising.interactions())
        np.testing.assert_array_equal(copy.observations, ising.observations)
        np.testing.assert_array_equal(
            copy.energy().energies(copy.observations[:9]), ising.energy().energies(ising.observations[:9])
        )
        (tmp_path / "copy" / "job.json").unlink(missing_ok=True)
    assert refusal(dcl_hpc.open_run, tmp_path).startswith(f"{tmp_path} is not the folder of a run")


def test_observations(ising):
    """States 0 and 1 of the lattice's shape, at the job's temperature."""
    found = ising.observations
    assert found.shape == (20_000, 6, 6) and found.temperature == 3.0 and found[:5].dtype == np.uint8
    assert set(np.unique(found[::100])) == {0, 1}
    assert np.abs(ising.energy("true").energies(found).mean() / 36 - ising.sweep("true").u_exact[-1]) < 0.02


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_job_file_of_a_job(path, tmp_path):
    """The job file that is written of a Job describes the same, for the commands."""
    job = dcl_hpc.Job.load(path)
    run = dcl_hpc.start(job, tmp_path)
    assert run.job == job == dcl_hpc.Job.load(run.folder / "job.toml") == dcl_hpc.open_run(run.folder).job


def test_commands_make_the_same(python, command, tmp_path):
    """Observations of two processes are the same bits; each goes on where the other ended."""
    values = ISING | {"name": "same", "observe": ISING["observe"] | {"samples": 2000}}
    here = dcl_hpc.start(values, tmp_path / "here").make("observe")
    done = python("-m", "dcl_hpc.observe", here.folder / "job.toml", "--runs", tmp_path / "there")
    assert done.returncode == 0, done.stderr
    there = dcl_hpc.open_run(tmp_path / "there" / "same")
    np.testing.assert_array_equal(there.observations, here.observations)
    done = command("observe", here.folder / "job.toml", "--runs", tmp_path / "here")
    assert "is complete" in done.stdout


def test_job_files_and_changes(job_file, runs):
    """A job is the path of a file with changes, a dictionary, or a Job."""
    changes = {
        "rnn.epochs": 3,
        "name": "other",
        "sweep.temperatures": {"start": 1.0, "stop": 2.0, "step": 0.5},
    }
    run = dcl_hpc.start(job_file, runs, changes)
    assert (run.job.rnn.epochs, run.job.name, run.folder) == (3, "other", runs / "other")
    assert run.job.sweep.listed.tolist() == [1.0, 1.5, 2.0]
    assert dcl_hpc.open_run(run.folder).job == run.job
    again = dcl_hpc.start(run.job, runs)
    assert again.job == run.job and again.folder == run.folder
    assert repr(again) == f"<run 'other' in {runs / 'other'}: ising on 6x6, observed at T = 4>"
    assert "change a job file" in refusal(dcl_hpc.start, run.job, runs, {"seed": 1})
    with pytest.raises(dcl_hpc.UserError, match="job: 2 mistakes:\n  lattice is missing"):
        dcl_hpc.start({"name": "x"}, runs)
    assert "does not exist" in refusal(dcl_hpc.start, "none.toml", runs)


def test_snapshots_in_memory(ising, tmp_path):
    """An array takes the place of observations like a file; the same one goes on, another is refused."""
    snapshots = 2 * ising.observations[:3000].astype(np.int8) - 1
    job = ISING | {"name": "given", "seed": 8}
    run = dcl_hpc.start(job, tmp_path).make("observe", "ednn", snapshots=snapshots)
    np.testing.assert_array_equal(run.observations, ising.observations[:3000])
    assert re.fullmatch("an array in memory, sha256 [0-9a-f]{16}", run.observations.source)
    (found,) = run.interactions()
    assert abs(found.coupling - PLANTED) < 4 * found.error
    run.make("observe", snapshots=snapshots.copy())
    assert "was imported from an array" in refusal(run.make, "observe", snapshots=-snapshots)
    np.save(tmp_path / "x.npy", snapshots)
    other = dcl_hpc.start(job | {"name": "file"}, tmp_path).make("observe", snapshots=tmp_path / "x.npy")
    np.testing.assert_array_equal(other.observations, run.observations)
    third = dcl_hpc.start(job | {"name": "wrong"}, tmp_path)
    assert "has the shape (36, 9)" in refusal(third.make, snapshots=snapshots[:9].reshape(9, 36).T)
    snapshots[7, 0, 0] = 0
    assert "mixes conventions" in refusal(third.make, snapshots=snapshots)
    assert "the array is empty" in refusal(third.make, snapshots=[])
    assert "make('observe', snapshots=...)" in refusal(third.make, "sweep", snapshots=snapshots)
    assert not (third.folder / "observations.h5").exists()


def test_process_is_left_as_it_is(ising, tmp_path, caplog, capfd, monkeypatch):
    """Stages take no signal of the program that calls them, and print nothing: lines are logged."""
    # the terminal's handler stays once a command was called in this process
    monkeypatch.setattr(logging.getLogger("dcl_hpc"), "handlers", [])
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    values = ISING | {"name": "quiet", "observe": ISING["observe"] | {"samples": 200}}
    with caplog.at_level(logging.INFO, "dcl_hpc"):
        dcl_hpc.start(values, tmp_path).make("observe")
        dcl_hpc.start(GLASS | {"observe": values["observe"]}, tmp_path).make("observe")
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)] == handlers
    assert "realization 3: observe: 200" in caplog.text
    assert "observe: 200 configurations" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_what_there_is_not(ising, tmp_path):
    """Energies, sweeps, stages and shapes that a run has not, in one line each."""
    assert "no energy 'mlp'; it has 'true', 'rnn', 'ednn', 'direct', 'pairwise'" in refusal(
        ising.energy, "mlp"
    )
    assert "this run has no RNN: sweep.energies does not name 'rnn'" in refusal(ising.energy, "rnn")
    assert "no sweep ('rnn', 6x6); it has ('true', 6x6)" in refusal(ising.sweep, "rnn")
    assert "no sweep ('ednn', 9x9)" in refusal(ising.sweep, "ednn", (9, 9))
    assert "but by 'ednn', 'pairwise'" in refusal(ising.interactions, "rnn")
    assert "there is no stage 'train'" in refusal(ising.make, "train")
    for shape in ((6,), (6, 1), "66x", 6, (6, 6, 6)):
        assert "give sides of at least 2, as many as in (6, 6)" in refusal(ising.energy, "true", shape)
    wide = ISING["ednn"] | {"context": 1}
    fresh = dcl_hpc.start(ISING | {"name": "fresh", "ednn": wide}, tmp_path)
    assert "observations.h5 does not exist" in refusal(lambda: fresh.observations)
    assert "ednn/network.h5 does not exist; first run" in refusal(fresh.energy, "ednn")
    without = {key: value for key, value in ISING.items() if key not in ("direct", "ednn")}
    plain = dcl_hpc.start(without | {"name": "plain"}, tmp_path)
    assert "this job lists no interactions: add 'direct' to sweep.energies" in refusal(plain.interactions)


def test_ensemble(glass):
    """Realizations have the results, in the order of the job; their folders open by themselves."""
    assert [one.realization for one in glass.realizations] == [5, 3] and glass.realization is None
    for ask in (glass.energy, glass.sweep, glass.interactions, lambda: glass.observations):
        assert "is an ensemble: ask one of its realizations" in refusal(ask)
    assert "every realization has its own" in refusal(glass.make, snapshots=np.ones((3, 4, 4)))
    summary = json.loads((glass.folder / "report" / "summary.json").read_text())
    assert summary["realizations"] == [5, 3]
    for one in glass.realizations:
        assert dcl_hpc.open_run(one.folder).folder == one.folder
        expected = json.loads((one.folder / "report" / "summary.json").read_text())["sweeps"]
        for row in expected:
            found = one.sweep(row["energy"])
            assert found.u.tolist() == row["u"]
            assert found.overlap["q2"].tolist() == row["overlap"]["q2"]


def test_couplings_of_a_glass(glass):
    """Recovered couplings of all pairs beside the true ones, which the bonds have."""
    lattice = Lattice((4, 4))
    for one in glass.realizations:
        couplings, bonds = one.job.build_hamiltonian().couplings, {}
        for site in range(16):
            for axis in range(2):
                key = frozenset((site, int(lattice.forward[site, axis])))
                bonds[key] = bonds.get(key, 0.0) + couplings[site, axis]
        table = one.interactions()
        assert len(table) == 16 * 15 // 2 and table.source == "ednn"
        assert np.all(np.diff(np.abs(table.coupling)) <= 0)
        for row in table:
            key = frozenset(int(np.ravel_multi_index(site, (4, 4))) for site in row.sites)
            assert len(key) == 2 and row.tied == 1
            assert row.true == pytest.approx(bonds.get(key, 0.0))
        assert np.corrcoef([row.true for row in table], table.coupling)[0, 1] > 0.8
    assert "but by 'ednn'" in refusal(glass.realizations[0].interactions, "rnn")


def test_energies_of_networks(glass, tmp_path):
    """Energies of both networks are those of the models that chains see, and go with the true ones."""
    values = GLASS | {"hamiltonian": {"kind": "edwards_anderson", "instance": 3}, "name": "rnn"}
    rnn = dcl_hpc.start(values | {"sweep": GLASS["sweep"] | {"energies": ["rnn"]}}, tmp_path)
    rnn.make("observe", "rnn", "calibrate")
    for one, name in ((rnn, "rnn"), (glass.realizations[1], "ednn")):
        states = one.observations[:200]
        found = one.energy(name).energies(2 * states.astype(int) - 1)
        model = factory.energy_model(one._run, name)
        expected = model.energies(np.ascontiguousarray(states.reshape(200, 16).T))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert np.corrcoef(found, one.energy("true").energies(states))[0, 1] > 0.8
        assert "observed lattice (4, 4) only" in refusal(one.energy, name, (8, 8))
