"""Energies of glasses that were found from observations: energies, sums with networks, sweeps, errors."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

from dcl_hpc.energy import couplings
from dcl_hpc.energy.bonds import BondSpread, BondTables, DirectBonds
from dcl_hpc.energy.calibrated import CalibratedEnergy, differences
from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference import glass
from dcl_hpc.inference.bonds import Bonds, Spins
from dcl_hpc.inference.calibration import calibrate
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tile_tables import TileTables

LATTICES = [
    Lattice((6, 6)),
    Lattice((2, 3)),
    Lattice((5, 4), open=(0,)),
    Lattice((4, 4), absent=(5, 6)),
    Lattice((3, 4, 3)),
    Lattice((5, 5), kind="triangular"),
    Lattice((4, 4), kind="honeycomb"),
]


def drawn(lattice, seed=1):
    """A Hamiltonian with random couplings and fields, its bonds, and their couplings."""
    random, bonds = np.random.default_rng(seed), Bonds.of(lattice, fields=True)
    forward, field = random.normal(size=lattice.forward.shape), random.normal(size=lattice.n_sites)
    number = [lattice.n_sites, 1]
    place = np.searchsorted(bonds.pairs @ number, np.sort(lattice.bonds) @ number)
    coupling = np.bincount(place, forward[lattice.forward >= 0])
    return ising(lattice, forward, field), bonds, np.concatenate([coupling, field])


def random_states(lattice, n=300):
    """Uniformly random configurations, uint8 (n_sites, n)."""
    return np.random.default_rng(7).integers(0, 2, (lattice.n_sites, n), np.uint8)


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_energy_is_that_of_the_hamiltonian(lattice):
    """On every lattice, with two bonds between the same sites, edges and holes; functions add up to it."""
    hamiltonian, bonds, coupling = drawn(lattice)
    states, true = random_states(lattice), TrueEnergy(hamiltonian)
    assert BondTables(lattice, bonds, coupling).energies(states) == pytest.approx(
        true.energies(states), abs=1e-5
    )
    one = BondSpread(bonds, np.outer(coupling, coupling), coupling[None])
    assert one.modes(states)[0] == pytest.approx(true.energies(states), abs=1e-9)
    assert BondSpread(bonds, np.outer(coupling, coupling)).errors(states) == pytest.approx(
        np.abs(true.energies(states)), abs=1e-6
    )


def test_sweeps_are_those_of_the_hamiltonian():
    """The same chains, flip by flip."""
    lattice = LATTICES[0]
    hamiltonian, bonds, coupling = drawn(lattice)
    ends = []
    for model in (TrueEnergy(hamiltonian), BondTables(lattice, bonds, coupling)):
        chains = Chains.start(model, np.full(300, 0.4), range(300), 1, Purpose.SWEEP)
        model.sweep(chains.states, chains.beta, chains.streams, 30)
        ends.append(chains.states)
    assert np.mean(ends[0] == ends[1]) > 0.999  # couplings are rounded elsewhere


@pytest.mark.parametrize("opened", [(), (0,)])
def test_networks_of_each_tile_take_them_in(opened):
    """Energies add; tiles that hold all bonds and sites stay as many as they were."""
    lattice, random = Lattice((6, 5), open=opened), np.random.default_rng(2)
    _, bonds, coupling = drawn(lattice)
    tables, states = BondTables(lattice, bonds, coupling), random_states(lattice)
    if opened:
        network = BondTables(lattice, bonds, random.normal(size=len(bonds)))
    else:
        network = EdnnEnergy(lattice, 1, 1, 2, random.normal(size=(30, 512)))
    both = network.plus(tables, 0.4)
    expected = 0.4 * network.energies(states) + tables.energies(states)
    assert both.energies(states) == pytest.approx(expected, abs=1e-4)
    assert len(both.tiles.sites) == (60 if opened else 30)


def test_stationary_distribution_beside_a_network(p_value):
    """Configurations occur with the probabilities of the sum."""
    lattice, n, beta = Lattice((3, 3)), 20_000, 0.5
    _, bonds, coupling = drawn(lattice)
    table = np.random.default_rng(2).normal(size=(9, 4))
    network = TileTables(lattice, 2, [(0, 0), (0, 1)], table)
    model = network.plus(BondTables(lattice, bonds, coupling), 0.7)
    chains = Chains.start(model, np.full(n, beta), range(n), 5, Purpose.SWEEP)
    model.sweep(chains.states, chains.beta, chains.streams, 40)
    counts = np.bincount(2 ** np.arange(8, -1, -1) @ chains.states, minlength=512)
    weight = np.exp(-beta * model.energies(all_states(2, 9).T.copy()))
    assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


def observed(model, n, seed, temperature=2.5):
    """Observations of an energy, uint8 (n, n_sites)."""
    chains = Chains.start(model, np.full(n, 1 / temperature), range(n), seed, Purpose.OBSERVE)
    model.sweep(chains.states, chains.beta, chains.streams, 80)
    return np.ascontiguousarray(chains.states.T)


def test_predicted_errors_are_those_of_energies():
    """z of energies and of recovered couplings, over independent observation sets."""
    lattice = Lattice((5, 5))
    hamiltonian, *_ = drawn(lattice)
    true, states, z = TrueEnergy(hamiltonian), random_states(lattice, 200), []
    pairs, _ = couplings.choose_pairs(lattice, None)
    wanted, some = couplings.true_couplings(hamiltonian, pairs), np.ascontiguousarray(states.T[:8])
    for seed in range(6):
        found = glass.fit(Spins.of(observed(true, 3000, seed), 2.5), lattice)
        model = DirectBonds(lattice, found)
        z.append((model.energies(states) - true.energies(states)) / model.errors(states))
        recovered = couplings.recover(model, some, pairs)
        assert recovered.error.max() < 1e-5  # the same for all configurations
        told = couplings.with_errors(recovered, pairs, *model.bond_errors)
        joined = told.error > 1e-5
        assert joined.sum() == 50
        of_couplings = (told.value - wanted)[joined] / told.error[joined]
        assert 0.6 < np.sqrt(np.mean(of_couplings**2)) < 1.4
        assert told.field_error.min() > 1e-3
    assert 0.5 < np.sqrt(np.mean(np.square(z))) < 1.6
    few = model.modes(states, most=400)
    assert (few**2).sum(axis=0) == pytest.approx((model.modes(states) ** 2).sum(axis=0), rel=0.5)


def test_a_network_is_calibrated_bond_by_bond():
    """Wrong couplings and noise are put right, what no bond holds is kept; so are the sweeps' energies."""
    lattice, temperature = Lattice((5, 5)), 2.5
    _, bonds, coupling = drawn(lattice)
    random = np.random.default_rng(9)
    corners = EdnnEnergy(lattice, 1, 1, 2, 0.1 * random.normal(size=(25, 512)))
    pairs = BondTables(lattice, bonds, coupling)
    truth, states = corners.plus(pairs, 1.0), random_states(lattice)
    samples, rows = observed(truth, 8000, 3, temperature), np.arange(4000, 8000)
    spins = Spins.of(samples, temperature)
    law, exact = glass.fit(spins, lattice), truth.energies(states)
    wrong = BondTables(lattice, bonds, 0.15 * random.normal(size=len(bonds)))

    def calibrated(network):
        given = -differences(network, samples[rows]) / temperature
        found = calibrate(spins, law, rows, given)
        arrays = {
            "pairs": law.interactions.pairs, "sites": law.interactions.sites,
            "coupling": found.correction.coupling, "projection": found.projection,
            "covariance": found.covariance,
        }  # fmt: skip
        return found, CalibratedEnergy(network, {"weight": found.weight}, arrays)

    def rms(energy):
        return np.std(energy - exact)

    network = truth.plus(wrong, 1.0)
    found, energy = calibrated(network)
    assert abs(found.weight - 1) < 4 * found.weight_error < 0.5
    assert rms(energy.energies(states)) < 0.3 * rms(network.energies(states))
    assert rms(energy.energies(states)) < 0.7 * rms(
        BondTables(lattice, law.interactions, law.coupling).energies(states)
    )
    assert energy.energies(states) == pytest.approx(
        energy.energies(states, network.energies(states)), abs=1e-3
    )
    assert 0.4 < rms(energy.energies(states)) / np.sqrt((energy.errors(states) ** 2).mean()) < 1.6
    noise = EdnnEnergy(lattice, 1, 1, 2, 0.1 * random.normal(size=(25, 512)))
    found, _ = calibrated(noise.plus(pairs, 1.0))
    assert abs(found.weight) < 4 * found.weight_error < 0.5
