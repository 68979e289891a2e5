"""Ordinary training of the same network, the limit of zero temperature, for comparison."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..sampling.streams import Purpose, generator
from ..training.loop import Adam
from .correlations import accuracy
from .threads import use_one

# Images of a batch, and how many times at most a training is looked at.
BATCH, LOOKS = 20, 50
# Largest norm of the gradient that Adam takes as it is.
CLIP = 10.0


@dataclass(frozen=True)
class Training:
    """How a training went, after each of the epochs `looked_at`.

    Attributes
    ----------
    loss : float64 (n,)
        Mean over training images and outputs of the squared misfit.
    accuracy : float64 (n,)
        On the test images, by feed-forward of signs, as that of the thermal machine.
    accuracy_tanh : float64 (n,)
        By feed-forward of tanh, and the signs of the outputs alone.
    weights : float32 (n_weights,)
        After the last epoch.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    accuracy_tanh: np.ndarray
    weights: np.ndarray


class Perceptron:
    """A multi-layer perceptron without biases, S_l = tanh(c_l J_l S_{l-1}), see `Machine`.

    Parameters
    ----------
    machine : Machine
    random : numpy Generator
        The weights are normal with the variance of Glorot and Bengio (AISTATS 2010).
    """

    def __init__(self, machine, random):
        self.scales, self.layers = machine.scales, []
        for shape, scale in zip(machine.weight_shapes, machine.scales, strict=True):
            deviation = (2 / sum(shape)) ** 0.5 / scale
            self.layers.append(tf.Variable(random.normal(0, deviation, shape).astype(np.float32)))

    def __call__(self, inputs):
        """Outputs, float32 (m, 2), of inputs, float32 (m, n_inputs)."""
        states = inputs
        for layer, scale in zip(self.layers, self.scales, strict=True):
            states = tf.tanh(scale * tf.matmul(states, layer, transpose_b=True))
        return states

    @property
    def weights(self) -> np.ndarray:
        """All weights, float32 (n_weights,), layer by layer, row by row."""
        return np.concatenate([layer.numpy().ravel() for layer in self.layers])


class Sgd:
    """Plain stochastic gradient descent."""

    def __init__(self, variables, rate: float):
        self.variables, self.rate = variables, rate

    def apply(self, gradients) -> None:
        """Update the variables."""
        for variable, gradient in zip(self.variables, gradients, strict=True):
            variable.assign_sub(self.rate * gradient)


def train(machine, subset, section, seed: int, sample: int) -> Training:
    """Train a perceptron on a sample's images by its squared misfit.

    Parameters
    ----------
    machine : Machine
    subset : Subset
    section : object
        With `epochs`, `learning_rate` and `optimizer`, "adam" or "sgd".
    seed, sample : int
    """
    use_one()  # whichever stage a process begins with
    network = Perceptron(machine, generator(seed, Purpose.WEIGHTS, 0, sample))
    optimizer = _optimizer(section, network.layers)
    inputs, labels = (tf.constant(x, tf.float32) for x in (subset.inputs, subset.labels))
    test_inputs = tf.constant(subset.test_inputs, tf.float32)
    batch = min(BATCH, len(subset.inputs))

    @tf.function(autograph=False)
    def misfit(rows):
        return tf.reduce_mean(tf.square(network(tf.gather(inputs, rows)) - tf.gather(labels, rows)))

    @tf.function
    def epoch(order):
        for rows in order:
            with tf.GradientTape() as tape:
                loss = misfit(rows)
            optimizer.apply(tape.gradient(loss, network.layers))

    looks, found = looked_at(section), []
    for done in range(section.epochs + 1):
        if done in looks:
            outputs = np.sign(network(test_inputs).numpy())
            told = accuracy(machine, network.weights[None], subset.test_inputs, subset.test_labels)[0]
            told_tanh = (outputs == subset.test_labels).all(axis=1).mean()
            found.append((float(misfit(tf.range(len(subset.inputs)))), told, told_tanh))
        if done < section.epochs:
            order = generator(seed, Purpose.SHUFFLE, done, sample).permutation(len(subset.inputs))
            epoch(tf.constant(order[: len(order) // batch * batch].reshape(-1, batch)))
    return Training(*np.array(found).T, network.weights)


def looked_at(section) -> np.ndarray:
    """Epochs after which a training is looked at, int64 (n,), ascending from 0 to the last."""
    return np.unique(np.linspace(0, section.epochs, min(section.epochs, LOOKS) + 1).astype(np.int64))


def _optimizer(section, layers):
    if section.optimizer == "sgd":
        return Sgd(layers, section.learning_rate)
    return Adam(layers, section.learning_rate, steps=1, warmup=0, clip=CLIP, decay="none")
