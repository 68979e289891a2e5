"""Interactions of any clusters: energies by loops over the grid, symmetry, windows, round trips."""

import itertools

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.clusters import ClusterHamiltonian, Term, images
from dcl_hpc.physics.lattice import Lattice

BOND, DIAGONAL, SITE = ((0, 0), (1, 0)), ((0, 0), (1, 1)), ((0, 0),)
SQUARE, CORNER = ((0, 0), (1, 0), (0, 1), (1, 1)), ((0, 0), (1, 0), (0, 1))


def symmetric(lattice, q, *terms):
    """A Hamiltonian of all images of some interactions."""
    every = [image for term in terms for image in images(term, lattice.geometry, q)]
    return ClusterHamiltonian(lattice, q, tuple(every))


J1J2 = (Term(BOND, 1.0), Term(DIAGONAL, 0.3), Term(SITE, 0.15))
MODELS = {
    "j1 j2 h": symmetric(Lattice((3, 4)), 2, *J1J2),
    "open": symmetric(Lattice((3, 4), open=(0, 1)), 2, *J1J2),
    "holes": symmetric(Lattice((4, 4), open=(1,), absent=(5, 8, 11)), 2, *J1J2, Term(SQUARE, -0.7)),
    "one direction": ClusterHamiltonian(Lattice((3, 4)), 2, (Term(((2, 5), (1, 4), (1, 6)), 0.4),)),
    "triangles": symmetric(Lattice((3, 3), "triangular"), 2, Term(CORNER, 0.5), Term(BOND, 1.0)),
    "kagome": symmetric(Lattice((2, 2), "kagome"), 2, Term(BOND, 1.0), Term(((0, 0), (2, 1)), 0.2)),
    "honeycomb": symmetric(Lattice((2, 3), "honeycomb", open=(0,)), 2, Term(BOND, 1.0), Term(SITE, 0.2)),
    "three states": symmetric(
        Lattice((2, 4), open=(0,)), 3, Term(BOND, 1.0, (1, 2)), Term(SITE, 0.3, (1,), "sin")
    ),
    "four states": ClusterHamiltonian(
        Lattice((2, 3)), 4, (Term(BOND, 1.0, (1, 3)), Term(((0, 0), (0, 1)), 0.4, (2, 1), "sin"))
    ),
}  # fmt: skip
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def counted(model, state):
    """Energy by a loop over the points of a grid that is larger than the lattice."""
    lattice, q, total = model.lattice, model.n_states, 0.0
    low, high = lattice.coordinates.min(axis=0) - 3, lattice.coordinates.max(axis=0) + 4
    origins = np.array(list(itertools.product(*map(range, low, high))))
    for term in model.terms:
        seen = set()
        for origin in origins:
            places = [origin + np.array(site) for site in term.sites]
            at = tuple(lattice.wrapped(places[0]).tolist())
            sites = [int(lattice.at(place)) for place in places]
            if min(sites) >= 0 and at not in seen:
                seen.add(at)
                half = q // 2
                phase = sum(k * (int(state[s]) - half) for k, s in zip(term.charges, sites, strict=True))
                wave = np.cos if term.phase == "cos" else np.sin
                total -= term.coupling * wave(2 * np.pi * phase / q)
    return total


@models
def test_energies_are_sums_over_the_grid(model):
    """Every interaction once at every point of the grid where all its sites are."""
    states = np.random.default_rng(1).integers(0, model.n_states, (6, model.lattice.n_sites)).astype(np.uint8)
    assert model.energy(states) == pytest.approx([counted(model, state) for state in states], abs=1e-12)
    assert model.energy(states[0]) == pytest.approx(counted(model, states[0]), abs=1e-12)


