"""Replica exchange: exact distributions at every temperature, its statistics, and its restart."""

import itertools

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders, Replicas, communication_barrier


def levels():
    """Energies of 4x4 and how many configurations have each."""
    energies = hamiltonian.ising(Lattice((4, 4))).energy(exact.all_states(2, 16))
    return np.unique(energies.round(), return_counts=True)


def acceptance(values, degeneracy, betas):
    """Exchange rate of each pair of temperatures for independent energies."""
    p = degeneracy * np.exp(-np.outer(betas, values))
    p /= p.sum(axis=1, keepdims=True)
    difference = np.subtract.outer(values, values)
    return np.array(
        [
            p[k] @ np.exp(np.minimum((betas[k] - betas[k + 1]) * difference, 0)) @ p[k + 1]
            for k in range(len(betas) - 1)
        ]
    )


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


def test_levels_have_boltzmann_frequencies(sampled, p_value):
    """Chi-square of all levels at all temperatures; replicas at a moment are independent."""
    energy, _ = sampled
    values, degeneracy = levels()
    weight = degeneracy * np.exp(-values / TEMPERATURES[:, None])
    expected = N_LADDERS * weight / weight.sum(axis=1, keepdims=True)
    counts = (energy.T.round()[:, :, None] == values).sum(axis=1)
    assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


def test_slots_stay_permutations(sampled):
    """Every temperature of a ladder is held by exactly one replica, and replicas have moved."""
    _, ladders = sampled
    assert np.array_equal(np.sort(ladders.slot, axis=1), np.tile(np.arange(6), (N_LADDERS, 1)))
    assert np.all(np.bincount(ladders.slot[:, 0], minlength=6) > 0)


def test_acceptance_is_the_exact_one(sampled):
    """Exchanges are accepted as often as independent energies at both temperatures would have it."""
    _, ladders = sampled
    assert np.all(ladders.attempts == 75)
    rate = ladders.accepted.sum(axis=0) / ladders.attempts.sum(axis=0)
    assert rate == pytest.approx(acceptance(*levels(), 1 / TEMPERATURES), abs=0.01)


def test_even_and_odd_pairs_alternate():
    """A round tries pairs (0,1), (2,3), ... and the next one (1,2), (3,4), ..."""
    ladders = Ladders(np.linspace(1, 0.2, 6), 10, 1)
    for expected in ([1, 0, 1, 0, 1], [1, 1, 1, 1, 1], [2, 1, 2, 1, 2]):
        ladders.exchange(np.zeros((10, 6)))
        assert np.array_equal(ladders.attempts, [expected] * 10)
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
    assert np.all(ladders.attempts == 2)
    assert np.all(ladders.accepted == 1)


def test_exchange_probability():
    """A positive cost is paid with probability e^-cost, within 4 standard errors."""
    n, cost = 20_000, 0.7
    ladders = Ladders(np.array([1.0, 0.5]), n, 2)
    ladders.exchange(np.tile([-2 * cost, 0.0], (n, 1)))
    p = np.exp(-cost)
    assert abs(ladders.accepted.sum() / n - p) < 4 * np.sqrt(p * (1 - p) / n)


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
    """Ladders 3 .. 5 by themselves are ladders 3 .. 5 of eight, bit by bit."""
    betas, energies = np.linspace(1, 0.3, 5), np.random.default_rng(5).normal(0, 5, (60, 8, 5))
    every, some, first = (Ladders(betas, which, 1) for which in (8, range(3, 6), 2))
    for e in energies:
        every.exchange(e)
        some.exchange(e[3:6])
        first.exchange(e[:2])
    for ladders, own in ((some, slice(3, 6)), (first, slice(0, 2))):
        for name, value in ladders.state().items():
            assert np.array_equal(value, every.state()[name][own])
    assert every.accepted.sum() > 0


def test_fixed_energies_are_permuted_with_boltzmann_weights(p_value):
    """Energies that stay where they are: the temperatures go round with weight exp(-sum beta E)."""
    betas, energies, n = np.array([1.0, 0.6, 0.1]), np.array([-0.7, 0.4, 1.5]), 60_000
    ladders = Ladders(betas, n, 3)
    for _ in range(40):
        ladders.exchange(np.tile(energies, (n, 1)))
    permutations = np.array(list(itertools.permutations(range(3))))
    weight = np.exp(-betas[permutations] @ energies)
    counts = (ladders.slot[:, None] == permutations).all(axis=2).sum(axis=0)
    assert counts.sum() == n
    assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


