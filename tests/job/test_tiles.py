"""Tiles of a job: their form, and lattices that they teach."""

import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job.dependencies import canonical
from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job


@pytest.mark.parametrize(
    ("changes", "tile", "focus"),
    [
        ((), "box", 2),
        (("ednn.context=0",), "box", 2),
        (("ednn.tile=ball",), "ball", 1),
        (("lattice.shape=[6, 6, 6]",), "ball", 1),
        (("lattice.shape=[6, 6, 6]", "ednn.focus=2"), "box", 2),
        (("lattice.shape=[6, 6, 6]", "ednn.tile=box"), "box", 1),
        (("lattice.shape=[6, 6, 6]", "ednn.context=0"), "box", 2),
        (('lattice.kind="triangular"',), "ball", 1),
        (('lattice.kind="triangular"', "ednn.tile=box"), "box", 2),
        (('lattice.kind="honeycomb"', "ednn.tile=box"), "box", 1),
        (('lattice.boundary="open"',), "box", 2),
        (("lattice.shape=[5, 5]",), "box", 1),
    ],
)
def test_form_and_focus(job_file, changes, tile, focus):
    """Boxes on square lattices as ever, balls elsewhere and where boxes are too large for a table."""
    job_file.write_text(job_file.read_text().replace("focus = 2\n", ""))
    section = load(job_file, changes)[0].ednn
    assert (section.tile, section.focus) == (tile, focus)


def refusal(job_file, *changes) -> str:
    """What a job is refused with."""
    with pytest.raises(UserError) as caught:
        load(job_file, changes)
    return str(caught.value)


def test_what_an_observed_lattice_teaches(job_file):
    """Networks go where sites see what some site of the observed lattice sees; direct fits anywhere."""
    predict = 'sweep.shapes=[{shape = [16, 16], boundary = "periodic"}]'
    edges = 'sweep.shapes=[{shape = [16, 16], boundary = "open"}]'
    load(job_file, ("lattice.shape=[8, 8]", 'lattice.boundary="open"', predict))
    assert "other edges or holes" in refusal(job_file, 'lattice.boundary="open"', predict)
    assert "lattice [16, 16] (open) does not fit" in refusal(job_file, edges)
    assert "sees all that there is" in refusal(job_file, "lattice.shape=[4, 4]", "sweep.shapes=[[8, 8]]")
    direct = "ednn.fit=clusters", 'sweep.energies=["true", "ednn"]', "ednn.focus=1"
    load(job_file, (*direct, edges))
    assert "set focus = 1" in refusal(job_file, 'lattice.kind="honeycomb"', "ednn.focus=2")


def test_files_from_before_there_were_forms(job_file):
    """Boxes, and snapshots of which none is left out, are no new dependency."""
    for imported in (False, True):
        for fit in ("labels", "table"):
            job = Job.load(job_file, {"ednn.fit": fit, "ednn.focus": 1})
            found = job.dependencies("ednn", ("observe", "ednn"), imported=imported)
            assert "tile" not in canonical(found)["ednn"]
            changed = job.dependencies("ednn", ("observe", "ednn"), changed=True, imported=imported)
            assert "incomplete" not in changed["observe"]
    kept = Job.load(job_file, {"observe.incomplete": "skip"})
    for output, told in (("observe", False), ("rnn", True)):
        found = kept.dependencies(output, ("observe",), changed=True, imported=True)
        assert ("incomplete" in found["observe"]) == told
    ball = Job.load(job_file, {"ednn.focus": 1, "ednn.tile": "ball"}).dependencies("ednn", ("ednn",))
    assert canonical(ball)["ednn"]["tile"] == "ball"


def test_direct_fits_take_balls(job_file):
    """With as many states as their sites have: 3^3^3 of a box, 3^7 of a ball."""
    fit = "ednn.fit=clusters", 'sweep.energies=["true", "ednn"]', "ednn.focus=1", "lattice.shape=[6, 6, 6]"
    assert load(job_file, fit)[0].ednn.tile == "ball"
    assert "a tile of 27 sites has" in refusal(job_file, *fit, "ednn.tile=box")
    assert "tiles of 7 sites meet themselves" in refusal(job_file, *fit, "lattice.shape=[6, 6, 4]")
    few = 'hamiltonian={kind = "potts"}', "ednn.fit=table", 'sweep.energies=["true", "ednn"]', "ednn.focus=1"
    load(job_file, (*few, "ednn.context=0"))
    assert "'table' allows" in refusal(job_file, *few, "ednn.context=1")
