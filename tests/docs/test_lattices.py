"""The page of lattices: its kinds are those that there are, its jobs are valid, its lines run."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.job.lattice import LatticeSection
from dcl_hpc.job.toml import document
from dcl_hpc.physics.lattice import Lattice

PAGE = (Path(__file__).parents[2] / "docs" / "lattices.md").read_text()
JOB = {
    "name": "holes", "hamiltonian": {"kind": "ising"}, "observe": {"temperature": 3.0},
    "sweep": {"temperatures": [2.0, 3.0], "energies": ["true"]},
}  # fmt: skip


def blocks(language: str) -> list[str]:
    """Blocks of a language on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_kinds():
    """All kinds are in the table, and no others."""
    told = {
        name for cell in re.findall(r"^\| (`\w+`[^|]*)\|", PAGE, re.MULTILINE) for name in cell.split("`")
    }
    known = set(get_args(LatticeSection.model_fields["kind"].annotation))
    assert {name for name in told if re.fullmatch(r"\w+", name)} == known


@pytest.mark.parametrize(
    ("kind", "site", "expected"),
    [
        ("triangular", (3, 2), "31 33 22 42 21 43"),
        ("triangular_rows", (2, 2), "21 23 11 12 31 32"),
        ("triangular_rows", (3, 2), "31 33 22 23 42 43"),
        ("honeycomb", (3, 2, 0), "321 221 311"),
        ("kagome", (3, 2, 0), "321 322 311 212"),
        ("kagome", (3, 2, 1), "320 322 330 222"),
    ],
)
def test_neighbours(kind, site, expected):
    """Neighbours of a site, by their indices, are those of the table."""
    lattice = Lattice((6, 6), kind)
    found = lattice.neighbours[lattice.index[site]]
    places = np.stack(np.unravel_index(found[found >= 0], lattice.array_shape), axis=1)
    assert {"".join(map(str, place)) for place in places.tolist()} == set(expected.split())


def test_job_and_python(tmp_path, monkeypatch):
    """The sections make a job, and the lines in Python run with it."""
    sections = tomllib.loads("\n".join(blocks("toml")))
    values = JOB | {"lattice": sections["lattice"], "sweep": JOB["sweep"] | sections["sweep"]}
    job = dcl_hpc.Job.from_dict(values)
    assert job.build_lattice() == Lattice((8, 8), open=(0,), absent=(0, 29))
    assert "32x32-periodic" in [str(shape) for shape in job.shapes]
    monkeypatch.chdir(tmp_path)
    Path("holes.toml").write_text(document(values))
    random = np.random.default_rng(1)
    array, lost = random.integers(0, 2, (50, 8, 8)), random.random((50, 8, 8)) < 0.02
    names = {"dcl_hpc": dcl_hpc, "array": array, "lost": lost}
    (lines,) = blocks("python")
    exec(lines, names)
    assert names["up"].mask.sum() == 2 and not names["up"].mask[1:, 1:5].any()
    there = np.where(lost, np.nan, array)[:, 4, 4]
    assert names["up"][4, 4] == np.nanmean(there) and names["found"].incomplete > 10
