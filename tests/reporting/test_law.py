"""What the page tells of a law that is a table, and of interactions."""

import base64

import pytest

import dcl_hpc
from dcl_hpc.reporting import law

JOB = {
    "name": "table",
    "lattice": {"shape": [5, 5], "boundary": "open"},
    "hamiltonian": {"kind": "ising", "coupling": 0.7},
    "observe": {"temperature": 3.0, "samples": 10_000, "chains": 100, "thermalization": 50},
    "direct": {"method": "table", "side": 2},
    "sweep": {"energies": ["direct"], "temperatures": [2.0, 3.0]},
}


def test_a_table_consists_of_its_pairs(tmp_path):
    """Nearly all of a table that was fitted to an Ising model are neighbours with its coupling."""
    run = dcl_hpc.start(JOB, tmp_path).make("observe", "direct")
    (rows,) = law.compositions(run._run).values()
    assert rows[1]["coupling"] == pytest.approx(0.7, abs=0.04)
    for kind in ("random", "observed"):
        assert rows[1][kind] > 0.97 and sum(row[kind] for row in rows) == pytest.approx(1, abs=1e-3)
    page = law.of_page({"ednn": None, "direct": None, "compositions": {"direct": rows}}, run.job)
    (found,) = page["compositions"]
    assert [row["words"] for row in found["rows"]][:2] == ["field", "nearest neighbours"]
    assert found["rows"][-1]["words"] == "everything else" and found["rows"][-1]["picture"] is None
    assert base64.b64decode(found["rows"][1]["picture"]).startswith(b"\x89PNG")


def test_interactions_are_named():
    """Words, a picture, and what is tied; tables list none."""
    row = {
        "interaction": "[(0,0) (1,0)]",
        "sites": [[0, 0], [1, 0]],
        "coupling": 0.7,
        "error": 0.1,
        "tied": 1,
    }
    estimates = {"clusters": {"interactions": [row]}, "table": {"interactions": [row]}, "samples": 100}
    page = law.of_page({"ednn": None, "direct": estimates, "compositions": {}}, dcl_hpc.Job.from_dict(JOB))
    (found,) = page["interactions"]
    assert found["rows"][0]["words"] == "nearest neighbours, 1 of 2 directions"
    assert found["rows"][0]["coupling"] == 0.7 and "spins" in page["convention"]
