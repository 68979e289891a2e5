"""Lattices as job files say them: kinds, edges, absent sites; and shapes to predict with other edges."""

import json
import pickle

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.job.study import Job
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.shape import Shape
from dcl_hpc.pipeline.lattice_study import LATTICE, sweep_name, sweep_of
from dcl_hpc.pipeline.state import first_difference


def document(shapes=(), **lattice) -> dict:
    """A job on a lattice."""
    return {
        "name": "a", "lattice": lattice, "hamiltonian": {"kind": "ising"}, "observe": {"temperature": 4.0},
        "sweep": {"temperatures": [2.0, 3.0], "energies": ["true"], "shapes": list(shapes)},
    }  # fmt: skip


def refusal(**lattice) -> str:
    """The one line with which a lattice is refused."""
    with pytest.raises(UserError) as caught:
        Job.from_dict(document(**lattice))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("lattice", "expected"),
    [
        ({"shape": [4, 6]}, Lattice((4, 6))),
        ({"shape": [4, 6], "kind": "square"}, Lattice((4, 6))),
        ({"shape": [4, 4, 6], "kind": "cubic", "boundary": "open"}, Lattice((4, 4, 6), open=(0, 1, 2))),
        ({"shape": [4, 6], "boundary": ["periodic", "open"]}, Lattice((4, 6), open=(1,))),
        ({"shape": [4, 6], "absent": [[3, 5], [0, 1], [3, 5]]}, Lattice((4, 6), absent=(1, 23))),
        ({"shape": [3, 4], "kind": "kagome", "absent": [[1, 0, 2]]}, Lattice((3, 4), "kagome", (), (14,))),
        ({"shape": [4, 4], "kind": "triangular_rows"}, Lattice((4, 4), "triangular_rows")),
    ],
)
def test_lattices(lattice, expected):
    """The lattice that is meant; also after a job was written and read again."""
    job = Job.from_dict(document(**lattice))
    assert job.build_lattice() == expected
    again = Job.model_validate(json.loads(job.model_dump_json()))
    assert again == job and again.build_lattice() == expected


@pytest.mark.parametrize("ending", [".npy", ".txt", ".csv"])
@pytest.mark.parametrize(("shape", "kind"), [([4, 6], "square"), ([3, 4], "honeycomb"), ([3, 2, 4], "cubic")])
def test_masks(tmp_path, ending, shape, kind):
    """A mask beside the job file names the same sites as a list, and the same dependencies."""
    lattice = Lattice(tuple(shape), "hypercubic" if kind in ("square", "cubic") else kind)
    mask = np.random.default_rng(3).random(lattice.array_shape) < 0.3
    path = tmp_path / f"mask{ending}"
    if ending == ".npy":
        np.save(path, mask)
    else:
        np.savetxt(path, mask.reshape(-1, mask.shape[-1]), "%d", "," if ending == ".csv" else " ")
    job = jobs.from_dict(document(shape=shape, kind=kind, absent=path.name), folder=tmp_path)
    assert job.build_lattice().absent == tuple(np.flatnonzero(mask))
    listed = Job.from_dict(document(shape=shape, kind=kind, absent=np.argwhere(mask)[::-1].tolist()))
    assert listed.dependencies("observe", ("lattice",)) == job.dependencies("observe", ("lattice",))
    assert Job.from_dict(document(shape=shape, kind=kind, absent=mask)) == job
    none = jobs.from_dict(document(shape=shape, kind=kind, absent=0 * mask))
    assert not none.build_lattice().absent


def test_impossible_lattices(tmp_path):
    """What is wrong, where, and what there is instead."""
    assert "lattice: a cubic lattice has 3 axes, not 2" in refusal(shape=[4, 4], kind="cubic")
    assert "lattice: a fcc lattice has 3 axes, not 2" in refusal(shape=[4, 4], kind="fcc")
    assert "lattice.kind: Input should be 'hypercubic', 'square'" in refusal(shape=[4, 4], kind="hexagon")
    assert "boundary: gives the ends of 1 axes, shape has 2" in refusal(shape=[4, 4], boundary=["open"])
    assert "should be 'periodic' or 'open'" in refusal(shape=[4, 4], boundary="closed")
    assert "take an even number, or open ends" in refusal(shape=[5, 4], kind="triangular_rows")
    told = "lattice.absent: [0, 4] is no site of an array of the shape (4, 4)"
    assert told in refusal(shape=[4, 4], absent=[[1, 1], [0, 4]])
    assert "[0, 1] is no site of an array of the shape (4, 4, 2)" in refusal(
        shape=[4, 4], kind="honeycomb", absent=[[0, 1]]
    )
    assert "absent.0.1: Input should be greater than or equal to 0" in refusal(shape=[4, 4], absent=[[0, -1]])
    assert "the path of a mask: .npy, .txt, .dat, .csv" in refusal(shape=[4, 4], absent="holes")
    assert "lattice.absent: no.npy cannot be read" in refusal(shape=[4, 4], absent="no.npy")
    told = "lattice.absent: the mask has the shape (4, 6), configurations have (6, 4)"
    assert told in refusal(shape=[6, 4], absent=np.zeros((4, 6)))
    assert "the mask must be 1 where there is no site" in refusal(shape=[2, 2], absent=np.full((2, 2), 2))
    assert "fewer than two sites" in refusal(shape=[2, 2], absent=np.array([[1, 1], [1, 0]]))


