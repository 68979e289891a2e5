"""Exact thermodynamics against each other and against published values."""

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian, strip
from dcl_hpc.physics.lattice import Lattice

T_C = 2 / np.log(1 + np.sqrt(2))


def as_tuple(solution):
    """(ln Z, energy, variance)."""
    return solution.ln_z, solution.energy, solution.variance


def glass(shape, seed=3):
    """A gaussian Edwards-Anderson instance."""
    lattice = Lattice(shape)
    couplings = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(seed))
    return hamiltonian.ising(lattice, couplings)


MODELS = {
    "ising 3x4": hamiltonian.ising(Lattice((3, 4))),
    "ising 4x3": hamiltonian.ising(Lattice((4, 3))),
    "antiferromagnet 3x4": hamiltonian.ising(Lattice((3, 4)), -0.7),
    "clock 3x3": hamiltonian.clock(Lattice((3, 3)), 3),
    "clock Q=4 2x4": hamiltonian.clock(Lattice((2, 4)), 4),
    "delta 3x3": hamiltonian.potts(Lattice((3, 3)), 3),
    "delta 4x2": hamiltonian.potts(Lattice((4, 2)), 3, 1.3),
    "gaussian 3x4": glass((3, 4)),
    "gaussian 4x4": glass((4, 4)),
    "double bonds 2x2": hamiltonian.ising(Lattice((2, 2))),
    "gaussian 2x5": glass((2, 5)),
    "gaussian 5x2": glass((5, 2)),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def test_all_states_are_distinct_and_complete():
    """Q^N configurations, each once, the first site most significant."""
    states = exact.all_states(3, 4)
    assert states.shape == (81, 4)
    assert len(np.unique(states, axis=0)) == 81
    assert np.array_equal(states @ 3 ** np.arange(3, -1, -1), np.arange(81))


def test_enumeration_of_two_by_two():
    """On 2x2 the four sites have eight bonds: Z = 2 e^(8/T) + 12 + 2 e^(-8/T), E = -8, 0, 8."""
    for t in (0.7, 2.0, 5.0):
        solution = exact.enumerate_states(hamiltonian.ising(Lattice((2, 2))), t)
        assert solution.ln_z == pytest.approx(np.log(4 * np.cosh(8 / t) + 12), rel=1e-13)
        mean = -32 * np.sinh(8 / t) / (4 * np.cosh(8 / t) + 12)
        assert solution.energy == pytest.approx(mean, rel=1e-12)


def test_enumeration_refuses_too_many_states():
    """2^25 configurations are refused, not attempted."""
    with pytest.raises(ValueError, match="too many"):
        exact.enumerate_states(hamiltonian.ising(Lattice((5, 5))), 2.0)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (4, 4), (2, 2), (2, 5), (3, 3)])
@pytest.mark.parametrize("t", [0.8, 1.5, 2.2, T_C, 2.3, 3.0, 4.0, 50.0])
def test_kaufman_is_enumeration(shape, t):
    """Kaufman's partition function and its derivatives are the sums over all configurations."""
    expected = exact.enumerate_states(hamiltonian.ising(Lattice(shape)), t)
    assert as_tuple(exact.kaufman(shape, t)) == pytest.approx(as_tuple(expected), rel=1e-9, abs=1e-8)


def test_kaufman_with_another_coupling():
    """A coupling J only rescales: ln Z(J, T) = ln Z(1, T/J), E = J E(1, T/J)."""
    expected = exact.enumerate_states(hamiltonian.ising(Lattice((3, 4)), 0.6), 1.9)
    assert as_tuple(exact.kaufman((3, 4), 1.9, 0.6)) == pytest.approx(as_tuple(expected), rel=1e-10)


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (6, 10), (64, 64)])
@pytest.mark.parametrize("t", [1.5, T_C, 2.4, 4.0])
def test_kaufman_derivatives_are_finite_differences(shape, t):
    """E = -d ln Z / d beta and var E = -dE / d beta, at the critical point as elsewhere."""
    beta, h = 1 / t, 1e-4
    plus, minus = exact.kaufman(shape, 1 / (beta + h)), exact.kaufman(shape, 1 / (beta - h))
    here = exact.kaufman(shape, t)
    assert here.energy == pytest.approx(-(plus.ln_z - minus.ln_z) / (2 * h), rel=1e-5)
    assert here.variance == pytest.approx(-(plus.energy - minus.energy) / (2 * h), rel=1e-3)