def count_round_trips(history):
    """Round trips and direction of each replica from the temperatures that it had, one after the other."""
    last = history.max()
    trips, heading = np.zeros(history.shape[1:], int), np.zeros(history.shape[1:], int)
    for place in np.ndindex(trips.shape):
        for slot in history[(slice(None), *place)].tolist():
            if slot == 0:
                trips[place] += heading[place] == -1
                heading[place] = 1
            if slot == last and heading[place] == 1:
                heading[place] = -1
    return trips, heading


def walk(ladders, rounds, seed):
    """Exchange at random energies that exchange easily; returns the temperatures of all replicas."""
    random, history = np.random.default_rng(seed), []
    for _ in range(rounds):
        ladders.exchange(random.normal(0, 2, ladders.slot.shape))
        history.append(ladders.slot.copy())
    return np.array(history)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_round_trips(n):
    """Counts of round trips are those of the temperatures that each replica had."""
    ladders = Ladders(np.linspace(1, 0.3, n), 30, 2)
    trips, heading = count_round_trips(walk(ladders, 400, 6))
    assert np.array_equal(ladders.round_trips, trips)
    assert np.array_equal(ladders.heading, heading)
    assert trips.min() > 0


def test_forgotten_statistics():
    """Counting begins anew, while temperatures and random numbers go on."""
    one, two = Ladders(np.linspace(1, 0.3, 5), 20, 2), Ladders(np.linspace(1, 0.3, 5), 20, 2)
    walk(one, 101, 6)
    walk(two, 101, 6)
    one.forget_statistics()
    for ladders in (one, two):
        last = walk(ladders, 200, 7)
    trips, heading = count_round_trips(last)
    assert np.array_equal(one.slot, two.slot)
    assert np.array_equal(one.round_trips, trips)
    assert np.array_equal(one.heading, heading)
    assert np.all(one.attempts == 100)
    assert np.all(two.attempts.sum(axis=1) == 4 * 301 / 2)


def test_rate_of_round_trips():
    """Energies that forget everything between rounds: 1 / (2 + 2 sum r/(1-r)) a round, all replicas together.

    Syed et al., J. R. Stat. Soc. B 84, 321 (2022), corollary 2, for alternating even and odd pairs.
    """
    values, degeneracy = levels()
    betas, n, rounds = np.array([0.6, 0.45, 0.33, 0.15, 0.05]), 400, 4000
    p = np.cumsum(degeneracy * np.exp(-np.outer(betas, values)), axis=1)
    p /= p[:, -1:]
    ladders, random = Ladders(betas, n, 4), np.random.default_rng(8)
    for k in range(rounds):
        if k == 100:
            ladders.forget_statistics()
        energies = np.stack([values[np.searchsorted(row, random.random(n))] for row in p], axis=1)
        ladders.exchange(np.take_along_axis(energies, ladders.slot, axis=1))
    rate = acceptance(values, degeneracy, betas)
    assert ladders.accepted.sum(axis=0) / ladders.attempts.sum(axis=0) == pytest.approx(rate, abs=0.002)
    expected = 1 / (2 + 2 * ((1 - rate) / rate).sum())
    assert ladders.round_trips.sum() / n / (rounds - 100) == pytest.approx(expected, rel=0.01)


def test_state_of_ladders():
    """A restored ladder goes on as the one that was saved; the state has the shapes that are announced."""
    betas = np.linspace(1, 0.3, 5)
    one, two = Ladders(betas, 7, 3), Ladders(betas, 7, 99)
    walk(one, 33, 1)
    state = {name: value.copy() for name, value in one.state().items()}
    layout = Ladders.layout(7, 5)
    assert {name: (value.shape, value.dtype) for name, value in state.items()} == layout
    two.restore(state)
    assert np.array_equal(two.beta, one.beta)
    assert np.array_equal(walk(one, 50, 2), walk(two, 50, 2))
    for name, value in one.state().items():
        assert np.array_equal(value, two.state()[name])
        assert name == "heading" or not np.array_equal(value, state[name])


def test_state_of_some_ladders():
    """Ladders are saved one by one: a process restores its own from the state of all."""
    betas = np.linspace(1, 0.3, 4)
    every, some = Ladders(betas, 8, 3), Ladders(betas, range(2, 5), 3)
    walk(every, 21, 1)
    some.restore({name: value[2:5] for name, value in every.state().items()})
    energies = np.random.default_rng(3).normal(0, 2, (30, 8, 4))
    for e in energies:
        every.exchange(e)
        some.exchange(e[2:5])
    assert np.array_equal(some.slot, every.slot[2:5])
    assert np.array_equal(some.round_trips, every.round_trips[2:5])


