"""Energies with fields, open edges and holes, on lattices of every kind."""

import numpy as np
import pytest

from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice

KINDS = [
    Lattice((3, 4), open=(0,)),
    Lattice((3, 3), open=(0, 1), absent=(1, 4)),
    Lattice((4, 4), absent=(0, 7, 10)),
    Lattice((2, 3), "triangular"),
    Lattice((4, 3), "triangular_rows", open=(1,), absent=(5,)),
    Lattice((2, 2), "honeycomb"),
    Lattice((2, 2), "kagome", open=(0,), absent=(2,)),
    Lattice((2, 2, 2), "bcc", open=(2,)),
]
kinds = pytest.mark.parametrize("lattice", KINDS, ids=str)


def counted(lattice, couplings, pair, field, state):
    """Energy by a search for the neighbours of each site among all others, one at a time."""
    energy = sum(field[site, state[site]] for site in range(lattice.n_sites))
    where = {tuple(place): site for site, place in enumerate(lattice.wrapped(lattice.coordinates).tolist())}
    for site, place in enumerate(lattice.coordinates):
        for k, step in enumerate(lattice.geometry.steps):
            other = where.get(tuple(lattice.wrapped(place + np.array(step)).tolist()))
            if other is not None:
                energy -= couplings[site, k] * pair[state[site], state[other]]
    return energy


@kinds
@pytest.mark.parametrize("q", [2, 3])
def test_energies_on_any_lattice(lattice, q):
    """Bonds that reach no site do not count, whatever couplings are given for them; fields do."""
    random = np.random.default_rng(3)
    couplings, field = random.normal(size=lattice.forward.shape), random.normal(size=(lattice.n_sites, q))
    model = hamiltonian.Hamiltonian(lattice, couplings, hamiltonian.clock(lattice, q).pair, site_field=field)
    states = random.integers(0, q, (5, lattice.n_sites)).astype(np.uint8)
    expected = [counted(lattice, couplings, model.pair, field, state) for state in states]
    assert model.energy(states) == pytest.approx(expected, abs=1e-12)
    assert not model.couplings[lattice.forward < 0].any()
    for site in range(lattice.n_sites):
        changed = states.copy()
        changed[:, site] = (states[:, site] + 1) % q
        others = states[:, lattice.neighbours[site]]
        before, after = model.pair[states[:, site, None], others], model.pair[changed[:, site, None], others]
        cost = (before - after) @ model.neighbour_couplings[site]
        cost += field[site, changed[:, site]] - field[site, states[:, site]]
        if (lattice.neighbours[site] != site).all():
            assert cost == pytest.approx(model.energy(changed) - model.energy(states), abs=1e-12)


def test_fields():
    """-h s of an Ising spin, the same or its own for each site, and -h(q) of a Potts state."""
    lattice = Lattice((2, 3), open=(0,))
    states = all_states(2, 6)
    spins = 2.0 * states - 1
    h = np.random.default_rng(2).normal(size=6)
    free = hamiltonian.ising(lattice, 0.7).energy(states)
    assert hamiltonian.ising(lattice, 0.7, h).energy(states) == pytest.approx(free - spins @ h)
    assert hamiltonian.ising(lattice, 0.7, 0.3).energy(states) == pytest.approx(
        free - 0.3 * spins.sum(axis=1)
    )
    states = all_states(3, 6)
    field = np.array([0.1, -0.5, 0.2])
    for form in (hamiltonian.potts, hamiltonian.clock):
        difference = form(lattice, 3, 1.0, field).energy(states) - form(lattice, 3).energy(states)
        assert difference == pytest.approx(-field[states].sum(axis=1))
        with pytest.raises(ValueError, match="2 values, for 3 states"):
            form(lattice, 3, 1.0, field[:2])
    with pytest.raises(ValueError, match="single sites have shape"):
        hamiltonian.Hamiltonian(lattice, np.ones((6, 2)), np.eye(2), site_field=np.zeros((5, 2)))


FIELDS = [
    (hamiltonian.ising(Lattice((2, 3)), 1.0, 0.4), 1),
    (hamiltonian.potts(Lattice((2, 2)), 3, 1.0, [0.5, 0.5, -0.2]), 2),
    (hamiltonian.potts(Lattice((2, 2)), 3, 1.0, [-0.2, 0.5, 0.5]), 2),
    (hamiltonian.clock(Lattice((2, 2)), 4, 1.0, [0.7, 0.1, -0.6, 0.1]), 2),
]


@pytest.mark.parametrize(("model", "order"), FIELDS)
def test_a_field_breaks_symmetries(model, order):
    """Only relabellings that leave the field stay, and the mean energy and the field are means."""
    states = all_states(model.n_states, model.lattice.n_sites)
    energy = model.energy(states)
    named = set(model.symmetries)
    assert len(named) == order
    for relabelled in named:
        assert model.energy(np.array(relabelled)[states]) == pytest.approx(energy, abs=1e-12)
    assert model.mean_energy == pytest.approx(energy.mean(), abs=1e-12)
    own = [[energy[states[:, i] == q].mean() for q in range(model.n_states)] for i in range(len(states[0]))]
    assert model.field == pytest.approx(np.array(own) - energy.mean(), abs=1e-12)
    assert model.uniform


def test_random_fields():
    """Distributions with their strength; holes leave the fields and couplings of other sites as they are."""
    whole, holes = Lattice((40, 50)), Lattice((40, 50), open=(0,), absent=(3, 77, 1000))
    for kind, spread in (("gaussian", 4 * np.sqrt(2 / 2000)), ("bimodal", 1e-12), ("constant", 1e-12)):
        drawn = hamiltonian.random_field(whole, kind, 0.5, np.random.default_rng(1))
        assert (drawn**2).mean() == pytest.approx(0.25, rel=spread)
        assert abs(drawn.mean()) < 4 * 0.5 / np.sqrt(2000) or kind == "constant"
        again = hamiltonian.random_field(holes, kind, 0.5, np.random.default_rng(1))
        assert np.array_equal(again, drawn[holes.present])
    with pytest.raises(ValueError, match="unknown field"):
        hamiltonian.random_field(whole, "cauchy", 1.0, np.random.default_rng(1))
    for draw in (hamiltonian.random_couplings, None):
        one, other = (
            draw(lattice, "gaussian", np.random.default_rng(2)) if draw
            else hamiltonian.published_couplings(lattice, 7)
            for lattice in (whole, holes)
        )  # fmt: skip
        there = holes.forward >= 0
        assert np.array_equal(other[there], one[holes.present][there]) and not other[~there].any()