def test_dependencies():
    """Names of the same lattice are the same, what has its default is not told, what differs is."""

    def values(changed=False, **lattice):
        return Job.from_dict(document(shape=[4, 4], **lattice)).dependencies("observe", ("lattice",), changed)

    plain = {"lattice": {"shape": [4, 4]}}
    for same in (
        {}, {"kind": "square"}, {"boundary": "periodic"}, {"boundary": ["periodic"] * 2}, {"absent": []}
    ):  # fmt: skip
        assert values(**same) == values(changed=True, **same) == plain
    assert values(boundary="open") == values(boundary=["open", "open"]) != plain
    for other in ({"kind": "triangular"}, {"boundary": ["open", "periodic"]}, {"absent": [[0, 0]]}):
        key = next(iter(other))
        for there, here in ((plain, other), (values(**other), {})):
            found = first_difference(there, values(**here), values(changed=True, **here))
            assert found.startswith(f"lattice.{key} is ")


def test_shapes():
    """Shapes are tuples that know their edges, equal to plain ones if these are as observed."""
    cells, plain, opened = (16, 8), Shape((16, 8)), Shape((16, 8), "open")
    assert plain == cells == plain and hash(plain) == hash(cells) and plain in {cells: 0}
    assert opened != cells != opened != plain and opened not in {cells: 0, plain: 1}
    assert opened != Shape((16, 8), "periodic") and opened == Shape([16, 8], "open")
    assert [str(plain), str(opened)] == ["16x8", "16x8-open"]
    for shape in (plain, opened, Shape((5,)), Shape((2, 3, 4), "periodic")):
        again = Shape.parse(str(shape))
        assert again == shape and again.boundary == shape.boundary
        assert pickle.loads(pickle.dumps(shape)) == shape
        assert sweep_of(sweep_name("ednn", shape)) == ("ednn", shape)
    assert sweep_name("rnn", (4, 4)) == "sweep_rnn_4x4"
    for wrong in ("", "16x", "x16", "16-", "16-closed", "-open", "16 x 8", "16x8-open-open"):
        with pytest.raises(ValueError, match=r"shape|boundary"):
            Shape.parse(wrong)


def test_shapes_to_predict():
    """Another shape has all sites and the observed edges, unless it names its own."""
    shapes = [
        [4, 4],
        [6, 6],
        {"shape": [8, 6], "boundary": "periodic"},
        {"shape": [4, 4], "boundary": "open"},
    ]
    job = Job.from_dict(document(shapes, shape=[4, 4], boundary=["open", "periodic"], absent=[[0, 0]]))
    assert [job.build_lattice(shape) for shape in job.shapes] == [
        Lattice((4, 4), open=(0,), absent=(0,)),
        Lattice((6, 6), open=(0,)),
        Lattice((8, 6)),
        Lattice((4, 4), open=(0, 1)),
    ]
    names = [f"sweep_true_{name}" for name in ("4x4", "6x6", "8x6-periodic", "4x4-open")]
    assert list(LATTICE.stage("sweep").wanted(job)) == names
    assert [sweep_of(name)[1] for name in names] == list(job.shapes)
    again = Job.model_validate(json.loads(job.model_dump_json()))
    assert again == job and [shape.boundary for shape in again.shapes] == [None, None, "periodic", "open"]


def test_energies_of_the_observed_shape_only():
    """The RNN knows neither other sizes nor other edges; a glass has its own lattice."""
    given = document([[4, 4], {"shape": [4, 4], "boundary": "open"}], shape=[4, 4])
    given["sweep"]["energies"] = ["true", "rnn"]
    assert [name for name, _ in Job.from_dict(given).sweeps] == ["true", "true", "rnn"]
    given["hamiltonian"] = {"kind": "edwards_anderson"}
    with pytest.raises(UserError, match="a glass realization exists on its own lattice only"):
        Job.from_dict(given)


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([{"shape": [4, 4], "boundary": "closed"}], "sweep.shapes.0.boundary: Input should be 'periodic'"),
        ([{"shape": [4, 4]}], "sweep.shapes.0.boundary is missing"),
        ([{"shape": [4], "boundary": "open"}], "has not the dimension of lattice.shape"),
        ([[5, 4]], "sweep.shapes: 5 shifted rows do not close"),
    ],
)
def test_impossible_shapes(shapes, told):
    """One line each."""
    with pytest.raises(UserError) as caught:
        Job.from_dict(document(shapes, shape=[4, 4], kind="triangular_rows"))
    assert told in str(caught.value)
