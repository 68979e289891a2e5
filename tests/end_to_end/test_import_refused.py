"""Imports that do not fit what is there or what is asked for are refused, and nothing is replaced."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from .imports import STATES, N, refused


def test_import_needs_room(dcl, source, runs, monkeypatch):
    """Nothing is begun that the disk cannot hold, however small the file is that unpacks to it."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=N * 60 - 1))
    message = refused(dcl("observe", "--from", source))
    assert f"{N} configurations take {N * 60 / 2**30:.3g} GiB, " in message and "make room" in message
    assert not runs.exists()


@pytest.mark.parametrize("complete", [True, False])
def test_second_source_is_refused(dcl, interrupted, source, observations, tmp_path, complete):
    """Observations of another source are neither replaced nor continued, nor those of a changed one."""
    if complete:
        assert dcl("observe", "--from", source).returncode == 0
    else:
        interrupted(source, 40, "SIGKILL")
    before = observations.read_bytes()
    np.savez(tmp_path / "other.npz", a=STATES, b=STATES)
    message = refused(dcl("observe", "--from", f"{tmp_path}/other.npz:b"))
    assert f"observations.h5 was imported from {source}, not from {tmp_path}/other.npz:" in message
    assert "choose another name (--set name=NEW)" in message
    assert "or make it anew with --update (the old file is moved aside, not deleted)" in message
    np.save(source, STATES[::-1])
    assert f"was imported from {source}, which has changed since;" in refused(
        dcl("observe", "--from", source)
    )
    assert observations.read_bytes() == before


def test_imported_observations_are_not_replaced_by_simulated_ones(dcl, source, observations):
    """What takes their place has to be said; without that nothing is moved."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    for command in ("observe", "run"):
        message = refused(dcl(command, "--update", "--set", "observe.temperature=4.5"))
        assert f"was imported from {source}: say with --from which snapshots" in message
    assert observations.read_bytes() == before and not (observations.parent / "old").exists()
    done = dcl("observe", "--update", "--from", source, "--set", "observe.temperature=4.5")
    assert done.returncode == 0 and (observations.parent / "old" / "1" / "observations.h5").exists()


def test_array_of_the_same_file_is_another_source(dcl, observations, tmp_path):
    """Two arrays of one file are two sources."""
    np.savez(tmp_path / "x.npz", a=STATES, b=STATES)
    assert dcl("observe", "--from", f"{tmp_path}/x.npz:a").returncode == 0
    assert dcl("observe", "--from", f"{tmp_path}/x.npz:a").returncode == 0
    assert "was imported from" in refused(dcl("observe", "--from", f"{tmp_path}/x.npz:b"))


def test_own_observations_are_not_replaced(dcl, source, observations):
    """Observations of the job's own chains are kept."""
    assert dcl("observe").returncode == 0
    before = observations.read_bytes()
    message = refused(dcl("observe", "--from", source))
    assert "observations.h5 has observations of the job's own chains; choose another name" in message
    assert observations.read_bytes() == before


def test_import_for_another_job_is_refused(dcl, source, observations):
    """An import at another temperature is another job's."""
    assert dcl("observe", "--from", source).returncode == 0
    before = observations.read_bytes()
    message = refused(dcl("observe", "--from", source, "--set", "observe.temperature=3.0"))
    assert "was made by another job: observe.temperature is 4.0 there and 3.0 in this job" in message
    assert observations.read_bytes() == before


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_wrong_source_is_refused(dcl, tmp_path, runs, ranks):
    """A mistake in the source is told once, before anything is made."""
    mixed = STATES.astype(int)
    mixed[-1, 5, 5] = -1
    np.save(tmp_path / "mixed.npy", mixed)
    assert "mixes conventions" in refused(dcl("observe", "--from", tmp_path / "mixed.npy", ranks=ranks))
    assert "no.npy does not exist" in refused(dcl("observe", "--from", tmp_path / "no.npy", ranks=ranks))
    assert not runs.exists()


def test_missing_file_is_told_before_a_missing_network(dcl, tmp_path):
    """Of energies of configurations."""
    assert "no.npy does not exist" in refused(dcl("label", "--from", tmp_path / "no.npy"))
