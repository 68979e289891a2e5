"""Tiles of direct estimates, what they go without, and that older runs do not notice."""

import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job.dependencies import canonical
from dcl_hpc.job.study import Job

BASE = {
    "name": "tiles",
    "hamiltonian": {"kind": "ising"},
    "observe": {"temperature": 4.0, "samples": 1000},
    "sweep": {"energies": ["true"], "temperatures": [2.0, 3.0]},
}


def job(lattice, direct=None, **sections):
    """A job with a section of direct estimates."""
    return Job.from_dict(BASE | {"lattice": lattice, "direct": direct or {}} | sections)


@pytest.mark.parametrize(
    ("lattice", "given", "tile", "n_places"),
    [
        ({"shape": [6, 6]}, {}, "box", 9),
        ({"shape": [6, 6], "boundary": "open"}, {}, "box", 9),
        ({"shape": [9]}, {}, "box", 3),
        ({"shape": [6, 6]}, {"tile": "ball", "radius": 1}, "ball", 5),
        ({"shape": [6, 6], "kind": "triangular"}, {}, "ball", 7),
        ({"shape": [4, 4], "kind": "kagome"}, {}, "ball", 7),
        ({"shape": [4, 4], "kind": "honeycomb"}, {}, "ball", 7),
        ({"shape": [6, 6, 6]}, {}, "ball", 7),
        ({"shape": [6, 6, 6]}, {"side": 2}, "box", 8),
    ],
)
def test_forms_of_tiles(lattice, given, tile, n_places):
    """Boxes on the square lattice and where a side is given, else balls."""
    made = job(lattice, given)
    assert made.direct.tile == tile
    assert len(made.direct.offsets(made.build_lattice())) == n_places
    assert "clusters" in made.direct.methods


def test_older_files_hold():
    """A job with boxes depends on what it did before there were other keys."""
    made = job({"shape": [6, 6]}, {}, ednn={"fit": "clusters"})
    found = canonical(made.dependencies("evaluate", ("direct", "ednn")))
    assert not {"tile", "radius", "without"} & {*found["direct"], *found["ednn"]}
    without = [[[0, 0], [0, 1]]]
    other = job({"shape": [6, 6]}, {"without": without}, ednn={"fit": "clusters", "without": without})
    changed = canonical(other.dependencies("evaluate", ("direct", "ednn"), changed=True))
    assert changed["direct"]["without"] == changed["ednn"]["without"] == without


@pytest.mark.parametrize(
    ("lattice", "direct", "message"),
    [
        ({"shape": [4, 4], "kind": "triangular"}, {}, "direct.radius: tiles of 7 sites meet themselves"),
        ({"shape": [4, 4]}, {"side": 3}, "sides of at least 5"),
        ({"shape": [9, 9], "boundary": "open"}, {"side": 4}, "tile of 16 sites has 43046721 states"),
        ({"shape": [6, 6]}, {"without": [[[0, 0, 1]]]}, "direct.without: every site of"),
        ({"shape": [6, 6]}, {"without": [[]]}, "without"),
    ],
)
def test_what_is_refused(lattice, direct, message):
    """In words that say where."""
    with pytest.raises(UserError, match=message):
        job(lattice, direct)
