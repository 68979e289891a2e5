"""Job files of thermal studies: what they mean, and one line for everything that is wrong."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file
from dcl_hpc.job.reference import as_text, schema, tables
from dcl_hpc.job.template import new
from dcl_hpc.job.thermal import ThermalJob
from dcl_hpc.pipeline import batches
from dcl_hpc.pipeline.run import Run
from dcl_hpc.pipeline.thermal_study import THERMAL

JOBS = sorted((Path(__file__).parents[2] / "jobs").glob("thermal*.toml"))
SCAN = {"images": [40, 10], "width": [5], "depth": [3, 4]}


def job(**sections) -> ThermalJob:
    """A job with some sections."""
    return file.from_dict({"study": "thermal", "name": "small", **sections})


def refusal(**sections) -> str:
    """The one line that a job is refused with."""
    with pytest.raises(UserError) as caught:
        job(**sections)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_those_of_the_paper():
    """T, dt, friction, t*, depth and images; one machine."""
    found = job()
    assert [machine.name for machine in found.points] == ["M2000-N10-L10"]
    dynamics = found.dynamics
    assert (dynamics.temperature, dynamics.dt, dynamics.eta, dynamics.steps) == (1e-5, 1e-2, 1e-3, 500_000)
    (machine,) = found.points
    assert machine.widths == (784, *[10] * 9, 2) and np.isclose(np.log(machine.alpha), 5.3, atol=0.01)
    assert job(data={"source": "digits8x8"}).points[0].inputs == 64


def test_points_of_a_scan_are_all_combinations():
    """In the order of the lists, none twice; outputs find their machine."""
    names = [machine.name for machine in job(scan=SCAN | {"width": [5, 5]}).points]
    assert names == ["M40-N5-L3", "M10-N5-L3", "M40-N5-L4", "M10-N5-L4"]
    assert job(scan=SCAN).point("replicate_M10-N5-L4").widths == (784, 5, 5, 5, 2)
    assert [machine.width for machine in job(scan={"images": [7]}).points] == [10]


def test_times_of_measurement():
    """Evenly in ln t since the start and since every t_w, from 0 to the end, none twice."""
    found = job(dynamics={"steps": 1000, "waiting": [100, 0], "points": 4}, samples={"waiting": 100})
    assert found.lags.tolist() == [0, 1, 10, 100, 1000]
    assert found.waiting.tolist() == [0, 100]
    assert found.measured.tolist() == [0, 1, 10, 100, 101, 110, 200, 1000]
    assert found.measured.dtype == found.lags.dtype == np.int64


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"machine": {"depth": 1}}, "machine.depth: Input should be greater than or equal to 2"),
        ({"machine": {"layers": 3}}, "unknown key machine.layers"),
        ({"data": {"source": "idx"}}, "data: folder is missing"),
        ({"data": {"folder": "mnist"}}, "data: folder is for source = 'idx', not 'packed'; leave it out"),
        ({"data": {"digits": [3, 3], "source": "keras"}}, "data: digits = [3, 3] are the same; take two"),
        ({"data": {"digits": [3, 5]}}, "the packed images are of 0 and 1; take source = 'idx' or 'keras'"),
        ({"data": {"digits": [0, 1, 2]}}, "data.digits: Tuple should have at most 2 items"),
        ({"dynamics": {"eta": 1.5}}, "dynamics.eta: Input should be less than or equal to 1"),
        (
            {"dynamics": {"thermostat": "cold"}},
            "dynamics.thermostat: Input should be 'balanced' or 'printed'",
        ),
        ({"dynamics": {"steps": 5000}}, "dynamics: waiting = 5000 is not before the end, steps = 5000"),
        ({"samples": {"waiting": 7}}, "samples.waiting = 7: replicas start from a kept state; take one of"),
        ({"samples": {"replicas": 1}}, "samples.replicas: Input should be greater than or equal to 2"),
        ({"scan": {"images": [1]}}, "scan.images.0: Input should be greater than or equal to 2"),
        ({"training": {"epochs": 0}}, "training.epochs: Input should be greater than or equal to 1"),
        ({"lattice": {"shape": [4, 4]}}, "unknown key lattice"),
    ],
)
def test_mistakes_are_told_in_one_line(sections, told):
    """What, where, and how to mend it."""
    assert told in refusal(**sections)


def test_unknown_study_is_told():
    """With the kinds that there are."""
    with pytest.raises(UserError, match="study: 'thermic' is not known; give one of lattice, thermal"):
        file.from_dict({"study": "thermic", "name": "x"})


def dependencies(found: ThermalJob, output: str) -> dict:
    """What an output depends on, as it is in its file."""
    return found.dependencies(output, THERMAL.stage(output).sections(output))


def test_points_do_not_depend_on_each_other():
    """Nor trajectories on replicas; both on the dynamics, the images and their own machine."""
    one, output = job(scan=SCAN), "thermalize_M10-N5-L4"
    more = job(scan=SCAN | {"images": [10, 80]}, samples={"replicas": 9}, training={})
    assert dependencies(one, output) == dependencies(more, output)
    assert dependencies(one, "replicate_M10-N5-L4") != dependencies(more, "replicate_M10-N5-L4")
    assert dependencies(one, output)["machine"] == {
        "depth": 4, "width": 5, "images": 10, "tanh_scale": "width",
    }  # fmt: skip
    for change in (
        {"seed": 2}, {"dynamics": {"noise": "normal"}}, {"data": {"test": 10}}, {"samples": {"samples": 2}},
        {"machine": {"tanh_scale": "none"}},
    ):  # fmt: skip
        assert dependencies(one, output) != dependencies(job(scan=SCAN, **change), output)


def test_place_of_the_images_does_not_matter(tmp_path):
    """Their folder counts from the job file's; files depend on its name alone."""
    text = 'study = "thermal"\nname = "x"\n[data]\nsource = "idx"\nfolder = "mnist"\n'
    found = [file.parse(text, (), "text", tmp_path / name) for name in ("a", "b")]
    assert [one.data.folder for one in found] == [str(tmp_path / name / "mnist") for name in ("a", "b")]
    assert dependencies(found[0], "thermalize_M2000-N10-L10") == dependencies(
        found[1], "thermalize_M2000-N10-L10"
    )


