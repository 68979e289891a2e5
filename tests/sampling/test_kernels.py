"""Kernels: arithmetic, stationary distributions and independence of the grouping of chains."""

import itertools

import numpy as np
import pytest
from numba import njit
from scipy.stats import chi2

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling
from dcl_hpc.sampling import kernels
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose, streams


@njit
def exponentials(x):
    """The kernel's exponential of an array."""
    result = np.empty_like(x)
    for i in range(len(x)):
        result[i] = kernels.acceptance(x[i]) / kernels.LAZY
    return result


def p_value(counts, expected):
    """Chi-square probability, rare outcomes put together until 10 or more are expected."""
    order = np.argsort(expected)
    total = np.cumsum(expected[order])
    bins = np.minimum(total // 10, total[-1] // 10 - 1).astype(int)
    observed, predicted = np.bincount(bins, counts[order]), np.bincount(bins, expected[order])
    used = predicted > 0
    statistic = ((observed[used] - predicted[used]) ** 2 / predicted[used]).sum()
    return chi2.sf(statistic, used.sum() - 1)


def gaussian(shape, seed=5, pair=None):
    """Random couplings on a lattice, two states unless another table is given."""
    lattice = Lattice(shape)
    couplings = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(seed))
    model = hamiltonian.ising(lattice, couplings)
    return model if pair is None else hamiltonian.Hamiltonian(lattice, couplings, pair)


def tile_model(shape):
    """Ising energy as a table of tiles with f = 2, c = 1: bonds right and down of the foci."""
    s = 2.0 * exact.all_states(2, 16).reshape(-1, 4, 4) - 1
    table = -(s[:, 1:3, 1:3] * (s[:, 1:3, 2:4] + s[:, 2:4, 1:3])).sum(axis=(1, 2))
    return EdnnEnergy(Lattice(shape), 2, 1, 2, table.astype(np.float32))


def three_state_tiles(shape):
    """Three-state delta Potts energy as tiles with f = 1, c = 1: bonds right and down of the focus."""
    tile = exact.all_states(3, 9)
    table = -((tile[:, 4] == tile[:, 5]).astype(float) + (tile[:, 4] == tile[:, 7]))
    return EdnnEnergy(Lattice(shape), 1, 1, 3, table.astype(np.float32))