def test_kaufman_does_not_depend_on_which_axis_is_first():
    """The torus n x m is the torus m x n."""
    for t in (1.0, T_C, 3.3):
        assert as_tuple(exact.kaufman((6, 14), t)) == pytest.approx(
            as_tuple(exact.kaufman((14, 6), t)), rel=1e-9
        )


@pytest.mark.parametrize(
    ("length", "t", "u"),
    [
        (8, 4.0, -0.558491),
        (8, 2.0, -1.745683),
        (8, T_C, -1.491589),
        (16, 4.0, -0.557273),
        (16, 2.0, -1.745531),
        (16, T_C, -1.453065),
    ],
)
def test_published_ising_energies(length, t, u):
    """Energies per site of the finite Ising model."""
    assert exact.kaufman((length, length), t).energy / length**2 == pytest.approx(u, abs=1e-6)


def test_kaufman_in_the_limits():
    """E -> -2N, ln Z -> ln 2 + 2N/T at low temperature; ln Z -> N ln 2 at infinite temperature."""
    cold = exact.kaufman((8, 8), 0.3)
    assert cold.energy == pytest.approx(-128, abs=1e-6)
    assert cold.ln_z == pytest.approx(np.log(2) + 128 / 0.3, rel=1e-12)
    assert exact.kaufman((8, 8), 1e4).ln_z == pytest.approx(64 * np.log(2), rel=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (2, 30), (64, 64)])
def test_kaufman_at_very_low_temperatures(shape):
    """No overflow, and no step where the closed form of the ground state takes over (T = 0.1)."""
    n_sites = np.prod(shape)
    for t in (1e-6, 1e-3, 0.005, 0.0999, 0.1001):
        solution = exact.kaufman(shape, t)
        assert solution.ln_z - 2 * n_sites / t == pytest.approx(np.log(2), abs=1e-12 * n_sites / t)
        assert solution.energy == pytest.approx(-2 * n_sites, rel=1e-12)
        assert solution.variance == pytest.approx(0, abs=1e-8)


@models
@pytest.mark.parametrize("t", [0.5, 1.4925, T_C, 4.0])
def test_strip_is_enumeration(model, t):
    """The transfer matrix sums over the same configurations as the enumeration."""
    expected = as_tuple(exact.enumerate_states(model, t))
    assert strip.moments(model, t) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@models
def test_ground_state_is_the_lowest_energy(model):
    """The (min, +) sweep finds the lowest energy of all configurations."""
    energies = model.energy(exact.all_states(model.n_states, model.lattice.n_sites))
    assert strip.ground_state_energy(model) == pytest.approx(energies.min(), abs=1e-10)
    assert exact.ground_state_energy(model) == pytest.approx(energies.min(), abs=1e-10)


@pytest.mark.parametrize(
    ("model", "energy"),
    [
        (hamiltonian.ising(Lattice((16, 16))), -512),
        (hamiltonian.ising(Lattice((16, 16)), -0.5), -256),
        (hamiltonian.ising(Lattice((5, 5)), -1.0), -30),
        (hamiltonian.ising(Lattice((4, 4, 4)), 2.0), -384),
        (hamiltonian.clock(Lattice((30, 30)), 3), -1800),
        (hamiltonian.potts(Lattice((8, 8)), 3), -128),
        (hamiltonian.potts(Lattice((6, 6)), 2, -1.0), 0),
        (hamiltonian.clock(Lattice((6, 6)), 3, -1.0), -36),
        (hamiltonian.Hamiltonian(Lattice((5, 5)), np.ones((25, 2)), 1 - np.eye(2)), -40),
    ],
    ids=[
        "ferromagnet", "even antiferromagnet", "odd antiferromagnet", "cubic", "wide clock", "delta",
        "delta, J < 0", "clock, J < 0", "opposite states preferred",
    ],
)  # fmt: skip
def test_ground_states_that_can_be_told(model, energy):
    """All bonds satisfied; 2 x 5 unsatisfied ones on 5x5; three angles, 120 degrees apart, on 6x6."""
    assert exact.ground_state_energy(model) == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize("shape", [(4, 4), (2, 6), (6, 8)])