def test_ladder_of_one_temperature():
    """Without a pair there is nothing to exchange, and a state nonetheless."""
    ladders = Ladders([0.4], range(2, 5), 1)
    assert ladders.beta.tolist() == [[0.4]] * 3
    Ladders([0.4], range(2, 5), 1).restore(ladders.state())
    assert ladders.streams.shape == (4, 0)


def test_communication_barrier():
    """The sum of rejection rates tends to the integral of half the mean difference of two energies."""
    assert communication_barrier([1.0, 1.0]) == 0
    assert communication_barrier(np.array([0.5, 0.25, 1.0])) == 1.25
    values, degeneracy = levels()
    mesh = np.linspace(0.7, 0.05, 400)
    p = degeneracy * np.exp(-np.outer(mesh, values))
    p /= p.sum(axis=1, keepdims=True)
    local = np.einsum("bi,ij,bj->b", p, abs(np.subtract.outer(values, values)), p) / 2
    barrier = np.trapezoid(local[::-1], mesh[::-1])
    coarse, fine = (
        communication_barrier(acceptance(values, degeneracy, np.linspace(0.7, 0.05, n))) for n in (12, 100)
    )
    assert fine == pytest.approx(barrier, rel=1e-3)
    assert coarse == pytest.approx(barrier, rel=0.1)


def shares(n, bounds):
    """Slices of n replicas."""
    return [slice(a, b) for a, b in itertools.pairwise([0, *bounds, n])]


@pytest.mark.parametrize("bounds", [(8,), (7,), (3, 3, 11)], ids=["ladders", "split ladder", "idle process"])
def test_replicas_do_not_depend_on_the_processes(bounds):
    """Any split of the replicas gives the same configurations, temperatures and counts, bit by bit."""
    model, betas, known = TrueEnergy(hamiltonian.ising(Lattice((4, 4)))), 1 / TEMPERATURES[::-1][:4], {}
    serial = Replicas(model, Ladders(betas, 4, 5), slice(0, 16), 5, Purpose.SWEEP)
    parts = [
        Replicas(model, Ladders(betas, 4, 5), mine, 5, Purpose.SWEEP, gather=lambda _: known["energy"])
        for mine in shares(16, bounds)
    ]
    for _ in range(25):
        serial.exchange(serial.sweep(2))
        energies = [part.sweep(2) for part in parts]
        known["energy"] = np.concatenate(energies)
        for part, own in zip(parts, energies, strict=True):
            part.exchange(own)
    states = np.concatenate([part.chains.states for part in parts], axis=1)
    assert np.array_equal(states, serial.chains.states)
    assert np.array_equal(np.concatenate([part.chains.beta for part in parts]), serial.ladders.beta.ravel())
    assert np.array_equal(np.concatenate([part.slot for part in parts]), serial.slot)
    assert np.array_equal(serial.chains.beta, betas[serial.slot])
    for part, (name, value) in itertools.product(parts, serial.ladders.state().items()):
        assert np.array_equal(part.ladders.state()[name], value)
    assert serial.ladders.accepted.sum() > 0


def test_replicas_of_own_ladders():
    """A process with ladders 2 and 3 of five has the same replicas as one with all of them."""
    model, betas = TrueEnergy(hamiltonian.ising(Lattice((4, 4)))), 1 / TEMPERATURES
    every = Replicas(model, Ladders(betas, 5, 5), slice(0, 30), 5, Purpose.OBSERVE)
    own = Replicas(model, Ladders(betas, range(2, 4), 5), slice(0, 12), 5, Purpose.OBSERVE, first=12)
    for _ in range(20):
        for replicas in (every, own):
            replicas.exchange(replicas.sweep())
    assert np.array_equal(own.chains.states, every.chains.states[:, 12:24])
    assert np.array_equal(own.slot, every.slot[12:24])


def test_replicas_of_other_keys_differ():
    """Seed, purpose and realization each give other configurations."""
    model = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    found = {
        Replicas(model, Ladders([0.4], 9, 5), slice(0, 9), *key).chains.states.tobytes()
        for key in itertools.product((5, 6), (Purpose.SWEEP, Purpose.OBSERVE), (0, 1))
    }
    assert len(found) == 8
