"""Files: their layout, what they say about themselves, and how damage and strangers are refused."""

import json

import h5py
import numpy as np
import pytest

from dcl_hpc.cluster import mpi
from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import weights
from dcl_hpc.storage.layout import Field, array_field, write_file
from dcl_hpc.storage.progress import Progress
from dcl_hpc.storage.rows import Rows
from dcl_hpc.storage.store import Store

ALONE = mpi.alone()


def make_run(job_file, folder, *overrides) -> Run:
    """The run of the tiny job in a folder."""
    job, text = jobs.load(job_file, overrides)
    return Run(job, text, str(job_file), folder, 1)


def make_file(run, done=0):
    """A small file of the stage `observe`."""
    layout = {
        "observations/states/value": Field((4, 3, 2), np.uint8, ("record", "chain", "site"), "states"),
        "known": array_field(np.arange(4.0), ("record",), "numbers"),
        "checkpoint/states": Field((2, 6), np.uint8, ("slot", "chain"), "states"),
    }
    path = run.path("observe")
    write_file(path, layout, run.attributes("observe"), total=4, done=done)
    return path


@pytest.fixture
def run(job_file, runs) -> Run:
    """The run of the tiny job."""
    return make_run(job_file, runs)


def test_layout_is_created(run):
    """A file has all its datasets at full size, with the values known at creation, and no leftovers."""
    path = make_file(run)
    with h5py.File(path, "r") as file:
        states = file["observations/states/value"]
        assert states.shape == (4, 3, 2) and states.dtype == np.uint8
        assert states.chunks is None and states.id.get_storage_size() == 24
        np.testing.assert_array_equal(file["known"][()], np.arange(4.0))
        assert file["progress/committed"][()].tolist() == [0, 0]
        assert file.attrs["total"] == 4
    assert [p.name for p in path.parent.iterdir()] == ["observations.h5"]


def test_axes_are_labelled(run):
    """Every axis of a dataset has its label, and the dataset says what it holds."""
    with h5py.File(make_file(run), "r") as file:
        data = file["observations/states/value"]
        assert [axis.label for axis in data.dims] == ["record", "chain", "site"]
        assert data.attrs["about"] == "states"


def test_observations_are_labelled(dcl, runs):
    """All datasets of real observations say what they hold, and all axes have a label."""
    assert dcl("observe").returncode == 0
    found = []

    def look(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("progress"):
            found.append(name)
            assert item.attrs["about"], name
            assert all(axis.label for axis in item.dims), name

    with h5py.File(runs / "tiny" / "observations.h5", "r") as file:
        file.visititems(look)
        states = file["observations/states/value"]
        assert [axis.label for axis in states.dims] == ["record", "chain", "y", "x"]
        assert states.shape == (20, 100, 6, 6)
    assert len(found) == 7


def test_file_tells_where_it_came_from(run, job_file):
    """Root attributes hold the job verbatim, the commit, the seed, ranks and library versions."""
    with h5py.File(make_file(run), "r") as file:
        attributes = dict(file.attrs)
    assert attributes["job_file"] == job_file.read_text()
    assert jobs.Job.model_validate_json(attributes["job"]) == run.job
    assert attributes["seed"] == 7 and attributes["ranks"] == 1 and attributes["stage"] == "observe"
    assert attributes["job_name"] == "tiny" and attributes["format"] == "dcl_hpc"
    assert attributes["creator"].startswith("dcl_hpc ")
    assert attributes["git_commit"]
    versions = json.loads(attributes["library_versions"])
    assert versions["h5py"] == h5py.__version__ and versions["numpy"] == np.__version__
    assert json.loads(attributes["dependencies"])["observe"]["samples"] == 2000


def test_commits_are_what_counts(run):
    """A store begins with nothing committed and tells the last commit, its half and the time spent."""
    path = make_file(run)
    assert not run.done("observe") and run.state("observe").progress == Progress(0, 4, 0.0)
    with Store(path, ALONE, write=True) as store:
        assert (store.committed, store.slot, store.total, store.complete) == (0, 0, 4, False)
        store.write("observations/states/value", np.s_[:2], np.ones((2, 3, 2), np.uint8))
        assert store.committed == 0
        store.commit(2, 1, 5.0)
        assert (store.committed, store.slot, store.wall_seconds) == (2, 1, 5.0)
        store.commit(4, 0, 9.0)
        assert store.complete
    assert run.done("observe") and run.state("observe").progress == Progress(4, 4, 9.0, sealed=True)
    with Store(path, ALONE) as store:
        assert store.read("observations/states/value", np.s_[:2]).all()
        assert store.shape("known") == (4,) and "known" in store and "unknown" not in store


def test_data_is_written_before_the_commit(run, tmp_path, monkeypatch):
    """The commit is flushed after the data: at the first flush the old commit is still in the file."""
    path, seen = make_file(run), []
    flush = h5py.File.flush

    def watched(file):
        flush(file)
        # HDF5 shows a process what it has not written yet, unless it reads a copy
        copy = tmp_path / f"copy_{len(seen)}.h5"
        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "r") as other:
            seen.append((other["observations/states/value"][0].min(), other["progress/committed"][0]))

    with Store(path, ALONE, write=True) as store:
        store.write("observations/states/value", 0, np.full((3, 2), 9, np.uint8))
        monkeypatch.setattr(h5py.File, "flush", watched)
        store.commit(1, 1, 0.0)
    assert len(seen) == 2
    assert seen == [(9, 0), (9, 1)]


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 60), (0, 1), (3, 9), (4, 6), (5, 6), (7, 53), (10, 15), (59, 60)]
)
def test_rows_across_records(tmp_path, start, stop):
    """Rows of (record, chain) data are those of the flat array, within a record and across records."""
    data = np.random.default_rng(1).integers(0, 250, (12, 5, 3, 2), np.uint8)
    path = tmp_path / "rows.h5"
    write_file(path, {"x": array_field(data, ("r", "c", "y", "x"), "numbers")}, {}, total=1, done=1)
    rows = Rows(path, ["x"], leading=2)
    assert rows.n == 60
    np.testing.assert_array_equal(rows.read(start, stop)[0], data.reshape(60, 6)[start:stop])


