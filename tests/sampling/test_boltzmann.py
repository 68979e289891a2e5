"""Every kernel samples the Boltzmann distribution: chi-square against all configurations."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import multispin
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.generator import LAZY

BETAS = np.array([0.5, -0.5, 0.0, 0.25, -0.2])


def transitions(case, beta):
    """Exact probabilities (from, to) of one sweep over the sites in order."""
    q, n = case.energy.n_states, len(case.levels)
    every, result = np.arange(n), np.eye(n)
    for site, power in enumerate(case.powers):
        own = case.configurations[:, site].astype(int)
        to = np.array([every + ((own + step) % q - own) * power for step in range(1, q)])
        p = LAZY / (q - 1) * np.exp(-np.maximum(beta * (case.levels[to] - case.levels), 0))
        rows = np.concatenate([np.tile(every, q - 1), every])
        columns, values = np.concatenate([to.ravel(), every]), np.concatenate([p.ravel(), 1 - p.sum(axis=0)])
        result = result @ csr_array((values, (rows, columns)), shape=(n, n))
    return result


def test_kernel_is_the_expected_one(case):
    """The cases below go through all kernels."""
    if case.kernel == "multi-spin":
        assert case.energy.model._kernel is multispin.sweeps
    elif case.kernel != "tables":
        assert case.energy.model._kernel.__name__ == case.kernel


def test_energies_are_those_of_the_formula(case):
    """The energies that ladders exchange with are those of the distribution."""
    energies = case.energy.energies(np.ascontiguousarray(case.configurations.T))
    assert energies == pytest.approx(case.levels, abs=1e-5)


def test_stationary_distribution(case, scatter, p_value):
    """From random configurations to exp(-beta E)/Z, beta of both signs and zero side by side."""
    n = 32_000
    chains = scatter(case.energy, np.tile(BETAS, n), 11)
    chains.sweep(case.energy, 80)
    number = case.numbers(chains.states).reshape(n, -1)
    counts = [np.bincount(column, minlength=len(case.levels)) for column in number.T]
    expected = [n * case.boltzmann(beta) for beta in BETAS]
    assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


def test_sweep_has_the_exact_transition_probabilities(case, scatter, p_value):
    """One sweep leads from every configuration to every other as often as the product over its sites."""
    betas = np.array([0.4, -0.7])
    chains = scatter(case.energy, np.tile(betas, 2**20), 12)
    before = case.numbers(chains.states)
    chains.sweep(case.energy)
    pairs = (before * len(case.levels) + case.numbers(chains.states)).reshape(-1, 2)
    shape = len(case.levels), len(case.levels)
    for beta, column in zip(betas, pairs.T, strict=True):
        counts = np.bincount(column, minlength=shape[0] * shape[1]).reshape(shape)
        expected = counts.sum(axis=1, keepdims=True) * transitions(case, beta)
        assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


def test_energies_of_four_by_four_are_kaufmans(scatter):
    """Means of independent chains at temperatures of both signs, on a lattice too large to count cells."""
    energy, n = TrueEnergy(hamiltonian.ising(Lattice((4, 4)))), 20_000
    temperatures = np.array([1.8, 2.269185, 3.0, 6.0])
    chains = scatter(energy, np.tile(np.concatenate([1 / temperatures, -1 / temperatures]), n), 2)
    chains.sweep(energy, 150)
    e = energy.energies(chains.states).reshape(n, 2, -1)
    for k, t in enumerate(temperatures):
        solution = exact.kaufman((4, 4), t)
        error = np.sqrt(solution.variance / n)
        assert abs(e[:, 0, k].mean() - solution.energy) < 4 * error
        # turning one sublattice maps beta to -beta
        assert abs(e[:, 1, k].mean() + solution.energy) < 4 * error


def test_nothing_climbs_at_zero_temperature(case, scatter):
    """Energies never rise where beta is huge, never fall where it is negative and huge, and move at first."""
    chains = scatter(case.energy, np.repeat([1e6, -1e6], 1000), 13)
    energies = [case.energy.energies(chains.states)]
    for _ in range(30):
        chains.sweep(case.energy)
        energies.append(case.energy.energies(chains.states))
    change = np.diff(energies, axis=0).reshape(30, 2, 1000)
    assert change[:, 0].max() < 1e-5
    assert change[:, 1].min() > -1e-5
    assert change[:, 0].sum(axis=0).mean() < -0.5
    assert change[:, 1].sum(axis=0).mean() > 0.5


def test_aligned_state_is_kept_at_zero_temperature():
    """Far below the gap the ferromagnet's ground state stays; at negative temperature all of it leaves."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((4, 4))))
    streams = np.random.default_rng(5).integers(0, 2**32, (4, 600), np.uint32)
    chains = Chains(np.zeros((16, 600), np.uint8), np.repeat([50.0, -50.0], 300), streams)
    chains.sweep(energy, 60)
    assert not chains.states[:, :300].any()
    assert np.all(energy.energies(chains.states)[300:] > 0)
