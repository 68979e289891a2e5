"""Calibration of learned energies: what is noise, what is knowledge, and how well both are known."""

import numpy as np
import pytest

from dcl_hpc.energy.calibrated import differences
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference import clusters
from dcl_hpc.inference.calibration import calibrate
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.inference.samples import Samples
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.hamiltonian import clock, ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.sampling.tile_tables import TileTables

LATTICE, TEMPERATURE, ROWS = Lattice((6, 6)), 4.0, np.arange(0, 6000, 2)


@pytest.fixture(scope="module", params=["ising", "clock"])
def observed(request, make):
    """Samples of nearest-neighbour models, their energy and the interactions found."""
    q = 2 if request.param == "ising" else 3
    truth = TrueEnergy(ising(LATTICE) if q == 2 else clock(LATTICE, 3), 500)
    samples = make.observe(truth, TEMPERATURE, 6000, side=2)
    return samples, truth, clusters.fit(samples)


def noise(samples, size, seed=3):
    """A random energy of tiles of two by three sites."""
    q = samples.window.n_states
    table = np.random.default_rng(seed).normal(scale=size, size=q**6)
    return TileTables(LATTICE, q, np.indices((2, 3)).reshape(2, -1).T, table)


def calibrated(observed, network):
    """The calibration of a network, given at every other sample."""
    samples, _, law = observed
    given = -differences(network, samples.states[ROWS]) / TEMPERATURE
    return calibrate(samples, law, ROWS, given)


def test_noise_has_no_weight(observed):
    """Scaled wrongly and with noise beside, what is left is the law that the observations call for."""
    samples, truth, law = observed
    lattice_noise, local = noise(samples, 0.1), law.model(LATTICE)
    found = calibrated(observed, local.plus(lattice_noise, 0.9))
    assert abs(found.weight) < 4 * found.weight_error < 0.5
    assert abs(found.scale - 1 / 0.9) < 4 * found.scale_error
    assert np.all(np.abs(found.law.coupling - law.coupling) < law.error)
    states = np.random.default_rng(1).integers(0, samples.window.n_states, (36, 200), np.uint8)
    kept = local.plus(lattice_noise, 0.9).plus(found.correction.model(LATTICE), found.weight).energies(states)
    before = local.plus(lattice_noise, 0.9).energies(states)
    true = truth.energies(states)
    assert np.std(kept - true) < 0.5 * np.std(before - true)


def test_what_interactions_lack_keeps_its_weight(make):
    """Five sites around a cross are more than a window of four holds; a network that knows them is needed."""
    cross = np.array([(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)])
    four = 2.0 * all_states(2, 4) - 1
    pairs = TileTables(LATTICE, 2, box(2, 2, 0), -four[:, 0] * (four[:, 1] + four[:, 2]))
    truth = TileTables(LATTICE, 2, cross, -0.5 * (2.0 * all_states(2, 5) - 1).prod(axis=1)).plus(pairs)
    samples = make.observe(truth, TEMPERATURE, 6000, side=2)
    found = calibrated((samples, truth, clusters.fit(samples)), truth)
    assert found.weight > 0.8
    assert abs(found.scale - 1) < 4 * found.scale_error
    states = np.random.default_rng(1).integers(0, 2, (36, 200), np.uint8)
    whole = truth.plus(found.correction.model(LATTICE), found.weight).energies(states)
    without = found.law.model(LATTICE).energies(states)
    true = truth.energies(states)
    assert np.std(whole - true) < 0.2 * np.std(without - true)


def test_errors_are_those_of_independent_samples(make):
    """z of couplings and weight over independent sets of samples, of which the network is known at some."""
    truth, z = TrueEnergy(ising(LATTICE), 500), []
    for seed in range(12):
        samples = make.observe(truth, TEMPERATURE, 2000, side=2, seed=seed)
        law = clusters.fit(samples)
        rows = np.arange(0, 2000, 4)
        network = law.model(LATTICE).plus(noise(samples, 0.3, seed))
        found = calibrate(samples, law, rows, -differences(network, samples.states[rows]) / TEMPERATURE)
        z.append((found.law.coupling[0] - 1) / found.law.error[0])
    assert 0.5 < np.sqrt(np.mean(np.square(z))) < 1.6


def test_the_interactions_are_all_there_is(observed):
    """A network that has nothing beyond them has no weight, and errors are those of the interactions."""
    law = observed[2]
    found = calibrated(observed, law.model(LATTICE))
    assert found.rest < 1e-6
    assert np.allclose(found.law.coupling, law.coupling, rtol=1e-4)
    assert np.allclose(found.law.error, law.error, rtol=1e-3)


def test_only_the_scale(make):
    """Without interactions the weight is the scale, that of the true energy is 1."""
    couplings = np.random.default_rng(2).normal(size=(36, 2))
    truth = TrueEnergy(ising(LATTICE, couplings), 500)
    states = make.sample(truth, TEMPERATURE, 3000)
    law = LocalEnergy.nothing(2, 2)
    samples = Samples(states, LATTICE, TEMPERATURE, law.interactions.words.window)
    given = -differences(truth, states) / TEMPERATURE
    found = calibrate(samples, law, np.arange(len(states)), given)
    assert found.weight == found.scale
    assert abs(found.scale - 1) < 4 * found.scale_error < 0.1
