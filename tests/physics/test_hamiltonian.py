"""Energies against explicit loops over bonds."""

import itertools

import numpy as np
import pytest

from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice

SHAPES = [(4, 4), (3, 5), (2, 2), (2, 6), (3, 3, 3), (2, 3, 4)]


def bonds(shape):
    """Every (site, forward neighbour, axis) as coordinates, one at a time."""
    for site in itertools.product(*map(range, shape)):
        for axis in range(len(shape)):
            other = list(site)
            other[axis] = (other[axis] + 1) % shape[axis]
            yield site, tuple(other), axis


def loop_energy(shape, couplings, state, term):
    """Energy of one configuration by counting bonds."""
    grid, j = state.reshape(shape), couplings.reshape(*shape, len(shape))
    return -sum(j[(*a, axis)] * term(int(grid[a]), int(grid[b])) for a, b, axis in bonds(shape))


def spin_term(a, b):
    """Product of two Ising spins."""
    return (2 * a - 1) * (2 * b - 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["gaussian", "bimodal", "uniform"])
def test_ising_energy_counts_bonds(shape, kind):
    """E = -sum J_ij s_i s_j, each bond once, a wrap-around twin on L = 2 as a bond of its own."""
    random = np.random.default_rng(1)
    lattice = Lattice(shape)
    couplings = np.ones((lattice.n_sites, len(shape)))
    if kind != "uniform":
        couplings = hamiltonian.random_couplings(lattice, kind, random)
    states = random.integers(0, 2, (5, lattice.n_sites)).astype(np.uint8)
    expected = [loop_energy(shape, couplings, s, spin_term) for s in states]
    assert hamiltonian.ising(lattice, couplings).energy(states) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("q", [2, 3, 5])
def test_potts_energies_count_bonds(shape, q):
    """E = -J sum cos(2 pi (q_i - q_j)/Q), and E = -J sum delta(q_i, q_j)."""
    lattice = Lattice(shape)
    states = np.random.default_rng(2).integers(0, q, (4, lattice.n_sites)).astype(np.uint8)
    j = np.full((lattice.n_sites, len(shape)), 0.8)
    forms = (
        (hamiltonian.clock, lambda a, b: np.cos(2 * np.pi * (a - b) / q)),
        (hamiltonian.potts, lambda a, b: float(a == b)),
    )
    for form, term in forms:
        expected = [loop_energy(shape, j, s, term) for s in states]
        assert form(lattice, q, 0.8).energy(states) == pytest.approx(expected, abs=1e-12)


def test_energy_of_the_ground_state():
    """All sites alike: -d N for Ising, clock and delta."""
    for shape in SHAPES:
        lattice = Lattice(shape)
        aligned = np.zeros(lattice.n_sites, np.uint8)
        for model in (
            hamiltonian.ising(lattice),
            hamiltonian.clock(lattice, 3),
            hamiltonian.potts(lattice, 4),
        ):
            assert model.energy(aligned) == pytest.approx(-len(shape) * lattice.n_sites)


def test_three_state_forms_differ_by_scale_and_constant():
    """For Q = 3 cos is 1 or -1/2, so E_clock = 1.5 E_delta + bonds/2."""
    lattice = Lattice((4, 5))
    states = np.random.default_rng(3).integers(0, 3, (9, 20)).astype(np.uint8)
    clock, delta = hamiltonian.clock(lattice, 3), hamiltonian.potts(lattice, 3)
    assert clock.energy(states) == pytest.approx(1.5 * delta.energy(states) + 20, abs=1e-12)


@pytest.mark.parametrize("shape", [s for s in SHAPES if min(s) > 2])
def test_neighbour_couplings_give_the_energy_of_a_flip(shape):
    """Turning one site changes the energy by what its neighbours and their couplings say."""
    random = np.random.default_rng(4)
    lattice = Lattice(shape)
    couplings = hamiltonian.random_couplings(lattice, "gaussian", random)
    for q, form in ((2, None), (3, hamiltonian.clock(lattice, 3)), (4, hamiltonian.potts(lattice, 4))):
        pair = hamiltonian.ising(lattice).pair if form is None else form.pair
        model = hamiltonian.Hamiltonian(lattice, couplings, pair)
        state = random.integers(0, q, lattice.n_sites).astype(np.uint8)
        for site in range(lattice.n_sites):
            changed = state.copy()
            changed[site] = (state[site] + 1) % q
            others = state[lattice.neighbours[site]]
            local = pair[state[site], others] - pair[changed[site], others]
            difference = model.energy(changed) - model.energy(state)
            assert model.neighbour_couplings[site] @ local == pytest.approx(difference, abs=1e-12)


