"""Jobs from Python and written ones, and what an output depends on."""

import copy
import json
import tomllib

import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job.dependencies import canonical
from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job
from dcl_hpc.pipeline.lattice_study import LATTICE

from .asking import GLASS, OUTPUTS, REPOSITORY, dependencies, refusal


def test_jobs_from_python(job_file, tmp_path):
    """Overrides as a mapping, documents as dicts, which are left as they are."""
    job = Job.load(job_file, {"rnn.epochs": 3, "sweep.energies": ["true"], "direct": {"side": 2}})
    assert job.rnn.epochs == 3 and job.direct.side == 2 and job.sweep.energies == ("true",)
    assert job == Job.load(job_file, ["rnn.epochs=3", 'sweep.energies=["true"]', "direct.side=2"])
    document = tomllib.loads(job_file.read_text())
    kept = copy.deepcopy(document)
    assert Job.from_dict(document, {"rnn.epochs": 3}).rnn.epochs == 3 and document == kept
    with pytest.raises(UserError, match=r"^job: rnn.epochs: "):
        Job.from_dict(document, {"rnn.epochs": 0})
    with pytest.raises(UserError, match=r"^seed.x: seed is not a section"):
        Job.from_dict(document, {"seed.x": 0})


@pytest.mark.parametrize("path", sorted((REPOSITORY / "jobs").glob("*.toml")), ids=lambda path: path.stem)
def test_written_jobs_can_be_read_again(path):
    """What a file of results keeps of the job describes all of it."""
    job = Job.load(path)
    again = Job.from_dict(json.loads(job.model_dump_json()))
    assert again == job
    for stage in OUTPUTS:
        assert dependencies(again, stage) == dependencies(job, stage)


def test_resources(job_file):
    """What stages ask for, told as sbatch takes it; results do not depend on it."""
    plain = Job.load(job_file)
    asked = {"ranks": 64, "threads": 1, "memory": "4G", "time": "02:00:00", "gpus": 0}
    job = Job.load(job_file, {"resources.observe": asked, "resources.rnn.gpus": 4})
    assert job.resources["observe"].sbatch == [
        "--ntasks=64", "--cpus-per-task=1", "--mem-per-cpu=4G", "--time=02:00:00"
    ]  # fmt: skip
    assert job.resources["rnn"].sbatch == ["--gpus=4"] and plain.resources == {}
    for stage in OUTPUTS:
        assert dependencies(job, stage) == dependencies(plain, stage)
    wrong = ("ranks=0", "memory=much", "memory=4GB", "time=soon", "time=1:99", "gpus=-1", "nodes=2")
    for change in wrong:
        assert f"resources.observe.{change.partition('=')[0]}" in refusal(
            job_file, f"resources.observe.{change}"
        )
    for time in ("90", "90:30", "1-12", "2-00:00:00"):
        assert Job.load(job_file, {"resources.sweep.time": time}).resources["sweep"].time == time


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("sweep.temperatures=[2, 1, 3, 1]",), ("sweep.temperatures={start = 1, stop = 3, step = 1}",)),
        (("ednn.context=1",), ("ednn.context=[1]",)),
        (("ednn.context=[0, 1]",), ("ednn.context=[1, 0, 1]",)),
        ((), ("ednn.tolerance=0.5",)),
        ((), ("ednn.samples=7",)),
        ((), ("labels.coldest=3.0",)),
        (("ednn.fit=pseudolikelihood",), ("ednn.fit=pseudolikelihood", "ednn.flat=true")),
        (("labels={random = 0.75, observed = 0.25}",), ("labels={random = 3, observed = 1}",)),
        ((), ("rnn.architecture=gru", "rnn.order=spiral")),
        (("sweep.exchange=false",), ("sweep.exchange=false", "sweep.rungs=9")),
        (
            ("ednn.fit=table", "ednn.focus=1"),
            ("ednn.fit=table", "ednn.focus=1", "ednn.epochs=9"),
        ),
    ],
)
def test_the_same_in_other_words(job_file, one, two):
    """Jobs with the same results have the same dependencies."""
    if "table" in str(one):
        one, two = (
            (*changes, 'sweep.energies=["true", "ednn"]', "labels.count=2000") for changes in (one, two)
        )
    else:
        one, two = (("labels.count=2000", *changes) for changes in (one, two))
        one, two = (sorted(changes, key=lambda change: "labels={" not in change) for changes in (one, two))
    first, second = Job.load(job_file, one), Job.load(job_file, two)
    for stage in OUTPUTS:
        assert dependencies(first, stage) == dependencies(second, stage)


@pytest.mark.parametrize(
    "change",
    ["ednn.tolerance=0.5", "labels.coldest=3.0", "sweep.rungs=9", "rnn.heads=2", "labels.random=2"],
)
def test_what_matters_is_a_dependency(job_file, change):
    """What was left out above counts where it has an effect."""
    setting = [
        "ednn.context=[0, 1]", "labels.tempered=0.5", "rnn.architecture=transformer"
    ]  # fmt: skip
    stage = "sweep_ednn_6x6"
    assert dependencies(Job.load(job_file, [*setting, change]), stage) != (
        dependencies(Job.load(job_file, setting), stage)
    )


