"""The interactions of a model are found, with its symmetries, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference import clusters, free_table, pairwise, selection
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.window import Window
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.tile_tables import TileTables

PLANE = Lattice((6, 6))
N = 10_000


def found(energy):
    """Sites of the members of every term, with the coupling and its error."""
    return [({m.sites for m in t.members}, t.coupling, t.error) for t in energy.terms]


def check(energy, expected):
    """Exactly the expected interactions, each coupling within 4 errors."""
    terms = found(energy)
    assert len(terms) == len(expected)
    for sites, coupling in expected:
        value, error = next((j, e) for s, j, e in terms if s == set(sites))
        assert abs(value - coupling) < 4 * error < 0.3


@pytest.fixture(scope="module")
def ising(make):
    """Samples of the Ising model at T = 4."""
    return make.observe(TrueEnergy(hamiltonian.ising(PLANE)), 4.0, N)


@pytest.fixture(scope="module")
def ising_energy(ising):
    """What is found in them."""
    return clusters.fit(ising)


@pytest.fixture(scope="module")
def shrunk(ising):
    """The free table with all interactions of the window, shrunk."""
    return free_table.fit(ising)


def test_ising(make, ising_energy):
    """Of 400 interactions the nearest neighbours, one coupling for both directions."""
    check(ising_energy, [([make.right, make.down], 1.0)])
    assert ising_energy.symmetry == "8 of 8 point operations, states going round"
    assert "+- " in str(ising_energy)


def test_larger_lattices(ising_energy):
    """The energy is the true one times the fitted coupling."""
    true = hamiltonian.ising(Lattice((10, 12)))
    states = np.random.default_rng(1).integers(0, 2, (50, 120), dtype=np.uint8)
    energy, error = ising_energy.energy(states, true.lattice)
    assert np.allclose(energy, ising_energy.coupling * true.energy(states))
    assert np.allclose(error, ising_energy.error * np.abs(true.energy(states)))


def test_relabelled_states(ising, ising_energy):
    """Turning all spins over changes nothing."""
    other = clusters.fit(replace(ising, states=1 - ising.states))
    assert str(other) == str(ising_energy)


def test_methods_agree(ising, ising_energy, shrunk):
    """Pairs, the shrunk table and the selection give energies within their common errors."""
    true = hamiltonian.ising(PLANE)
    states = np.concatenate([np.zeros((1, 36)), np.indices((6, 6)).sum(axis=0).reshape(1, 36) % 2]).astype(
        int
    )
    for fitted, scale in ((ising_energy, 1), (pairwise.fit(ising), 1), (shrunk, 3)):
        energy, _ = fitted.energy(states, PLANE)
        assert np.abs(energy - true.energy(states)).max() < 1.5 * scale


def test_shrinking_helps(ising, shrunk):
    """On the antiferromagnet, far from what was observed, the free table is worse, and both know it."""
    states = np.indices((6, 6)).sum(axis=0).reshape(1, 36) % 2
    free, free_error = free_table.fit(ising, shrink=False).energy(states, PLANE)
    energy, error = shrunk.energy(states, PLANE)
    assert error < free_error / 3
    assert abs(free - 72) < 4 * free_error
    assert abs(energy - 72) < 4 * error


PLANTED = [
    {"down": 1.0, "right": 1.0, "diagonal": 0.5, "antidiagonal": 0.5, "plaquette": -0.6},
    {"diagonal": 0.8, "antidiagonal": 0.8, "plaquette": 0.7},
]


@pytest.mark.parametrize("planted", PLANTED)
def test_further_interactions(make, planted):
    """Next-nearest neighbours and a four-spin plaquette, with and without nearest neighbours."""
    couplings = {getattr(make, name): value for name, value in planted.items()}
    energy = clusters.fit(make.observe(make.energy(couplings).model(PLANE), 5.0, N))
    expected = [
        ([make.diagonal, make.antidiagonal], planted["diagonal"]),
        ([make.plaquette], planted["plaquette"]),
    ]
    if "down" in planted:
        expected.append(([make.down, make.right], 1.0))
    check(energy, expected)
    assert energy.symmetry.startswith("8 of 8")


def test_unequal_directions_stay_apart(make):
    """Couplings 1 and 0.8 are not tied; the four operations that keep the axes hold."""
    planted = {make.right: 1.0, make.down: 0.8}
    energy = clusters.fit(make.observe(make.energy(planted).model(PLANE), 4.0, N))
    check(energy, [([make.right], 1.0), ([make.down], 0.8)])
    assert energy.symmetry.startswith("4 of 8")


def test_a_field(make):
    """In a field the states are not alike, and one-site terms are found."""
    planted = {make.right: 1.0, make.down: 1.0, ((0, 0),): 0.3}
    energy = clusters.fit(make.observe(make.energy(planted).model(PLANE), 5.0, N))
    check(energy, [([make.right, make.down], 1.0), ([((0, 0),)], 0.3)])
    assert energy.symmetry == "8 of 8 point operations"


def test_nothing_at_infinite_temperature(make):
    """Random configurations have no interaction, and the energy 0 without an error."""
    states = np.random.default_rng(2).integers(0, 2, (N, 36))
    energy = clusters.fit(Samples(states, PLANE, 4.0, Window.box(2, 3, 2)))
    assert energy.terms == []
    assert np.all(np.array(energy.energy(states[:3], PLANE)) == 0)
    assert np.all(energy.table() == 0)


@pytest.mark.parametrize(("q", "side"), [(3, 2), (3, 3), (4, 2)])
def test_clock_models(make, q, side):
    """One cosine of the difference of neighbours; relabelling all states round the clock is no change."""
    observed = make.observe(TrueEnergy(hamiltonian.clock(PLANE, q)), 3.0, 4000, side)
    energy = clusters.fit(observed)
    check(energy, [([make.right, make.down], 1.0)])
    assert energy.terms[0].members[0].charges == (1, q - 1)
    assert "states going round, states in opposite order" in energy.symmetry
    if side == 2:
        other = clusters.fit(replace(observed, states=(observed.states + 1) % q))
        assert np.allclose(other.coupling, energy.coupling)


def test_potts_of_four_states(make):
    """delta(q, q') = (1 + 2 cos + (-1)^(q - q'))/4: two words with couplings 1/2 and 1/4."""
    energy = clusters.fit(make.observe(TrueEnergy(hamiltonian.potts(PLANE, 4)), 1.5, N, 2))
    assert [t.members[0].charges for t in energy.terms] == [(1, 3), (2, 2)]
    assert np.allclose([t.coupling for t in energy.terms], [0.5, 0.25], atol=4 * max(energy.error))


def test_a_chiral_clock(make):
    """A sine along one axis changes its sign under the reflection of that axis, which is not taken."""
    pair = {"n_states": 3, "charges": (1, 2)}
    table = make.energy({make.right: 1.0, make.down: 1.0}, **pair).table()
    table += make.energy({make.right: 0.6}, **pair, sine=True).table()
    model = TileTables(PLANE, 3, Window.box(2, 2, 3).offsets, table)
    energy = clusters.fit(make.observe(model, 3.0, N, 2))
    members = [m for t in energy.terms for m in t.members if m.phase == "sin"]
    assert [m.sites for m in members] == [make.right]
    assert sum(m.phase == "cos" for t in energy.terms for m in t.members) == 2
    assert energy.symmetry == "2 of 8 point operations, states going round"


def test_three_dimensions(make):
    """The cubic lattice: three directions, 48 operations."""
    model = TrueEnergy(hamiltonian.ising(Lattice((4, 4, 4))))
    energy = clusters.fit(make.observe(model, 7.0, 5000, 2))
    assert [len(t.members) for t in energy.terms] == [3]
    assert abs(energy.coupling[0] - 1) < 4 * energy.error[0]
    assert energy.symmetry.startswith("48 of 48")


def test_one_dimension(make):
    """A chain with a third neighbour."""
    planted = {((0,), (1,)): 1.0, ((0,), (3,)): 0.5}
    energy = clusters.fit(make.observe(make.energy(planted, side=4).model(Lattice((12,))), 3.0, N, 4))
    check(energy, [([((0,), (1,))], 1.0), ([((0,), (3,))], 0.5)])


def test_fewer_sites(ising):
    """With at most two sites an interaction, the same is found among pairs."""
    energy = clusters.fit(ising, max_sites=2)
    assert len(energy.terms) == 1


def test_threshold():
    """abs(z) > 4.8 for 1e5 samples and 400 candidates."""
    assert np.sqrt(selection.threshold(1e5, 400)) == pytest.approx(4.846, abs=0.01)