@models
def test_windows_hold_all_interactions(model):
    """Energies of windows at every point of the grid add up to the whole, edges and holes included."""
    q = model.n_states
    states = np.random.default_rng(2).integers(0, q, (20, model.lattice.n_sites))
    total = np.zeros(len(states))
    for window in model.lattice.windows(model.offsets):
        there = window[window >= 0]
        table = model.window_energies(window >= 0)
        assert table.shape == (q ** len(there),)
        total += table[states[:, there] @ q ** np.arange(len(there) - 1, -1, -1)]
    assert total == pytest.approx(model.energy(states), abs=1e-12)


@models
def test_means_and_symmetries(model):
    """Mean energy, fields of single sites, relabellings: against all configurations or many."""
    q, n = model.n_states, model.lattice.n_sites
    states = exact.all_states(q, n)
    energy = model.energy(states)
    assert model.mean_energy == pytest.approx(energy.mean(), abs=1e-12)
    own = [[energy[states[:, i] == a].mean() for a in range(q)] for i in range(n)]
    assert model.field == pytest.approx(np.array(own), abs=1e-9)
    for p in itertools.permutations(range(q)):
        same = np.allclose(model.energy(np.array(p)[states]), energy, atol=1e-9)
        assert same or p not in model.symmetries
    assert tuple(range(q)) in model.symmetries


def test_spin_inversion_goes_with_odd_interactions():
    """Pairs and plaquettes keep it, a field or a triangle does not."""
    lattice = Lattice((3, 4))
    assert (1, 0) in symmetric(lattice, 2, Term(BOND, 1.0), Term(SQUARE, 0.5)).symmetries
    assert (1, 0) not in MODELS["j1 j2 h"].symmetries
    assert (1, 0) not in symmetric(lattice, 2, Term(CORNER, 0.5)).symmetries
    assert len(symmetric(lattice, 3, Term(BOND, 1.0, (1, 2))).symmetries) == 4


@pytest.mark.parametrize(
    ("lattice", "term", "n"),
    [
        (Lattice((3, 4)), Term(SITE, 1.0), 1),
        (Lattice((3, 4)), Term(BOND, 1.0), 2),
        (Lattice((3, 4)), Term(DIAGONAL, 1.0), 2),
        (Lattice((3, 4)), Term(CORNER, 1.0), 4),
        (Lattice((3, 4)), Term(SQUARE, 1.0), 1),
        (Lattice((4, 4)), Term(((0, 0), (2, 1)), 1.0), 4),
        (Lattice((3, 3, 3)), Term(((0, 0, 0), (1, 0, 0)), 1.0), 3),
        (Lattice((3, 3), "triangular"), Term(BOND, 1.0), 3),
        (Lattice((3, 3), "triangular"), Term(((0, 0), (1, 0), (1, 1)), 1.0), 2),
        (Lattice((3, 3), "kagome"), Term(((0, 0), (2, 1)), 1.0), 3),
    ],
)
def test_number_of_images(lattice, term, n):
    """Each distinct one once, whatever translation it is written in."""
    found = images(term, lattice.geometry, 2)
    moved = Term(tuple(tuple(x + 3 for x in site) for site in term.sites[::-1]), 1.0)
    assert len(found) == n and set(images(moved, lattice.geometry, 2)) == set(found)


def test_sines_change_sign_or_cancel():
    """sin of opposite charges is minus the other; what a reflection makes minus itself is refused."""
    lattice = Lattice((3, 3))
    with pytest.raises(ValueError, match="minus itself"):
        images(Term(BOND, 1.0, (1, 2), "sin"), lattice.geometry, 3)
    chiral = images(Term(BOND, 1.0, (1, 1), "sin"), lattice.geometry, 3)
    assert len(chiral) == 2
    model = ClusterHamiltonian(lattice, 3, chiral)
    opposite = tuple(Term(t.sites, -t.coupling, tuple(3 - k for k in t.charges), "sin") for t in chiral)
    states = np.random.default_rng(3).integers(0, 3, (5, 9))
    assert ClusterHamiltonian(lattice, 3, opposite).energy(states) == pytest.approx(model.energy(states))
    assert {t.canonical(3) for t in opposite} == {t.canonical(3) for t in chiral}


