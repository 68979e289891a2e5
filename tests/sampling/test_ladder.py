"""Placing temperatures: known barriers, and ladders whose pairs are accepted equally often."""

import itertools

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import ladder
from dcl_hpc.sampling.ladder import adapt, local_barrier, place
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders, Replicas

GLASS = Lattice((8, 8))
GLASS_69 = TrueEnergy(hamiltonian.ising(GLASS, hamiltonian.published_couplings(GLASS, 69)))
SMALL = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
# A barrier whose integral from beta = 2 is 4 - beta^2.
MESH = np.linspace(2, 0.1, 2001)
BARRIER = 2 * MESH


def alone(model, listed, rungs, sweeps, seed=1, realization=0, **options):
    """`adapt` on a single process."""
    return adapt(
        model, listed, rungs, sweeps, seed, realization, lambda n: slice(0, n), lambda e: e, **options
    )


def test_local_barrier():
    """Half the mean absolute difference over all pairs, by brute force."""
    for n in (2, 3, 50):
        energies = np.random.default_rng(n).normal(3, 5, n).round(1)  # with ties
        pairs = [abs(a - b) / 2 for a, b in itertools.combinations(energies, 2)]
        assert local_barrier(energies) == pytest.approx(np.mean(pairs), rel=1e-12)
    assert local_barrier(np.full(7, 2.5)) == pytest.approx(0, abs=1e-12)


def test_local_barrier_of_a_gaussian():
    """Its mean absolute difference is 2 sigma / sqrt(pi)."""
    energies = np.random.default_rng(1).normal(-7, 3, 200_000)
    assert local_barrier(energies) == pytest.approx(3 / np.sqrt(np.pi), rel=0.01)


def test_local_barrier_is_the_slope_of_rejection():
    """Between close temperatures the rejection rate is the barrier times their distance."""
    model, beta, step = hamiltonian.ising(Lattice((3, 3))), 0.35, 0.004
    levels = model.energy(all_states(2, 9))
    p = np.exp(-np.outer([beta + step / 2, beta - step / 2], levels))
    p /= p.sum(axis=1, keepdims=True)
    difference = np.subtract.outer(levels, levels)
    rejection = 1 - p[0] @ np.exp(np.minimum(step * difference, 0)) @ p[1]
    sample = np.random.default_rng(2).choice(levels, 200_000, p=p.mean(axis=0))
    assert local_barrier(sample) * step == pytest.approx(rejection, rel=0.01)


@pytest.mark.parametrize("count", [2, 5, 12])
def test_equal_steps_of_a_known_barrier(count):
    """Between two listed temperatures the others divide the integral of the barrier equally."""
    betas = place(np.array([2.0, 0.1]), MESH, BARRIER, count)
    expected = np.sqrt(np.linspace(4, 0.01, count))
    assert betas == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("count", [4, 5, 9, 30, None])
def test_listed_temperatures_are_kept(count):
    """Exactly, in descending order, as many in all as asked for, with equal steps between two listed ones."""
    listed = 1 / np.array([0.5, 0.7, 2.0, 10.0])
    betas = place(listed, MESH, BARRIER, count)
    assert np.all(np.diff(betas) < 0)
    assert np.isin(listed, betas).all()
    assert count is None or len(betas) == count
    steps = -np.diff(betas**2)
    parts = np.split(steps, np.searchsorted(-betas, -listed)[1:-1])
    for part in parts:
        assert part == pytest.approx(np.full(len(part), part.mean()), rel=1e-2)
    # no rung would be of more use elsewhere
    halved = [part.sum() / (len(part) + 1) for part in parts]
    spent = [part.sum() / (len(part) - 1) for part in parts if len(part) > 1]
    assert not spent or max(halved) <= min(spent) * (1 + 1e-9)


def test_as_many_as_needed():
    """Without a number no step exceeds the aim, and one temperature fewer would not do."""
    listed = np.array([2.0, 0.1])
    betas = place(listed, MESH, BARRIER, None)
    assert len(betas) == np.ceil(3.99 / ladder.REJECTION) + 1
    assert -np.diff(betas**2).max() <= ladder.REJECTION * (1 + 1e-3)
    assert len(place(listed, MESH, BARRIER / 100, None)) == 2
    assert len(place(listed, MESH, BARRIER * 100, None)) == ladder.MOST_TEMPERATURES