def test_neighbour_couplings_with_double_bonds():
    """On a side of 2 both bonds to the same neighbour are in the list, with their own couplings."""
    lattice = Lattice((2, 4))
    random = np.random.default_rng(5)
    model = hamiltonian.ising(lattice, hamiltonian.random_couplings(lattice, "gaussian", random))
    state = random.integers(0, 2, 8).astype(np.uint8)
    spins = 2.0 * state - 1
    for site in range(8):
        changed = state.copy()
        changed[site] ^= 1
        field = model.neighbour_couplings[site] @ spins[lattice.neighbours[site]]
        assert 2 * spins[site] * field == pytest.approx(
            model.energy(changed) - model.energy(state), abs=1e-12
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_are_mutual(shape):
    """Backward undoes forward, and every site is a neighbour 2 d times."""
    lattice = Lattice(shape)
    for axis in range(len(shape)):
        assert np.array_equal(lattice.backward[lattice.forward[:, axis], axis], np.arange(lattice.n_sites))
    assert np.all(np.bincount(lattice.neighbours.ravel()) == 2 * len(shape))


@pytest.mark.parametrize("seed", [69, 7])
def test_published_couplings(seed):
    """h[i, j] couples (i, j)-(i, j-1) and v[i, j] couples (i, j)-(i-1, j), from numpy's legacy generator."""
    np.random.seed(seed)  # noqa: NPY002
    h = np.random.normal(0, 1, [8, 8])  # noqa: NPY002
    v = np.random.normal(0, 1, [8, 8])  # noqa: NPY002
    lattice = Lattice((8, 8))
    model = hamiltonian.ising(lattice, hamiltonian.published_couplings(lattice, seed))
    states = np.random.default_rng(6).integers(0, 2, (5, 64)).astype(np.uint8)
    for state, energy in zip(states, model.energy(states), strict=True):
        s = 2.0 * state.reshape(8, 8) - 1
        expected = 0.0
        for i in range(8):
            for j in range(8):
                expected -= h[i, j] * s[i, j] * s[i, j - 1] + v[i, j] * s[i, j] * s[i - 1, j]
        assert energy == pytest.approx(expected, abs=1e-12)


def test_published_couplings_are_square_lattice_only():
    """There is no published cubic instance."""
    with pytest.raises(ValueError, match="square"):
        hamiltonian.published_couplings(Lattice((4, 4, 4)), 69)


@pytest.mark.parametrize("q", [2, 3])
def test_mean_energy_is_the_mean_over_all_configurations(q):
    """The energy at infinite temperature, for each form and random couplings."""
    lattice = Lattice((2, 4))
    couplings = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(7))
    states = all_states(q, 8)
    for form in (hamiltonian.clock, hamiltonian.potts):
        model = hamiltonian.Hamiltonian(lattice, couplings, form(lattice, q).pair)
        assert model.mean_energy == pytest.approx(model.energy(states).mean(), abs=1e-10)


def test_random_couplings_have_their_moments():
    """Normal(0, 1), or +1 and -1 alike; within 4 standard errors."""
    lattice = Lattice((100, 100))
    n = 2 * lattice.n_sites
    gaussian = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(8))
    assert abs(gaussian.mean()) < 4 / np.sqrt(n)
    assert abs((gaussian**2).mean() - 1) < 4 * np.sqrt(2 / n)
    bimodal = hamiltonian.random_couplings(lattice, "bimodal", np.random.default_rng(8))
    assert set(np.unique(bimodal)) == {-1.0, 1.0}
    assert abs(bimodal.mean()) < 4 / np.sqrt(n)
    with pytest.raises(ValueError, match="unknown"):
        hamiltonian.random_couplings(lattice, "cauchy", np.random.default_rng(8))


