"""The multi-spin coded kernel: bits, acceptance, and independence of the chains that share words."""

import math

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import kernels, multispin
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.generator import LAZY
from dcl_hpc.sampling.streams import Purpose

MASK = 0xFFFFFFFF
# Neighbouring chains are in neighbouring words, chains WIDTH apart are neighbouring bits of a word.
WIDTH = multispin.WIDTH
LAGS = (1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH, 16 * WIDTH, 32 * WIDTH)


def bimodal(shape, seed=1):
    """A glass with couplings +1 and -1."""
    lattice = Lattice(shape)
    return hamiltonian.ising(
        lattice, hamiltonian.random_couplings(lattice, "bimodal", np.random.default_rng(seed))
    )


def reference(next_word, states, beta, stream, n_sweeps, neighbours, opposed, cost):
    """One chain, one spin after the other: states, generator, and how often ten digits were not enough."""
    s, random, refined = [int(x) for x in states], [int(x) for x in stream], 0
    n_sites, z = neighbours.shape
    for _ in range(n_sweeps):
        for site in range(n_sites):
            if site % 3 == 0:
                word = next_word(random)
            digits = word >> (22 - 10 * (site % 3)) & 1023
            unsatisfied = sum(
                (s[site] ^ s[j]) != against
                for j, against in zip(neighbours[site].tolist(), opposed[site].tolist(), strict=True)
            )
            change = beta * cost * (z - 2 * unsatisfied)
            threshold = int(LAZY * math.exp(-max(change, 0)) * 2**32)
            if digits == threshold >> 22:
                refined += 1
                flip = next_word(random) < (threshold << 10) & MASK
            else:
                flip = digits < threshold >> 22
            s[site] ^= flip
    return s, random, refined


@pytest.mark.parametrize(
    "model",
    [
        bimodal((4, 5)),
        hamiltonian.ising(Lattice((3, 3)), -0.7),
        bimodal((2, 3, 3)),
        hamiltonian.potts(Lattice((4, 4)), 2),
        hamiltonian.ising(Lattice((8,))),
    ],
    ids=["bimodal", "antiferromagnet", "cubic", "delta", "ring"],
)
def test_chains_are_those_of_a_plain_implementation(model, next_word):
    """Digits from the top of a word, three flips a word, a word more if they tie: the same bits."""
    n, n_sweeps = 60, 30
    energy = TrueEnergy(model)
    beta = np.linspace(-0.6, 0.9, n).astype(np.float32).astype(float)
    chains = Chains.start(energy, beta, range(n), 4, Purpose.SWEEP)
    before, streams = chains.states.copy(), chains.streams.copy()
    chains.sweep(energy, n_sweeps)
    cost = model.neighbour_couplings * (model.pair[0, 0] - model.pair[0, 1])
    arrays = model.lattice.neighbours, cost < 0, abs(cost[0, 0])
    refined = 0
    for c in range(n):
        states, random, ties = reference(next_word, before[:, c], beta[c], streams[:, c], n_sweeps, *arrays)
        assert chains.states[:, c].tolist() == states
        assert chains.streams[:, c].tolist() == random
        refined += ties
    assert refined > 8


BETAS = np.array([0.0, 0.02, 0.11, 0.3, 0.55, 1.6, -0.05, -0.3])


