"""A training that learns and resumes bit by bit."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.errors import UserError
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import spiral
from dcl_hpc.training.batches import Batches
from dcl_hpc.training.data_parallel import SingleProcess
from dcl_hpc.training.loop import Adam, Trainer

from .boltzmann import LN_P, STATES, SYMMETRY, Source, samples

PROGRESS = SimpleNamespace(step=lambda n, note: None)


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


def test_images_spare_observations():
    """From 135 observations of 2x3 Ising: less than half the divergence."""
    found = []
    for symmetry in (None, SYMMETRY):
        network, training = trainer(samples(150), epochs=60, batch=50, symmetry=symmetry)
        assert training.run(lambda: None, PROGRESS, lambda: False)
        training.use_best()
        found.append(float(np.exp(LN_P) @ (LN_P - network.log_prob(STATES).numpy())))
    assert found[1] < found[0] / 2


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
