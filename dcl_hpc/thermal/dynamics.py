"""Molecular dynamics of the machine, compiled by TensorFlow (XLA).

A step of leap-frog with friction and noise (arXiv:2506.06789, App. C) is, for every neuron and weight x
with velocity v and force F = -dH/dx, mass 1,

    v <- v + F dt,   x <- x + v dt / 2,   v <- (1 - eta) v + sqrt(eta (2 - eta) T) delta,   x <- x + v dt / 2,

with elastic walls at x = -1 and 1. Seen before the friction, the velocity goes (1 - eta) v + F dt + noise.
Friction in the middle of the drift (BAOAB: Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34)
makes both <v^2> = T and the spread of x exact in a harmonic well, whatever dt.

The energy's error falls as dt^2, but for hits at walls: the force changes sign within such a step, which adds
an error of either sign that falls as dt.

E_l has a cone's tip at 0. In equilibrium <E_l> = T M N_l for l < L, where any misfit is a shift of the
neurons (the Jacobian is 1), and more for the last layer, whose labels tanh does not reach. A motion at this
distance from the tip has frequency E_l^(-1/2), or along weights up to c_l times the largest singular value
of S_{l-1} more; dt must stay well below 2 over the largest, or the layer cannot cool down.
"""

from functools import partial

import numpy as np
import tensorflow as tf

from . import noise
from .inputs import Inputs
from .machine import PRECISIONS, Machine, State, noise_keys
from .threads import use_one

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
        Its kinetic temperature is about dt T.
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
        self.kind = PRECISIONS[precision]
        over = {"balanced": 1.0, "printed": dt}[thermostat]
        self.kept = 1 - eta * over
        self.amplitude = (eta * (2 - eta) * temperature) ** 0.5 * over
        use_one()
        self._advance = tf.function(self._steps, jit_compile=True)
        self._find_forces = tf.function(self._forces, jit_compile=True)

    def advance(self, state: State, inputs, labels, keys, step: int, n_steps: int) -> State:
        """Trajectories after n_steps steps, numbered step ... step + n_steps - 1.

        Each depends on its key, start and data and on the numbers of the steps alone, bit for bit: not on
        the others, nor on how steps are cut into calls. It takes one thread: ranks share trajectories out.

        Parameters
        ----------
        state : State
        inputs, labels : ndarray of int8, shapes (n, M, N_0) and (n, M, N_L)
            +1 or -1.
        keys : ndarray of uint64, shape (n, 2)
        """
        ends = np.int64(step), np.int64(step + n_steps)
        done = []
        # one by one, since a product of many may add in another order
        for n, key in enumerate(noise_keys(keys)):
            images = Inputs(inputs[n], self.kind)
            positions, velocities = self._tensors(state, n, images)
            moved = self._advance(positions, velocities, images.arrays, self._columns(labels[n]), key, *ends)
            done.append(self._state(*moved, images))
        return State.join(done)

    def forces(self, state: State, inputs, labels) -> tuple[np.ndarray, np.ndarray]:
        """Forces -dH/dx on neurons (n, L-1, M, N) and weights (n, W); data as in `advance`."""
        done = []
        for n in range(len(state.weights)):
            images = Inputs(inputs[n], self.kind)
            positions, _ = self._tensors(state, n, images)
            found = self._find_forces(positions, images.arrays, self._columns(labels[n]))
            done.append(self._state(positions, found, images))
        found = State.join(done)
        return found.neuron_velocities, found.weight_velocities

    def _columns(self, rows):
        """The transpose: products and loops are quicker with the images along the rows."""
        return np.ascontiguousarray(np.swapaxes(rows, -1, -2), self.kind)

    def _tensors(self, state: State, n: int, images: Inputs):
        """Positions and velocities: neurons (N, M) of each layer, then weights (N_l, N_{l-1}) of each."""
        one = state.take(slice(n, n + 1))
        parts = (one.neurons, one.weights), (one.neuron_velocities, one.weight_velocities)
        arrays = []
        for neurons, weights in parts:
            first, *others = (part[0].astype(self.kind) for part in self.machine.split(weights))
            arrays.append([*self._columns(neurons[0]), first[:, images.order], *others])
        return arrays

    def _state(self, positions, velocities, images: Inputs) -> State:
        """State of one trajectory from tensors."""
        arrays = []
        for tensors in (positions, velocities):
            values = [np.asarray(tensor) for tensor in tensors]
            neurons, (first, *others) = values[: self.machine.depth - 1], values[self.machine.depth - 1 :]
            weights = [first[:, np.argsort(images.order)], *others]
            arrays.append(np.ascontiguousarray(np.stack(neurons).swapaxes(-1, -2))[None])
            arrays.append(np.concatenate([part.ravel() for part in weights])[None])
        return State(*arrays)

    def _steps(self, positions, velocities, images, labels, key, first, end):
        """The loop over steps."""
        shapes = [tuple(position.shape) for position in positions]
        draw = partial(noise.words, key, count=noise.n_words(self.noise, shapes))

        def step(number, words, positions, velocities):
            forces = self._forces(positions, images, labels)
            kicks = noise.numbers(self.noise, self.kind, words, shapes)
            moved = [self._move(*values) for values in zip(positions, velocities, forces, kicks, strict=True)]
            return number + 1, draw(number + 1), [x for x, _ in moved], [v for _, v in moved]

        # words are made a step ahead: XLA would else make them anew wherever they are used
        begin = (first, draw(first), positions, velocities)
        return tf.while_loop(lambda number, *_: number < end, step, begin)[2:]

    def _forces(self, positions, images, labels):
        """Forces, in the order of the positions.

        With the misfit D_l = S_l - a_l, a_l = tanh(c_l J_l S_{l-1}), and G_l = c_l D_l (1 - a_l^2) / E_l

            -dH/dS_l = J_{l+1}^T G_{l+1} - D_l / E_l,    -dH/dJ_l = G_l S_{l-1}^T.
        """
        depth = self.machine.depth
        neurons, weights = positions[: depth - 1], positions[depth - 1 :]
        pull, slopes = [], []
        for layer, after in enumerate([*neurons, labels]):
            scale = self.machine.scales[layer]
            field = weights[layer] @ neurons[layer - 1] if layer else Inputs.forward(weights[0], images)
            output = tf.tanh(scale * field)
            misfit = after - output
            # neurons first: a sum along the images alone would be made one by one
            square = tf.reduce_sum(tf.add_n(tf.unstack(misfit * misfit)))
            # at the tip of the cone, E_l = 0, the force is taken as zero
            inverse = tf.math.rsqrt(tf.maximum(square, np.finfo(self.kind).tiny))
            pull.append(inverse * misfit)
            slopes.append((scale * inverse) * (misfit * (1 - output * output)))
        hidden = range(1, depth)
        on_neurons = [tf.matmul(weights[k], slopes[k], transpose_a=True) - pull[k - 1] for k in hidden]
        on_weights = [tf.matmul(slopes[k], neurons[k - 1], transpose_b=True) for k in hidden]
        return [*on_neurons, Inputs.backward(slopes[0], images), *on_weights]

    def _move(self, position, velocity, force, kick):
        """Position and velocity of one array after a step.

        Noise is as likely as its opposite, so a wall met before the noise or after it makes no difference.
        """
        before = velocity + self.dt * force
        after = self.kept * before + self.amplitude * kick
        position += (self.dt / 2) * (before + after)
        outside = tf.abs(position) > 1
        folded = 2 * tf.clip_by_value(position, -1, 1) - position
        return folded, tf.where(outside, -after, after)
