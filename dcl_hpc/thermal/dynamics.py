"""Molecular dynamics of the machine, compiled by TensorFlow (XLA) for CPU and GPU.

A step of leap-frog with friction and noise (arXiv:2506.06789, App. C) is, for every neuron and weight x
with velocity v and force F = -dH/dx, mass 1,

    v <- v + F dt,    x <- x + v dt / 2,    v <- (1 - eta) v + sqrt(eta (2 - eta) T) delta,    x <- x + v dt / 2,

with elastic walls at x = -1 and 1. Seen before the friction, the velocity goes (1 - eta) v + F dt + noise.
Friction in the middle of the drift (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34: BAOAB)
makes both <v^2> = T and the spread of x exact in harmonic wells, whatever dt.
"""

import numpy as np
import tensorflow as tf

from . import noise as numbers
from .machine import PRECISIONS, Machine, State, noise_keys

THERMOSTATS = ("balanced", "printed")


class Dynamics:
    """Moves trajectories of one machine.

    Parameters
    ----------
    machine : Machine
    temperature, dt, eta : float
        Temperature T, time of a step, friction.
    thermostat : "balanced" or "printed"
        "balanced" is the step above, which obeys fluctuation-dissipation: T_kin = T. "printed" takes
        friction and noise of App. C as forces, which act over dt: -eta v dt, sqrt(eta (2 - eta) T) delta dt.
        Its kinetic temperature is dt T.
    noise : "two-point", "uniform" or "normal"
        Distribution of delta, of mean 0 and variance 1.
    precision : "single" or "double"
    """

    def __init__(
        self,
        machine: Machine,
        temperature: float,
        dt: float,
        eta: float,
        thermostat: str = "balanced",
        noise: str = "two-point",
        precision: str = "single",
    ):
        self.machine, self.dt, self.noise = machine, dt, noise
        self.dtype = tf.as_dtype(PRECISIONS[precision])
        over = {"balanced": 1.0, "printed": dt}[thermostat]
        self.kept = 1 - eta * over
        self.amplitude = (eta * (2 - eta) * temperature) ** 0.5 * over
        self._compiled = tf.function(self._advance, jit_compile=True)
        self._compiled_forces = tf.function(self._forces, jit_compile=True)

    def advance(self, state: State, inputs, labels, keys, step: int, n_steps: int) -> State:
        """Trajectories after n_steps steps, numbered step ... step + n_steps - 1.

        Each depends on its key, start and data and on the numbers of the steps alone, bit for bit: not on
        the others, nor on how steps are cut into calls.

        Parameters
        ----------
        state : State
        inputs, labels : ndarray of int8, shapes (n, M, N_0) and (n, M, N_L)
            +1 or -1.
        keys : ndarray of uint64, shape (n, 2)
        """
        done = []
        for n, key in enumerate(noise_keys(keys)):
            one = slice(n, n + 1)
            data = self._data(inputs[one], labels[one])
            positions, velocities = self._tensors(state.take(one))
            moved = self._compiled(
                positions, velocities, *data, key[None], np.int64(step), np.int64(step + n_steps)
            )
            done.append(self._state(*moved))
        return State.join(done)

    def forces(self, state: State, inputs, labels) -> tuple[np.ndarray, np.ndarray]:
        """Forces -dH/dx on neurons (n, L-1, M, N) and weights (n, W); data as in `advance`."""
        positions, _ = self._tensors(state)
        found = self._state(positions, self._compiled_forces(positions, *self._data(inputs, labels)))
        return found.neuron_velocities, found.weight_velocities

    def _data(self, inputs, labels):
        """Images in both layouts that products read row by row, and labels (n, N_L, M)."""
        images = np.asarray(inputs, self.dtype.as_numpy_dtype)
        columns = np.ascontiguousarray(images.transpose(0, 2, 1))
        return images, columns, np.ascontiguousarray(np.transpose(labels, (0, 2, 1)), images.dtype)

    def _tensors(self, state: State):
        """Positions and velocities: neurons (n, N, M) of each layer, then weights (n, N_l, N_{l-1})."""
        return [
            [
                *np.ascontiguousarray(np.transpose(neurons, (1, 0, 3, 2)), self.dtype.as_numpy_dtype),
                *(np.asarray(part, self.dtype.as_numpy_dtype) for part in self.machine.split(weights)),
            ]
            for neurons, weights in (
                (state.neurons, state.weights),
                (state.neuron_velocities, state.weight_velocities),
            )
        ]

    def _state(self, positions, velocities) -> State:
        """State from tensors."""
        arrays = []
        for tensors in (positions, velocities):
            values = [np.asarray(tensor) for tensor in tensors]
            neurons, weights = values[: self.machine.depth - 1], values[self.machine.depth - 1 :]
            arrays.append(np.ascontiguousarray(np.stack(neurons, axis=1).transpose(0, 1, 3, 2)))
            arrays.append(np.concatenate([part.reshape(len(part), -1) for part in weights], axis=1))
        return State(arrays[0], arrays[1], arrays[2], arrays[3])

    def _advance(self, positions, velocities, images, columns, labels, key, first, end):
        """The loop over steps."""

        def step(number, positions, velocities):
            forces = self._forces(positions, images, columns, labels)
            moved = [
                self._move(*values, key, number, array)
                for array, values in enumerate(zip(positions, velocities, forces, strict=True))
            ]
            return number + 1, [x for x, _ in moved], [v for _, v in moved]

        loop = tf.while_loop(lambda number, *_: number < end, step, (first, positions, velocities))
        return loop[1:]

    def _forces(self, positions, images, columns, labels):
        """Forces, in the order of the positions."""
        depth = self.machine.depth
        weights = positions[depth - 1 :]
        layers = [columns, *positions[: depth - 1], labels]
        units, slopes = [], []
        for layer in range(depth):
            scale = self.machine.scales[layer]
            output = tf.tanh(scale * tf.matmul(weights[layer], layers[layer]))
            misfit = layers[layer + 1] - output
            square = tf.reduce_sum(misfit * misfit, axis=(1, 2), keepdims=True)
            # at the tip of the cone, E_l = 0, the force is taken as zero
            units.append(misfit / tf.sqrt(tf.maximum(square, np.finfo(self.dtype.as_numpy_dtype).tiny)))
            slopes.append(scale * units[-1] * (1 - output * output))
        on_neurons = [
            tf.matmul(weights[layer + 1], slopes[layer + 1], transpose_a=True) - units[layer]
            for layer in range(depth - 1)
        ]
        on_weights = [tf.matmul(slopes[0], images)]
        for layer in range(1, depth):
            on_weights.append(tf.matmul(slopes[layer], layers[layer], transpose_b=True))
        return on_neurons + on_weights

    def _move(self, position, velocity, force, key, number, array: int):
        """Position and velocity of one array after a step."""
        before = velocity + self.dt * force
        after = self.kept * before
        if self.amplitude:
            rows, columns = position.shape[1:]
            after += self.amplitude * numbers.draw(self.noise, self.dtype, key, number, array, rows, columns)
        position += (self.dt / 2) * (before + after)
        outside = tf.abs(position) > 1
        folded = 2 * tf.clip_by_value(position, -1, 1) - position
        return tf.where(outside, folded, position), tf.where(outside, -after, after)
