"""Replica exchange keeps the exact distribution at every temperature."""

import numpy as np
import pytest
from scipy.stats import chi2

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders

TEMPERATURES = np.array([1.5, 2.0, 2.269185, 2.8, 3.5, 5.0])
N_LADDERS = 2000


@pytest.fixture(scope="module")
def sampled():
    """Energies (ladders, temperatures) after many rounds on 4x4, and the ladders."""
    model = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    ladders = Ladders(1 / TEMPERATURES, N_LADDERS, 3)
    chains = Chains.start(model, ladders.beta.ravel(), range(ladders.slot.size), 3, Purpose.SWEEP)
    for _ in range(150):
        chains.sweep(model)
        ladders.exchange(model.energies(chains.states).reshape(ladders.slot.shape))
        chains.beta[:] = ladders.beta.ravel()
    energy = model.energies(chains.states).reshape(ladders.slot.shape)
    return np.take_along_axis(energy, np.argsort(ladders.slot, axis=1), axis=1), ladders


def test_energies_are_kaufmans(sampled):
    """The mean of independent ladders is within 4 standard errors at every temperature."""
    energy, _ = sampled
    for t, column in zip(TEMPERATURES, energy.T, strict=True):
        solution = exact.kaufman((4, 4), t)
        assert abs(column.mean() - solution.energy) / np.sqrt(solution.variance / N_LADDERS) < 4


def test_levels_have_boltzmann_frequencies(sampled):
    """Chi-square of all levels at all temperatures; replicas at a moment are independent."""
    energy, _ = sampled
    levels = hamiltonian.ising(Lattice((4, 4))).energy(exact.all_states(2, 16))
    values, degeneracy = np.unique(levels.round().astype(int), return_counts=True)
    statistic, freedom = 0.0, 0
    for t, column in zip(TEMPERATURES, energy.T, strict=True):
        weight = degeneracy * np.exp(-values / t)
        expected = N_LADDERS * weight / weight.sum()
        counts = (column.round().astype(int)[:, None] == values).sum(axis=0)
        rare = expected < 10
        expected = np.append(expected[~rare], expected[rare].sum())
        counts = np.append(counts[~rare], counts[rare].sum())
        statistic += ((counts - expected) ** 2 / expected).sum()
        freedom += len(expected) - 1
    assert 1e-4 < chi2.sf(statistic, freedom) < 1 - 1e-4


def test_slots_stay_permutations(sampled):
    """Every temperature of a ladder is held by exactly one replica, and replicas have moved."""
    _, ladders = sampled
    assert np.array_equal(np.sort(ladders.slot, axis=1), np.tile(np.arange(6), (N_LADDERS, 1)))
    assert np.all(np.bincount(ladders.slot[:, 0], minlength=6) > 0)


def test_acceptance_is_the_exact_one(sampled):
    """Exchanges are accepted as often as independent energies at both temperatures would have it."""
    _, ladders = sampled
    assert np.all(ladders.attempts == 75 * N_LADDERS)
    levels = hamiltonian.ising(Lattice((4, 4))).energy(exact.all_states(2, 16))
    values, degeneracy = np.unique(levels.round().astype(int), return_counts=True)
    beta = 1 / TEMPERATURES
    p = degeneracy * np.exp(-np.outer(beta, values))
    p /= p.sum(axis=1, keepdims=True)
    for k in range(5):
        exponent = (beta[k] - beta[k + 1]) * np.subtract.outer(values, values)
        expected = p[k] @ np.exp(np.minimum(exponent, 0)) @ p[k + 1]
        assert ladders.accepted[k] / ladders.attempts[k] == pytest.approx(expected, abs=0.02)


def test_even_and_odd_pairs_alternate():
    """A round tries pairs (0,1), (2,3), ... and the next one (1,2), (3,4), ..."""
    ladders = Ladders(np.linspace(1, 0.2, 6), 10, 1)
    ladders.exchange(np.zeros((10, 6)))
    assert ladders.attempts.tolist() == [10, 0, 10, 0, 10]
    ladders.exchange(np.zeros((10, 6)))
    assert ladders.attempts.tolist() == [10, 10, 10, 10, 10]
    ladders.exchange(np.zeros((10, 6)))
    assert ladders.attempts.tolist() == [20, 10, 20, 10, 20]
    assert ladders.step == 3


def test_equal_energies_are_always_exchanged():
    """With exponent zero the walk is deterministic: a replica goes up to the end and comes back."""
    ladders = Ladders(np.linspace(1, 0.2, 4), 3, 1)
    visited = []
    for _ in range(8):
        ladders.exchange(np.zeros((3, 4)))
        visited.append(ladders.slot[0, 0])
    assert visited == [1, 2, 3, 3, 2, 1, 0, 0]
    assert np.array_equal(ladders.accepted, ladders.attempts)


def test_downhill_exchanges_are_certain_and_hopeless_ones_refused():
    """The lower energy goes to the colder temperature; the reverse has probability e^-800."""
    ladders = Ladders(np.array([1.0, 0.2]), 50, 1)
    ladders.exchange(np.tile([0.0, -1000.0], (50, 1)))
    assert np.all(ladders.slot == [1, 0])
    ladders.exchange(np.tile([0.0, -1000.0], (50, 1)))
    ladders.exchange(np.tile([0.0, -1000.0], (50, 1)))
    assert np.all(ladders.slot == [1, 0])
    assert ladders.attempts.tolist() == [100]
    assert ladders.accepted.tolist() == [50]


def test_exchange_probability():
    """A positive cost is paid with probability e^-cost, within 4 standard errors."""
    n, cost = 20_000, 0.7
    ladders = Ladders(np.array([1.0, 0.5]), n, 2)
    ladders.exchange(np.tile([-2 * cost, 0.0], (n, 1)))
    p = np.exp(-cost)
    assert abs(ladders.accepted[0] / n - p) < 4 * np.sqrt(p * (1 - p) / n)


def test_same_seed_gives_the_same_decisions():
    """Any rank that knows all energies decides alike; another seed or realization decides otherwise."""
    energies = np.random.default_rng(4).normal(0, 5, (30, 100, 8))
    ends = []
    for seed, realization in ((1, 0), (1, 0), (2, 0), (1, 1)):
        ladders = Ladders(np.linspace(1, 0.3, 8), 100, seed, realization)
        for e in energies:
            ladders.exchange(e)
        ends.append(ladders.slot)
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])
    assert not np.array_equal(ends[0], ends[3])


def test_ladders_do_not_depend_on_each_other():
    """The first ladders of many are the ladders alone."""
    energies = np.random.default_rng(5).normal(0, 5, (20, 40, 5))
    many, few = Ladders(np.linspace(1, 0.3, 5), 40, 1), Ladders(np.linspace(1, 0.3, 5), 7, 1)
    for e in energies:
        many.exchange(e)
        few.exchange(e[:7])
    assert np.array_equal(many.slot[:7], few.slot)
