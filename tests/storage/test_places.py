"""Files that are written take nobody else's place: names of their own, and nothing behind links."""

import os
import subprocess
import sys

import numpy as np
import pytest

from dcl_hpc.cluster import processes
from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import documents, weights
from dcl_hpc.storage.columns import write_columns
from dcl_hpc.storage.layout import array_field, write_file

WRITERS = {
    "a.json": lambda path: documents.write_json(path, {"a": 1}),
    "a.png": lambda path: documents.write_bytes(path, b"png"),
    "a.h5": lambda path: write_file(path, {"x": array_field(np.zeros(3), ("",), "x")}, {}, 1, 1),
    "network.h5": lambda path: weights.save(path, {}, {}, {"w": 1.0}, {}, 1, 2, 0.0),
    "a.csv": lambda path: write_columns(path, {"energy": np.zeros(2)}, {"energy": "J"}, {}),
    "a.npy": lambda path: write_columns(path, {"energy": np.zeros(2)}, {"energy": "J"}, {}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_links_are_replaced_and_not_followed(tmp_path, name, monkeypatch):
    """Neither one that has the name of the file, nor one that has that of the file beside."""
    (tmp_path / "others").mkdir()
    (tmp_path / "mine").mkdir()
    other, path = tmp_path / "others" / "data", tmp_path / "mine" / name
    other.write_text("of others")
    path.symlink_to(other)
    for planted in (f"{name}.tmp", f".{name}.tmp", "network.new.h5", "network.previous.tmp"):
        path.with_name(planted).symlink_to(other)
    for _ in range(2):
        WRITERS[name](path)
    assert path.is_file() and not path.is_symlink() and other.read_text() == "of others"
    monkeypatch.setattr(processes.secrets, "token_hex", lambda n: "0" * 2 * n)
    guessed = processes.create_beside(path)
    guessed.unlink()
    guessed.symlink_to(other)
    with pytest.raises(UserError, match="cannot write"):
        WRITERS[name](path)
    assert other.read_text() == "of others" and guessed.is_symlink()


def test_leftovers_of_the_dead_are_removed(tmp_path):
    """Those of the same file only, and not those of processes that live, or may on other hosts."""
    path = tmp_path / "a.json"
    made = f"from dcl_hpc.cluster.processes import *; print(create_beside(Path({str(path)!r})))"
    said = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=True)
    mine, dead = processes.create_beside(path), said.stdout.strip()
    assert not os.path.exists(dead)
    old, new, foreign = (tmp_path / f".{name}.00000000" for name in (
        "a.json.tmp.elsewhere.1.1", "a.json.tmp.elsewhere.2.1", "b.json.tmp.elsewhere.1.1"
    ))  # fmt: skip
    for left in (old, new, foreign):
        left.write_text("")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    documents.write_json(path, {"a": 1})
    assert sorted(tmp_path.iterdir()) == sorted([path, mine, new, foreign])


def test_nothing_is_moved_from_behind_a_link(job_file, tmp_path):
    """It may hold files of others; the folder of the run itself may be a link."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    run = Run(*jobs.load(job_file), "tiny.toml", tmp_path / "runs", 1)
    path, elsewhere = run.path("rnn"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    run.root.mkdir()
    path.parent.symlink_to(elsewhere)
    path.write_text("of others")
    with pytest.raises(UserError, match="behind a link"):
        run.move_aside(path)
    assert path.read_text() == "of others"
    path.parent.unlink()
    path.parent.mkdir()
    path.write_text("mine")
    assert run.move_aside(path).read_text() == "mine" and not path.exists()


def test_pipe_in_the_place_of_a_file(python, job_file, tmp_path):
    """Nobody waits for one who writes into it."""
    runs = tmp_path / "runs"
    run = Run(*jobs.load(job_file), "tiny.toml", runs, 1)
    run.root.mkdir(parents=True)
    os.mkfifo(run.path("observe"))
    shown = python("-m", "dcl_hpc.status", job_file, "--runs", runs, timeout=60)
    assert shown.returncode == 0 and "it is a pipe, not a file" in shown.stdout, shown
    refused = python("-m", "dcl_hpc.observe", job_file, "--runs", runs, timeout=60)
    assert refused.returncode == 2 and "it is a pipe, not a file" in refused.stderr, refused
