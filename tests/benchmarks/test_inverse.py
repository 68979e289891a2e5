"""What `benchmarks/peers.py` compares estimators with: gauges, and chains of any pair couplings."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.lattice import Lattice

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def inverse(monkeypatch):
    """Modules of the folder `benchmarks/inverse` by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return lambda name: importlib.import_module(f"inverse.{name}")


def test_zero_sum_gauge_is_the_same_law(inverse):
    """Log-probabilities of a Potts model of two states and of its spins differ by a constant."""
    n, random = 4, np.random.default_rng(1)
    j, f = random.normal(size=(n, 2, n, 2)), random.normal(size=(n, 2))
    j = j + j.transpose(2, 3, 0, 1)
    j[np.arange(n), :, np.arange(n)] = 0
    k, h = inverse("estimators").zero_sum(j, f)
    np.testing.assert_allclose(k, k.T)
    states = all_states(2, n)
    hot = np.eye(2)[states]
    potts = np.einsum("xia,iajb,xjb->x", hot, j, hot) / 2 + np.einsum("xia,ia->x", hot, f)
    spins = 2.0 * states - 1
    difference = potts - (np.einsum("xi,ij,xj->x", spins, k, spins) / 2 + spins @ h)
    np.testing.assert_allclose(difference, difference[0])


def dense(hamiltonian_):
    """Couplings (n_sites, n_sites) and fields of a Hamiltonian of spins."""
    (sites, couplings), n = hamiltonian_.pairs, hamiltonian_.lattice.n_sites
    found = np.zeros((n, n))
    np.add.at(found, tuple(sites.T), couplings)
    return found + found.T, -hamiltonian_.site_field[:, 1]


def test_pairs_are_the_true_energy(inverse):
    """With the bonds of a glass in a field, energies and chains are those of the Hamiltonian."""
    lattice, random = Lattice((4, 4)), np.random.default_rng(2)
    glass = hamiltonian.ising(
        lattice, hamiltonian.random_couplings(lattice, "gaussian", random), random.normal(size=16)
    )
    pairs, true = inverse("pairs"), TrueEnergy(glass)
    model = pairs.PairsEnergy(lattice, *dense(glass))
    states = random.integers(0, 2, (16, 50)).astype(np.uint8)
    np.testing.assert_allclose(model.energies(states), true.energies(states), rtol=1e-12)
    found, expected = (pairs.energies_per_site(one, [1.0, 2.0], 50, 3) for one in (model, true))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_energies_per_site_are_exact(inverse):
    """All couplings and fields at once, against all states."""
    lattice, random = Lattice((2, 3)), np.random.default_rng(4)
    couplings = np.triu(random.normal(size=(6, 6)) / 2, 1)
    pairs = inverse("pairs")
    model = pairs.PairsEnergy(lattice, couplings + couplings.T, random.normal(size=6) / 2)
    temperatures = np.array([1.0, 3.0])
    u, error = pairs.energies_per_site(model, temperatures, 3000, 5)
    energies = model.energies(all_states(2, 6).T)
    p = np.exp(-energies / temperatures[:, None])
    exact = (p @ energies) / p.sum(axis=1) / 6
    assert np.all(error < 0.01)
    assert np.all(np.abs(u - exact) < 4 * error)
