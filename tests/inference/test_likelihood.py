"""The pseudo-likelihood, its derivatives, and what it finds in exact probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from dcl_hpc.inference import free_table, likelihood, pairwise
from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.window import Window
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice

CASES = [((5,), 3, 2), ((5,), 2, 4), ((3, 3), 2, 2), ((3, 4), 2, 3), ((3, 3, 3), 2, 2), ((3, 3, 3, 3), 2, 2)]
# Lattices that can be enumerated.
SMALL = [((7,), 3, 2), ((5,), 2, 4), ((3, 3), 2, 2), ((3, 3), 2, 3)]


@pytest.fixture(params=CASES, ids=str)
def observations(request):
    """A few random configurations with random weights."""
    shape, side, q = request.param
    lattice, random = Lattice(shape), np.random.default_rng(5)
    states = random.integers(0, q, (20, lattice.n_sites))
    return Samples(states, lattice, 2.0, Window.box(len(shape), side, q), random.random(20))


def some_functions(window, n=5):
    """Values of words spread over the list of all."""
    words = Words.all(window)
    return words.take(np.linspace(0, len(words) - 1, n).astype(int)).functions()


def test_value_is_the_product_of_conditionals(observations):
    """Each conditional from the energies of whole configurations that differ at one site."""
    window, states = observations.window, observations.states
    k = np.random.default_rng(6).normal(size=5) / 3
    f = some_functions(window) @ k
    tiles = window.tiles(observations.lattice)

    def exponent(s):
        return f[s[:, tiles].astype(int) @ window.powers].sum(axis=1)

    expected = 0.0
    for site in range(states.shape[1]):
        changed = np.repeat(states[None], window.n_states, axis=0)
        changed[:, :, site] = np.arange(window.n_states)[:, None]
        total = np.logaddexp.reduce([exponent(s) for s in changed])
        expected += observations.weights @ (exponent(states) - total)
    value = likelihood.derivatives(observations, some_functions(window), k)[0]
    assert value == pytest.approx(expected, rel=1e-12)
    if window.size < 1000:
        assert likelihood.table_information(observations, f)[0] == pytest.approx(expected, rel=1e-12)


def test_derivatives_are_those_of_the_value(observations):
    """Gradient and second derivative against central differences; scores add up to the gradient."""
    functions, h = some_functions(observations.window), 1e-5
    k = np.random.default_rng(7).normal(size=5) / 3
    _, scores, gradient, information = likelihood.derivatives(observations, functions, k)
    assert np.allclose(observations.weights @ scores, gradient)
    for j, e in enumerate(np.eye(5) * h):
        up, down = (likelihood.derivatives(observations, functions, k + s * e) for s in (1, -1))
        assert gradient[j] == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-6, abs=1e-6)
        assert np.allclose(information[j], (down[2] - up[2]) / (2 * h), rtol=1e-6, atol=1e-6)


def test_derivatives_of_the_table_are_the_same(observations):
    """In the space of tables, projected on functions."""
    functions = some_functions(observations.window)
    k = np.random.default_rng(8).normal(size=5) / 3
    _, scores, gradient, information = likelihood.derivatives(observations, functions, k)
    f = functions @ k
    assert np.allclose(likelihood.table_scores(observations, f) @ functions, scores)
    assert np.allclose(likelihood.table_scores(observations, f, together=True)[0] @ functions, gradient)
    if len(f) < 1000:
        _, first, second = likelihood.table_information(observations, f)
        assert np.allclose(first @ functions, gradient)
        assert np.allclose(functions.T @ second @ functions, information)


@pytest.mark.parametrize("shift", [-1e6, 1e6])
def test_a_constant_means_nothing(observations, shift):
    """Added to a whole table, whose fields are then all far below or above zero, it changes nothing."""
    table = some_functions(observations.window) @ np.random.default_rng(8).normal(size=5) / 3
    for together in (True, False):
        expected = likelihood.table_scores(observations, table, together=together)
        found = likelihood.table_scores(observations, table + shift, together=together)
        assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("shape", "side", "q"), SMALL)
def test_exact_probabilities_give_the_exact_couplings(shape, side, q):
    """With the Boltzmann weights of all configurations, words and the free table are recovered."""
    lattice, window, temperature = Lattice(shape), Window.box(len(shape), side, q), 2.5
    words = Words.all(window)
    coupling = np.random.default_rng(9).normal(size=len(words)) / 2
    energy = LocalEnergy(Interactions.single(words), coupling, np.eye(len(words)))
    states = exact.all_states(q, lattice.n_sites)
    weights = np.exp(-energy.energy(states, lattice)[0] / temperature)
    observations = Samples(states, lattice, temperature, window, weights / weights.sum())
    fit = likelihood.fit(observations, Interactions.single(words))
    assert np.allclose(temperature * fit.parameters, coupling, atol=1e-8)
    free = free_table.fit(observations, shrink=False, ridge=0)
    assert np.allclose(free.coupling, coupling, atol=1e-8)
    covariance = temperature**2 * fit.covariance
    assert np.allclose(free.covariance, covariance, atol=1e-4 * covariance.max())


@pytest.mark.parametrize(("model", "side"), [("ising", 2), ("clock", 2)])
def test_pairs_of_a_hamiltonian(model, side):
    """Exact probabilities of Ising and clock models: the pair couplings are J and nothing else."""
    lattice = Lattice((3, 3))
    true = hamiltonian.ising(lattice) if model == "ising" else hamiltonian.clock(lattice, 3)
    states = exact.all_states(true.n_states, 9)
    weights = np.exp(-true.energy(states) / 3)
    fit = pairwise.fit(Samples(states, lattice, 3.0, Window.box(2, side, true.n_states), weights), np.inf)
    predicted, _ = fit.energy(states, lattice)
    assert np.allclose(predicted, true.energy(states), atol=1e-7)
    assert sum(np.isclose(fit.coupling, 1, atol=1e-8)) == 2
    assert sum(np.isclose(fit.coupling, 0, atol=1e-8)) == len(fit.coupling) - 2


def test_errors_are_calibrated(make):
    """Deviations over standard errors of 20 data sets have mean square 1."""
    couplings = {make.right: 1.0, make.down: 1.0, make.diagonal: 0.3, make.plaquette: -0.4}
    energy = make.energy(couplings)
    observed = make.observe(energy.model(Lattice((5, 5))), 3.0, 40_000, side=2)
    z = []
    for part in np.split(observed.states, 20):
        fit = likelihood.fit(replace(observed, states=part, weights=None), energy.interactions)
        deviation = 3 * fit.parameters - energy.coupling
        z.append(deviation @ np.linalg.solve(9 * fit.covariance, deviation) / len(deviation))
    # chi-square of 80 degrees of freedom over 80
    assert 0.6 < np.mean(z) < 1.5


def test_predicted_errors_are_calibrated(make):
    """The error of an energy covers its deviation, in the mean square over data sets."""
    energy = make.energy({make.right: 1.0, make.down: 1.0})
    lattice = Lattice((5, 5))
    observed = make.observe(energy.model(lattice), 4.0, 40_000, side=2, seed=2)
    states = np.zeros((1, 25), np.uint8)
    z2 = []
    for part in np.split(observed.states, 20):
        predicted, error = pairwise.fit(replace(observed, states=part, weights=None)).energy(states, lattice)
        z2.append(((predicted + 50) / error)[0] ** 2)
    assert 0.4 < np.mean(z2) < 1.9


def test_correlated_samples_have_the_error_of_their_blocks(make):
    """Each sample three times over says no more than once, if blocks tell which belong together."""
    energy = make.energy({make.right: 1.0, make.down: 1.0})
    once = make.observe(energy.model(Lattice((5, 5))), 4.0, 1000, side=2)
    thrice = replace(
        once, states=np.repeat(once.states, 3, axis=0), weights=None, blocks=np.repeat(np.arange(1000), 3)
    )
    for fit in (pairwise.fit, free_table.fit):
        assert np.allclose(fit(thrice).error, fit(once).error, rtol=0.02)
    assert np.allclose(pairwise.fit(replace(thrice, blocks=None)).error * 3**0.5, pairwise.fit(once).error)