def test_rows_of_several_datasets(tmp_path):
    """Rows of several datasets belong together; a dataset of numbers gives a flat array."""
    states, energy = np.arange(20, dtype=np.uint8).reshape(10, 2), np.arange(10.0)
    path = tmp_path / "rows.h5"
    layout = {"s": array_field(states, ("n", "x"), "states"), "e": array_field(energy, ("n",), "energy")}
    write_file(path, layout, {}, total=1, done=1)
    none, _ = Rows(path, ["s", "e"]).read(0, 0)
    assert len(none) == 0 and none.ndim == 2
    one, two = Rows(path, ["s", "e"]).read(3, 7)
    np.testing.assert_array_equal(one, states[3:7])
    np.testing.assert_array_equal(two, energy[3:7])


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "other HDF5"])
def test_damaged_file_is_refused(run, damage):
    """A damaged file, or one of another program, is a UserError that names it, in one line."""
    path = make_file(run, done=4)
    whole = path.read_bytes()
    if damage == "other HDF5":
        with h5py.File(path, "w") as file:
            file["x"] = 1
    else:
        path.write_bytes(
            {"truncated": whole[: len(whole) // 2], "garbage": b"\x00\xff" * 500, "empty": b""}[damage]
        )
    wrong = "was written by an earlier version" if damage == "other HDF5" else "is damaged"
    with pytest.raises(UserError, match=rf"observations\.h5 {wrong}") as caught:
        run.require("observe")
    assert "\n" not in str(caught.value)
    if damage != "truncated":
        with pytest.raises(UserError, match=r"observations\.h5 is damaged"):
            Store(path, ALONE)


def test_missing_file_is_refused(run):
    """A store without its file is a UserError; a stage without its input says how to make it."""
    with pytest.raises(UserError, match="does not exist"):
        Store(run.path("observe"), ALONE)
    with pytest.raises(UserError, match=r"does not exist; first run: python -m dcl_hpc\.observe"):
        run.require("observe")
    make_file(run, done=3)
    with pytest.raises(UserError, match=r"is not finished; first run: python -m dcl_hpc\.observe"):
        run.require("observe")


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("observe.samples=4000", "observe.samples is 2000 there and 4000 in this job"),
        ("seed=8", "seed is 7 there and 8 in this job"),
        ("lattice.shape=[8, 8]", "lattice.shape is"),
        ("hamiltonian.coupling=2.0", "hamiltonian.coupling is 1.0 there and 2.0 in this job"),
    ],
)
def test_file_of_another_job_is_refused(job_file, runs, run, override, key):
    """A file made with another value is a UserError that names the key and both values."""
    make_file(run, done=4)
    with pytest.raises(UserError, match="was made by another job") as caught:
        make_run(job_file, runs, override).done("observe")
    assert key in str(caught.value) and "\n" not in str(caught.value)


def test_first_differing_key_is_named(job_file, runs, run):
    """Of several differences the first in alphabetical order is named."""
    make_file(run, done=4)
    other = make_run(job_file, runs, "seed=8", "observe.thin=3", "observe.samples=4000")
    with pytest.raises(UserError, match=r"another job: observe\.samples is"):
        other.done("observe")


def test_values_that_do_not_matter_are_accepted(job_file, runs, run):
    """A file stays valid when only later stages change."""
    make_file(run, done=4)
    assert make_run(job_file, runs, "rnn.epochs=9", "sweep.sweeps=99").done("observe")


def test_unwritable_folder_is_refused(job_file, tmp_path):
    """A results folder below a file cannot be made, which is a UserError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        make_file(make_run(job_file, tmp_path / "file"))


def test_failed_writing_leaves_the_old_file(run):
    """A file that cannot be written in full neither replaces the old one nor stays behind."""
    path = make_file(run, done=4)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_file(path, {"x": array_field(np.zeros(3), ("n",), "x")}, {"a": object()}, total=1)
    assert path.read_bytes() == before
    assert run.done("observe")


@pytest.mark.parametrize("history", [{}, {"training": [1.5, 0.1 + 0.2], "validation": [2.0, 1.0]}])
def test_weights_come_back(tmp_path, history):
    """A checkpoint gives back settings, arrays and learning curves, also before the first epoch's end."""
    path = tmp_path / "network.h5"
    arrays = {"a": np.float32(3), "b": np.arange(6, dtype=np.float32).reshape(2, 3)}
    settings = {"state": {"best": float("inf"), "loss_sum": 0.1 + 0.2}}
    weights.save(path, {"stage": "rnn"}, settings, arrays, history, 3, 10, 1.5)
    there, loaded, curves = weights.load(path)
    assert there == settings and curves == history
    assert loaded.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(loaded[name], value)


def test_damaged_weights_are_refused(tmp_path):
    """A damaged checkpoint is a UserError."""
    path = tmp_path / "network.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"network\.h5 is damaged"):
        weights.load(path)
