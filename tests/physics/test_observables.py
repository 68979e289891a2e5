"""Order parameters, overlaps and averages."""

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.observables import majority_order, overlap, pack, thermodynamics

LATTICE = Lattice((4, 4))
RANDOM = np.random.default_rng(1)


def test_ising_order_parameter_is_the_absolute_magnetization():
    """|sum s_i| / N."""
    states = RANDOM.integers(0, 2, (16, 50)).astype(np.uint8)
    expected = np.abs((2.0 * states - 1).mean(axis=0))
    assert hamiltonian.ising(LATTICE).order_parameter(states) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("q", [2, 3, 4, 6])
def test_clock_order_parameter_is_the_length_of_the_mean_vector(q):
    """|sum exp(2 pi i q_j / Q)| / N."""
    states = RANDOM.integers(0, q, (16, 50)).astype(np.uint8)
    expected = np.abs(np.exp(2j * np.pi * states / q).mean(axis=0))
    assert hamiltonian.clock(LATTICE, q).order_parameter(states) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("q", [3, 4, 5])
def test_delta_order_parameter_counts_the_majority(q):
    """(Q max n_a / N - 1)/(Q - 1)."""
    states = RANDOM.integers(0, q, (16, 50)).astype(np.uint8)
    expected = [(q * np.bincount(s, minlength=q).max() / 16 - 1) / (q - 1) for s in states.T]
    assert hamiltonian.potts(LATTICE, q).order_parameter(states) == pytest.approx(expected, abs=1e-14)


def test_two_state_delta_form_is_ising():
    """For Q = 2, (2 max n/N - 1) = |m|."""
    states = RANDOM.integers(0, 2, (16, 50)).astype(np.uint8)
    delta, ising = hamiltonian.potts(LATTICE, 2), hamiltonian.ising(LATTICE)
    assert np.array_equal(delta.order_parameter(states), ising.order_parameter(states))
    assert majority_order(states, 2) == pytest.approx(ising.order_parameter(states), abs=1e-14)


def test_extremes_of_the_order_parameter():
    """1 when all sites agree in any state, 0 when all states are equally frequent."""
    for form, q in ((hamiltonian.clock, 4), (hamiltonian.potts, 4), (hamiltonian.clock, 2)):
        model = form(LATTICE, q)
        aligned = np.repeat(np.arange(q, dtype=np.uint8)[None], 16, axis=0)
        assert model.order_parameter(aligned) == pytest.approx(np.ones(q))
        balanced = np.resize(np.arange(q, dtype=np.uint8), (16, 1))
        assert model.order_parameter(balanced) == pytest.approx(0, abs=1e-14)


def test_order_parameter_of_one_does_not_depend_on_others():
    """Computed alone or with others, a configuration has the same value bit for bit."""
    for form, q in (
        (hamiltonian.clock, 2),
        (hamiltonian.clock, 3),
        (hamiltonian.clock, 7),
        (hamiltonian.potts, 4),
    ):
        model = form(LATTICE, q)
        states = RANDOM.integers(0, q, (16, 100), np.uint8)
        alone = [model.order_parameter(states[:, k : k + 1]) for k in range(100)]
        assert np.array_equal(model.order_parameter(states), np.concatenate(alone))


# Numbers of sites about those that fill bytes and words.
SIZES = [1, 7, 8, 9, 12, 63, 64, 65, 130]


@pytest.mark.parametrize("n_sites", SIZES)
def test_overlap_is_the_mean_product_of_spins(n_sites):
    """Sum s_i^a s_i^b / N, exactly."""
    first, second = RANDOM.integers(0, 2, (2, n_sites, 300), np.uint8)
    spins = 2 * first.astype(int) - 1, 2 * second.astype(int) - 1
    assert np.array_equal(overlap(first, second), (spins[0] * spins[1]).sum(axis=0) / n_sites)
    assert np.array_equal(overlap(second, first), overlap(first, second))


@pytest.mark.parametrize("n_sites", SIZES)
def test_extremes_of_the_overlap(n_sites):
    """1 with itself, -1 with all spins turned over, 1 - 2/N with one of them."""
    states = RANDOM.integers(0, 2, (n_sites, 50), np.uint8)
    assert np.all(overlap(states, states) == 1)
    assert np.all(overlap(states, 1 - states) == -1)
    for site in range(n_sites):
        other = states.copy()
        other[site] ^= 1
        assert np.all(overlap(states, other) == (n_sites - 2) / n_sites)


def test_overlap_does_not_depend_on_the_gauge():
    """Turning the same sites over in both configurations changes nothing."""
    first, second = RANDOM.integers(0, 2, (2, 36, 100), np.uint8)
    gauge = RANDOM.integers(0, 2, (36, 1), np.uint8)
    assert np.array_equal(overlap(first ^ gauge, second ^ gauge), overlap(first, second))


@pytest.mark.parametrize("n_sites", SIZES)
def test_packed_configurations(n_sites):
    """One bit a site and no other, whole words for each configuration; also of no configurations."""
    states = RANDOM.integers(0, 2, (n_sites, 40), np.uint8)
    bits = pack(states)
    assert bits.shape == (40, -(-n_sites // 64)) and bits.dtype == np.uint64
    assert np.array_equal(np.bitwise_count(bits).sum(axis=1), states.sum(axis=0))
    assert np.array_equal(pack(states[:, 5:9]), bits[5:9])
    assert pack(states[:, :0]).shape == (0, bits.shape[1])


def moments(energy, order):
    """Means of energy and order parameter and of their squares."""
    return np.array([x.mean() for x in (energy, energy**2, order, order**2)])


def test_thermodynamics_by_definition():
    """u = <E>/N, c = var E/(N T^2), chi = N var m/T; also for many sets of moments at once."""
    energy, order = RANDOM.normal(-20, 3, (5, 40)), RANDOM.random((5, 40))
    u, m, c, chi = thermodynamics(moments(energy, order), 2.5, 16)
    assert u == pytest.approx(energy.mean() / 16)
    assert m == pytest.approx(order.mean())
    assert c == pytest.approx(energy.var() / 16 / 2.5**2)
    assert chi == pytest.approx(16 * order.var() / 2.5)
    many = thermodynamics(np.tile(moments(energy, order), (3, 1)), 2.5, 16)
    assert np.array_equal(many, np.tile([u, m, c, chi], (3, 1)))


def test_thermodynamics_of_exact_samples():
    """Averages of independent samples of 3x3 Ising are the exact ones within 4 standard errors."""
    model, t, n = hamiltonian.ising(Lattice((3, 3))), 2.5, 200_000
    states = exact.all_states(2, 9)
    energies = model.energy(states)
    weight = np.exp(-energies / t)
    drawn = np.random.default_rng(2).choice(512, n, p=weight / weight.sum())
    order = model.order_parameter(states[drawn].T)
    u, m, c, chi = thermodynamics(moments(energies[drawn], order), t, 9)
    solution = exact.enumerate_states(model, t)
    mean, exact_chi = exact.magnetization(model, t)
    assert abs(u - solution.energy / 9) < 4 * np.sqrt(solution.variance / n) / 9
    assert abs(m - mean) < 4 * order.std() / np.sqrt(n)
    spread = (energies[drawn] - energies[drawn].mean()) ** 2
    assert abs(c - solution.variance / 9 / t**2) < 4 * spread.std() / np.sqrt(n) / 9 / t**2
    spread = (order - order.mean()) ** 2
    assert abs(chi - exact_chi) < 4 * spread.std() / np.sqrt(n) * 9 / t
