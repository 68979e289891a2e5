"""Committees: members that differ and reproduce, restarts, and the spread of their energies."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.energy import ednn
from dcl_hpc.energy.factory import energy_model
from dcl_hpc.errors import UserError
from dcl_hpc.pipeline import opening
from dcl_hpc.pipeline.lattice_study import LATTICE, committee_name
from dcl_hpc.stages.fit import Fit
from dcl_hpc.stages.members import Member
from dcl_hpc.storage import weights

JOB = {
    "name": "committee",
    "lattice": {"shape": [4, 4]},
    "hamiltonian": {"kind": "ising"},
    "observe": {"temperature": 4.0, "samples": 800, "chains": 40, "thermalization": 5, "thin": 2},
    "ednn": {
        "fit": "pseudolikelihood", "focus": 1, "context": 1, "hidden": [4], "epochs": 2, "batch": 50,
        "validations": 2,
    },
    "sweep": {"energies": ["ednn"], "temperatures": [3.0, 4.0]},
    "uncertainty": {"members": 3},
}  # fmt: skip
MEMBERS = [committee_name("ednn", k) for k in range(3)]


def job(**uncertainty):
    """The job with other keys of its section."""
    return dcl_hpc.Job.from_dict(JOB | {"uncertainty": {"members": 3} | uncertainty})


def best(run, output):
    """Weights of a network in a file of its own."""
    return {name: a for name, a in weights.load(run.path(output))[1].items() if name.startswith("best_")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a committee of three, and its weights."""
    folder = tmp_path_factory.mktemp("runs")
    dcl_hpc.start(job(), folder).make("observe", "ednn", "committee")
    run = opening.open_run(folder / "committee")
    return folder, run, [best(run, name) for name in MEMBERS]


def test_members_differ_and_learn_from_halves(made):
    """Each has weights, batches and rows of its own, and another start than the network."""
    _, run, found = made
    network = best(run, "ednn")
    for a, b in ((found[0], found[1]), (found[0], found[2]), (found[1], network)):
        assert all(np.abs(a[name] - b[name]).max() > 1e-3 for name in a if "weights" in name)
    whole, one, other = (Member(number).observations(run) for number in (None, 0, 1))
    with whole, one, other:
        assert np.array_equal(np.sort(np.concatenate([one.numbers, other.numbers])), np.arange(whole.n))
        assert np.array_equal(one.read(0, one.n)[0], whole.read(0, whole.n)[0][one.numbers])


def test_modes_are_the_spread_of_the_members(made):
    """The sum of the modes' squares is the variance of the energies that the members' own files give."""
    _, run, _ = made
    states = np.random.default_rng(1).integers(0, 2, (16, 50), np.uint8)
    members = [ednn.of_weights(run.job, (4, 4), *weights.load(run.path(name))[:2]) for name in MEMBERS]
    energies = np.array([member.energies(states) for member in members])
    modes = energy_model(run, "ednn", calibrated=False).training_modes(states)
    assert modes.shape == (3, 50)
    assert np.allclose(modes.sum(axis=0), 0, atol=1e-4)
    assert np.allclose((modes**2).sum(axis=0), energies.var(axis=0, ddof=1), rtol=1e-4)
    assert energies.var(axis=0).min() > 0


def test_a_committee_goes_on_where_it_was(made, monkeypatch):
    """Killed in the middle of a member, it ends as it did, and does not touch those that were done."""
    folder, run, found = made
    for output in (*MEMBERS[1:], committee_name("ednn")):
        for path in (run.path(output), weights.previous(run.path(output))):
            path.unlink(missing_ok=True)
    before = run.path(MEMBERS[0]).stat().st_mtime_ns
    save, saved = Fit.save, []

    def killed(self, *arguments, **options):
        save(self, *arguments, **options)
        saved.append(self.stage)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Fit, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        dcl_hpc.start(job(), folder).make("committee")
    assert saved == [MEMBERS[1]] * 2
    monkeypatch.setattr(Fit, "save", save)
    dcl_hpc.start(job(), folder).make("committee")
    assert run.path(MEMBERS[0]).stat().st_mtime_ns == before
    _, together, _ = weights.load(run.path(committee_name("ednn")))
    for k, (name, expected) in enumerate(zip(MEMBERS, found, strict=True)):
        again = best(run, name)
        assert all(np.array_equal(again[array], expected[array]) for array in expected)
        assert all(np.array_equal(together[f"{k}_{array}"], expected[array]) for array in expected)


def test_more_members_are_added_to_those_there_are(made):
    """What a member is does not depend on how many there are; the committee and its epochs do."""

    def of(output, **keys):
        return job(**keys).dependencies(output, LATTICE.stage(output).sections(output))

    assert of(MEMBERS[0], members=2) == of(MEMBERS[0], members=9)
    assert of(MEMBERS[0], epochs=1) != of(MEMBERS[0])
    assert of("committee_ednn", members=2) != of("committee_ednn", members=9)
    assert of("ednn", members=2) == of("ednn", members=0)


def test_bad_committees_are_told(tmp_path):
    """One member, a committee of nothing, and one whose halves are too small."""
    with pytest.raises(UserError, match=r"uncertainty\.members.*one network has no spread"):
        job(members=1)
    with pytest.raises(UserError, match=r"uncertainty\.members.*no network"):
        dcl_hpc.Job.from_dict(JOB | {"ednn": {"fit": "clusters"}})
    few = JOB | {"observe": JOB["observe"] | {"samples": 80}, "name": "few"}
    with pytest.raises(UserError, match="member 0: committee_ednn_0: 40 configurations are too few"):
        dcl_hpc.start(dcl_hpc.Job.from_dict(few), tmp_path).make("observe", "ednn", "committee")
