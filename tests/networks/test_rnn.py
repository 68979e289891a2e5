"""The RNN's probabilities, its gradient, and its suffix."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.networks import gru
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import raster, spiral

CASES = [(2, (3, 3)), (3, (2, 2)), (4, (2, 2))]
cases = pytest.mark.parametrize(("q", "shape"), CASES)
positional_or_not = pytest.mark.parametrize("positional", [True, False])
neighbours_or_not = pytest.mark.parametrize("neighbours", [True, False])
one_or_more = pytest.mark.parametrize("layers", [1, 3])


def network(q, shape, positional, neighbours=False, hidden=5, order=spiral, layers=1):
    """Random weights large enough that probabilities are far from equal."""
    lattice = Lattice(shape)
    known = lattice.neighbours if neighbours else None
    result = Gru(q, order(lattice), hidden, positional, np.random.default_rng(1), known, layers)
    random = np.random.default_rng(2)
    for variable in result.trainable_variables:
        variable.assign(random.normal(0, 1, variable.shape).astype(np.float32))
    return result


@cases
@positional_or_not
@neighbours_or_not
@one_or_more
def test_probabilities_are_normalised(q, shape, positional, neighbours, layers):
    """The sum over all configurations is 1 for any weights."""
    states = all_states(q, int(np.prod(shape)))
    p = np.exp(
        network(q, shape, positional, neighbours, layers=layers).log_prob(states).numpy().astype(float)
    )
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p.max() > 5 / len(p)


@positional_or_not
def test_a_new_network_is_close_to_uniform(positional):
    """Initial weights say little: every configuration has about Q^-N."""
    new = Gru(2, spiral(Lattice((3, 3))), 16, positional, np.random.default_rng(1))
    log_prob = new.log_prob(all_states(2, 9)).numpy()
    assert np.abs(log_prob + 9 * np.log(2)).max() < 2
    assert np.exp(log_prob.astype(float)).sum() == pytest.approx(1, abs=1e-5)


@cases
@positional_or_not
@neighbours_or_not
@one_or_more
def test_conditionals_depend_on_earlier_sites_only(q, shape, positional, neighbours, layers):
    """Marginals over the last sites of the order do not know them: P(s_1..s_k) is a product."""
    net = network(q, shape, positional, neighbours, layers=layers)
    n_sites = int(np.prod(shape))
    states = all_states(q, n_sites)
    log_prob = net.log_prob(states).numpy().astype(float)
    sequence = states.T[net.order].astype(np.int32)
    zero = tf.zeros([len(states), net.state_width])
    conditionals = net.suffix(tf.constant(0), tf.constant(sequence), zero)[1].numpy().astype(float)
    for k in range(1, n_sites):
        code = q ** np.arange(k) @ sequence[:k]
        marginal = np.bincount(code, np.exp(log_prob))
        assert marginal[code] == pytest.approx(np.exp(conditionals[:k].sum(axis=0)), rel=1e-4)


@cases
@positional_or_not
@neighbours_or_not
@one_or_more
def test_suffix_agrees_with_log_prob(q, shape, positional, neighbours, layers):
    """Conditionals from any position on, started from the kept hidden state, are those of the whole."""
    net = network(q, shape, positional, neighbours, layers=layers)
    n_sites = int(np.prod(shape))
    states = np.random.default_rng(3).integers(0, q, (40, n_sites)).astype(np.uint8)
    sequence = tf.constant(states.T[net.order].astype(np.int32))
    hidden, conditionals = net.suffix(tf.constant(0), sequence, tf.zeros([40, net.state_width]))
    assert conditionals.numpy().sum(axis=0) == pytest.approx(net.log_prob(states).numpy(), abs=1e-5)
    for first in range(1, n_sites):
        part = net.suffix(tf.constant(first), sequence, hidden[first - 1])
        assert part[0].numpy() == pytest.approx(hidden[first:].numpy(), abs=1e-6)
        assert part[1].numpy() == pytest.approx(conditionals[first:].numpy(), abs=1e-5)


def test_order_only_relabels_the_sites():
    """A configuration permuted as the order says has the probability of the raster order."""
    a, b = network(2, (3, 3), True), network(2, (3, 3), True, order=raster)
    states = all_states(2, 9)
    assert np.array_equal(a.log_prob(states).numpy(), b.log_prob(states[:, a.order]).numpy())


@pytest.mark.parametrize("order", [raster, spiral])
def test_earlier_neighbours_are_seen_directly(order):
    """Without the hidden state a conditional depends on the earlier neighbours alone."""
    lattice = Lattice((3, 3))
    net = network(2, (3, 3), False, True, order=order)
    net.output.assign(tf.zeros_like(net.output))
    states = all_states(2, 9)
    sequence = states.T[net.order].astype(np.int32)
    zero = tf.zeros([len(states), net.state_width])
    conditionals = net.suffix(tf.constant(0), tf.constant(sequence), zero)[1].numpy()
    position = np.argsort(net.order)
    for k in range(1, 9):
        known = {int(position[j]) for j in lattice.neighbours[net.order[k]]} | {k - 1}
        for other in range(9):
            flipped = np.arange(512) ^ (1 << (8 - int(net.order[other])))
            changes = np.abs(conditionals[k] - conditionals[k][flipped]).max() > 1e-3
            assert changes == (other == k or (other in known and other < k))


def test_positional_weights_are_independent():
    """Copying one position's weights to all makes the shared network; else they differ."""
    shared, own = network(3, (2, 2), False), network(3, (2, 2), True)
    states = all_states(3, 4)
    own.recurrent[0].assign(shared.recurrent[0])
    own.reset_bias[0].assign(shared.reset_bias[0])
    assert np.abs(own.log_prob(states).numpy() - shared.log_prob(states).numpy()).max() > 0.1
    for name in ("input", "output", "output_bias"):
        variable = getattr(own, name)
        variable.assign(tf.repeat(getattr(shared, name), 4, axis=0))
    assert own.log_prob(states).numpy() == pytest.approx(shared.log_prob(states).numpy(), abs=1e-5)


