"""The kernel of single large lattices: bits, distribution, and how sweeps are cut into calls."""

import math
from itertools import product

import numpy as np
import pytest

from dcl_hpc.energy.true import PairEnergy, TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import folded, multispin
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.generator import LAZY
from dcl_hpc.sampling.streams import Purpose

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Seven rounds of Philox 4x32 in Python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(7):
        one, two = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (two >> 32) ^ c1 ^ k0, two & MASK, (one >> 32) ^ c3 ^ k1, one & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return [c0, c1, c2, c3]


def test_philox_is_that_of_its_authors():
    """Known answers of Random123 for seven rounds."""
    assert philox([0] * 4, [0] * 2) == [0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48]
    assert philox([MASK] * 4, [MASK] * 2) == [0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662]


def reference(next_word, states, beta, stream, shape, parts):
    """One sweep, one spin after the other: for each place of a box all boxes in turn."""
    spins, random = states.reshape(shape), [int(x) for x in stream]
    key, tail = [next_word(random), next_word(random)], [next_word(random), next_word(random)]
    sides = [length // n for length, n in zip(shape, (*parts, 1)[: len(shape)], strict=True)]
    boxes = list(product(range(parts[0]), range(parts[1])))
    generators = {(a, b): philox([b * multispin.WIDTH + a, 0, *tail], key) for a, b in boxes}
    words, axes = {}, range(len(shape))
    for number, place in enumerate(np.ndindex(*sides)):
        for box in boxes:
            if number % 3 == 0:
                words[box] = next_word(generators[box])
            corner = (*box, 0)
            at = tuple(place[axis] + corner[axis] * sides[axis] for axis in axes)
            beside = [
                spins[tuple((at[k] + step * (k == axis)) % shape[k] for k in axes)]
                for axis in axes
                for step in (1, -1)
            ]
            unsatisfied = sum((spins[at] != other) != (beta < 0) for other in beside)
            change = 2 * abs(beta) * (len(beside) - 2 * unsatisfied)
            threshold = int(LAZY * math.exp(-max(change, 0)) * 2**32)
            digits = words[box] >> (22 - 10 * (number % 3)) & 1023
            if digits == threshold >> 22:
                flip = next_word(generators[box]) < (threshold << 10) & MASK
            else:
                flip = digits < threshold >> 22
            spins[at] ^= flip
    return spins.ravel(), random


@pytest.mark.parametrize(("shape", "coupling"), [((32, 34), 1.0), ((34, 66), -1.0), ((48, 32, 2), 1.0)])
def test_sweeps_are_those_of_a_plain_implementation(shape, coupling, next_word):
    """Spin by spin in the same order with the same numbers, on boxes of all forms."""
    model = hamiltonian.ising(Lattice(shape), coupling)
    energy, beta = TrueEnergy(model, n_chains=2), np.array([0.3, -0.2], np.float32).astype(float)
    chains = Chains.start(energy, beta, range(2), 4, Purpose.SWEEP)
    parts = folded.fold(model)[3].tolist()
    expected = [(chains.states[:, c].copy(), chains.streams[:, c]) for c in range(2)]
    for _ in range(2):
        expected = [
            reference(next_word, states, float(b) * coupling, stream, shape, parts)
            for (states, stream), b in zip(expected, beta, strict=True)
        ]
    chains.sweep(energy, 2)
    for c, (states, stream) in enumerate(expected):
        assert np.array_equal(chains.states[:, c], states)
        assert chains.streams[:, c].tolist() == stream


def test_calls_and_other_chains_make_no_difference():
    """Three sweeps are one and two, and a chain is the same alone."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((64, 64))), n_chains=3)
    beta = np.array([0.2, 0.44, 0.6])
    one, two = (Chains.start(energy, beta, range(3), 1, Purpose.SWEEP) for _ in range(2))
    alone = Chains.start(energy, beta[1:2], [1], 1, Purpose.SWEEP)
    one.sweep(energy, 3)
    alone.sweep(energy, 3)
    two.sweep(energy)
    two.sweep(energy, 2)
    assert np.array_equal(one.states, two.states) and np.array_equal(one.streams, two.streams)
    assert np.array_equal(one.states[:, 1:2], alone.states)


@pytest.mark.parametrize(("shape", "coupling"), [((4, 4), 1.0), ((4, 4), -0.7), ((2, 4, 2), 0.5)])
def test_distribution_is_boltzmanns(shape, coupling, scatter, p_value):
    """Energies and magnetizations of independent chains, on lattices that can be enumerated."""
    model, n, beta = hamiltonian.ising(Lattice(shape), coupling), 6000, 0.3
    arrays = folded.fold(model, fewest=1)
    chains = scatter(TrueEnergy(model), np.full(n, beta), 3)
    folded.sweeps(chains.states, chains.beta.astype(np.float32), chains.streams, 25, *arrays)
    every = exact.all_states(2, model.lattice.n_sites)
    kinds = np.stack([model.energy(every).round(6), every.sum(axis=1)])
    found = np.stack([model.energy(chains.states.T).round(6), chains.states.sum(axis=0)])
    _, place = np.unique(np.concatenate([kinds, found], axis=1), axis=1, return_inverse=True)
    place = place.ravel()
    weight = np.exp(-beta * kinds[0])
    expected = n * np.bincount(place[: len(every)], weight / weight.sum())
    counts = np.bincount(place[len(every) :], minlength=len(expected))
    assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


def test_energy_of_a_large_lattice_is_kaufmans():
    """Independent chains of 64x64, from hot and from cold, against the exact mean."""
    lattice, temperature, n = Lattice((64, 64)), 2.7, 100
    energy, solution = (
        TrueEnergy(hamiltonian.ising(lattice), n_chains=1),
        exact.kaufman((64, 64), temperature),
    )
    chains = Chains.start(energy, np.full(n, 1 / temperature), range(n), 5, Purpose.SWEEP)
    chains.states[:, ::2] = 0
    chains.sweep(energy, 400)
    error = np.sqrt(solution.variance / n)
    assert abs(energy.energies(chains.states).mean() - solution.energy) < 4 * error


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((64, 64), open=(0,))),
        hamiltonian.ising(Lattice((64, 64)), field=0.1),
        hamiltonian.potts(Lattice((64, 64)), 3),
        hamiltonian.ising(Lattice((31, 64))),
        hamiltonian.ising(Lattice((24, 24))),
        hamiltonian.ising(Lattice((64, 64), "triangular")),
    ],
    ids=["open", "field", "three states", "a prime", "small", "triangular"],
)
def test_what_does_not_fold(model):
    """Other kernels sweep these."""
    assert folded.fold(model) is None
    random = hamiltonian.random_couplings(model.lattice, "bimodal", np.random.default_rng(1))
    assert folded.fold(hamiltonian.ising(model.lattice, random)) is None


@pytest.mark.parametrize(
    ("side", "n_chains", "folds"),
    [(64, 1, True), (64, 127, True), (64, 128, False), (32, 15, True), (32, 16, False), (24, 1, False)],
)
def test_few_chains_of_large_lattices_fold(side, n_chains, folds):
    """More chains keep the lanes of the other kernels busy."""
    model = hamiltonian.ising(Lattice((side, side)))
    assert (folded.worthwhile(model, n_chains) is not None) == folds
    assert (PairEnergy(model, n_chains)._kernel is folded.sweeps) == folds
