"""Batches that do not depend on the ranks, and a training that learns and resumes bit by bit."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.errors import UserError
from dcl_hpc.inference.invariance import Invariance
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.operations import site_permutations
from dcl_hpc.physics.unwrap import spiral
from dcl_hpc.training.batches import Batches
from dcl_hpc.training.data_parallel import SingleProcess
from dcl_hpc.training.loop import Adam, Trainer

MODEL, TEMPERATURE = hamiltonian.ising(Lattice((2, 3))), 3.0
STATES = exact.all_states(2, 6)
LN_P = -MODEL.energy(STATES) / TEMPERATURE - exact.enumerate_states(MODEL, TEMPERATURE).ln_z
PROGRESS = SimpleNamespace(step=lambda n, note: None)


class Source:
    """Rows kept in memory."""

    def __init__(self, *columns):
        self.columns, self.n = columns, len(columns[0])

    def read(self, start, stop):
        """Rows start..stop-1."""
        assert 0 <= start < stop <= self.n
        return [column[start:stop] for column in self.columns]


def numbered(n=2345):
    """Rows that are their own numbers."""
    return Source(np.arange(n), np.arange(n) * 2)


def rows_of(batches, epoch, first=0):
    """Row numbers of this rank's parts."""
    return [part[0] for part in batches.epoch(epoch, first)]


def samples(n=12_000):
    """Exact, independent Boltzmann samples of 2x3 Ising."""
    return STATES[np.random.default_rng(1).choice(64, n, p=np.exp(LN_P))]


def trainer(
    states, epochs=2, seed=3, rate=1e-2, batch=100, patience=None, validations=1, average=0.0, symmetry=None
):
    """A tiny RNN and its trainer."""
    order = spiral(Lattice((2, 3)))
    network = Gru(np.random.default_rng(seed), 8, n_states=2, order=order, positional=True)
    settings = SimpleNamespace(
        epochs=epochs,
        learning_rate=rate,
        warmup=0.05,
        clip=1.0,
        decay="cosine",
        patience=patience,
        validations=validations,
        average=average,
    )
    batches = Batches(Source(states), batch, 0.1, seed, 0, 1, symmetry)
    variables = network.trainable_variables
    return network, Trainer(
        variables, lambda s, seed=None: -network.log_prob(s, seed), batches, SingleProcess(), settings
    )


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


def turning():
    """Configurations of 2x3 sites, shown in the images that the lattice and spin inversion give."""
    symmetry = Invariance(site_permutations(Lattice((2, 3))), np.array([[0, 1], [1, 0]], np.uint8))

    def batches(rank=0, size=1, symmetry=symmetry):
        return Batches(Source(samples(1000), np.arange(1000)), 100, 0.1, 7, rank, size, symmetry)

    return symmetry, batches


@pytest.mark.parametrize("size", [2, 3])
def test_images_do_not_depend_on_ranks_or_restarts(size):
    """All ranks' parts are the batches of one rank, also from a later step on."""
    _, batches = turning()
    alone = list(batches().epoch(2))
    parts = [list(batches(rank, size).epoch(2, 4)) for rank in range(size)]
    for step, (states, numbers) in enumerate(alone[4:]):
        assert np.array_equal(np.concatenate([part[step][0] for part in parts]), states)
        assert np.array_equal(np.concatenate([part[step][1] for part in parts]), numbers)


def test_images_are_those_of_the_operations():
    """Each configuration becomes one of its images, other ones each time; what is held out stays as it is."""
    symmetry, batches = turning()
    states, images = samples(1000), []
    for image, numbers in batches().epoch(0):
        own = list(symmetry.images(states[numbers].T, range(len(symmetry))))
        assert (np.array(own).transpose(0, 2, 1) == image).all(axis=2).any(axis=0).all()
        images.append(image)
    others = [image for image, _ in batches().epoch(1)]
    assert not np.array_equal(
        np.sort(np.concatenate(images), axis=0), np.sort(np.concatenate(others), axis=0)
    )
    for row, (held, _) in batches().held_out():
        assert np.array_equal(held, states[900 + row :][: len(held)])


