"""The test set is drawn by all ranks together, and is the same on any number of them."""

import shutil

import h5py
import numpy as np
import pytest

# A local energy without training, and levels.ladders = 4.
SETTINGS = (
    'sweep.energies=["ednn"]', 'ednn.fit="clusters"', "ednn.focus=1", "ednn.samples=2000", "levels.ladders=4",
    "levels.per_level=20", "levels.max_sweeps=1200",
)  # fmt: skip


@pytest.fixture
def evaluation(dcl, tmp_path):
    """Path of the evaluation on so many ranks, after one fit on one rank."""
    changes = [argument for setting in SETTINGS for argument in ("--set", setting)]
    begun = tmp_path / "begun"
    for stage in ("observe", "train"):
        done = dcl(stage, *changes, folder=begun)
        assert done.returncode == 0, done.stderr

    def run(ranks):
        folder = tmp_path / f"ranks_{ranks}"
        shutil.copytree(begun, folder)
        done = dcl("evaluate", *changes, ranks=ranks, folder=folder)
        assert done.returncode == 0, done.stderr
        return folder / "tiny" / "evaluation.h5"

    return run


def test_any_number_of_ranks_draws_the_same_test_set(evaluation, contents, assert_same):
    """Also on more ranks than ladders."""
    assert_same(*(contents(evaluation(ranks)) for ranks in (1, 3, 5)))


def test_configurations_come_from_several_ladders(evaluation):
    """The file tells which; every ladder takes part, none has a level for itself."""
    with h5py.File(evaluation(1)) as file:
        ladder, energy = file["test/ladder"][()], file["test/energy/true"][()]
    assert sorted(set(ladder.tolist())) == [0, 1, 2, 3]
    for level in np.unique(energy)[1:-1]:
        assert len(set(ladder[energy == level].tolist())) > 1
