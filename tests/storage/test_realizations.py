"""One file over the realizations' files: the same bits, wherever the folder is moved."""

import shutil

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage.layout import Field, array_field, write_file
from dcl_hpc.storage.observations import STATES, observation_fields
from dcl_hpc.storage.realizations import link

NUMBERS = (3, 0, 12)
# Temperatures of each realization's ladder, and configurations of its test set.
RUNGS, TESTED, LADDERS, STEPS = (4, 6, 4), (9, 7, 8), 2, 5
GLASS = """\
name = "glass"
lattice.shape = [4, 3]
hamiltonian = { kind = "edwards_anderson", realizations = [3, 0, 12] }
observe = { temperature = 2.0, samples = 6, chains = 2 }
ednn = { focus = 1, context = 0, shared = false }
sweep = { energies = ["true", "rnn"], temperatures = [1.0, 2.0] }
"""


def make_files(member, rungs: int, tested: int) -> None:
    """Files of one realization with random numbers."""
    random = np.random.default_rng(member.realization)
    fields = observation_fields(3, 2, Lattice((4, 3)), np.arange(3), "sweeps")
    fields[STATES] = array_field(
        random.integers(0, 2, (3, 2, 4, 3), np.uint8), fields[STATES].axes, fields[STATES].about
    )
    energy = "validation/energy/value"
    fields[energy] = array_field(random.normal(size=(3, 2)), fields[energy].axes, fields[energy].about)
    write_file(member.path("observe"), fields, member.attributes("observe"), total=3, done=3)
    fields = {
        f"test/energy/{name}": array_field(random.normal(size=tested), ("sample",), "energy, J")
        for name in ("true", "rnn")
    }
    write_file(member.path("evaluate"), fields, member.attributes("evaluate"), total=1, done=1)
    for energy in ("true", "rnn"):
        stage, replicas = f"sweep_{energy}_4x3", LADDERS * rungs
        series = ("measurement", "replica")
        fields = {
            "temperature": array_field(np.linspace(1, 2, rungs), ("temperature",), "J/k_B"),
            "listed": array_field(np.arange(rungs) % 2 == 0, ("temperature",), "named by the job"),
            "series/energy/value": array_field(random.normal(size=(STEPS, replicas)), series, "energy, J"),
            "series/order/value": array_field(
                random.random((STEPS, replicas), np.float32), series, "order parameter"
            ),
            "series/slot/value": array_field(
                random.integers(0, rungs, (STEPS, replicas), np.int16), series, "index"
            ),
            "checkpoint/states": Field((2, 12, replicas), np.uint8, ("slot", "site", "chain"), "states"),
        }
        if energy == "true" or member.realization != 0:
            fields["series/overlap/value"] = array_field(
                random.random((STEPS, 1, rungs), np.float32),
                ("measurement", "pair", "temperature"),
                "overlap",
            )
        write_file(member.path(stage), fields, member.attributes(stage), total=STEPS, done=STEPS)


@pytest.fixture
def run(tmp_path) -> Run:
    """An ensemble of three realizations with all their files."""
    path = tmp_path / "glass.toml"
    path.write_text(GLASS)
    job, text = jobs.load(path, ())
    run = Run(job, text, str(path), tmp_path / "runs", 1)
    for member, rungs, tested in zip(run.realizations, RUNGS, TESTED, strict=True):
        make_files(member, rungs, tested)
    return run


def sources(run) -> dict:
    """Of each joined data set its values in every realization, None where there is none."""
    stages = {"": "observe", "test": "evaluate"} | {
        f"sweeps/{e}_4x3/": f"sweep_{e}_4x3" for e in ("true", "rnn")
    }
    result: dict = {}
    for k, member in enumerate(run.realizations):
        for folder, stage in stages.items():
            with h5py.File(member.path(stage), "r") as file:
                names: list[str] = []
                file.visit(names.append)
                for name in names:
                    data = file[name]
                    if isinstance(data, h5py.Dataset) and name.split("/")[0] not in (
                        "checkpoint",
                        "progress",
                    ):
                        key = name if folder == "test" else folder + name
                        result.setdefault(key, [None] * 3)[k] = data[()]
    result.pop("observations/states/step")
    result.pop("observations/states/time")
    return result


def check(path, expected: dict) -> None:
    """Compare bit for bit with the realizations' values, and what is beyond them with the fill value."""
    with h5py.File(path, "r") as file:
        for name, parts in expected.items():
            data = file[name]
            assert data.is_virtual
            whole, there = data[()], np.zeros(data.shape, bool)
            for k, values in enumerate(parts):
                if values is not None:
                    assert values.dtype == whole.dtype
                    place = (k, *map(slice, values.shape))
                    assert whole[place].tobytes() == values.tobytes(), name
                    there[place] = True
            fill = {"f": np.nan, "i": -1, "u": 255, "b": False}[whole.dtype.kind]
            np.testing.assert_array_equal(whole[~there], fill)