def test_images_spare_observations():
    """From 135 observations of 2x3 Ising: less than half the divergence."""
    found = []
    for symmetry in (None, turning()[0]):
        network, training = trainer(samples(150), epochs=60, batch=50, symmetry=symmetry)
        assert training.run(lambda: None, PROGRESS, lambda: False)
        training.use_best()
        found.append(float(np.exp(LN_P) @ (LN_P - network.log_prob(STATES).numpy())))
    assert found[1] < found[0] / 2


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


def test_adam_is_the_published_one():
    """Three steps by hand: bias-corrected moments, warm-up, cosine decay, clipping by norm."""
    variable = tf.Variable([1.0, -2.0])
    adam = Adam([variable], 0.1, 10, 0.2, 1.0)
    gradients = [[3.0, 4.0], [0.1, -0.2], [0.5, 0.5]]
    x, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate(gradients, 1):
        adam.apply([tf.constant(g)])
        g = np.array(g) / max(1, np.linalg.norm(g))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        decay = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * max(0, (t - 2) / 8)))
        rate = 0.1 * min(t / 2, decay)
        x -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        assert variable.numpy() == pytest.approx(x, abs=1e-4)


def test_training_learns_the_distribution():
    """The KL divergence to the exact P of 2x3 Ising, summed over all 64 states, becomes small."""
    states = samples()
    network, training = trainer(states, epochs=4)

    def kl():
        return float(np.exp(LN_P) @ (LN_P - network.log_prob(STATES).numpy()))

    assert kl() > 0.1
    codes = 2 ** np.arange(5, -1, -1) @ states[training.batches.n_training :].T
    assert training.run(lambda: None, PROGRESS, lambda: False, -LN_P[codes])
    assert kl() < 0.01
    assert training.history["excess"][-1] == pytest.approx(kl(), abs=0.02)
    entropy = -LN_P[codes].mean()
    excess = training.history["validation"][-1] - entropy
    assert excess == pytest.approx(training.history["excess"][-1], abs=1e-5)
    assert {len(curve) for curve in training.history.values()} == {4}


def test_averaged_weights_by_hand():
    """Three steps with a memory of two: plain means until it is full, then exponential ones; kept."""
    network, training = trainer(samples(340), epochs=1, average=2 / 3)
    steps, variable = [], network.trainable_variables[0]
    step = training._step
    training._step = lambda *columns: (step(*columns), steps.append(variable.numpy()))[0]
    assert training.run(lambda: None, PROGRESS, lambda: False)
    one, two, three = steps
    expected = ((one + two) / 2 + three) / 2
    assert training.averages[0].numpy() == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(variable.numpy(), three)
    training.use_best()
    assert variable.numpy() == pytest.approx(expected, abs=1e-6) and np.abs(expected - three).max() > 1e-4
    assert training.validate()[0] == pytest.approx(training.history["validation"][0], abs=1e-6)


@pytest.mark.parametrize("average", [0.0, 0.3])
def test_interrupted_training_ends_bit_by_bit_the_same(average):
    """Stopped half way, restored into a new network and continued: the same weights and curves."""
    states = samples(4000)
    _, whole = trainer(states, average=average)
    assert whole.run(lambda: None, PROGRESS, lambda: False)

    saved = {}
    _, first = trainer(states, average=average)

    def save():
        saved.update(state=first.state, arrays=first.arrays(), history=first.history)

    stops = iter([False] * 5 + [True])  # asked at steps 10, 20, 30, the end of the epoch, 10, 20
    assert not first.run(save, PROGRESS, lambda: next(stops))
    assert (saved["state"].epoch, saved["state"].step) == (1, 20)

    _, second = trainer(states, seed=3, average=average)
    for variable in (*second.variables, *second.averages):
        variable.assign(tf.zeros_like(variable))
    second.restore(saved["state"], saved["arrays"], saved["history"])
    assert second.run(lambda: None, PROGRESS, lambda: False)
    assert second.history == whole.history
    expected = whole.arrays()
    for name, array in second.arrays().items():
        assert np.array_equal(array, expected[name]), name


