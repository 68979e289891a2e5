"""The RNN's probabilities, its gradient, and its suffix."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.networks import gru
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.networks.transformer import Transformer
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import raster, spiral

CASES = [(2, (3, 3)), (3, (2, 2)), (4, (2, 2))]
DEPTHS = [("gru", 1), ("gru", 3), ("transformer", 1), ("transformer", 2)]
# Any two of these choices meet in all ways, and so do an architecture and both ways of seeing sites.
NETWORKS = [
    (*case, (i + j) % 2 == 0, (i // 2 + j) % 2 == 0, *depth)
    for j, case in enumerate(CASES)
    for i, depth in enumerate(DEPTHS)
]
networks = pytest.mark.parametrize(
    ("q", "shape", "positional", "neighbours", "architecture", "layers"), NETWORKS
)
positional_or_not = pytest.mark.parametrize("positional", [True, False])


def new(q, shape, positional=True, neighbours=False, order=spiral, architecture="gru", **settings):
    """A network with its initial weights."""
    lattice = shape if isinstance(shape, Lattice) else Lattice(shape)
    known = lattice.neighbours if neighbours else None
    settings = {"hidden": 5, "generator": np.random.default_rng(1), **settings}
    common = {"n_states": q, "order": order(lattice), "positional": positional, "neighbours": known}
    if architecture == "gru":
        return Gru(**settings, **common)
    return Transformer(**{**settings, "hidden": 6, "heads": 2}, **common)


def network(*args, **settings):
    """Random weights large enough that probabilities are far from equal."""
    result = new(*args, **settings)
    random = np.random.default_rng(2)
    for variable in result.trainable_variables:
        variable.assign(random.normal(0, 1, variable.shape).astype(np.float32))
    return result


def conditionals(net, states):
    """ln P(s_t | s_<t) of every step by `advance`, (n_sites, batch), and the memories before each."""
    sequence = tf.constant(states.T[net.order].astype(np.int32))
    memory, result, memories = net.start(len(states)), [], []
    for t in range(len(net.order)):
        memories.append(memory)
        log_p, memory = net.advance(tf.constant(t), sequence, memory)
        result.append(tf.gather(log_p, sequence[t], batch_dims=1).numpy())
    return np.array(result, float), memories


@networks
def test_probabilities_are_normalised(q, shape, positional, neighbours, architecture, layers):
    """The sum over all configurations is 1 for any weights."""
    states = all_states(q, int(np.prod(shape)))
    net = network(q, shape, positional, neighbours, architecture=architecture, layers=layers)
    p = np.exp(net.log_prob(states).numpy().astype(float))
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p.max() > 5 / len(p)


HOLED = Lattice((3, 3), open=(1,), absent=(4,))


@pytest.mark.parametrize("lattice", [HOLED, Lattice((2, 2), "honeycomb", open=(0,))], ids=str)
@positional_or_not
@pytest.mark.parametrize("architecture", ["gru", "transformer"])
def test_absent_sites_have_no_part(lattice, positional, architecture):
    """Probabilities of the others are normalised; inputs of neighbours that do not exist are 0."""
    states = all_states(2, lattice.n_sites)
    net = network(2, lattice, positional, neighbours=True, architecture=architecture)
    p = np.exp(net.log_prob(states).numpy().astype(float))
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p.max() > 5 / len(p)
    log_p = conditionals(net, states)[0]
    assert log_p.sum(axis=0) == pytest.approx(np.log(p), abs=1e-4)
    sequence = states.T[net.order].astype(np.int32)
    inputs = net.features(tf.constant(sequence), tf.range(lattice.n_sites)).numpy()
    inputs = inputs.reshape(lattice.n_sites, len(states), -1, 3)
    for t, site in enumerate(net.order):
        for place, other in enumerate(lattice.neighbours[site], start=1):
            earlier = np.flatnonzero(net.order[:t] == other)
            expected = np.zeros((len(states), 3))
            if len(earlier):
                expected[np.arange(len(states)), states[:, other]] = 1
            elif other >= 0:
                expected[:, 2] = 1
            assert np.array_equal(inputs[t, :, place], expected)


@positional_or_not
@pytest.mark.parametrize("architecture", ["gru", "transformer"])
def test_a_new_network_is_close_to_uniform(positional, architecture):
    """Initial weights say little: every configuration has about Q^-N."""
    log_prob = new(2, (3, 3), positional, hidden=16, architecture=architecture).log_prob(all_states(2, 9))
    assert np.abs(log_prob.numpy() + 9 * np.log(2)).max() < 2
    assert np.exp(log_prob.numpy().astype(float)).sum() == pytest.approx(1, abs=1e-5)


@networks
def test_conditionals_depend_on_earlier_sites_only(q, shape, positional, neighbours, architecture, layers):
    """Marginals over the last sites of the order do not know them: P(s_1..s_k) is a product."""
    net = network(q, shape, positional, neighbours, architecture=architecture, layers=layers)
    n_sites = int(np.prod(shape))
    states = all_states(q, n_sites)
    log_prob = net.log_prob(states).numpy().astype(float)
    sequence = states.T[net.order].astype(np.int32)
    log_p = conditionals(net, states)[0]
    for k in range(1, n_sites):
        code = q ** np.arange(k) @ sequence[:k]
        marginal = np.bincount(code, np.exp(log_prob))
        assert marginal[code] == pytest.approx(np.exp(log_p[:k].sum(axis=0)), rel=1e-4)


@networks
def test_steps_agree_with_log_prob(q, shape, positional, neighbours, architecture, layers):
    """Conditionals step by step, and the rest from any step on, are those of the whole sequence."""
    net = network(q, shape, positional, neighbours, architecture=architecture, layers=layers)
    n_sites = int(np.prod(shape))
    states = np.random.default_rng(3).integers(0, q, (40, n_sites)).astype(np.uint8)
    log_p, memories = conditionals(net, states)
    assert log_p.sum(axis=0) == pytest.approx(net.log_prob(states).numpy(), abs=1e-5)
    sequence = tf.constant(states.T[net.order].astype(np.int32))
    for t, memory in enumerate(memories):
        rest = net.rest(tf.constant(t), sequence, memory).numpy()
        assert rest == pytest.approx(log_p[t:].sum(axis=0), abs=1e-5)


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
    log_p = conditionals(net, states)[0]
    position = np.argsort(net.order)
    for k in range(1, 9):
        known = {int(position[j]) for j in lattice.neighbours[net.order[k]]} | {k - 1}
        for other in range(9):
            flipped = np.arange(512) ^ (1 << (8 - int(net.order[other])))
            changes = np.abs(log_p[k] - log_p[k][flipped]).max() > 1e-3
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


def plain_loop(inputs, weights, recurrent, bias):
    """The recurrence written out; TensorFlow differentiates it."""
    hidden = recurrent.shape[0]
    h = tf.zeros([inputs.shape[1], hidden], inputs.dtype)
    states = []
    for x in tf.unstack(tf.matmul(inputs, weights)):
        from_h = tf.matmul(h, recurrent)
        update = tf.sigmoid(x[:, :hidden] + from_h[:, :hidden])
        reset = tf.sigmoid(x[:, hidden : 2 * hidden] + from_h[:, hidden : 2 * hidden])
        candidate = tf.tanh(x[:, 2 * hidden :] + reset * (from_h[:, 2 * hidden :] + bias))
        h = update * h + (1 - update) * candidate
        states.append(h)
    return tf.stack(states)


@pytest.mark.parametrize("copies", [1, 7])
@pytest.mark.parametrize(("dtype", "error"), [(tf.float32, 1e-5), (tf.bfloat16, 0.03)])
def test_written_gradient_is_the_automatic_one(copies, dtype, error):
    """States and all four gradients of gru.layer against autodiff of the plain loop."""
    random = np.random.default_rng(4)
    arrays = [random.normal(0, 1, s).astype(np.float32) for s in ((7, 6, 4), (copies, 4, 15), (5, 15), (5,))]
    weights = tf.constant(random.normal(0, 1, (7, 6, 5)).astype(np.float32))
    results = []
    for function in (lambda *a: gru.layer(*a, dtype), plain_loop):
        inputs = [tf.constant(a) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            states = function(*inputs)
            loss = tf.reduce_sum(weights * tf.square(states) + weights * states)
        results.append([states, *tape.gradient(loss, inputs)])
    for written, automatic in zip(*results, strict=True):
        assert written.numpy() == pytest.approx(automatic.numpy(), abs=error * float(np.abs(automatic).max()))


@pytest.mark.parametrize(
    ("positional", "neighbours", "architecture", "layers"), [row[2:] for row in NETWORKS[: 2 * len(DEPTHS)]]
)
def test_gradient_of_the_log_probability(positional, neighbours, architecture, layers):
    """The derivative of sum log P along its gradient is a central difference, for each variable."""
    net = network(2, (2, 3), positional, neighbours, architecture=architecture, layers=layers)
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


@pytest.mark.parametrize("architecture", ["gru", "transformer"])
def test_dropout_is_for_training_only(architecture):
    """It changes the loss with its seed, keeps its mean to first order, and leaves predictions alone."""
    settings = {"architecture": architecture, "hidden": 64, "layers": 2}
    net, plain = new(2, (2, 3), dropout=0.3, **settings), new(2, (2, 3), **settings)
    states = all_states(2, 6)
    log_prob = net.log_prob(states).numpy()
    assert np.array_equal(log_prob, plain.log_prob(states).numpy())
    seeds = [tf.constant([k, 0]) for k in range(60)]
    drawn = np.array([net.log_prob(states, seed).numpy() for seed in seeds])
    assert np.array_equal(drawn[3], net.log_prob(states, seeds[3]).numpy())
    assert drawn.std(axis=0).min() > 1e-3
    assert np.abs((drawn.mean(axis=0) - log_prob) / drawn.std(axis=0)).mean() < 0.5


@pytest.mark.parametrize("architecture", ["gru", "transformer"])
def test_low_precision_is_for_training_only(architecture):
    """bfloat16 factors change the loss a little where a seed is given, and predictions not at all."""
    settings = {"architecture": architecture, "hidden": 8, "layers": 2}
    low, full = network(2, (2, 3), precision="bfloat16", **settings), network(2, (2, 3), **settings)
    states, seed = all_states(2, 6), tf.constant([0, 0])
    log_prob = full.log_prob(states).numpy()
    assert np.array_equal(low.log_prob(states).numpy(), log_prob)
    change = np.abs(low.log_prob(states, seed).numpy() - log_prob)
    assert 1e-4 < change.max() < 0.05 * np.abs(log_prob).max()
    assert np.array_equal(full.log_prob(states, seed).numpy(), log_prob)