@pytest.mark.parametrize(
    ("z", "unsatisfied"),
    [(6, (0, 1, 2)), (6, (2, 0, 1)), (6, (3, 6, 0)), (4, (0, 1, 2)), (4, (1, 4, 0)), (2, (0, 1, 2))],
)
def test_flip_probabilities(z, unsatisfied, p_value):
    """63/64 exp(-beta dE) in ten million trials of each flip of a word, and flips independent of each other.

    Three sites are bound to three others, which are visited later and put back before the next trial.
    """
    n, rounds, cost = 2**20, 10, np.float32(0.9)
    random = np.random.default_rng(1)
    kept = np.array([0, 1, 1])
    neighbours = random.integers(3, 6, (6, z)).astype(np.int32)
    broken = np.arange(z) < np.array([*unsatisfied, 0, 0, 0])[:, None]
    opposed = broken ^ (kept[neighbours - 3] == 1)
    change = cost * (z - 2.0 * np.array(unsatisfied))
    streams = random.integers(0, 2**32, (4, n), np.uint32)
    states, beta = np.zeros((6, n), np.uint8), np.tile(BETAS, n // len(BETAS))
    counts = np.zeros((len(BETAS), 8), int)
    for _ in range(rounds):
        states[:3], states[3:] = 0, kept[:, None]
        model = neighbours, opposed, cost
        kernels.in_blocks(multispin.sweeps, states, beta, streams, 1, *model, block=multispin.LANES)
        number = 4 * states[0] + 2 * states[1] + states[2]
        for row, column in zip(counts, number.reshape(-1, len(BETAS)).T, strict=True):
            row += np.bincount(column, minlength=8)
    trials, flips = rounds * n // len(BETAS), exact.all_states(2, 3)
    for b, row in zip(BETAS, counts, strict=True):
        p = LAZY * np.exp(-np.maximum(b * change, 0))
        z_score = (row @ flips - trials * p) / np.sqrt(trials * p * (1 - p))
        assert abs(z_score).max() < 4
        joint = np.prod(np.where(flips == 1, p, 1 - p), axis=1)
        assert 1e-4 < p_value(row, trials * joint) < 1 - 1e-4


@pytest.mark.parametrize("n", [1, 5, 31, 32, 33, 1000, 1023, 1024, 1025, 2500])
def test_chains_do_not_depend_on_their_number(n):
    """The first chains of many have the same spins and the same generators as they have alone."""
    energy = TrueEnergy(bimodal((3, 5)))
    beta = np.random.default_rng(5).uniform(-0.5, 1, 2500)
    many, few = (Chains.start(energy, beta[:k], range(k), 3, Purpose.SWEEP) for k in (2500, n))
    for n_sweeps in (1, 20):
        many.sweep(energy, n_sweeps)
        few.sweep(energy, n_sweeps)
        assert np.array_equal(few.states, many.states[:, :n])
        assert np.array_equal(few.streams, many.streams[:, :n])


def test_chains_do_not_depend_on_their_place():
    """Shuffled chains are the same chains, in other words and other bits of them."""
    energy = TrueEnergy(bimodal((4, 4)))
    beta = np.random.default_rng(6).uniform(-0.5, 1, 1500)
    order = np.random.default_rng(7).permutation(1500)
    one = Chains.start(energy, beta, range(1500), 3, Purpose.SWEEP)
    two = Chains(one.states[:, order].copy(), beta[order], one.streams[:, order].copy())
    one.sweep(energy, 20)
    two.sweep(energy, 20)
    assert np.array_equal(one.states[:, order], two.states)
    assert np.array_equal(one.streams[:, order], two.streams)


@pytest.mark.parametrize("model", [hamiltonian.ising(Lattice((6, 6))), bimodal((4, 6)), bimodal((2, 4, 4))])
def test_distribution_is_that_of_the_vectorised_kernel(model, scatter):
    """Energies and magnetizations of both kernels on lattices too large to enumerate, before equilibrium."""
    betas, n = np.array([0.15, 0.44, 0.8, -0.4]), 10_000
    found = []
    for n_chains, seed in ((1024, 1), (1, 2)):
        energy = TrueEnergy(model, n_chains)
        chains = scatter(energy, np.repeat(betas, n), seed)
        chains.sweep(energy, 6)
        chains.states[:, ::2] ^= 1
        chains.sweep(energy, 3)
        magnetization = abs(chains.states.sum(axis=0) - len(chains.states) / 2)
        found.append((energy.energies(chains.states), magnetization))
    for one, two in zip(*found, strict=True):
        for k in range(len(betas)):
            own = [values[k * n : (k + 1) * n] for values in (one, two)]
            values, place = np.unique(np.concatenate(own), return_inverse=True)
            table = np.array([np.bincount(part, minlength=len(values)) for part in np.split(place, 2)])
            rare = table.sum(axis=0) < 20
            table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
            assert 1e-4 < chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue < 1 - 1e-4


def test_all_pairs_of_chains_are_uncorrelated():
    """Chains of one block that began alike: correlations of all pairs, in all, by distance, and the largest.

    Every block of a long row of chains is one sample of 1024 chains.
    """
    energy, blocks, n = TrueEnergy(hamiltonian.ising(Lattice((3, 4)))), 1000, multispin.LANES
    streams = np.random.default_rng(8).integers(0, 2**32, (4, blocks * n), np.uint32)
    chains = Chains(np.zeros((12, blocks * n), np.uint8), np.full(blocks * n, 0.2), streams)
    chains.sweep(energy, 8)
    for quantity in (chains.states[0], chains.states[11], chains.states.sum(axis=0)):
        r = np.corrcoef(quantity.reshape(blocks, n).astype(float), rowvar=False) * np.sqrt(blocks - 1)
        pairs = r[np.triu_indices(n, 1)]
        assert abs((pairs**2).sum() - len(pairs)) < 4 * np.sqrt(2 * len(pairs))
        assert abs(pairs).max() < 6.5
        by_distance = np.array([np.trace(r, lag) / np.sqrt(n - lag) for lag in range(1, n)])
        assert abs((by_distance**2).sum() - n + 1) < 4 * np.sqrt(2 * n)
        assert abs(by_distance[[lag - 1 for lag in LAGS[:-1]]]).max() < 4


def test_overlaps_of_pairs(scatter, p_value):
    """Two chains agree at as many sites as two independent configurations would."""
    model, beta, n = bimodal((3, 3)), 0.4, 400_000
    energy = TrueEnergy(model)
    chains = scatter(energy, np.full(n, beta), 9)
    chains.sweep(energy, 60)
    every = exact.all_states(2, 9)
    weight = np.exp(-beta * model.energy(every))
    p = weight / weight.sum()
    distance = (every[:, None] != every[None]).sum(axis=2)
    expected = np.bincount(distance.ravel(), np.outer(p, p).ravel())
    for lag in LAGS:
        one = np.arange(n - lag)
        one = one[one // lag % 2 == 0]
        differing = (chains.states[:, one] != chains.states[:, one + lag]).sum(axis=0)
        assert 1e-4 < p_value(np.bincount(differing, minlength=10), len(one) * expected) < 1 - 1e-4


def test_chains_that_begin_alike_separate():
    """After a few sweeps at high temperature no two of four thousand chains on 8x8 are equal."""
    energy, n = TrueEnergy(hamiltonian.ising(Lattice((8, 8)))), 4096
    start = Chains.start(energy, np.full(n, 0.1), range(n), 2, Purpose.SWEEP)
    start.states[:] = 0
    start.sweep(energy, 5)
    assert len(np.unique(start.states, axis=1).T) == n


def test_chains_do_not_coalesce():
    """Ferromagnetic chains from different states order and are excited independently of each other."""
    energy, n = TrueEnergy(hamiltonian.ising(Lattice((4, 4)))), 16 * multispin.LANES
    chains = Chains.start(energy, np.full(n, 0.6), range(n), 2, Purpose.SWEEP)
    chains.sweep(energy, 300)
    m = 2.0 * chains.states.sum(axis=0) - 16
    sign = np.sign(m)
    assert abs(m).mean() > 15
    assert abs(sign.sum()) < 4 * np.sqrt(n)
    excited = chains.states[5] ^ (m > 0)  # whether a site is against the majority of its chain
    for quantity in (sign, energy.energies(chains.states), excited):
        for lag in LAGS:
            assert abs(np.corrcoef(quantity[:-lag], quantity[lag:])[0, 1]) < 4 / np.sqrt(n - lag)


def test_excitations_of_chains_that_begin_alike_are_independent():
    """From the ground state at low temperature, sites that flip in one chain say nothing of the next ones."""
    energy, n = TrueEnergy(hamiltonian.ising(Lattice((4, 4)))), 64 * multispin.LANES
    streams = np.random.default_rng(3).integers(0, 2**32, (4, n), np.uint32)
    chains = Chains(np.zeros((16, n), np.uint8), np.full(n, 0.4), streams)
    chains.sweep(energy)
    first = chains.states[0].astype(float)
    for lag in LAGS:
        for other in (first, chains.states[1], chains.states[15]):
            r = np.corrcoef(first[:-lag], other[lag:])[0, 1]
            assert abs(r) < 4 / np.sqrt(n - lag)