@pytest.mark.parametrize(
    "lattice", [Lattice((3, 4)), Lattice((3, 3), "triangular", open=(0,), absent=(4,))], ids=str
)
def test_pair_hamiltonians_in_other_words(lattice):
    """The nearest-neighbour interaction and a field are Ising; (1, 2) of three states is the clock."""
    model = symmetric(lattice, 2, Term(BOND, 0.8), Term(SITE, 0.2))
    states = np.random.default_rng(4).integers(0, 2, (9, lattice.n_sites))
    assert model.energy(states) == pytest.approx(hamiltonian.ising(lattice, 0.8, 0.2).energy(states))
    model = symmetric(lattice, 3, Term(BOND, 0.8, (1, 2)))
    states = np.random.default_rng(5).integers(0, 3, (9, lattice.n_sites))
    assert model.energy(states) == pytest.approx(hamiltonian.clock(lattice, 3, 0.8).energy(states))


def test_exact_values():
    """Enumeration where there are few states, nothing elsewhere."""
    model, t = MODELS["j1 j2 h"], 2.0
    energy = model.energy(exact.all_states(2, 12))
    weight = np.exp(-energy / t)
    assert exact.solve(model, t).ln_z == pytest.approx(np.log(weight.sum()))
    assert exact.solve(model, t).energy == pytest.approx(weight @ energy / weight.sum())
    assert exact.ground_state_energy(model) == pytest.approx(energy.min())
    assert exact.magnetization(model, t) is not None
    large = symmetric(Lattice((8, 8)), 2, *J1J2)
    assert exact.solve(large, t) is exact.ground_state_energy(large) is exact.magnetization(large, t) is None


def test_levels():
    """Equal couplings give equal steps; others a share of what all of them can do."""
    plaquettes = symmetric(Lattice((3, 4)), 2, Term(SQUARE, -0.5))
    levels = np.unique(np.round(plaquettes.energy(exact.all_states(2, 12)), 9)) / plaquettes.level_spacing
    assert np.allclose(levels - levels[0], np.round(levels - levels[0])) and plaquettes.scale == 0.5
    assert MODELS["j1 j2 h"].level_spacing == pytest.approx(2 * 12 * (2 + 0.6 + 0.15) / 50)


@pytest.mark.parametrize(
    ("q", "terms", "message"),
    [
        (2, [], "no interactions"),
        (2, [Term(((0,), (1,)), 1.0)], "2 axes needs 2 numbers"),
        (2, [Term(BOND, 1.0, (1, 2))], "charges of 2 states must be 1"),
        (3, [Term(BOND, 1.0, (0, 2))], "charges of 3 states must be 1 ... 2"),
        (2, [Term(BOND, 1.0, (1, 1), "sin")], "sine is 0"),
        (2, [Term(((0, 0), (3, 0)), 1.0)], "meets itself around the 3x4"),
        (11, [Term(SQUARE, 1.0), Term(((0, 0), (2, 1), (1, 2)), 1.0)], "has 11.6 states"),
    ],
)
def test_interactions_that_do_not_fit(q, terms, message):
    """One line that says which, and why."""
    with pytest.raises(ValueError, match=message):
        ClusterHamiltonian(Lattice((3, 4)), q, tuple(terms))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), 1.0), "one or more"),
        ((((0, 0), (0, 0)), 1.0), "named once"),
        ((((0, 0), (1,)), 1.0), "differ in their number of axes"),
        ((BOND, 1.0, (1,)), "1 charges for 2 sites"),
        ((BOND, 1.0, (1, 1), "tan"), "'cos' or 'sin'"),
    ],
)
def test_interactions_that_are_none(arguments, message):
    """Sites, charges and phase of one interaction."""
    with pytest.raises(ValueError, match=message):
        Term(*arguments)
