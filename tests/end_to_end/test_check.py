"""The stage that tests whether a learned energy explains the snapshots."""

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job.study import Job
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.reporting.opened import start
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tile_tables import TileTables
from dcl_hpc.storage.checks import read_check
from dcl_hpc.storage.observations import held_out_rows, observed_rows

CHAINS, RECORDS = 200, 25


def snapshots(field: float, temperature: float) -> np.ndarray:
    """Ising configurations in a field, uint8 (records, chains, 6, 6)."""
    codes = np.arange(16)
    up, right, below = (2.0 * (codes >> k & 1) - 1 for k in (3, 2, 1))
    model = TileTables(Lattice((6, 6)), 2, box(2, 2, 0), -up * right - up * below - field * up)
    chains = Chains.start(model, np.full(CHAINS, 1 / temperature), range(CHAINS), 5, Purpose.OBSERVE)
    chains.sweep(model, 50)
    kept = []
    for _ in range(RECORDS):
        chains.sweep(model, 4)
        kept.append(chains.states.T.reshape(CHAINS, 6, 6).copy())
    return np.array(kept)


def job(name: str, **check) -> dict:
    """A job that learns interactions directly."""
    return {
        "name": name,
        "lattice": {"shape": [6, 6]},
        "hamiltonian": {"kind": "ising"},
        "observe": {"temperature": 4.0},
        "ednn": {"fit": "clusters", "focus": 1},
        "sweep": {"energies": ["ednn"], "temperatures": [3.0, 4.0], "sweeps": 40, "ladders": 2},
        "check": {"wanted": True, "thermalization": 50, "sweeps": 200} | check,
    }


def test_a_law_that_explains_and_one_that_does_not(tmp_path):
    """Interactions that were learned explain snapshots held out, colder ones, but none in a field."""
    np.save(tmp_path / "colder.npy", snapshots(0.0, 3.0))
    np.save(tmp_path / "field.npy", snapshots(0.15, 4.0))
    sets = [
        {"temperature": 3.0, "from": str(tmp_path / "colder.npy")},
        {"temperature": 4.0, "from": str(tmp_path / "field.npy")},
    ]
    run = start(job("one", sets=sets), tmp_path)
    run.make("observe", "ednn", "check", snapshots=snapshots(0.0, 4.0))
    own, colder, field = (read_check(run.folder / f"checks/ednn{k}.h5") for k in ("", "_1", "_2"))
    assert own.numbers["snapshots"] == CHAINS * RECORDS // 5 and own.numbers["learning"]
    assert own.numbers["p"] > 1e-3 and colder.numbers["p"] > 1e-3 > 1e-6 > field.numbers["p"]
    assert colder.temperature == 3 and np.abs(field.z[0]) == np.abs(field.z).max()
    assert field.names[0] == "magnetization" and "correlation at distance 1" in field.names


def test_learners_do_not_see_what_is_held_out(tmp_path):
    """The share of whole records at the end is for the test alone; changing it makes results old."""
    run = start(job("two", held_out=0.3), tmp_path)
    run.make("observe", "ednn", snapshots=snapshots(0.0, 4.0))
    path = run.folder / "observations.h5"
    (source, first, axes), learned = held_out_rows(path, 0.3), observed_rows(path, 0.3)
    assert axes == (8, CHAINS) and first == learned.n == source.n - 8 * CHAINS
    with pytest.raises(UserError, match=r"observe.held_out is 0.3 there and 0.2"):
        start(job("two"), tmp_path).make("ednn")


def test_defaults_hold_nothing_out():
    """A job that knows its Hamiltonian and asks for no test has none, and all learn from everything."""
    plain = Job.from_dict({key: value for key, value in job("three").items() if key != "check"})
    assert (plain.checks, plain.held_out) == ([], 0.0)
    listed = Job.from_dict(job("three") | {"check": [{"temperature": 2.5, "from": "x.npy"}]})
    assert (listed.checks, listed.held_out) == ([("ednn", 1)], 0.0)
    assert listed.check.sets[0].source.endswith("/x.npy")