def test_batch_jobs(tmp_path):
    """An array over the points, element for element, with as many ranks as there are samples."""
    path = tmp_path / "scan.toml"
    path.write_text('study = "thermal"\nname = "scan"\nscan.images = [10, 20, 40]\nsamples.samples = 3\n')
    found, text = file.load(path)
    run = Run(found, text, str(path), tmp_path, 1)
    plan = batches.plan(run)
    assert [(one.name, one.indices) for one in plan] == [
        ("thermalize", (0, 1, 2)), ("replicate", (0, 1, 2)), ("analyse", (0, 1, 2)), ("report", ()),
    ]  # fmt: skip
    options = type("Options", (), {"account": None, "partition": None, "update": False, "sbatch": []})
    arguments = batches.arguments(run, path, options, plan[1], [(plan[0], "17")])
    assert {"--ntasks=3", "--array=0-2", "--dependency=aftercorr:17", "replicate"} <= set(arguments)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_shipped_jobs(path):
    """They are what the schema for editors says, and thermal."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema("thermal"))
    document = tomllib.loads(path.read_text())
    validator.validate(document)
    assert not validator.is_valid(document | {"machine": {"depth": "deep"}})
    assert isinstance(file.load(path)[0], ThermalJob)


def test_reference_and_new_job_file(tmp_path):
    """Every key is explained in both, and the file is valid as it is and with all defaults written out."""
    text, path = new("thermal"), tmp_path / "full.toml"
    for table in tables("thermal"):
        for key in table.keys:
            assert key.meaning.split()[0] in text and key.meaning in as_text("thermal")
    path.write_text(re.sub(r"(?m)^#(?=\w+ = )", "", text))
    assert file.load(path)[0] == file.parse(text, (), "new", tmp_path)
    assert json.loads(json.dumps(schema("thermal")))["required"] == ["study", "name"]
