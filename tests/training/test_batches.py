"""Batches that depend neither on the ranks nor on restarts, and images by symmetries."""

import numpy as np
import pytest

from dcl_hpc.training.batches import Batches

from .boltzmann import SYMMETRY, Source, samples


def numbered(n=2345):
    """Rows that are their own numbers."""
    return Source(np.arange(n), np.arange(n) * 2)


def rows_of(batches, epoch, first=0):
    """Row numbers of this rank's parts."""
    return [part[0] for part in batches.epoch(epoch, first)]


@pytest.mark.parametrize("batch", [32, 64, 100, 128, 300, 500, 1000])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_ranks_share_the_global_batch(batch, size):
    """The union of all ranks' parts is the batch of one rank, without repetition."""
    alone = rows_of(Batches(numbered(), batch, 0.1, 7, 0, 1), 1)
    parts = [rows_of(Batches(numbered(), batch, 0.1, 7, rank, size), 1) for rank in range(size)]
    assert len(alone) == 2110 // batch
    for step, expected in enumerate(alone):
        union = np.concatenate([part[step] for part in parts])
        assert len(union) == batch
        assert np.array_equal(np.sort(union), np.sort(expected))


def test_an_epoch_has_each_row_at_most_once():
    """Batches of an epoch do not overlap and hold no validation row."""
    batches = Batches(numbered(), 100, 0.1, 7, 0, 1)
    rows = np.concatenate(rows_of(batches, 0))
    assert len(np.unique(rows)) == len(rows) == 2100
    assert rows.max() < batches.n_training == 2110


def test_epochs_and_seeds_are_shuffled_differently():
    """The order depends on the seed and the epoch, and is the same again."""
    batches, other = (Batches(numbered(), 100, 0.1, seed, 0, 1) for seed in (7, 8))
    first = np.concatenate(rows_of(batches, 0))
    assert np.array_equal(first, np.concatenate(rows_of(batches, 0)))
    assert not np.array_equal(first, np.concatenate(rows_of(batches, 1)))
    assert not np.array_equal(first, np.concatenate(rows_of(other, 0)))
    assert not np.array_equal(first, np.sort(first))


def test_columns_stay_together():
    """All columns of a batch have the same rows."""
    for rows, doubled in Batches(numbered(), 100, 0.1, 7, 0, 1).epoch(0):
        assert np.array_equal(2 * rows, doubled)


@pytest.mark.parametrize("first", [0, 1, 7, 20])
def test_an_epoch_resumes_at_any_step(first):
    """From step k on the batches are those of the whole epoch."""
    for rank in range(2):
        batches = Batches(numbered(), 100, 0.1, 7, rank, 2)
        whole, rest = rows_of(batches, 3), rows_of(batches, 3, first)
        assert len(rest) == 21 - first
        assert np.array_equal(np.concatenate(whole[first:]), np.concatenate(rest))


def turning(rank=0, size=1):
    """Batches of configurations, shown in the images that the lattice and spin inversion give."""
    return Batches(Source(samples(1000), np.arange(1000)), 100, 0.1, 7, rank, size, SYMMETRY)


@pytest.mark.parametrize("size", [2, 3])
def test_images_do_not_depend_on_ranks_or_restarts(size):
    """All ranks' parts are the batches of one rank, also from a later step on."""
    alone = list(turning().epoch(2))
    parts = [list(turning(rank, size).epoch(2, 4)) for rank in range(size)]
    for step, (states, numbers) in enumerate(alone[4:]):
        assert np.array_equal(np.concatenate([part[step][0] for part in parts]), states)
        assert np.array_equal(np.concatenate([part[step][1] for part in parts]), numbers)


def test_images_are_those_of_the_operations():
    """Each configuration becomes one of its images, other ones each time; what is held out stays as it is."""
    states, images = samples(1000), []
    for image, numbers in turning().epoch(0):
        own = list(SYMMETRY.images(states[numbers].T, range(len(SYMMETRY))))
        assert (np.array(own).transpose(0, 2, 1) == image).all(axis=2).any(axis=0).all()
        images.append(image)
    others = [image for image, _ in turning().epoch(1)]
    assert not np.array_equal(
        np.sort(np.concatenate(images), axis=0), np.sort(np.concatenate(others), axis=0)
    )
    for row, (held, _) in turning().held_out():
        assert np.array_equal(held, states[900 + row :][: len(held)])


@pytest.mark.parametrize("size", [1, 2, 4])
def test_validation_rows_are_shared_among_ranks(size):
    """Every held-out row is read once by one rank, numbered from the first of them."""
    found = []
    for rank in range(size):
        batches = Batches(numbered(), 100, 0.1, 7, rank, size)
        for row, columns in batches.held_out(chunk=50):
            assert columns[0][0] == 2110 + row
            found.append(columns[0])
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(2110, 2345))


@pytest.mark.parametrize(("n", "batch", "validation"), [(100, 96, 0.05), (100, 10, 0.0), (50, 100, 0.1)])
def test_too_few_rows_are_refused(n, batch, validation):
    """There is at least one batch and one validation row."""
    with pytest.raises(ValueError, match="too few"):
        Batches(numbered(n), batch, validation, 1, 0, 1)
