"""Whether a file belongs to a job: what was made with other values is refused, what is the same accepted."""

import re

import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import identity
from dcl_hpc.storage.layout import write_file

STAGES = ("observe", "rnn", "label", "ednn", "evaluate", "sweep_true_4x4", "sweep_rnn_4x4", "sweep_ednn_4x4")


@pytest.fixture
def run(glass_file, runs):
    """Runs of a glass with changes of the job: `run("rnn.hidden=3")`."""

    def make(*changes) -> Run:
        return Run(*jobs.load(glass_file, changes), str(glass_file), runs, 1, changes)

    return make


def make_all(run, **attributes) -> None:
    """Files of all stages, complete and without data."""
    for stage in STAGES:
        write_file(run.path(stage), {}, run.attributes(stage) | attributes, total=1, done=1)


def accepted(run) -> list[str]:
    """Stages whose files belong to a run."""
    found = []
    for stage in STAGES:
        try:
            found += [stage] * run.done(stage)
        except UserError as error:
            assert re.search("was made by another job|is out of date", str(error))
    return found


def test_the_same_job(run):
    """All files belong to the job that made them, also when a default is written out."""
    make_all(run().realizations[0])
    assert accepted(run("rnn.layers=1", "seed=7").realizations[0]) == list(STAGES)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ("seed=8", ()),
        ("hamiltonian.couplings=bimodal", ()),
        ("observe.thin=3", ("sweep_true_4x4",)),
        ("rnn.layers=2", ("observe", "sweep_true_4x4")),
        ("labels.observed=0.5", ("observe", "rnn", "sweep_true_4x4", "sweep_rnn_4x4")),
        ("ednn.hidden=[9]", ("observe", "rnn", "label", "sweep_true_4x4", "sweep_rnn_4x4")),
        ("sweep.exchange=false", ("observe", "rnn", "label", "ednn", "evaluate")),
        ("sweep.sweeps=31", (*STAGES[:5], "sweep_rnn_4x4")),
        ("hamiltonian.realizations=[5, 1, 3]", STAGES),
    ],
)
def test_another_job(run, change, kept):
    """Files that a changed value does not concern still belong to the job, the others do not."""
    make_all(run().realizations[0])
    assert accepted(run(change).realizations[0]) == list(kept)
    make_all(run(change).realizations[0])
    assert accepted(run().realizations[0]) == list(kept)


def forget(one, key: str) -> None:
    """Files as they were before the section of the RNN had a key."""
    for stage in STAGES:
        found = identity.read(one.path(stage))
        found.about["dependencies"].get("rnn", {}).pop(key, None)
        identity.stamp(one.path(stage), found)
        identity.seal(one.path(stage), done=1, seconds=0.0)


def test_files_from_before_a_key_was_there(run):
    """A key that a file does not know had its default then."""
    one = run().realizations[0]
    make_all(one)
    forget(one, "layers")
    assert accepted(one) == list(STAGES)
    assert accepted(run("rnn.layers=2").realizations[0]) == ["observe", "sweep_true_4x4"]


def test_networks_from_before_images_were_shown(run):
    """They are out of date, and stay where the job says how they were trained."""
    one = run("rnn.symmetric=false").realizations[0]
    make_all(one)
    forget(one, "symmetric")
    assert accepted(one) == list(STAGES)
    assert accepted(run().realizations[0]) == ["observe", "sweep_true_4x4"]


def test_networks_of_imported_snapshots(run):
    """What was made from imported snapshots is not taken for that of own ones, nor the other way round."""
    one = run().realizations[0]
    attributes = one.attributes("observe", imported=True) | {"source": "x.npy", "source_digest": "1"}
    write_file(one.path("observe"), {}, attributes, total=1, done=1)
    for stage in STAGES[1:]:
        write_file(one.path(stage), {}, one.attributes(stage), total=1, done=1)
    assert accepted(one) == list(STAGES)
    imported = one.path("observe").rename(one.root / "kept.h5")
    write_file(one.path("observe"), {}, one.attributes("observe"), total=1, done=1)
    assert accepted(one) == ["observe", "sweep_true_4x4"]
    for stage in STAGES[1:]:
        one.path(stage).unlink()
    make_all(one)
    imported.rename(one.path("observe"))
    assert accepted(one) == ["observe", "sweep_true_4x4"]


def test_warm_starts(run):
    """Networks belong to the realization that they began with; the first one began with none."""
    for member in run("rnn.warm_start=true").realizations:
        make_all(member)
    assert all(accepted(member) == list(STAGES) for member in run("rnn.warm_start=true").realizations)
    five, three = run().realizations
    assert accepted(five) == list(STAGES) and accepted(three) == ["observe", "sweep_true_4x4"]
    three, five = run("rnn.warm_start=true", "hamiltonian.realizations=[3, 5]").realizations
    assert accepted(three) == accepted(five) == ["observe", "sweep_true_4x4"]
