"""The test set is drawn by all ranks together, and is the same on any number of them."""

import shutil

import h5py
import numpy as np
import pytest

# A local energy without training, and levels.ladders = 2.
SETTINGS = (
    'sweep.energies=["ednn"]', 'ednn.fit="clusters"', "ednn.focus=1", "ednn.samples=2000", "levels.ladders=2",
    "levels.per_level=20", "levels.max_sweeps=1200",
)  # fmt: skip


@pytest.fixture(scope="module")
def evaluations(python, command, tiny_job, tmp_path_factory):
    """Paths of the evaluations on one rank and on three, after one fit."""
    changes = [argument for setting in SETTINGS for argument in ("--set", setting)]
    one, three = (tmp_path_factory.mktemp("ranks") for _ in range(2))
    for stage in ("observe", "train"):
        done = command(stage, tiny_job, "--runs", one, *changes)
        assert done.returncode == 0, done.stderr
    shutil.copytree(one, three, dirs_exist_ok=True)
    done = command("evaluate", tiny_job, "--runs", one, *changes)
    assert done.returncode == 0, done.stderr
    done = python("-m", "dcl_hpc.evaluate", tiny_job, "--runs", three, *changes, ranks=3)
    assert done.returncode == 0, done.stderr
    return [folder / "tiny" / "evaluation.h5" for folder in (one, three)]


@pytest.mark.mpi
def test_any_number_of_ranks_draws_the_same_test_set(evaluations, contents, assert_same):
    """Also on more ranks than ladders."""
    assert_same(*map(contents, evaluations))


@pytest.mark.mpi
def test_configurations_come_from_several_ladders(evaluations):
    """The file tells which; every ladder takes part, none has a level for itself."""
    with h5py.File(evaluations[0]) as file:
        ladder, energy = file["test/ladder"][()], file["test/energy/true"][()]
    assert sorted(set(ladder.tolist())) == [0, 1]
    for level in np.unique(energy)[1:-1]:
        assert len(set(ladder[energy == level].tolist())) > 1