def plain_loop(projected, recurrent, bias):
    """The recurrence written out; TensorFlow differentiates it."""
    hidden = recurrent.shape[0]
    h = tf.zeros([projected.shape[1], hidden], projected.dtype)
    states = []
    for x in tf.unstack(projected):
        from_h = tf.matmul(h, recurrent)
        update = tf.sigmoid(x[:, :hidden] + from_h[:, :hidden])
        reset = tf.sigmoid(x[:, hidden : 2 * hidden] + from_h[:, hidden : 2 * hidden])
        candidate = tf.tanh(x[:, 2 * hidden :] + reset * (from_h[:, 2 * hidden :] + bias))
        h = update * h + (1 - update) * candidate
        states.append(h)
    return tf.stack(states)


def test_written_gradient_is_the_automatic_one():
    """States and all three gradients of gru.sequence against autodiff of the plain loop."""
    random = np.random.default_rng(4)
    arrays = [random.normal(0, 1, s).astype(np.float32) for s in ((7, 6, 15), (5, 15), (5,))]
    weights = tf.constant(random.normal(0, 1, (7, 6, 5)).astype(np.float32))
    results = []
    for function in (gru.sequence, plain_loop):
        inputs = [tf.constant(a) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            states = function(*inputs)
            loss = tf.reduce_sum(weights * tf.square(states) + weights * states)
        results.append([states, *tape.gradient(loss, inputs)])
    for written, automatic in zip(*results, strict=True):
        assert written.numpy() == pytest.approx(automatic.numpy(), rel=1e-4, abs=1e-5)


@positional_or_not
@neighbours_or_not
@one_or_more
def test_gradient_of_the_log_probability(positional, neighbours, layers):
    """The derivative of sum log P along its gradient is a central difference, for each variable."""
    net = network(2, (2, 3), positional, neighbours, layers=layers)
    states = all_states(2, 6)[::3]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net.log_prob(states))
    gradients = tape.gradient(loss, net.trainable_variables)
    for variable, gradient in zip(net.trainable_variables, gradients, strict=True):
        start, norm = variable.numpy(), float(tf.norm(gradient))
        h = 0.02
        values = []
        for sign in (1, -1):
            variable.assign(start + sign * h * gradient.numpy() / norm)
            values.append(net.log_prob(states).numpy().astype(float).sum())
        variable.assign(start)
        assert norm == pytest.approx((values[0] - values[1]) / (2 * h), rel=0.01)


def test_dropout_is_for_training_only():
    """It changes the loss with its seed, keeps its mean to first order, and leaves predictions alone."""
    lattice = Lattice((2, 3))
    net = Gru(2, spiral(lattice), 64, True, np.random.default_rng(1), None, 2, 0.3)
    plain = Gru(2, spiral(lattice), 64, True, np.random.default_rng(1), None, 2)
    states = all_states(2, 6)
    log_prob = net.log_prob(states).numpy()
    assert np.array_equal(log_prob, plain.log_prob(states).numpy())
    seeds = [tf.constant([k, 0]) for k in range(200)]
    drawn = np.array([net.log_prob(states, seed).numpy() for seed in seeds])
    assert np.array_equal(drawn[3], net.log_prob(states, seeds[3]).numpy())
    assert drawn.std(axis=0).min() > 1e-3
    z = (drawn.mean(axis=0) - log_prob) / (drawn.std(axis=0) / np.sqrt(200))
    assert np.abs(z).mean() < 3
