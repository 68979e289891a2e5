"""Plans of a run: the numbers, the files, and what is refused."""

import shutil
from types import SimpleNamespace

import pytest

import dcl_hpc
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import LoggingLog
from dcl_hpc.cluster.signals import StopRequest
from dcl_hpc.physics import exact
from dcl_hpc.pipeline.context import Context
from dcl_hpc.reporting.plan import show
from dcl_hpc.storage.documents import read_json

from .conftest import GLASS

PLANTED = 0.7


def planned(run, of="u", error=0.01, at=None, shape=None, samples=None) -> dict:
    """What the command writes."""
    context = Context(run._run, mpi.alone(), LoggingLog(), StopRequest(listen=False))
    show(context, SimpleNamespace(of=of, error=error, at=at, shape=shape, samples=samples))
    return read_json(run.folder / "plan" / "plan.json")


@pytest.fixture
def own(tmp_path):
    """A run that has observations only."""
    job = {
        "name": "pilot",
        "lattice": {"shape": [6, 6]},
        "hamiltonian": {"kind": "ising", "coupling": PLANTED},
        "observe": {"temperature": 3.0, "samples": 5000, "chains": 500, "thermalization": 50},
        "direct": {"side": 2},
        "sweep": {"energies": ["true", "direct"], "temperatures": [1.2, 2.0, 3.0]},
    }
    return dcl_hpc.start(job, tmp_path).make("observe")


def test_errors(own):
    """Of u: that of the coupling times the exact slope, and by the root of the number of snapshots."""
    plan = planned(own, at=2.0, shape="8x8", samples=20_000)
    (found,), (row,) = plan["pilot"]["interactions"], plan["rows"]
    u = [exact.kaufman((8, 8), 2.0, PLANTED + d).energy / 64 for d in (-0.01, 0.01)]
    expected = found["error"] * abs(u[1] - u[0]) / 0.02
    assert row["temperature"] == 2.0 and row["error"] == pytest.approx(expected, rel=0.1)
    assert row["needed"] == pytest.approx(5000 * (row["error"] / 0.01) ** 2, rel=0.1)
    assert plan["samples"]["error"] == pytest.approx(row["error"] / 2)
    (now,) = [one for one in plan["design"] if one["temperature"] == 3.0]
    assert now["error"] == pytest.approx(row["error"], rel=0.1) and now["share"] == 1
    hot = plan["design"][-1]
    assert hot["temperature"] == 8.0 and hot["share"] > 3
    assert plan["sentences"][0].startswith("for u(2) on 8x8 within 0.01 J per site ")
    assert (own.folder / "plan" / "plan.png").read_bytes()[1:4] == b"PNG"
    # the peak moves in proportion to the only coupling; a plan takes the place of another one
    plan = planned(own, of="tc")
    (found,), (row,) = plan["pilot"]["interactions"], plan["rows"]
    relative = found["error"] / found["coupling"]
    assert row["error"] == pytest.approx(row["temperature"] * relative, rel=0.1)


def test_what_is_refused(own, tmp_path):
    """Glasses, wrong arguments, files of others, and observations that are not there: one line each."""

    def refusal(run, **named) -> str:
        with pytest.raises(dcl_hpc.UserError) as caught:
            planned(run, **named)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "a glass differ" in refusal(dcl_hpc.start(GLASS, tmp_path).realizations[0])
    assert "--error -1.0: give a positive number" in refusal(own, error=-1.0)
    assert "--at goes with --of u" in refusal(own, of="tc", at=2.0)
    assert "--shape 8: write it like" in refusal(own, shape="8")
    (own.folder / "plan").mkdir()
    (own.folder / "plan" / "plan.json").write_text("{}")
    assert "move them away" in refusal(own)
    shutil.rmtree(own.folder / "plan")
    (own.folder / "observations.h5").unlink()
    assert "first run: python -m dcl_hpc.observe" in refusal(own)