MODELS = {
    "ising": hamiltonian.ising(Lattice((2, 3))),
    "antiferromagnet": hamiltonian.ising(Lattice((3, 4)), -1.0),
    # without the factor in `acceptance` some configurations of these only turn into each other
    "2x2": hamiltonian.ising(Lattice((2, 2))),
    "frustrated": hamiltonian.ising(Lattice((3, 3)), -1.0),
    "gaussian": gaussian((3, 3)),
    "clock": hamiltonian.clock(Lattice((2, 3)), 3),
    "clock Q=5": hamiltonian.clock(Lattice((2, 2)), 5),
    "delta": hamiltonian.potts(Lattice((2, 2)), 4),
    "gaussian delta": gaussian((2, 3), 6, np.eye(3)),
    "cubic": hamiltonian.ising(Lattice((2, 2, 2))),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
ENERGIES = {
    **{name: TrueEnergy(model) for name, model in MODELS.items()},
    "tiles": tile_model((6, 6)),
    "tiles of three states": three_state_tiles((4, 4)),
}
energy_models = pytest.mark.parametrize("energy", ENERGIES.values(), ids=ENERGIES.keys())


def test_acceptance():
    """exp(-x) to 1e-6, 1 at and below zero."""
    x = np.linspace(0, 80, 200_001).astype(np.float32)
    expected = np.exp(-x.astype(float))
    assert np.abs(exponentials(x) / expected - 1).max() < 1e-6
    assert exponentials(np.array([-0.0, -1e-9, -3.0, -1e30], np.float32)) == pytest.approx(1, abs=1e-6)


def test_acceptance_of_large_arguments():
    """Never more than 2^-24, the smallest uniform number above zero, and never negative or nan."""
    values = exponentials(np.array([17.0, 40.0, 87.0, 88.0, 1e3, 1e20, 3e38], np.float32))
    assert np.all(values >= 0)
    assert np.all(values < 2.0**-24)
    assert np.all(np.diff(values) <= 0)


@models
def test_energies_are_those_of_the_hamiltonian(model):
    """The kernel counts the same bonds."""
    states = (
        np.random.default_rng(1).integers(0, model.n_states, (300, model.lattice.n_sites)).astype(np.uint8)
    )
    energies = TrueEnergy(model).energies(states.T.copy())
    assert energies == pytest.approx(model.energy(states), abs=1e-12)


@models
@pytest.mark.parametrize("temperature", [2.0, 4.0, -4.0])
def test_stationary_distribution_is_boltzmann(model, temperature):
    """Configurations of independent chains occur with probability exp(-E/T)/Z, T of either sign."""
    n = 20_000
    energy = TrueEnergy(model)
    chains = Chains.start(energy, np.full(n, 1 / temperature), range(n), 11, Purpose.OBSERVE)
    chains.sweep(energy, 150)
    q, n_sites = model.n_states, model.lattice.n_sites
    powers = q ** np.arange(n_sites - 1, -1, -1)
    counts = np.bincount(powers @ chains.states, minlength=q**n_sites)
    weight = np.exp(-model.energy(exact.all_states(q, n_sites)) / temperature)
    assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


@models
def test_sweeps_keep_the_distribution(model):
    """Exact Boltzmann samples are exact samples still after one single sweep."""
    n, temperature = 50_000, 1.5
    q, n_sites = model.n_states, model.lattice.n_sites
    states = exact.all_states(q, n_sites)
    weight = np.exp(-model.energy(states) / temperature)
    p = weight / weight.sum()
    drawn = np.random.default_rng(3).choice(len(p), n, p=p)
    chains = Chains(states[drawn].T.copy(), np.full(n, 1 / temperature), streams(4, Purpose.SWEEP, range(n)))
    chains.sweep(TrueEnergy(model), 1)
    counts = np.bincount(q ** np.arange(n_sites - 1, -1, -1) @ chains.states, minlength=len(p))
    assert 1e-4 < p_value(counts, n * p) < 1 - 1e-4


def test_tiles_give_the_true_energy():
    """A sum over tiles of the bonds of their foci is the energy of the whole lattice."""
    states = np.random.default_rng(2).integers(0, 2, (36, 100)).astype(np.uint8)
    true = TrueEnergy(hamiltonian.ising(Lattice((6, 6)))).energies(states)
    assert tile_model((6, 6)).energies(states) == pytest.approx(true, abs=1e-9)
    states = np.random.default_rng(2).integers(0, 3, (16, 100)).astype(np.uint8)
    true = TrueEnergy(hamiltonian.potts(Lattice((4, 4)), 3)).energies(states)
    assert three_state_tiles((4, 4)).energies(states) == pytest.approx(true, abs=1e-9)


@pytest.mark.parametrize("shape", [(6, 6), (4, 8), (4, 4)])
def test_tile_sweeps_are_pair_sweeps(shape):
    """The same energy and random numbers give the same configurations, bit by bit."""
    pairs, tiles = TrueEnergy(hamiltonian.ising(Lattice(shape))), tile_model(shape)
    beta = np.linspace(-0.6, 1.2, 300)
    one = Chains.start(pairs, beta, range(300), 1, Purpose.SWEEP)
    two = Chains.start(tiles, beta, range(300), 1, Purpose.SWEEP)
    for _ in range(3):
        assert np.array_equal(one.sweep(pairs, 7), two.sweep(tiles, 7))
        assert np.array_equal(one.states, two.states)
        assert np.array_equal(one.streams, two.streams)


def test_tile_sweeps_of_three_states_are_pair_sweeps():
    """Also with proposals among several other states."""
    pairs, tiles = TrueEnergy(hamiltonian.potts(Lattice((4, 5)), 3)), three_state_tiles((4, 5))
    beta = np.linspace(-0.6, 1.5, 300)
    one = Chains.start(pairs, beta, range(300), 1, Purpose.SWEEP)
    two = Chains.start(tiles, beta, range(300), 1, Purpose.SWEEP)
    assert np.array_equal(one.sweep(pairs, 20), two.sweep(tiles, 20))
    assert np.array_equal(one.states, two.states)


@energy_models
def test_chains_do_not_depend_on_their_company(energy):
    """Chains 0..599 together are the chains run in groups of any size, bit by bit."""
    beta = np.linspace(0.1, 0.9, 600)
    together = Chains.start(energy, beta, range(600), 9, Purpose.OBSERVE)
    accepted = together.sweep(energy, 12)
    bounds = [0, 1, 8, 300, 556, 599, 600]
    for start, stop in itertools.pairwise(bounds):
        group = Chains.start(energy, beta[start:stop], range(start, stop), 9, Purpose.OBSERVE)
        assert np.array_equal(group.sweep(energy, 12), accepted[start:stop])
        assert np.array_equal(group.states, together.states[:, start:stop])
        assert np.array_equal(group.streams, together.streams[:, start:stop])


@energy_models
def test_sweeps_add_up(energy):
    """Nine sweeps at once are two and then seven."""
    beta = np.linspace(0.1, 0.9, 300)
    one = Chains.start(energy, beta, range(300), 5, Purpose.OBSERVE)
    two = Chains.start(energy, beta, range(300), 5, Purpose.OBSERVE)
    accepted = one.sweep(energy, 9)
    assert np.array_equal(accepted, two.sweep(energy, 2) + two.sweep(energy, 7))
    assert np.array_equal(one.states, two.states)


@energy_models
def test_accepted_counts_are_changes(energy):
    """In one sweep every site is visited once, so accepted proposals are sites that differ."""
    chains = Chains.start(energy, np.full(700, 0.4), range(700), 6, Purpose.OBSERVE)
    for _ in range(3):
        before = chains.states.copy()
        accepted = chains.sweep(energy)
        assert np.array_equal(accepted, (chains.states != before).sum(axis=0))
        assert 0 < accepted.sum() < before.size


@energy_models
def test_acceptance_at_infinite_temperature(energy):
    """At beta = 0 every proposal is accepted with probability 63/64."""
    chains = Chains.start(energy, np.zeros(3000), range(3000), 6, Purpose.OBSERVE)
    proposals = 3000 * 10 * energy.lattice.n_sites
    accepted = chains.sweep(energy, 10).sum()
    error = np.sqrt(proposals * kernels.LAZY * (1 - kernels.LAZY))
    assert abs(accepted - kernels.LAZY * proposals) < 4.5 * error


def test_ground_state_is_kept_at_zero_temperature():
    """Far below the gap nothing is accepted; far above it in negative temperature all of it leaves."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    aligned = np.zeros((16, 300), np.uint8)
    cold = Chains(aligned.copy(), np.full(300, 50.0), streams(1, Purpose.SWEEP, range(300)))
    assert cold.sweep(energy, 10).sum() == 0
    assert np.array_equal(cold.states, aligned)
    inverted = Chains(aligned.copy(), np.full(300, -50.0), streams(1, Purpose.SWEEP, range(300)))
    inverted.sweep(energy, 60)
    assert np.all(energy.energies(inverted.states) > 0)


def test_positive_and_negative_temperature_mirror_each_other():
    """On a bipartite lattice turning one sublattice maps beta to -beta: mean energies are opposite."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    n = 4000
    chains = Chains.start(energy, np.repeat([0.3, -0.3], n), range(2 * n), 2, Purpose.LEVELS)
    chains.sweep(energy, 60)
    e = energy.energies(chains.states).reshape(2, n)
    solution = exact.kaufman((4, 4), 1 / 0.3)
    error = np.sqrt(solution.variance / n)
    assert abs(e[0].mean() - solution.energy) < 4 * error
    assert abs(e[1].mean() + solution.energy) < 4 * error


def test_chains_are_independent():
    """Magnetizations of different chains are uncorrelated, between neighbours and across the blocks."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    n = 20_480
    chains = Chains.start(energy, np.full(n, 0.25), range(n), 7, Purpose.OBSERVE)
    chains.sweep(energy, 50)
    m = 2 * chains.states.mean(axis=0) - 1
    for lag in (1, 2, kernels.BLOCK, n // 2):
        r = np.corrcoef(m[:-lag], m[lag:])[0, 1]
        assert abs(r) < 4 / np.sqrt(n - lag)


@pytest.mark.parametrize("q", [2, 3, 5, 255])
def test_random_states_are_uniform(q):
    """Starting states are all equally frequent, and none is outside the range."""
    energy = TrueEnergy(hamiltonian.potts(Lattice((10, 10)), q))
    states = Chains.start(energy, np.ones(2000), range(2000), 3, Purpose.OBSERVE).states
    counts = np.bincount(states.ravel(), minlength=q)
    assert len(counts) == q
    assert 1e-4 < p_value(counts, np.full(q, states.size / q)) < 1 - 1e-4


def test_tile_codes():
    """A tile's number in base Q, its first site most significant."""
    tiling = Tiling(Lattice((4, 4)), 2, 1)
    states = np.random.default_rng(4).integers(0, 2, (16, 9)).astype(np.uint8)
    powers = 2 ** np.arange(15, -1, -1, dtype=np.int32)
    expected = [[int("".join(map(str, states[tile, c])), 2) for c in range(9)] for tile in tiling.sites]
    assert np.array_equal(kernels.tile_codes(states, tiling.sites, powers), expected)
