"""The machine: a multi-layer perceptron as a physical system, and its energies.

Layers l = 0 ... L of widths N_0 (image), N, ..., N, N_L (label); for each of M images a copy of the
neurons S_l, l = 1 ... L-1, and for all images together the weights J_l, l = 1 ... L, all in (-1, 1).
S_0 is the image and S_L the label. The energy (arXiv:2506.06789, Eq. 2) is

    H = sum_l E_l,    E_l = sqrt( sum_mu |S_l^mu - tanh(c_l J_l S_{l-1}^mu)|^2 ),

with c_l = N^(-1/2), the same in all layers, also in that which sees the N_0 > N pixels; N_{l-1}^(-1/2) as in
Eq. 12; or 1 as Eq. 2 is printed. H = 0 is a perceptron that knows all its images.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np

PRECISIONS = {"single": np.float32, "double": np.float64}


@dataclass(frozen=True)
class Machine:
    """Sizes of a machine, and the argument of its tanh.

    Parameters
    ----------
    depth : int
        Number L of layers of weights, at least 2.
    width, images : int
        Neurons N of a hidden layer; number M of training images.
    inputs, outputs : int
        N_0 and N_L.
    scale : "width", "fan_in" or "none"
        Factor of the argument of tanh: N^(-1/2), N_{l-1}^(-1/2) or 1. Where it is large tanh saturates, and
        the signs of a perceptron with the same weights often differ from those of the neurons.
    """

    depth: int
    width: int
    images: int
    inputs: int = 784
    outputs: int = 2
    scale: str = "width"

    @property
    def name(self) -> str:
        """Short name, such as M2000-N10-L10."""
        return f"M{self.images}-N{self.width}-L{self.depth}"

    @property
    def alpha(self) -> float:
        """Data storage ratio M / N."""
        return self.images / self.width

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """N_0 ... N_L."""
        return (self.inputs, *[self.width] * (self.depth - 1), self.outputs)

    @cached_property
    def weight_shapes(self) -> list[tuple[int, int]]:
        """(N_l, N_{l-1}) for l = 1 ... L."""
        return [(rows, columns) for columns, rows in pairwise(self.widths)]

    @cached_property
    def n_weights(self) -> int:
        """Number of all weights."""
        return sum(rows * columns for rows, columns in self.weight_shapes)

    @cached_property
    def scales(self) -> list[float]:
        """c_l for l = 1 ... L."""
        fan_in = [columns**-0.5 for _, columns in self.weight_shapes]
        every = {"fan_in": fan_in, "width": [self.width**-0.5] * self.depth, "none": [1.0] * self.depth}
        return every[self.scale]

    def split(self, weights: np.ndarray) -> list[np.ndarray]:
        """Views (n, N_l, N_{l-1}) of weights (n, W), l = 1 ... L."""
        ends = np.cumsum([rows * columns for rows, columns in self.weight_shapes])
        parts = np.split(weights, ends[:-1], axis=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, self.weight_shapes, strict=True)]


@dataclass
class State:
    """Positions and velocities of n trajectories, float32 or float64.

    A velocity belongs to the middle of the step before its position (leap-frog).

    Parameters
    ----------
    neurons, neuron_velocities : ndarray, shape (n, L-1, M, N)
    weights, weight_velocities : ndarray, shape (n, W)
        Layers l = 1 ... L in order, each (N_l, N_{l-1}) row by row.
    """

    neurons: np.ndarray
    weights: np.ndarray
    neuron_velocities: np.ndarray
    weight_velocities: np.ndarray

    def layer_weights(self, machine: Machine, layer: int) -> np.ndarray:
        """View (n, N_l, N_{l-1}) of the weights of layer l = 1 ... L."""
        return machine.split(self.weights)[layer - 1]

    def take(self, indices) -> Self:
        """Copies of these trajectories."""
        return type(self)(*(getattr(self, field.name)[indices] for field in fields(self)))

    @classmethod
    def join(cls, states: Iterable[Self]) -> Self:
        """The trajectories of all states, in order."""
        states = list(states)
        arrays = ([getattr(state, field.name) for state in states] for field in fields(cls))
        return cls(*map(np.concatenate, arrays))


def start(machine: Machine, keys: np.ndarray, precision: str, temperature: float) -> State:
    """Positions uniform in (-1, 1), velocities of the temperature.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n, 2)
        What the random numbers of each trajectory come from.
    precision : "single" or "double"
    temperature : float
        In units of the energy (k = 1, all masses 1).
    """
    shape = (machine.depth - 1, machine.images, machine.width)
    positions = []
    for random in _generators(keys, stream=0):
        positions.append([random.uniform(-1, 1, shape), random.uniform(-1, 1, machine.n_weights)])
    kind = PRECISIONS[precision]
    neurons, weights = (np.array(values, dtype=kind) for values in zip(*positions, strict=True))
    return with_velocities(State(neurons, weights, neurons, weights), keys, temperature)


def with_velocities(state: State, keys: np.ndarray, temperature: float) -> State:
    """The same positions with new velocities of the temperature; parameters as in `start`.

    A replica of a trajectory is this, with a key of its own.
    """
    velocities = []
    for random in _generators(keys, stream=1):
        sizes = (state.neurons.shape[1:], state.weights.shape[1:])
        velocities.append([random.normal(0, temperature**0.5, size) for size in sizes])
    arrays = (np.array(values, state.weights.dtype) for values in zip(*velocities, strict=True))
    return State(state.neurons, state.weights, *arrays)


def noise_keys(keys: np.ndarray) -> np.ndarray:
    """Keys of the noise of the dynamics.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n, 2)

    Returns
    -------
    ndarray of uint32, shape (n, 2)
    """
    words = [random.integers(2**32, size=2, dtype=np.uint32) for random in _generators(keys, stream=2)]
    return np.array(words, np.uint32).reshape(-1, 2)


def _generators(keys: np.ndarray, stream: int):
    """Random generators of the trajectories, far apart for each stream."""
    for key in np.asarray(keys, np.uint64):
        yield np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, stream]))


def energies(
    machine: Machine, state: State, inputs: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Potential and kinetic energies by layer.

    Parameters
    ----------
    inputs, labels : ndarray of int8, shapes (n, M, N_0) and (n, M, N_L)
        Images and labels of each trajectory, +1 or -1.

    Returns
    -------
    potential, kinetic_neurons, kinetic_weights : ndarrays of float64, shapes (n, L), (n, L-1), (n, L)
        E_l, l = 1 ... L; sum of v^2 / 2 over the neurons of layer l = 1 ... L-1; over the weights of l.
    """
    weights = machine.split(state.weights)
    potential = np.empty((len(state.weights), machine.depth))
    for n, (image, neurons, label) in enumerate(zip(inputs, state.neurons, labels, strict=True)):
        layers = [np.asarray(layer, np.float64) for layer in (image, *neurons, label)]
        for layer, (before, after) in enumerate(pairwise(layers)):
            field = machine.scales[layer] * (before @ weights[layer][n].T.astype(np.float64))
            potential[n, layer] = np.linalg.norm(after - np.tanh(field))
    kinetic_neurons = np.sum(np.square(state.neuron_velocities, dtype=np.float64), axis=(2, 3)) / 2
    parts = machine.split(state.weight_velocities)
    kinetic_weights = [np.sum(np.square(part, dtype=np.float64), axis=(1, 2)) / 2 for part in parts]
    return potential, kinetic_neurons, np.stack(kinetic_weights, axis=1)