def test_more_listed_than_most():
    """All listed temperatures are kept, however many, and none are added."""
    listed = np.linspace(2, 0.1, ladder.MOST_TEMPERATURES + 10)
    assert np.array_equal(place(listed, MESH, BARRIER * 100, None), listed)


def test_flat_barrier():
    """Where nothing fluctuates temperatures are still distinct."""
    betas = place(np.array([2.0, 0.1]), MESH, np.zeros(len(MESH)), 6)
    assert len(betas) == 6
    assert np.all(np.diff(betas) < 0)


def acceptance(model, temperatures, sweeps=1500, ladders=64):
    """Exchange rates of each pair in a run of its own."""
    replicas = Replicas(
        model, Ladders(1 / temperatures, ladders, 5), slice(0, ladders * len(temperatures)), 5, Purpose.SWEEP
    )
    for sweep in range(sweeps):
        if sweep == sweeps // 3:
            replicas.ladders.forget_statistics()
        replicas.exchange(replicas.sweep())
    return replicas.ladders.accepted.sum(axis=0) / replicas.ladders.attempts.sum(axis=0)


@pytest.mark.parametrize("rungs", ["auto", 10, 20])
def test_pairs_of_a_glass_are_accepted_equally_often(rungs):
    """The published glass from T = 0.3 to 3: equal rates within four per cent, with "auto" above one half."""
    listed = np.array([0.3, 3.0])
    temperatures = alone(GLASS_69, listed, rungs, 1000)
    assert temperatures[[0, -1]].tolist() == listed.tolist()
    assert rungs == "auto" or len(temperatures) == rungs
    rates = acceptance(GLASS_69, temperatures)
    assert abs(rates - rates.mean()).max() < 0.04
    if rungs == "auto":
        assert rates.min() > 1 - ladder.REJECTION - 0.02
        assert rates.max() < 1 - ladder.REJECTION + 0.12  # no more temperatures than needed


def test_listed_temperatures_of_a_glass():
    """All are kept as they were given; rates are equal between two of them and nowhere below one half."""
    listed = np.array([0.3, 0.7, 0.9, 1.3, 3.7])  # 0.9 and 3.7 are not the inverse of their inverse
    temperatures = alone(GLASS_69, listed, "auto", 1000)
    assert np.all(np.diff(temperatures) > 0)
    assert np.isin(listed, temperatures).all()
    rates = acceptance(GLASS_69, temperatures)
    assert rates.min() > 1 - ladder.REJECTION - 0.02
    for part in np.split(rates, np.searchsorted(temperatures, listed)[1:-1]):
        assert np.ptp(part) < 0.06


def test_close_temperatures_get_nothing_between():
    """A pair that is accepted often enough already is all."""
    assert alone(SMALL, np.array([5.0, 5.2]), "auto", 200).tolist() == [5.0, 5.2]


@pytest.mark.parametrize("size", [2, 3])
def test_ladder_does_not_depend_on_the_processes(together, size):
    """Every process places the temperatures that a single one places, bit by bit."""
    listed = np.array([0.5, 1.9, 4.0])
    expected = alone(SMALL, listed, "auto", 60)
    for found in together(size, lambda *exchange: adapt(SMALL, listed, "auto", 60, 1, 0, *exchange)):
        assert np.array_equal(found, expected)


def test_keys_of_trial_runs():
    """Seed and realization each give trial runs of their own; every sweep is told."""
    listed, told = np.array([1.5, 4.0]), []
    one = alone(GLASS_69, listed, 6, 100, on_sweep=lambda: told.append(1))
    assert len(told) == 100 + 50 + 25
    assert np.array_equal(alone(GLASS_69, listed, 6, 100), one)
    for other in (alone(GLASS_69, listed, 6, 100, seed=2), alone(GLASS_69, listed, 6, 100, realization=7)):
        assert not np.array_equal(other, one)
        assert other == pytest.approx(one, rel=0.1)
