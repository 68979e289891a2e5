"""What stages work with."""

from types import SimpleNamespace

import pytest

from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import Log
from dcl_hpc.cluster.signals import StopRequest
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.context import Context
from dcl_hpc.pipeline.run import Run
from dcl_hpc.stages import calibrate
from dcl_hpc.storage import observations

JOB = """\
name = "mine"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 4.0, samples = 2000, chains = 100 }
sweep = { energies = ["true"], temperatures = [3.0, 4.0] }
"""


@pytest.fixture
def context(tmp_path):
    """That of a small job."""
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    run = Run(*jobs.load(path), str(path), tmp_path, 1)
    return Context(run, mpi.alone(), Log(0), StopRequest(listen=False))


def test_a_connection_ends_with_its_stage(context):
    """A training's thread, which would take turns with the chains of other stages."""
    closed = []
    context.parallel = SimpleNamespace(close=lambda: closed.append(True))
    context.perform("observe")
    assert closed == [True] and "parallel" not in vars(context)


def test_interactions_are_looked_for_once(context, monkeypatch):
    """For both networks, but anew when the observations are others."""
    context.perform("observe")
    with observations.observed_rows(context.run.path("observe"), 0) as source:
        states = source.read(0, source.n)[0]
    blocks = observations.correlated_blocks(context.run.path("observe"))
    few = observations.correlated_blocks(context.run.path("observe"), 50)
    assert len(few) == 50 and len(set(few)) >= 32
    first = calibrate._interactions(context, "calibrate_rnn", states, blocks)
    assert len(first.interactions)
    assert calibrate._interactions(context, "calibrate_ednn", states, blocks) is first
    context.run.path("observe").unlink()
    context.perform("observe")
    again = calibrate._interactions(context, "calibrate_rnn", states, blocks)
    assert again is not first and again.coupling == pytest.approx(first.coupling)