def test_validations_within_an_epoch():
    """Held-out losses at equal stretches of an epoch, each with the mean of the batches since the last."""
    states = samples(4000)
    _, often = trainer(states, validations=3)
    _, once = trainer(states)
    seen, losses = [], []
    often.run(lambda: None, PROGRESS, lambda: False, None, lambda step, values: seen.append((step, values)))
    once.run(lambda: None, PROGRESS, lambda: False, None, lambda step, values: losses.append(values))
    assert often.history["epoch"] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2], abs=1 / 36)
    assert [often.history["validation"][k] for k in (2, 5)] == once.history["validation"]
    assert np.mean(often.history["training"][:3]) == pytest.approx(once.history["training"][0], rel=1e-6)
    steps = [step for step, values in seen if "validation" in values]
    assert steps == [12, 24, 36, 48, 60, 72]
    rates = [values["learning_rate"] for values in losses if "learning_rate" in values]
    assert len(rates) == 6 and rates[0] > rates[-1] > 0  # steps 10, 20, 30 of both epochs


def test_interruption_between_validations():
    """Stopped after the first of two validations of an epoch: the same curves in the end."""
    states = samples(4000)
    _, whole = trainer(states, validations=2)
    assert whole.run(lambda: None, PROGRESS, lambda: False)
    saved = {}
    _, first = trainer(states, validations=2)

    def save():
        saved.update(state=first.state, arrays=first.arrays(), history=first.history)

    stops = iter([False, False, True])  # asked at steps 10, 18 and 20
    assert not first.run(save, PROGRESS, lambda: next(stops))
    assert (saved["state"].step, saved["state"].summed) == (20, 2)
    _, second = trainer(states, validations=2)
    second.restore(saved["state"], saved["arrays"], saved["history"])
    assert second.run(lambda: None, PROGRESS, lambda: False)
    assert second.history == whole.history


def test_losses_of_held_out_rows():
    """One loss for each validation row, in order; their mean is the validation loss."""
    states = samples(2000)
    network, training = trainer(states)
    losses = training.held_out_losses()
    assert losses == pytest.approx(-network.log_prob(states[-200:]).numpy(), abs=1e-5)
    assert training.validate()[0] == pytest.approx(losses.mean())


def test_best_weights_are_those_of_the_lowest_validation_loss():
    """use_best goes back to the epoch of the smallest held-out loss."""
    _, training = trainer(samples(2000), epochs=3)
    training.run(lambda: None, PROGRESS, lambda: False)
    best = min(training.history["validation"])
    assert training.state.best == best
    training.use_best()
    assert training.validate()[0] == pytest.approx(best, abs=1e-9)


def test_checkpoints_at_the_end_of_every_epoch():
    """save is called with the state that comes next."""
    _, training = trainer(samples(2000), epochs=3)
    seen = []
    training.run(lambda: seen.append((training.state.epoch, training.state.step)), PROGRESS, lambda: False)
    assert seen == [(1, 0), (2, 0), (3, 0)]


def test_a_loss_that_is_not_finite_ends_the_training():
    """Diverged weights raise an error that says what to do, and no checkpoint is written."""
    network, training = trainer(samples(2000))
    network.recurrent[0].assign(tf.fill(network.recurrent[0].shape, np.float32("nan")))
    saves = []
    with pytest.raises(UserError, match="learning_rate"):
        training.run(lambda: saves.append(1), PROGRESS, lambda: False)
    assert saves == []


def test_early_stopping():
    """Training ends after `patience` epochs without improvement and keeps the best weights."""
    _, learner = trainer(samples(), epochs=60, rate=0.3, patience=3)
    assert learner.run(lambda: None, PROGRESS, lambda: False)
    losses = learner.history["validation"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 60
    learner.use_best()
    assert learner.validate()[0] == pytest.approx(losses[best], rel=1e-6)


def test_constant_learning_rate():
    """Without decay the rate stays where the warm-up ended."""
    constant = Adam([tf.Variable(1.0)], 0.1, 1000, 0.1, 1.0, "none")
    rates = [float(constant.learning_rate(tf.constant(float(k)))) for k in (50, 100, 500, 1000)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1])