def test_dependencies_of_older_files(job_file):
    """Values that a file was made with before are brought into the same form."""
    new = dependencies(Job.load(job_file), "sweep_ednn_6x6")
    old = copy.deepcopy(new)
    old["rnn"] |= {"heads": 4}
    old["labels"] |= {"coldest": None}
    old["ednn"] |= {"tolerance": 0.1, "samples": 1_000_000, "context": [1]}
    old["sweep"]["temperatures"] = {"start": 2.0, "stop": 5.0, "step": 1.0}
    assert canonical(old) == new == canonical(new)
    awkward = Job.load(job_file, {"labels": {"random": 0.1, "observed": 0.2, "sampled": 0.7}})
    for stage in OUTPUTS:
        assert canonical(dependencies(awkward, stage)) == dependencies(awkward, stage)


def test_rungs(job_file):
    """The ladder has all listed temperatures: a number of rungs below theirs is refused."""
    assert load(job_file, ("sweep.rungs=4",))[0].sweep.rungs == 4
    assert load(job_file, ("sweep.rungs=1000",))[0].sweep.rungs == 1000
    assert load(job_file, ("sweep.rungs=auto",))[0].sweep.rungs == "auto"
    assert "rungs = 3 is less than the 4 listed temperatures" in refusal(job_file, "sweep.rungs=3")
    grid = "sweep.temperatures={start = 1.0, stop = 2.0, step = 0.1}"
    assert "the 11 listed" in refusal(job_file, grid, "sweep.rungs=10")


def test_exchange_of_observations(job_file):
    """Replicas of an observed chain are hotter than it."""
    job, _ = load(job_file, ("observe.exchange.hottest=8",))
    assert job.observe.exchange.hottest == 8.0 and job.observe.exchange.rungs == "auto"
    job, _ = load(job_file, ("observe.exchange={hottest = 4.001, rungs = 2}",))
    assert job.observe.exchange.rungs == 2
    for hottest in ("4.0", "1.5"):
        message = refusal(job_file, f"observe.exchange.hottest={hottest}")
        assert f"exchange.hottest = {hottest} is not above temperature = 4.0" in message


def test_dependencies_are_of_the_stage(job_file):
    """What a stage depends on does not change with the settings of later stages."""
    one, two = load(job_file)[0], load(job_file, ("sweep.sweeps=99", "rnn.epochs=9"))[0]
    assert dependencies(one, "observe") == dependencies(two, "observe")
    assert dependencies(one, "rnn") != dependencies(two, "rnn")
    assert dependencies(one, "sweep_true_6x6") != dependencies(two, "sweep_true_6x6")
    ladders = load(job_file, ("sweep.rungs=9",))[0]
    assert dependencies(one, "sweep_true_6x6") != dependencies(ladders, "sweep_true_6x6")
    assert dependencies(one, "observe") == dependencies(ladders, "observe")
    hotter = load(job_file, ("observe.exchange.hottest=9",))[0]
    assert dependencies(one, "observe") != dependencies(hotter, "observe")
    assert dependencies(one, "sweep_true_6x6") == dependencies(hotter, "sweep_true_6x6")


@pytest.mark.parametrize(
    ("n", "images", "epochs", "batch"),
    [(5_000_000, 1024, 1, 500), (100_000, 1024, 10, 500), (10_000, 1024, 100, 250), (1000, 1024, 200, 50),
     (10_000, 1, 10, 250), (10_000, 2, 20, 250), (19_990, 2, 20, 450), (100, 1024, 200, 50)],
)  # fmt: skip
def test_passes_over_few_observations(job_file, n, images, epochs, batch):
    """Until a million were shown, not too often; what the job says is left as it is."""
    auto = Job.load(job_file, ('rnn.epochs="auto"', 'rnn.batch="auto"')).rnn
    settled = auto.settled(n, images)
    assert (settled.epochs, settled.batch) == (epochs, batch)
    own = Job.load(job_file, ("rnn.epochs=7", "rnn.batch=33")).rnn
    assert own.settled(n, images) == own


@pytest.mark.parametrize(
    ("n", "share"), [(5_000_000, 0.05), (1_000_000, 0.05), (400_000, 0.125), (200_000, 0.25), (20_000, 0.25)]
)
def test_rows_held_out(job_file, n, share):
    """Those that weigh a network; a run of a million and more is that of older files, with a twentieth."""
    settings = (f"observe.samples={n}", "observe.chains=100")
    job = Job.load(job_file, settings)
    assert job.validation("rnn", n) == share
    assert job.validation("ednn", n) == 0.05  # labels
    assert Job.load(job_file, [*settings, "rnn.validation=0.1"]).validation("rnn", n) == 0.1
    direct = Job.load(job_file, [*settings, "ednn.fit=pseudolikelihood"])
    assert direct.validation("ednn", n) == share
    assert dependencies(job, "rnn")["rnn"]["validation"] == share
    glass = Job.load(job_file, [*settings, *GLASS, "ednn.shared=false"])
    assert glass.validation("rnn", n) == share
    sections = LATTICE.stage("rnn").sections("rnn")
    assert glass.dependencies("rnn", sections, imported=True)["rnn"]["unseen"]  # fewer were, earlier
    assert "unseen" not in job.dependencies("rnn", sections, imported=True)["rnn"]
