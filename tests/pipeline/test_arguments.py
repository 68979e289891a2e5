"""What a command line and the environment may say, and a lock that is no file."""

import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from dcl_hpc.cluster import environment, launch, mpi
from dcl_hpc.cluster.lock import Lock
from dcl_hpc.errors import LONGEST, UserError
from dcl_hpc.pipeline import command


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([""], "job: '' is empty"),
        (["--runs="], "runs: '' is empty"),
        (["a\nb"], "'a\\nb' is empty or has characters that cannot be seen"),
        (["job", "--index", "٣"], "is not a whole number"),
        (["job", "--index", "9" * 5000], "is not a whole number"),
        (["job", "--index", "1_0"], "is not a whole number"),
        (["job", "more\x1b[31m"], "unrecognized arguments: more\\x1b[31m"),
        (["--from", "", "job"], "snapshots: '' is empty"),
    ],
)
def test_arguments_refused(capsys, arguments, told):
    """Exit code 2 and one line."""
    parser = command.parser("observe", "about")
    command.accept_snapshots(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    line = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and told in line and len(line) < LONGEST + 60


@pytest.mark.parametrize("name", ["DCL_JOB", "DCL_RUNS"])
def test_variables_are_not_empty(monkeypatch, capsys, name):
    """As on the command line."""
    monkeypatch.setenv(name, "")
    with pytest.raises(SystemExit):
        command.parser("status", "about").parse_args([])
    assert "'' is empty" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["²", "-1", "1.0", "x" * 500, "9" * 5000])
def test_variables_that_are_no_numbers(monkeypatch, capsys, text):
    """One line that names it, also from a command."""
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", text)
    with pytest.raises(UserError, match=r"SLURM_STEP_NUM_TASKS = .* is not a whole number"):
        environment.number("SLURM_STEP_NUM_TASKS")
    with pytest.raises(SystemExit) as ended:
        mpi.run(lambda comm: 0)
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "")
    assert environment.number("SLURM_STEP_NUM_TASKS") is None


def _link(path):
    path.symlink_to("/nowhere/at/all")


@pytest.mark.parametrize(
    "make",
    [
        _link,
        Path.mkdir,
        os.mkfifo,
        lambda path: path.write_bytes(bytes(range(256))),
        lambda path: path.write_text("[" * 3000),
        lambda path: path.write_bytes(b"x" * 10**5),
        lambda path: path.write_text('{"host": 1}'),
    ],
    ids=["link", "folder", "pipe", "binary", "deep", "long", "other"],
)
def test_a_lock_that_is_none_of_ours(tmp_path, make):
    """It is told, and stays; nobody waits for it."""
    path = tmp_path / ".observe.lock"
    make(path)
    with (
        pytest.raises(UserError, match=r"is damaged.*remove it if nothing works on this run"),
        Lock(path, "me"),
    ):
        pass
    assert os.path.lexists(path) and list(tmp_path.iterdir()) == [path]


def test_ranks_are_told_which_job(monkeypatch, tmp_path, tiny_job, capfd):
    """That no job is named is said once: the ranks are given the name."""
    (tmp_path / "jobs").mkdir()
    shutil.copy(tiny_job, tmp_path / command.DEFAULT_JOB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DCL_JOB", raising=False)
    monkeypatch.setattr(sys, "argv", ["run", "--ranks", "2"])
    given = []
    monkeypatch.setattr(launch, "start_ranks", lambda *arguments: sys.exit(given.append(arguments)))
    with pytest.raises(SystemExit):
        runpy.run_module("dcl_hpc.run", run_name="__main__")
    assert given == [("dcl_hpc.run", 2, ["--ranks", "2", command.DEFAULT_JOB])]
    assert capfd.readouterr().err.count("no job is named") == 1
