"""Ordinary training learns what can be learned, and gives the same weights again."""

from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc import networks
from dcl_hpc.thermal.data import Subset
from dcl_hpc.thermal.machine import Machine

MACHINE = Machine(depth=3, width=4, images=60, inputs=9)


@pytest.fixture(scope="module")
def subset() -> Subset:
    """Images whose label is the sign of their middle pixel."""
    inputs = np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (100, 9))
    labels = np.stack([inputs[:, 4], -inputs[:, 4]], axis=1)
    return Subset(inputs[:60], labels[:60], inputs[60:], labels[60:])


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.02), ("sgd", 0.3)])
def test_a_rule_is_learned(subset, optimizer, rate):
    """The loss is that of the weights, falls, and images that were not seen are told right."""
    networks.start()
    from dcl_hpc.thermal import perceptron

    section = SimpleNamespace(optimizer=optimizer, learning_rate=rate, epochs=60)
    found = perceptron.train(MACHINE, subset, section, seed=3, sample=1)
    states = subset.inputs.astype(float)
    for layer, scale in zip(MACHINE.split(found.weights[None]), MACHINE.scales, strict=True):
        states = np.tanh(scale * states @ layer[0].T)
    assert found.loss[-1] == pytest.approx(((states - subset.labels) ** 2).mean(), rel=1e-4)
    assert found.loss[-1] < 0.1 < found.loss[0] and found.accuracy_tanh[-1] > 0.95
    assert len(found.loss) == len(perceptron.looked_at(section)) == perceptron.LOOKS + 1
    if optimizer == "adam":
        again = perceptron.train(MACHINE, subset, section, seed=3, sample=1)
        np.testing.assert_array_equal(found.weights, again.weights)
