"""Symmetries that configurations show are those of their law, and averages over them are invariant."""

from functools import cache
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.tile_networks import averaged
from dcl_hpc.inference import invariance
from dcl_hpc.physics import clusters, exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.operations import site_permutations, tile_permutations
from dcl_hpc.physics.tiles import Tiling
from dcl_hpc.stages import label

SQUARE = Lattice((4, 4))
RANDOM = np.random.default_rng(5).standard_normal((16, 2))
# Laws, and how many operations of the lattice and relabellings leave each as it is.
LAWS = {
    "ising": (hamiltonian.ising(SQUARE), 128, 2),
    "field": (hamiltonian.ising(SQUARE, field=0.1), 128, 1),
    "two couplings": (hamiltonian.ising(SQUARE, np.tile([1.0, 0.8], (16, 1))), 64, 2),
    "glass": (hamiltonian.ising(SQUARE, RANDOM), 1, 2),
    "open": (hamiltonian.ising(Lattice((4, 4), open=(0, 1))), 8, 2),
    "clock": (hamiltonian.clock(Lattice((3, 3)), 3), 72, 6),
    "potts in a field": (hamiltonian.potts(Lattice((3, 3)), 3, field=(0.3, 0.0, 0.0)), 72, 2),
}


def terms(lattice, *terms):
    """A law of sets of sites, each with its coupling in J."""
    return clusters.ClusterHamiltonian(lattice, 2, tuple(clusters.Term(*term) for term in terms))


# Laws without pairs, or with more than these, and the order of their groups.
TRIANGLE, L = Lattice((3, 3), "triangular"), ((0, 0), (0, 1), (1, 0))
MANY_BODY = {
    "Baxter-Wu": (terms(TRIANGLE, (((0, 0), (1, 0), (1, 1)), 1.0), (((0, 0), (0, 1), (1, 1)), 1.0)), 108),
    "triples that point to one side": (terms(SQUARE, (L, 1.0)), 32),
    "pairs and such triples": (
        terms(SQUARE, (((0, 0), (1, 0)), 1.0), (((0, 0), (0, 1)), 1.0), (L, 0.5)), 32,
    ),
}  # fmt: skip


def some(law, n, temperature=2.5, seed=2):
    """All configurations, and exact samples of a law."""
    states = exact.all_states(law.n_states, law.lattice.n_sites)
    energy = law.energy(states) / temperature
    p = np.exp(-(energy - energy.min()))
    return states, states[np.random.default_rng(seed).choice(len(states), n, p=p / p.sum())]


@pytest.mark.parametrize("name", MANY_BODY)
def test_laws_of_many_sites(name):
    """Where pairs tell nothing, or too little: no operation is taken that changes the energy."""
    law, size = MANY_BODY[name]
    states, seen = some(law, 30_000, 3.0)
    found = invariance.find(seen, law.lattice, 2)
    assert len(found) == size
    for image in found.images(states[::997].T, range(size)):
        assert law.energy(image.T) == pytest.approx(law.energy(states[::997]), abs=1e-9)


@pytest.mark.parametrize("n", [200, 500, 2000])
def test_disorder_shows_in_few_snapshots(n):
    """Many bonds that differ a little each: no operation of space is taken, however few there are."""
    for seed in range(3):
        couplings = np.random.default_rng(seed).standard_normal((16, 2))
        _, seen = some(hamiltonian.ising(SQUARE, couplings), n, 4.0, seed)
        assert len(invariance.find(seen, SQUARE, 2).sites) == 1


def test_symmetries_are_rarely_refused():
    """Of an Ising model all but one in twenty data sets show all symmetries."""
    law = hamiltonian.ising(SQUARE)
    whole = [len(invariance.find(some(law, 300, 3.0, seed)[1], SQUARE, 2)) == 256 for seed in range(12)]
    assert sum(whole) >= 9


@pytest.mark.parametrize("name", LAWS)
def test_symmetries_that_snapshots_show(name):
    """All that the law has are found, and none that it has not, whatever the lattice would allow."""
    law, space, names = LAWS[name]
    states, seen = some(law, 30_000)
    found = invariance.find(seen, law.lattice, law.n_states)
    assert found.sites.shape == (space, law.lattice.n_sites) and found.states.shape == (names, law.n_states)
    every, numbers = states[::997].T, range(len(found))
    for image in found.images(every, numbers):
        assert law.energy(image.T) == pytest.approx(law.energy(every.T), abs=1e-9)