def test_uniform_tells_ferromagnets_from_glasses():
    """All bonds alike or not."""
    lattice = Lattice((3, 4))
    assert hamiltonian.ising(lattice).uniform
    couplings = np.ones((12, 2))
    couplings[5, 1] = -1
    assert not hamiltonian.ising(lattice, couplings).uniform


def test_wrong_tables_are_refused():
    """A coupling per bond, a symmetric table, and sides of at least 2."""
    lattice = Lattice((3, 4))
    with pytest.raises(ValueError, match="shape"):
        hamiltonian.Hamiltonian(lattice, np.ones((12, 3)), np.eye(2))
    with pytest.raises(ValueError, match="symmetric"):
        hamiltonian.Hamiltonian(lattice, np.ones((12, 2)), np.array([[1.0, 0.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="at least 2"):
        Lattice((1, 4))


@pytest.mark.parametrize("shape", [(5,), *SHAPES, (2, 3, 2, 2)])
def test_bonds_of_the_lattice(shape):
    """Every bond once, in the order of the couplings; twins along sides of length 2."""
    lattice = Lattice(shape)
    number = {site: k for k, site in enumerate(itertools.product(*map(range, shape)))}
    assert lattice.bonds.tolist() == [[number[a], number[b]] for a, b, _ in bonds(shape)]
    assert len(lattice.bonds) == lattice.n_sites * lattice.dimension


GAS = np.array([[0.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((2, 3))),
        hamiltonian.clock(Lattice((2, 3)), 3),
        hamiltonian.clock(Lattice((2, 2)), 4, -0.5),
        hamiltonian.potts(Lattice((2, 2)), 4),
        hamiltonian.Hamiltonian(Lattice((2, 3)), np.random.default_rng(9).normal(size=(6, 2)), GAS),
    ],
)
def test_symmetries_leave_the_energy(model):
    """Relabelled configurations have the energy that they had; a lattice gas has the identity alone."""
    states = all_states(model.n_states, model.lattice.n_sites)
    for relabelled in model.symmetries:
        assert model.energy(np.array(relabelled)[states]) == pytest.approx(model.energy(states), abs=1e-12)
    identity = tuple(range(model.n_states))
    assert (set(model.symmetries) == {identity}) == (model.pair is GAS)


def test_spin_inversion():
    """The Ising model has it with any couplings."""
    couplings = np.random.default_rng(9).normal(size=(6, 2))
    assert set(hamiltonian.ising(Lattice((2, 3)), couplings).symmetries) == {(0, 1), (1, 0)}


@pytest.mark.parametrize("pair", [GAS, hamiltonian.ising(Lattice((2, 2))).pair, np.eye(3)])
def test_field_is_the_mean_energy_of_a_state(pair):
    """Mean over all configurations in which a site has a state, less the mean over all."""
    couplings = np.random.default_rng(10).normal(size=(6, 2))
    model = hamiltonian.Hamiltonian(Lattice((2, 3)), couplings, pair)
    states = all_states(len(pair), 6)
    energy = model.energy(states) - model.mean_energy
    expected = [[energy[states[:, i] == q].mean() for q in range(len(pair))] for i in range(6)]
    assert model.field == pytest.approx(np.array(expected), abs=1e-12)
    assert model.field.any() == (pair is GAS)


def test_level_spacing():
    """Steps of levels that are all multiples of one, and a share of the range of others."""
    lattice = Lattice((3, 4), open=(0, 1))
    for model, spacing in ((hamiltonian.ising(lattice, -1.5), 3.0), (hamiltonian.potts(lattice, 3), 1.0)):
        assert model.level_spacing == spacing
        levels = np.unique(np.round(model.energy(all_states(model.n_states, 12)), 9))
        assert np.allclose(np.diff(levels) / spacing, np.round(np.diff(levels) / spacing))
    assert hamiltonian.ising(lattice, 1.0, 0.5).level_spacing == pytest.approx((17 * 2 + 12) / 50)
    assert hamiltonian.ising(lattice, 1.0).scale == 1.0
