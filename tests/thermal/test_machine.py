"""Sizes, start and energies of a machine."""

import numpy as np
import pytest

from dcl_hpc.thermal.machine import Machine, State, energies, noise_keys, start, with_velocities

KEYS = np.array([[1, 2], [1, 3], [2**63, 7]], np.uint64)


@pytest.mark.parametrize("scale", ["fan_in", "width", "none"])
def test_energies(scale):
    """Against the formula, written out neuron by neuron."""
    machine = Machine(depth=3, width=4, images=5, inputs=6, outputs=2, scale=scale)
    state = start(machine, KEYS, "double", 0.5)
    random = np.random.default_rng(1)
    inputs, labels = random.choice([-1, 1], (3, 5, 6)), random.choice([-1, 1], (3, 5, 2))
    potential, kinetic_neurons, kinetic_weights = energies(machine, state, inputs, labels)
    for n in range(3):
        layers = [inputs[n], *state.neurons[n], labels[n]]
        end = 0
        for layer, (rows, columns) in enumerate(machine.weight_shapes, start=1):
            first, end = end, end + rows * columns
            weights = state.weights[n, first:end].reshape(rows, columns)
            assert np.array_equal(weights, state.layer_weights(machine, layer)[n])
            total = 0.0
            for image in range(5):
                for i in range(rows):
                    field = sum(weights[i, j] * layers[layer - 1][image, j] for j in range(columns))
                    field *= {"fan_in": columns, "width": 4, "none": 1}[scale] ** -0.5
                    total += (layers[layer][image, i] - np.tanh(field)) ** 2
            assert potential[n, layer - 1] == pytest.approx(total**0.5, rel=1e-12)
            part = state.weight_velocities[n, first:end]
            assert kinetic_weights[n, layer - 1] == pytest.approx(np.sum(part**2) / 2)
        assert kinetic_neurons[n] == pytest.approx(np.sum(state.neuron_velocities[n] ** 2, axis=(1, 2)) / 2)
    assert end == machine.n_weights == state.weights.shape[1]


def test_start():
    """Uniform positions, velocities of the temperature, from the trajectory's own key alone."""
    machine = Machine(depth=4, width=10, images=300, inputs=784)
    state = start(machine, KEYS, "single", 1e-2)
    for positions in (state.neurons, state.weights):
        assert positions.dtype == np.float32 and np.all(np.abs(positions) < 1)
        assert np.mean(positions**2) == pytest.approx(1 / 3, rel=0.03)
    for velocities in (state.neuron_velocities, state.weight_velocities):
        assert np.mean(velocities**2) == pytest.approx(1e-2, rel=0.04)
    alone = start(machine, KEYS[1:2], "single", 1e-2)
    assert np.array_equal(alone.weights, state.weights[1:2])
    assert np.array_equal(alone.neuron_velocities, state.neuron_velocities[1:2])
    assert len(np.unique(state.weights[:, 0])) == len(np.unique(noise_keys(KEYS), axis=0)) == 3


def test_replicas():
    """The same positions, other velocities."""
    machine = Machine(depth=3, width=4, images=5, inputs=6)
    state = start(machine, KEYS, "single", 1.0)
    replicas = with_velocities(state.take([0, 0]), KEYS[1:], 1.0)
    assert np.array_equal(replicas.neurons, state.neurons[[0, 0]])
    assert np.all(replicas.weight_velocities[0] != replicas.weight_velocities[1])
    joined = State.join([state, replicas])
    assert np.array_equal(joined.take([3, 4]).weight_velocities, replicas.weight_velocities)


def test_name():
    """What scan points are called by, and their storage ratio."""
    machine = Machine(depth=10, width=10, images=2000)
    assert machine.name == "M2000-N10-L10"
    assert machine.alpha == 200
    assert machine.widths == (784, *[10] * 9, 2)
