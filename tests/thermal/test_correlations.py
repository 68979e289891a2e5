"""Correlations of equal and of independent states, overlaps of pairs, and the accuracy of known weights."""

import numpy as np
import pytest

from dcl_hpc.thermal import correlations
from dcl_hpc.thermal.machine import Machine

MACHINE = Machine(depth=4, width=6, images=50, inputs=9)


@pytest.fixture
def states():
    """Neurons (2, 3, 50, 6) and weights (2, n) uniform in (-1, 1), two independent trajectories."""
    random = np.random.default_rng(2)
    shape = (2, MACHINE.depth - 1, MACHINE.images, MACHINE.width)
    return random.uniform(-1, 1, shape), random.uniform(-1, 1, (2, MACHINE.n_weights))


def test_equal_states(states):
    """A state has its mean square as its correlation with itself, 1 as cosine and of signs."""
    neurons, weights = states
    found = correlations.correlation(neurons, neurons)
    np.testing.assert_allclose(found[..., 0], (neurons**2).mean(axis=(2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found[..., 1:], 1, rtol=1e-12)
    found = correlations.of_weights(MACHINE, weights, weights)
    squares = [(layer**2).mean(axis=(1, 2)) for layer in MACHINE.split(weights)]
    np.testing.assert_allclose(found[..., 0], np.transpose(squares), rtol=1e-12)
    np.testing.assert_allclose(found[..., 1:], 1, rtol=1e-12)


def test_independent_states():
    """Of independent uniform states all forms are 0 within 5 errors, and as large as these are."""
    a, b = np.random.default_rng(3).uniform(-1, 1, (2, 200, 2, 50, 6))
    found = correlations.correlation(a, b).reshape(-1, 3)
    n = 50 * 6
    expected = np.array([1 / 3, 1, 1]) / np.sqrt(n)
    assert (np.abs(found.mean(axis=0)) < 5 * expected / np.sqrt(len(found))).all()
    np.testing.assert_allclose(found.std(axis=0), expected, rtol=0.2)


def test_opposite_and_scaled(states):
    """The raw sum is linear in each state; cosine and signs see a sign, but no length."""
    neurons, _ = states
    found = correlations.correlation(neurons, -0.5 * neurons)
    whole = correlations.correlation(neurons, neurons)
    np.testing.assert_allclose(found, whole * [-0.5, -1, -1], rtol=1e-12)


def test_overlaps_are_correlations_of_pairs(states):
    """The matrix over replicas has the correlation of each pair, also in single precision."""
    neurons, weights = (x.astype(np.float32) for x in states)
    for found, pair in (
        (correlations.overlaps(neurons), correlations.correlation(neurons[:1], neurons[1:])),
        (
            correlations.overlaps_of_weights(MACHINE, weights),
            correlations.of_weights(MACHINE, weights[:1], weights[1:]),
        ),
    ):
        np.testing.assert_allclose(found[0, 1], pair[0], rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(found[0, 1], found[1, 0])


def test_accuracy_of_known_weights():
    """Weights that hand the sign of one pixel on tell images by it; turned round they are all wrong."""
    machine = Machine(depth=3, width=2, images=4, inputs=5)
    weights = [np.zeros((2, 5)), np.eye(2), np.array([[1.0, 0.0], [-1.0, 0.0]])]
    weights[0][:, 2] = 0.3
    flat = np.concatenate([layer.ravel() for layer in weights])
    inputs = np.random.default_rng(4).choice(np.array([-1, 1], np.int8), (40, 5))
    labels = np.stack([inputs[:, 2], -inputs[:, 2]], axis=1)
    both = np.stack([flat, np.concatenate([flat[:-4], -flat[-4:]])])
    np.testing.assert_array_equal(correlations.accuracy(machine, both, inputs, labels), [1, 0])
    own = np.stack([labels, -labels])
    several = correlations.accuracy(machine, both, np.stack([inputs, inputs]), own)
    np.testing.assert_array_equal(several, [1, 1])
    # one output wrong is wrong
    labels[:10, 1] *= -1
    assert correlations.accuracy(machine, both, inputs, labels)[0] == 0.75


def test_random_weights_guess():
    """Random weights get both outputs right by chance: a quarter over many networks."""
    machine = Machine(depth=3, width=7, images=4, inputs=30)
    random = np.random.default_rng(5)
    inputs = random.choice(np.array([-1, 1], np.int8), (50, 30))
    labels = random.choice(np.array([[1, -1], [-1, 1]], np.int8), 50)
    found = correlations.accuracy(machine, random.uniform(-1, 1, (2000, machine.n_weights)), inputs, labels)
    assert abs(found.mean() - 0.25) < 5 * found.std() / np.sqrt(len(found))
