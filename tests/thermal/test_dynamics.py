"""The dynamics: forces, energy, temperature, reversibility, walls, and the same bits however they are run."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.thermal.dynamics import Dynamics
from dcl_hpc.thermal.machine import Machine, State, energies, start

MACHINE = Machine(depth=3, width=6, images=8, inputs=12, scale="fan_in")
KEYS = np.array([[1, 1], [1, 2], [5, 1]], np.uint64)


@cache
def frictionless(dt):
    """Dynamics of MACHINE without friction and noise, which several tests use: compiling takes long."""
    return Dynamics(MACHINE, 0.0, dt, 0.0, precision="double")


def data(machine, n, constant=4):
    """Random images, some of whose pixels are constant, and labels."""
    random = np.random.default_rng(1)
    inputs = random.choice(np.array([-1, 1], np.int8), (n, machine.images, machine.inputs))
    inputs[:, :, -constant:] = inputs[:, :1, -constant:]
    return inputs, random.choice(np.array([-1, 1], np.int8), (n, machine.images, machine.outputs))


def turned(dynamics, state, inputs, labels, dt):
    """State with the velocities dt later (a kick)."""
    on_neurons, on_weights = dynamics.forces(state, inputs, labels)
    velocities = state.neuron_velocities + dt * on_neurons, state.weight_velocities + dt * on_weights
    return State(state.neurons, state.weights, *velocities)


def total(dynamics, state, inputs, labels):
    """Energies with the velocities of the time of the positions."""
    whole = turned(dynamics, state, inputs, labels, dynamics.dt / 2)
    return sum(part.sum(axis=1) for part in energies(dynamics.machine, whole, inputs, labels))


@pytest.mark.parametrize("scale", ["width", "none"])
@pytest.mark.parametrize("inputs", [12, 70])
def test_forces(scale, inputs):
    """Against automatic differentiation, with all pixels' columns and with constant ones lumped."""
    machine = Machine(4, 5, 7, inputs, 2, scale)
    images, labels = data(machine, 2, constant=inputs // 2)
    state = start(machine, KEYS[:2], "double", 1.0)
    found = Dynamics(machine, 1.0, 1e-2, 1e-3, precision="double").forces(state, images, labels)
    neurons, weights = (
        tf.constant(state.neurons),
        [tf.constant(part) for part in machine.split(state.weights)],
    )
    with tf.GradientTape() as tape:
        tape.watch([neurons, weights])
        layers = [tf.cast(images, tf.float64), *tf.unstack(neurons, axis=1), tf.cast(labels, tf.float64)]
        energy = 0.0
        for scale, part, before, after in zip(machine.scales, weights, layers, layers[1:], strict=False):
            misfit = after - tf.tanh(scale * tf.matmul(before, part, transpose_b=True))
            energy += tf.sqrt(tf.reduce_sum(misfit**2, axis=(1, 2)))
    on_neurons, on_weights = tape.gradient(energy, [neurons, weights])
    assert found[0] == pytest.approx(-on_neurons.numpy(), abs=1e-12)
    flat = np.concatenate([part.numpy().reshape(2, -1) for part in on_weights], axis=1)
    assert found[1] == pytest.approx(-flat, abs=1e-12)


def test_energy():
    """Without friction the energy's error falls as dt^2; hits at walls add errors of either sign, as dt."""
    inputs, labels = data(MACHINE, 3)
    away, free = [], start(MACHINE, KEYS, "double", 0.02)
    free.neurons *= 0.3
    free.weights *= 0.3
    walls, full = [], start(MACHINE, KEYS, "double", 0.1)
    for dt in (0.04, 0.01):
        dynamics = frictionless(dt)
        for state, errors, time in ((free, away, 1.0), (full, walls, 8.0)):
            end = dynamics.advance(state, inputs, labels, KEYS, 0, round(time / dt))
            assert (np.max(np.abs(end.neurons)) > 0.95) == (state is full)
            change = total(dynamics, end, inputs, labels) - total(dynamics, state, inputs, labels)
            errors.append(np.sqrt(np.mean(change**2)))
    assert away[0] / away[1] == pytest.approx(16, rel=0.1)
    assert walls[1] < walls[0] / 2 < 0.05


def test_reversible():
    """Velocities turned round in the middle of a step lead back, walls or not."""
    inputs, labels = data(MACHINE, 3)
    dynamics = frictionless(0.01)
    state = start(MACHINE, KEYS, "double", 0.1)
    there = turned(
        dynamics, dynamics.advance(state, inputs, labels, KEYS, 0, 500), inputs, labels, dynamics.dt
    )
    there.neuron_velocities *= -1
    there.weight_velocities *= -1
    back = dynamics.advance(there, inputs, labels, KEYS, 0, 500)
    assert np.max(np.abs(there.weights - state.weights)) > 0.1
    assert back.neurons == pytest.approx(state.neurons, abs=1e-10)
    assert back.weights == pytest.approx(state.weights, abs=1e-10)


def test_walls():
    """A step without friction, written out; what crosses a wall is reflected with its velocity."""
    inputs, labels = data(MACHINE, 3)
    dynamics = frictionless(0.04)
    state = start(MACHINE, KEYS, "double", 25.0)
    on_neurons, on_weights = dynamics.forces(state, inputs, labels)
    end = dynamics.advance(state, inputs, labels, KEYS, 0, 1)
    for x, v, force, x_end, v_end in (
        (state.neurons, state.neuron_velocities, on_neurons, end.neurons, end.neuron_velocities),
        (state.weights, state.weight_velocities, on_weights, end.weights, end.weight_velocities),
    ):
        v = v + 0.04 * force
        x = x + 0.04 * v
        assert np.any(x > 1) and np.any(x < -1)
        x, v = np.where(x > 1, 2 - x, x), np.where(np.abs(x) > 1, -v, v)
        x = np.where(x < -1, -2 - x, x)
        assert x_end == pytest.approx(x, abs=1e-12)
        assert v_end == pytest.approx(v, abs=1e-12)


@pytest.mark.parametrize(
    ("thermostat", "expected", "error"), [("balanced", 1.0, 0.01), ("printed", 1 / 11, 0.03)]
)
def test_temperature(thermostat, expected, error):
    """T_kin = T with the balanced thermostat, and far below with the printed one, at a large dt."""
    machine = Machine(depth=2, width=10, images=200, inputs=12)
    inputs, labels = data(machine, 1)
    dynamics = Dynamics(machine, 1e-2, 0.1, 0.2, thermostat)
    state = start(machine, KEYS[:1], "single", 1e-2 * expected)
    square = []
    for step in range(0, 5000, 50):
        state = dynamics.advance(state, inputs, labels, KEYS[:1], step, 50)
        velocities = np.concatenate([state.neuron_velocities.ravel(), state.weight_velocities.ravel()])
        square.append(np.mean(velocities**2))
    assert np.mean(square[20:]) == pytest.approx(1e-2 * expected, rel=error)


@cache
def noisy():
    """Dynamics with products so long that several threads would share them."""
    return Dynamics(Machine(depth=2, width=10, images=2000), 1e-2, 1e-2, 1e-2)


def trajectory(first=0, last=3, cuts=(20,)):
    """States after steps 5 to 24."""
    dynamics = noisy()
    inputs, labels = (part[first:last] for part in data(dynamics.machine, 3, constant=259))
    keys = KEYS[first:last]
    state, step = start(dynamics.machine, keys, "single", 1e-2), 5
    for steps in cuts:
        state, step = dynamics.advance(state, inputs, labels, keys, step, steps), step + steps
    return state


def test_same_bits():
    """Alone or with others, in one call or in several, whatever the number of threads."""
    whole, parts, alone = trajectory(), trajectory(cuts=(7, 13)), trajectory(1, 2)
    for name, values in vars(whole).items():
        assert np.array_equal(values, getattr(parts, name)), name
        assert np.array_equal(values[1:2], getattr(alone, name)), name
    assert np.all(whole.weights[0] != whole.weights[1])
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_dynamics as t;"
    code += "print(t.trajectory(1, 2).weights.tobytes().hex())"
    found = []  # in processes of their own, since TensorFlow may be at work here already, in several threads
    for threads in "12":
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"TF_NUM_INTRAOP_THREADS": threads},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(done.stdout.split()[-1])
    assert found[0] == found[1]


def test_equilibrium():
    """<E_l> = T M N_l before the last layer, where any misfit is a shift of the neurons.

    The last one's is larger, since tanh does not reach the labels.
    """
    machine = Machine(depth=4, width=10, images=50, inputs=20)
    inputs, _ = data(machine, 1)
    labels = np.stack([inputs[:, :, 0], -inputs[:, :, 0]], axis=2)  # easy to learn: no glass
    dynamics = Dynamics(machine, 1e-5, 1e-2, 1e-3)
    state, step, found = start(machine, KEYS[:1], "single", 1e-5), 20000, []
    state = dynamics.advance(state, inputs, labels, KEYS[:1], 0, step)
    for step in range(20000, 60000, 200):
        state = dynamics.advance(state, inputs, labels, KEYS[:1], step, 200)
        found.append(energies(machine, state, inputs, labels)[0][0])
    expected = 1e-5 * machine.images * np.array(machine.widths[1:])
    ratio = np.mean(found, axis=0) / expected
    assert ratio[:-1] == pytest.approx(1, abs=0.05)
    assert ratio[-1] > 1