@pytest.mark.parametrize("t", [1.0, T_C, 4.0])
def test_even_antiferromagnet_is_a_ferromagnet(shape, t):
    """Flipping one of two sublattices turns J into -J, where all sides are even."""
    model = hamiltonian.ising(Lattice(shape), -0.8)
    assert exact.method(model) == ("Kaufman" if model.lattice.n_sites > 16 else "enumeration")
    expected = exact.kaufman(shape, t, 0.8)
    assert as_tuple(exact.solve(model, t)) == pytest.approx(as_tuple(expected), rel=1e-9)
    assert strip.moments(model, t) == pytest.approx(as_tuple(expected), rel=1e-9)


def test_odd_antiferromagnet_is_not_a_ferromagnet():
    """An odd side frustrates bonds: the energy is higher, and the strip is the method."""
    model = hamiltonian.ising(Lattice((5, 4)), -1.0)
    assert exact.method(model) == "strip transfer matrix"
    assert exact.solve(model, 0.5).energy > exact.kaufman((5, 4), 0.5).energy + 5


def test_strip_is_kaufman_on_8x8():
    """Two independent exact methods agree on a lattice beyond enumeration."""
    model = hamiltonian.ising(Lattice((8, 8)))
    for t in (1.0, T_C, 4.0):
        assert strip.moments(model, t) == pytest.approx(as_tuple(exact.kaufman((8, 8), t)), rel=1e-9)


def test_instance_69():
    """Ground state and energies of the glass instance published with the paper."""
    lattice = Lattice((8, 8))
    model = hamiltonian.ising(lattice, hamiltonian.published_couplings(lattice, 69))
    assert strip.ground_state_energy(model) == pytest.approx(-93.583809, abs=1e-6)
    for t, u in ((0.5, -91.8474), (1, -85.5511), (2, -64.1004), (4, -37.3958)):
        assert exact.solve(model, t).energy == pytest.approx(u, abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 4), (3, 3), (4, 4), (2, 3)])
@pytest.mark.parametrize("t", [0.6, T_C, 5.0])
def test_magnetization_distribution_is_enumeration(shape, t):
    """Probability of each number of up spins, by imaginary fields and by summing weights."""
    for model in (hamiltonian.ising(Lattice(shape)), glass(shape, 8)):
        states = exact.all_states(2, model.lattice.n_sites)
        energy = model.energy(states)
        weight = np.exp(-(energy - energy.min()) / t)
        expected = np.bincount(states.sum(axis=1), weight / weight.sum(), model.lattice.n_sites + 1)
        p = strip.magnetization_distribution(model, t)
        assert np.abs(p - expected).max() < 1e-12


def test_magnetization_of_enumeration():
    """<|m|> and chi = N (<m^2> - <|m|>^2)/T by direct summation."""
    model, t = hamiltonian.ising(Lattice((3, 4))), 2.1
    states = exact.all_states(2, 12)
    p = np.exp(-model.energy(states) / t)
    p /= p.sum()
    m = np.abs(2 * states.mean(axis=1) - 1)
    mean, chi = exact.magnetization(model, t)
    assert mean == pytest.approx(p @ m, rel=1e-10)
    assert chi == pytest.approx(12 * (p @ m**2 - (p @ m) ** 2) / t, rel=1e-10)


def test_magnetization_needs_two_states():
    """Three states have no distribution of one magnetization."""
    model = hamiltonian.clock(Lattice((3, 3)), 3)
    assert exact.magnetization(model, 2.0) is None
    with pytest.raises(ValueError, match="two-state"):
        strip.magnetization_distribution(model, 2.0)