def test_contents_are_those_of_the_realizations(run):
    """Every data set has the realizations' bits along its leading axis, filled up where there are fewer."""
    path, expected = link(run), sources(run)
    assert path == run.root / "ensemble.h5"
    assert len(expected) == 2 + 2 + 2 * 6
    check(path, expected)
    with h5py.File(path, "r") as file:
        assert file["sweeps/true_4x3/series/energy/value"].shape == (3, STEPS, LADDERS * 6)
        assert file["sweeps/rnn_4x3/series/overlap/value"].shape == (3, STEPS, 1, 4)
        assert file["test/energy/rnn"].shape == (3, 9)
        assert np.isnan(file["sweeps/rnn_4x3/series/overlap/value"][1]).all()
        np.testing.assert_array_equal(np.isnan(file["sweeps/true_4x3/temperature"]).sum(axis=1), [2, 0, 2])


def test_moved_and_copied_folders_are_read(run, tmp_path, monkeypatch):
    """Read from other working directories, after a move and from a copy, whose own files are taken."""
    path, expected = link(run), sources(run)
    copy = tmp_path / "copy"
    shutil.copytree(run.root, copy)
    moved = tmp_path / "far" / "away"
    moved.parent.mkdir()
    shutil.move(run.root, moved)
    monkeypatch.chdir("/")
    check(moved / "ensemble.h5", expected)
    monkeypatch.chdir(moved / "realization_3")
    check("../ensemble.h5", expected)
    shutil.rmtree(moved)
    check(copy / "ensemble.h5", expected)
    assert not path.exists()


def test_missing_realization_is_nan(run):
    """Without one of the folders the others are read as before."""
    path, expected = link(run), sources(run)
    shutil.rmtree(run.realizations[1].root)
    check(path, {name: [parts[0], None, parts[2]] for name, parts in expected.items()})


def test_it_says_what_it_is(run):
    """Attributes as in other files, the realizations' numbers, labelled axes, their couplings."""
    with h5py.File(link(run), "r") as file:
        attributes = dict(file.attrs)
        assert attributes["format"] == "dcl_hpc" and attributes["stage"] == "ensemble"
        assert attributes["job_file"] == GLASS and {"git_commit", "library_versions", "seed"} <= set(
            attributes
        )
        assert attributes["realizations"].tolist() == file["realization"][()].tolist() == list(NUMBERS)
        assert file["progress/committed"][0] == file.attrs["total"] == 3
        for member, couplings in zip(run.realizations, file["hamiltonian/couplings"], strict=True):
            np.testing.assert_array_equal(couplings, member.job.build_hamiltonian().couplings)
        energy = file["sweeps/rnn_4x3/series/energy/value"]
        assert [axis.label for axis in energy.dims] == ["realization", "measurement", "replica"]
        assert energy.attrs["about"].startswith("energy, J; ") and "nan" in energy.attrs["about"]
        states = file[STATES]
        assert [axis.label for axis in states.dims] == ["realization", "record", "chain", "y", "x"]
        for source in states.virtual_sources():
            assert not source.file_name.startswith("/")


def test_replicas_of_unequal_ladders_are_found(run):
    """The rule in `about` takes the replicas of a ladder from the joined series."""
    with h5py.File(link(run), "r") as file:
        group = file["sweeps/true_4x3"]
        assert "r // n" in group["series/energy/value"].attrs["about"]
        for k, member in enumerate(run.realizations):
            n = int(np.isfinite(group["temperature"][k]).sum())
            assert n == RUNGS[k]
            with h5py.File(member.path("sweep_true_4x3"), "r") as one:
                expected = one["series/energy/value"][()].reshape(STEPS, LADDERS, n)
            mine = group["series/energy/value"][k]
            ladder = np.arange(mine.shape[1]) // n
            for j in range(LADDERS):
                np.testing.assert_array_equal(mine[:, ladder == j], expected[:, j])


def test_it_is_replaced_as_a_whole(run):
    """A second link replaces the file; nothing is left beside it."""
    link(run)
    before = set(run.root.iterdir())
    make_files(run.realizations[2], 5, 3)
    check(link(run), sources(run))
    assert set(run.root.iterdir()) == before
    assert {path.name for path in before} == {"ensemble.h5", *(f"realization_{k}" for k in NUMBERS)}


def test_a_damaged_file_is_named(run):
    """One line, and the file of before stays."""
    path = link(run)
    before = path.read_bytes()
    run.realizations[0].path("evaluate").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"realization_3/evaluation\.h5 is damaged"):
        link(run)
    assert path.read_bytes() == before
    assert not list(run.root.glob("*.tmp.*"))
