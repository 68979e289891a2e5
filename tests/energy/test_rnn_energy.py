"""Monte Carlo with the energy of an RNN."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

from dcl_hpc.energy.rnn import RnnEnergy
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.networks.transformer import Transformer
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import spiral
from dcl_hpc.sampling import generator
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

T_O = 4.0


def model(q, shape, architecture="gru", reference=0.0, hidden=4, scale=None):
    """A network with random weights, far from uniform."""
    lattice = Lattice(shape)
    common = {"n_states": q, "order": spiral(lattice), "positional": True, "neighbours": lattice.neighbours}
    random = np.random.default_rng(1)
    if architecture == "gru":
        network = Gru(random, hidden, layers=2, **common)
    else:
        network = Transformer(random, hidden, heads=2, layers=2, **common)
    random = np.random.default_rng(2)
    scale = scale or (0.8 if architecture == "gru" else 0.4)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, scale, variable.shape).astype(np.float32))
    return RnnEnergy(lattice, network, T_O, reference), network


CASES = [(2, (2, 3), "gru"), (2, (2, 3), "transformer"), (3, (2, 2), "gru"), (3, (2, 2), "transformer")]
cases = pytest.mark.parametrize(("q", "shape", "architecture"), CASES)


@cases
def test_energy_is_minus_t_ln_p(q, shape, architecture):
    """E = -T_o ln P - reference, so exp(-E/T_o) sums to exp(reference/T_o)."""
    energy, network = model(q, shape, architecture, reference=2.5)
    states = all_states(q, int(np.prod(shape)))
    e = energy.energies(states.T.copy())
    assert e == pytest.approx(-T_O * network.log_prob(states).numpy() - 2.5, abs=1e-4)
    assert np.exp(-e / T_O).sum() == pytest.approx(np.exp(2.5 / T_O), rel=1e-5)


def test_energies_of_many_configurations():
    """More configurations than one chunk give each its own energy."""
    energy, _ = model(2, (2, 3))
    states = np.resize(all_states(2, 6), (10_000, 6))
    few = energy.energies(all_states(2, 6).T.copy())
    assert energy.energies(states.T.copy()) == pytest.approx(np.resize(few, 10_000), abs=1e-4)


@cases
def test_stationary_distribution(p_value, q, shape, architecture):
    """At beta = factor/T_o configurations occur with probability P^factor, normalised."""
    energy, network = model(q, shape, architecture)
    n, n_sites, factors = 1000, int(np.prod(shape)), np.array([1.0, 2.0, -0.5])
    chains = Chains.start(energy, np.repeat(factors / T_O, n), range(3 * n), 5, Purpose.SWEEP)
    energy.sweep(chains.states, chains.beta, chains.streams, 40)
    codes = q ** np.arange(n_sites - 1, -1, -1) @ chains.states
    log_p = network.log_prob(all_states(q, n_sites)).numpy().astype(float)
    for factor, of_one in zip(factors, np.split(codes, 3), strict=True):
        weight = np.exp(factor * log_p)
        counts = np.bincount(of_one, minlength=q**n_sites)
        assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


@cases
def test_memory_does_not_outlive_a_sweep(q, shape, architecture):
    """Six sweeps in one call are six calls of one sweep, bit by bit."""
    energy, _ = model(q, shape, architecture)
    one, two = (Chains.start(energy, np.full(500, 0.3), range(500), 6, Purpose.SWEEP) for _ in range(2))
    one.sweep(energy, 6)
    for _ in range(6):
        two.sweep(energy)
    assert np.array_equal(one.states, two.states)
    assert np.array_equal(one.streams, two.streams)


@cases
def test_sweep_takes_the_decisions_of_full_energies(q, shape, architecture):
    """A slow sweep that computes both energies in full changes the same sites."""
    energy, network = model(q, shape, architecture)
    n, beta = 200, 0.3
    fast, slow = (Chains.start(energy, np.full(n, beta), range(n), 7, Purpose.SWEEP) for _ in range(2))
    for _ in range(3):
        fast.sweep(energy)
        for site in network.order:
            u = np.empty((2, n), np.float32)
            generator.uniforms(slow.streams, u)
            proposal = slow.states.copy()
            proposal[site] = (proposal[site] + 1 + (u[0] * (q - 1)).astype(int)) % q
            cost = energy.energies(proposal) - energy.energies(slow.states)
            flip = u[1] < generator.LAZY * np.exp(np.minimum(-beta * cost, 0))
            slow.states[:, flip] = proposal[:, flip]
    assert (fast.states != slow.states).any(axis=0).mean() < 0.01


def test_changes_at_infinite_temperature():
    """At beta = 0 every site changes with probability 63/64, to each of the other states equally often."""
    energy, _ = model(3, (2, 2))
    chains = Chains.start(energy, np.zeros(4000), range(4000), 8, Purpose.SWEEP)
    before = chains.states.astype(int)
    chains.sweep(energy)
    step = (chains.states - before) % 3
    assert chains.states.max() < 3
    for change, p in ((0, 1 - generator.LAZY), (1, generator.LAZY / 2), (2, generator.LAZY / 2)):
        count = (step == change).sum()
        assert abs(count - p * step.size) < 4 * np.sqrt(step.size * p * (1 - p))


@pytest.mark.parametrize(("architecture", "hidden", "scale"), [("gru", 32, 0.3), ("transformer", 32, 0.2)])
def test_changes_of_energy_agree_with_full_energies(architecture, hidden, scale):
    """Each of a thousand proposals on 5x5 costs what two full energies differ by, to 1e-4 J."""
    energy, network = model(2, (5, 5), architecture, hidden=hidden, scale=scale)
    n_chains, order = 40, network.order
    random = np.random.default_rng(9)
    states = random.integers(0, 2, (25, n_chains)).astype(np.uint8)
    drawn = random.random((25, 2, n_chains), np.float32)
    slope = np.full(n_chains, 0.5)
    after, changes = energy._sweep(states[order].astype(np.int32), slope, drawn)
    worst, sizes = 0.0, []
    for k, site in enumerate(order):
        proposal = states.copy()
        proposal[site] = 1 - proposal[site]
        cost = energy.energies(proposal) - energy.energies(states)
        worst = max(worst, np.abs(cost + T_O * changes[k].numpy()).max())
        sizes.append(np.abs(cost).mean())
        flipped = after.numpy()[k] != states[site]
        states[:, flipped] = proposal[:, flipped]
    assert worst < 1e-4
    assert np.mean(sizes) > 1


@cases
def test_samples_are_drawn_from_p(p_value, q, shape, architecture):
    """Configurations drawn site by site occur with probability P."""
    energy, network = model(q, shape, architecture)
    n, n_sites = 10_000, int(np.prod(shape))
    states = energy.sample(np.random.default_rng(4).random((n_sites, n)))
    counts = np.bincount(q ** np.arange(n_sites - 1, -1, -1) @ states, minlength=q**n_sites)
    p = np.exp(network.log_prob(all_states(q, n_sites)).numpy().astype(float))
    assert 1e-4 < p_value(counts, n * p / p.sum()) < 1 - 1e-4
