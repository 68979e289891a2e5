"""A run is opened from its folder alone, by its record or by its results, wherever the folder is."""

import json
import os
import shutil

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file
from dcl_hpc.pipeline import opening
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import weights


def load(path, runs, *overrides: str) -> Run:
    """The run of a job file."""
    job, text = file.load(path, overrides)
    return Run(job, text, str(path), runs, 1, overrides)


def result(run: Run, stage: str = "rnn") -> None:
    """Write a file that a stage could have made."""
    weights.save(run.path(stage), run.attributes(stage), {}, {"x": np.zeros(2)}, {}, 1, 1, 0.0)


@pytest.fixture(params=["uniform", "ensemble", "couplings"])
def run(request, job_file, glass_file, tmp_path, runs) -> Run:
    """Runs whose jobs are recorded in different ways."""
    if request.param == "uniform":
        return load(job_file, runs, "seed=3", "rnn.epochs=7", "name=other")
    if request.param == "ensemble":
        return load(glass_file, runs, "rnn.warm_start=true")
    np.save(tmp_path / "J.npy", np.random.default_rng(1).normal(size=(16, 2)))
    text = glass_file.read_text().replace("realizations = [5, 3]", 'couplings = "J.npy"')
    (tmp_path / "own.toml").write_text(text)
    return load(tmp_path / "own.toml", runs)


def test_record_gives_back_the_run(run):
    """Job, text, path and changes are those of the command, couplings to the last bit."""
    opening.save(run)
    found = opening.open_run(run.root)
    assert found == run and type(found) is Run
    assert [one.root for one in found.realizations] == [one.root for one in run.realizations]
    for stage in run.outputs:
        assert found.attributes(stage)["dependencies"] == run.attributes(stage)["dependencies"]


@pytest.mark.parametrize("name", ["tiny", "renamed"])
def test_copy(run, tmp_path, name):
    """A copy of the folder is a run by itself, whether or not it has the job's name."""
    opening.save(run)
    for one in run.realizations or (run,):
        result(one)
    name = run.job.name if name == "tiny" else name
    shutil.copytree(run.root, tmp_path / "elsewhere" / name)
    shutil.rmtree(run.root)
    found = opening.open_run(tmp_path / "elsewhere" / name)
    assert found.job == run.job
    for one in found.realizations or (found,):
        assert one.done("rnn") and one.path("rnn").is_relative_to(tmp_path / "elsewhere" / name)
    assert [one.realization for one in found.realizations] == [one.realization for one in run.realizations]


def test_without_record_the_results_tell(run, monkeypatch):
    """Each file carries the job, also couplings of a file that is gone."""
    for one in run.realizations or (run,):
        result(one)
    monkeypatch.chdir(run.root)
    found = opening.open_run(".")
    assert (found.job, found.job_text, found.overrides) == (run.job, run.job_text, run.overrides)
    assert all(one.done("rnn") for one in found.realizations or (found,))


def test_the_newest_result_counts(job_file, runs):
    """A job that was changed meanwhile, as far as its files allow, is the changed one."""
    old = load(job_file, runs, "rnn.epochs=3")
    new = load(job_file, runs, "rnn.epochs=4")
    result(new, "observe")
    result(old, "rnn")
    os.utime(old.path("rnn"), (1, 1))
    assert opening.open_run(old.root).job.rnn.epochs == 4


def test_realization_by_its_folder(glass_file, runs):
    """The folder of one realization opens that one, with what it knows of the others."""
    run = load(glass_file, runs)
    opening.save(run)
    result(run.realizations[1])
    found = opening.open_run(run.realizations[1].root)
    assert found == run.realizations[1] and found.first == run.realizations[0]


def test_record_is_written_once(run):
    """A record that is there already is left alone, another one is replaced as a whole."""
    opening.save(run)
    path = run.root / opening.RECORD
    before = path.stat()
    opening.save(run)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_text("{")
    opening.save(run)
    assert json.loads(path.read_text())["job"]["name"] == run.job.name
    assert [one.name for one in run.root.iterdir()] == [opening.RECORD]
    for one in run.realizations:
        opening.save(one)
        assert not one.root.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"job\.json is damaged"),
        ("[]", r"job\.json is damaged"),
        ('{"job": {}}', r"job\.json is damaged .*'sha256'"),
        ('{"job": {}, "sha256": "00"}', r"job\.json is damaged .* checksum"),
    ],
)
def test_damaged_record(tmp_path, text, message):
    """A record that cannot be understood is refused."""
    (tmp_path / opening.RECORD).write_text(text)
    with pytest.raises(UserError, match=message):
        opening.open_run(tmp_path)


def test_what_is_no_run(tmp_path):
    """A folder without results, a file, and nothing at all."""
    (tmp_path / "x.h5").write_text("no HDF5")
    with pytest.raises(UserError, match=r"is not the folder of a run: it has no job\.json and no results"):
        opening.open_run(tmp_path)
    for name in ("x.h5", "gone"):
        with pytest.raises(UserError, match=f"{name} is not a folder"):
            opening.open_run(tmp_path / name)


def test_folder_that_cannot_be_written(job_file, tmp_path):
    """A record that cannot be written is a mistake to mend."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*job\.json: .* check permissions"):
        opening.save(load(job_file, tmp_path / "file"))
