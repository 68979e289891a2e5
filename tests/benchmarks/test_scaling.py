"""Scaling: the model has its known limits, rates come back from times that they make, the page is current."""

import json
import sys
from pathlib import Path

import pytest

from dcl_hpc.job import file

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
RATE, LOAD = (1.0, 0.0, 0.099), {"steps": 10, "units": 100}


@pytest.fixture(scope="module")
def imported():
    """What imports a module of the benchmarks."""
    sys.path.insert(0, str(FOLDER))
    yield __import__
    sys.path.remove(str(FOLDER))


@pytest.fixture
def model(imported):
    """The model."""
    return imported("scaling_model")


def test_rates_come_back(model):
    """Times that the model makes give its rates, whatever their sizes."""
    known = (2.0, 3e-3, 4e-6)
    here = model.Machine(1, (0.0, 0.0), (0.0, 0.0), 1e9)
    loads = [model.Load(steps, units) for steps, units in ((100, 1000), (50, 1000), (400, 250))]
    rows = [(here.seconds("rnn", known, load, 1), load) for load in loads]
    assert model.rates(rows) == pytest.approx(known)


def test_amdahl(model):
    """Of a hundred seconds one is not divided: 101 ranks are used half (Amdahl), with pieces for all."""
    most, why = model.limit("sweep", RATE, model.Load(10, 1e2, 1e-4))
    assert most == pytest.approx(101, rel=0.03) and why == "beginning"
    assert model.limit("sweep", (0.0, 0.0, 1.0), model.Load(1, 64, 4)) == (32, "too few pieces")


def test_crowded_ranks(model):
    """Four ranks on two cores: the work takes as long as on two, what each does for itself twice as long."""
    load = model.Load(**LOAD)
    few, many = (model.Machine(2, (0.0, 0.0), (0.0, 0.0), 1e9).parts("sweep", RATE, load, n) for n in (2, 4))
    assert few["work"] == many["work"] == pytest.approx(49.5)
    assert (few["beginning"], many["beginning"]) == (1, 2)


def test_large_messages_cost_their_bytes(model):
    """A ring sends twice the gradients over each link, however many ranks there are."""
    load = model.Load(sums=10, message=model.BANDWIDTH)
    many, alone = (
        model.Machine.cluster(n).parts("rnn", (0.0, 0.0, 0.0), load, n)["messages"] for n in (1024, 1)
    )
    assert many == pytest.approx(20, rel=0.01) and alone == 0


def test_page_is_current(imported):
    """docs/scaling.md is what the kept numbers make."""
    made = imported("scaling_page")
    assert made.PAGE.read_text() == made.page(json.loads(made.KEPT.read_text()))


def test_steps_of_trainings(model):
    """Those of the rows that are not held out, by the job's own rule."""
    job, _ = file.load(FOLDER.parent / "jobs" / "demo.toml")
    found = {"rungs": 2, "thin": 1, "gradient": {"rnn": 8, "ednn": 8}}
    load = model.loads(job, ["rnn", "ednn"], found)
    for name, rows in (("rnn", job.observe.samples), ("ednn", job.labels.count)):
        section = getattr(job, name)
        assert load[name].steps == pytest.approx(section.epochs * 0.95 * rows / section.batch)