def test_each_configuration_turned_by_itself():
    """By operations of all numbers as whole arrays by one."""
    symmetry = invariance.Invariance(site_permutations(SQUARE), np.array([[0, 1, 2], [2, 0, 1]], np.uint8))
    random = np.random.default_rng(4)
    states, numbers = random.integers(0, 3, (500, 16), np.uint8), random.integers(0, len(symmetry), 500)
    expected = [
        next(symmetry.images(row[:, None], [n]))[:, 0] for row, n in zip(states, numbers, strict=True)
    ]
    assert np.array_equal(symmetry.turned(states, numbers), expected)


def test_few_snapshots_show_no_symmetry():
    """Where nothing can be refused, nothing is taken."""
    assert len(invariance.find(np.zeros((150, 16), np.uint8), SQUARE, 2)) == 1
    random = np.random.default_rng(1)
    assert len(invariance.find(random.integers(0, 255, (400, 64), np.uint8), Lattice((8, 8)), 255)) == 1


@pytest.mark.parametrize(
    ("lattice", "operations"),
    [
        (Lattice((6, 6)), 288),
        (Lattice((4, 6)), 96),
        (Lattice((4, 6), open=(0,)), 24),
        (Lattice((4, 4), absent=(5,)), 8),
        (Lattice((3, 3), "triangular"), 108),
        (Lattice((3, 3), "honeycomb"), 108),
        (Lattice((3, 3, 3)), 27 * 48),
    ],
)
def test_operations_of_lattices(lattice, operations):
    """As many as known; each is a permutation that keeps all bonds, and products are among them."""
    rows = site_permutations(lattice)
    assert len(rows) == operations and np.array_equal(rows[0], np.arange(lattice.n_sites))
    bonds = {frozenset(bond) for bond in lattice.bonds.tolist()}
    there = {row.tobytes() for row in rows}
    for row in rows[:: max(1, operations // 20)]:
        assert {frozenset(bond) for bond in row[lattice.bonds].tolist()} == bonds
        assert {one[row].tobytes() for one in rows} == there


def test_averaged_energies_are_invariant():
    """The mean over all images is the same for all of them; one image gives the energies of the model."""
    random = np.random.default_rng(3)
    weights = random.standard_normal((16, 16))
    model = SimpleNamespace(energies=lambda s: np.einsum("in,ij,jn->n", s, weights, s))
    symmetry = invariance.Invariance(site_permutations(SQUARE), np.array([[0, 1], [1, 0]], np.uint8))
    states = random.integers(0, 2, (16, 5), np.uint8)
    job = SimpleNamespace(stream_seed=1, labels=SimpleNamespace(images=len(symmetry)))
    right = label.energies(job, model, symmetry, states, 0)
    assert right.std() > 0.01
    for image in symmetry.images(states, [1, 30, 255]):
        assert label.energies(job, model, symmetry, image, 3) == pytest.approx(right, abs=1e-9)
    job.labels.images = 1
    assert np.array_equal(label.energies(job, model, symmetry, states, 0), model.energies(states))


@pytest.mark.parametrize(
    ("lattice", "focus", "n_states", "order"),
    [
        (Lattice((6, 6)), 2, 2, 16),
        (Lattice((5, 5)), 1, 3, 48),
        (Lattice((6, 6), open=(0, 1)), 1, 2, 16),
    ],
)
def test_averaged_tables(lattice, focus, n_states, order):
    """The energy of an averaged table is the mean of the energies of all images that keep tiles."""
    random = np.random.default_rng(4)
    tiling = Tiling(lattice, focus, 1)
    tables = cache(lambda key: random.standard_normal(n_states ** sum(key)))
    every = site_permutations(lattice)
    kept = [k for k, places in enumerate(tile_permutations(tiling, every)) if places]
    places = tile_permutations(tiling, every[kept])
    names = np.array(list(permutations(range(n_states))), np.uint8)
    symmetry = invariance.Invariance(every[kept], names)
    assert len(symmetry) == order

    def energy(table):
        return EdnnEnergy(lattice, focus, 1, n_states, table).energies

    def as_tuple(present):
        return tables(tuple(map(int, present)))

    states = random.integers(0, n_states, (lattice.n_sites, 4), np.uint8)
    images = symmetry.images(states, range(order))
    right = np.mean([energy(as_tuple)(np.ascontiguousarray(image)) for image in images], axis=0)
    found = energy(averaged(as_tuple, n_states, places, names.tolist()))(states)
    assert found == pytest.approx(right, abs=1e-3) and right.std() > 0.05