@pytest.mark.parametrize("form", [hamiltonian.clock, hamiltonian.potts])
def test_two_states_of_any_form_are_ising(form):
    """Clock Q=2 is Ising; delta Q=2 is Ising with J/2 and the energy shifted by -1/2 per bond."""
    model = form(Lattice((5, 6)), 2, 1.2)
    solution = exact.solve(model, 1.7)
    assert as_tuple(solution) == pytest.approx(strip.moments(model, 1.7), rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((4, 4, 4))),
        hamiltonian.ising(Lattice((21, 20)), -1.0),
        glass((16, 16)),
        hamiltonian.clock(Lattice((16, 16)), 3),
    ],
    ids=["cubic", "wide antiferromagnet", "wide glass", "wide clock"],
)
def test_no_method_fits(model):
    """Cubic lattices and wide ones without a solution have no exact result here."""
    assert exact.method(model) is None
    assert exact.solve(model, 2.0) is None
    assert np.isnan(exact.curve(model, np.linspace(1, 3, 50), 1e-3)).all()
    if not model.uniform or model.couplings[0, 0] < 0:
        assert exact.ground_state_energy(model) is None


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2, 3)])
def test_small_cubic_lattices_are_enumerated(shape):
    """A few sites are summed over on any lattice."""
    model = hamiltonian.ising(Lattice(shape))
    assert as_tuple(exact.solve(model, 3.0)) == as_tuple(exact.enumerate_states(model, 3.0))


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((6, 6))),
        hamiltonian.ising(Lattice((32, 32))),
        hamiltonian.clock(Lattice((5, 5)), 3),
        glass((5, 6)),
    ],
    ids=["ising", "wide ising", "clock", "glass"],
)
def test_curve_within_a_tolerance(model, monkeypatch):
    """Most values are interpolated, and no quantity is off by more than a thousandth of its largest value."""
    t = np.linspace(0.5, 5, 301)
    expected = exact.curve(model, t)
    for k in (0, 100, 300):
        assert expected[k, 1] == exact.solve(model, t[k]).energy
        assert expected[k, 2] == exact.solve(model, t[k]).variance / t[k] ** 2
        assert np.isnan(expected[k, 3]) or tuple(expected[k, 3:]) == exact.magnetization(model, t[k])
    solved, solve = [], exact.solve
    monkeypatch.setattr(exact, "solve", lambda model, t: solved.append(t) or solve(model, t))
    found = exact.curve(model, t, 1e-4)
    assert len(set(solved)) == len(solved) < 100
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    error = np.abs(found - expected).max(axis=0) / np.abs(expected).max(axis=0)
    assert not (error > 1e-3).any()
    assert np.array_equal(found[[0, -1]], expected[[0, -1]], equal_nan=True)


@pytest.mark.parametrize("t", [[2.0], [1.0, 4.0], [1.0, 2.0, 3.0, 4.5]])
def test_curve_of_few_temperatures(t):
    """A coarse list is not interpolated."""
    model = glass((5, 6))
    assert exact.curve(model, t, 1e-6) == pytest.approx(exact.curve(model, t), rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((3, 3), "triangular"), -1.0),
        hamiltonian.ising(Lattice((2, 3), "honeycomb", open=(0,)), 1.0, 0.2),
        hamiltonian.potts(Lattice((2, 2), "kagome", open=(0, 1), absent=(0, 1, 2)), 3),
    ],
    ids=str,
)
def test_other_lattices_are_enumerated(model):
    """Curves of energy, heat, and for two states magnetization, are there where all states can be listed."""
    states, t = exact.all_states(model.n_states, model.lattice.n_sites), 1.7
    assert exact.method(model) in ("enumeration", None)
    energy = model.energy(states)
    p = np.exp(-energy / t)
    ln_z, u, c, m, chi = exact.curve(model, [t])[0]
    assert [ln_z, u] == pytest.approx([np.log(p.sum()), p @ energy / p.sum()])
    assert c == pytest.approx((p @ energy**2 / p.sum() - u**2) / t**2)
    if model.n_states == 2:
        size = np.abs(2 * states.mean(axis=1) - 1)
        assert m == pytest.approx(p @ size / p.sum())
        assert chi == pytest.approx(model.lattice.n_sites * (p @ size**2 / p.sum() - m**2) / t)
    assert exact.ground_state_energy(model) == pytest.approx(energy.min())


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((6, 6), open=(0,))),
        hamiltonian.ising(Lattice((6, 6), absent=(8,))),
        hamiltonian.ising(Lattice((6, 6)), 1.0, 0.01),
    ],
    ids=["open", "hole", "field"],
)
def test_kaufman_is_for_whole_tori_without_a_field(model):
    """Anything else goes another way, and gives another energy."""
    assert exact.method(model) == "strip transfer matrix"
    assert abs(exact.solve(model, 2.0).energy - exact.kaufman((6, 6), 2.0).energy) > 0.05
    assert exact.method(hamiltonian.ising(Lattice((6, 6), "triangular"))) is None
