"""Interactions are found on lattices with edges, holes, other neighbours, and where atoms are lost."""

from dataclasses import replace

import numpy as np
import pytest

from dcl_hpc.inference import clusters, free_table, likelihood, pairwise
from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.symmetry import PointGroup
from dcl_hpc.inference.window import Window
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.geometry import geometry
from dcl_hpc.physics.lattice import ABSENT, Lattice

T = 2.5
TRIANGLE = Window([[0, 0], [0, 1], [1, 1]], 2)
OPEN = Lattice((3, 4), open=(0, 1))
BALL = {kind: Window.ball(geometry(kind, 2), 1, 2) for kind in ("hypercubic", "triangular")}
CUBIC = Window.ball(geometry("hypercubic", 3), 1, 2)
# Lattices that can be enumerated, with what is looked for.
CASES = [
    (OPEN, Window.box(2, 3, 2)),
    (Lattice((3, 4), open=(1,)), Window.box(2, 2, 2)),
    (Lattice((4, 3), absent=(5,)), Window.box(2, 2, 2)),
    (Lattice((3, 3), open=(0,), absent=(4,)), Window.box(2, 2, 3)),
    (Lattice((3, 3), open=(0, 1), absent=(0, 8)), BALL["hypercubic"]),
    (Lattice((3, 3), "triangular"), TRIANGLE),
    (Lattice((3, 3), "triangular", open=(0, 1)), BALL["triangular"]),
    (Lattice((2, 2), "kagome", open=(0, 1)), BALL["triangular"]),
    (Lattice((2, 2), "honeycomb", open=(0, 1)), BALL["triangular"]),
    (Lattice((2, 2, 3), open=(0, 1, 2)), CUBIC),
]  # fmt: skip


def named(part):
    """Name of a parameter."""
    if isinstance(part, Window):
        return f"{part.n_places} places"
    return str(part) if isinstance(part, Lattice) else ""


def sums(words, states, lattice, there=None):
    """Sum of every word over the places where all its sites are, found one by one, float (n, n_words)."""
    q, total = words.window.n_states, np.zeros((len(states), len(words)))
    there = np.ones(lattice.n_sites, bool) if there is None else there
    for k, (charges, sine) in enumerate(zip(words.charges, words.sine, strict=True)):
        sites = words.window.offsets[charges > 0]
        found = lattice.at(lattice.coordinates[:, None] + sites - sites[0])
        found = found[np.all(found >= 0, axis=1)]
        for place in found[np.all(there[found], axis=1)]:
            angle = 2 * np.pi / q * ((states[:, place].astype(int) - q // 2) @ charges[charges > 0])
            total[:, k] += np.sin(angle) if sine else np.cos(angle)
    return total


def boltzmann(words, coupling, lattice, there=None):
    """All states and their probabilities."""
    states = all_states(words.window.n_states, lattice.n_sites)
    if there is not None:
        states = states[np.all(states[:, ~there] == 0, axis=1)]
    exponent = sums(words, states, lattice, there) @ coupling / T
    weights = np.exp(exponent - exponent.max())
    if there is not None:
        states = np.where(there, states, ABSENT).astype(np.uint8)
    return states, weights / weights.sum()


def some_words(lattice, window):
    """A few words that the lattice has room for, with couplings."""
    words = Words.all(window)
    random = np.random.default_rng(4)
    samples = Samples(random.integers(0, window.n_states, (100, lattice.n_sites)), lattice, T, window)
    words = words.take(samples.has(words))
    words = words.take(np.unique(np.linspace(0, len(words) - 1, 9).astype(int)))
    return words, np.random.default_rng(4).normal(size=len(words)) / 2


@pytest.mark.parametrize(("lattice", "window"), CASES, ids=named)
def test_exact_probabilities_give_the_exact_couplings(lattice, window):
    """Of some words and, where it is not too large, of the free table."""
    words, coupling = some_words(lattice, window)
    states, weights = boltzmann(words, coupling, lattice)
    samples = Samples(states, lattice, T, window, weights)
    fit = likelihood.fit(samples, Interactions.single(words.resized(samples.window)))
    assert np.allclose(T * fit.parameters, coupling, atol=1e-6)
    local = LocalEnergy(Interactions.single(words), coupling, np.eye(len(words)))
    assert np.allclose(local.energy(states, lattice)[0], -sums(words, states, lattice) @ coupling)


@pytest.mark.parametrize(("lattice", "window"), [CASES[k] for k in (1, 2, 5, 6)], ids=named)
def test_the_free_table_has_the_exact_couplings(lattice, window):
    """All words that have room on the lattice, and no others."""
    words, coupling = some_words(lattice, window)
    states, weights = boltzmann(words, coupling, lattice)
    found = free_table.fit(Samples(states, lattice, T, window, weights), shrink=False, ridge=1e-12)
    expected = dict(zip(words.keys.tolist(), coupling, strict=True))
    every = found.interactions.words
    assert np.allclose(found.coupling, [expected.get(key, 0) for key in every.keys.tolist()], atol=1e-6)
    assert sums(every, states, lattice).any(axis=0).all()


@pytest.mark.parametrize("lattice", [Lattice((3, 3)), Lattice((3, 3), open=(0,))], ids=["periodic", "open"])
def test_lost_atoms(lattice):
    """Every snapshot from a Hamiltonian without the sites of its lost atoms: the couplings are exact."""
    random, window = np.random.default_rng(5), Window.box(2, 2, 2)
    words = Words.all(window)
    coupling = random.normal(size=len(words)) / 2
    parts = [boltzmann(words, coupling, lattice, random.random(9) > 0.2) for _ in range(12)]
    states, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    samples = Samples(states, lattice, T, window, weights)
    fit = likelihood.fit(samples, Interactions.single(words.resized(samples.window)))
    assert np.allclose(T * fit.parameters, coupling, atol=1e-6)
    free = free_table.fit(samples, shrink=False, ridge=1e-12)
    assert np.allclose(free.coupling, coupling, atol=1e-6)
    local = LocalEnergy(Interactions.single(words), coupling, np.eye(len(words)))
    for lost in range(9):
        there = np.arange(9) != lost
        states, _ = boltzmann(words, coupling, lattice, there)
        assert np.allclose(local.energy(states, lattice)[0], -sums(words, states, lattice, there) @ coupling)


def drawn(lattice, terms, n=6000, window=None):
    """Independent samples of an Ising energy with a coupling for each set of offsets."""
    every = [Window(sites, 2) for sites in terms]
    total = 0
    states = all_states(2, lattice.n_sites)
    for cluster, coupling in zip(every, terms.values(), strict=True):
        word = Words(cluster, np.ones((1, cluster.n_places), np.uint8), np.zeros(1, bool))
        total = total + coupling * sums(word, states, lattice)[:, 0]
    weights = np.exp((total - total.max()) / T)
    rows = np.random.default_rng(7).choice(len(states), n, p=weights / weights.sum())
    return Samples(states[rows], lattice, T, window)


def check(energy, expected):
    """Exactly the expected interactions, each coupling within 4 errors."""
    found = [(member.sites, term) for term in energy.terms for member in term.members]
    assert sorted(sites for sites, _ in found) == sorted(expected)
    for sites, term in found:
        assert abs(term.coupling - expected[sites]) < 4 * term.error < 0.3


NEAR, FAR, SITE = ((0, 0), (0, 1)), ((0, 0), (0, 2)), ((0, 0),)
RIGHT_DOWN = {NEAR: 1.0, ((0, 0), (1, 0)): 1.0}
DIAGONALS = {((0, 0), (1, 1)): 0.4, ((0, 1), (1, 0)): 0.4}
STAR = {**RIGHT_DOWN, ((0, 0), (1, 1)): 1.0}
AXES = {((0, 0, 0), axis): 1.0 for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1))}
FOUND = [
    (OPEN, Window.box(2, 3, 2), RIGHT_DOWN | DIAGONALS | {SITE: 0.3}, 8),
    (Lattice((4, 4), open=(0, 1), absent=(5, 6)), Window.box(2, 2, 2), RIGHT_DOWN, 8),
    (Lattice((3, 4), "triangular", open=(0, 1)), BALL["triangular"], STAR, 12),
    (Lattice((2, 2), "kagome", open=(0, 1)), BALL["triangular"], STAR, 12),
    (Lattice((2, 3), "honeycomb", open=(0, 1)), BALL["triangular"], STAR | {SITE: 0.3}, 12),
    (Lattice((2, 2, 3), open=(0, 1, 2)), CUBIC, AXES, 48),
]


@pytest.mark.parametrize(("lattice", "window", "terms", "order"), FOUND, ids=named)
def test_what_is_there_is_found(lattice, window, terms, order):
    """And nothing else, in a field and with next-nearest neighbours, on every kind of lattice."""
    energy = clusters.fit(drawn(lattice, terms, window=window))
    check(energy, terms)
    assert energy.symmetry.startswith(f"{order} of {order}")


def test_near_neighbours_of_a_triangular_lattice():
    """Pairs up to a distance in space: three directions, not the far diagonal of the grid."""
    lattice = Lattice((3, 4), "triangular", open=(0, 1))
    found = pairwise.fit(drawn(lattice, STAR, window=Window.box(2, 2, 2)))
    assert {term.members[0].sites for term in found.terms} == set(STAR)


def test_a_ladder():
    """Images that have no room on the lattice are told by those that have."""
    ladder, planted = Lattice((2, 6), open=(0, 1)), {**RIGHT_DOWN, FAR: 0.5}
    samples = drawn(ladder, planted, window=Window.box(2, 3, 2))
    words = Words.all(samples.window)
    down = words.support == words.support[words.on([FAR], np.eye(2, dtype=int)[None, ::-1])][0]
    assert down.sum() == 1
    assert not samples.has(words)[down].any()
    energy = clusters.fit(samples)
    check(energy, planted | {((0, 0), (2, 0)): 0.5})
    assert [{m.sites for m in t.members} for t in energy.terms] == [
        set(RIGHT_DOWN), {FAR, ((0, 0), (2, 0))}
    ]  # fmt: skip


def test_what_is_forbidden_is_not_found():
    """An interaction by its sites, with all its images; it must fit in the window."""
    samples = drawn(OPEN, RIGHT_DOWN | {SITE: 0.3}, window=Window.box(2, 2, 2))
    energy = clusters.fit(samples, forbidden=[[[2, 1], [1, 1]]])
    found = {member.sites for term in energy.terms for member in term.members}
    assert SITE in found
    assert found.isdisjoint(RIGHT_DOWN)
    for sites, message in (([[0, 0], [0, 3]], "does not fit"), ([[0, 0, 0]], "need 2 coordinates")):
        with pytest.raises(ValueError, match=message) as error:
            clusters.fit(samples, forbidden=[sites])
        assert "\n" not in str(error.value)


def test_absent_as_a_state_changes_nothing_where_all_is_present():
    """The same couplings and the same candidates with and without the digit for absent sites."""
    random = np.random.default_rng(8)
    for q, side in ((2, 3), (3, 2)):
        window = Window.box(2, side, q)
        plain = Samples(random.integers(0, q, (300, 36)), Lattice((6, 6)), T, window)
        other = replace(plain, window=replace(window, absent=True))
        for method in (clusters.fit, pairwise.fit):
            a, b = method(plain), method(other)
            assert np.allclose(a.coupling, b.coupling, atol=1e-10)
            assert np.allclose(a.covariance, b.covariance, atol=1e-10)
            assert np.array_equal(a.table(), b.table())


@pytest.mark.parametrize("window", [Window.box(2, 2, 2), Window.box(1, 3, 3), BALL["hypercubic"]], ids=named)
def test_projection_of_tables_with_absent_sites(window):
    """By Fourier transform and by definition: a word vanishes where one of its sites is absent."""
    words = Words.all(replace(window, absent=True))
    f, digits = words.functions(), words.window.digits
    assert np.all(f[(digits == window.n_states).all(axis=1)] == 0)
    table = np.random.default_rng(9).normal(size=(3, words.window.size))
    assert np.allclose(Interactions.single(words).project(table), table @ f)


@pytest.mark.parametrize("kind", ["triangular", "hypercubic"])
def test_balls_and_boxes_have_the_same_words(kind):
    """Words of both are the same words, and operations make the same of them."""
    operations = geometry(kind, 2).operations
    large = Window.box(2, 3, 2)
    every = Words.all(large)
    ball = Words.all(BALL[kind])
    assert len(ball.closed(operations)) == len(ball)
    inside = ball.resized(large)
    assert len(np.unique(inside.keys)) == len(ball)
    closed = every.closed(operations)
    assert len(closed) == len(every) if kind == "hypercubic" else len(closed) < len(every)
    image, _ = PointGroup(ball, operations).images
    outer, _ = PointGroup(closed, operations).images
    place = np.searchsorted(closed.keys, inside.keys)
    assert np.array_equal(outer[:, place], np.searchsorted(closed.keys, inside.keys)[image])


@pytest.mark.parametrize(
    ("lattice", "good"),
    [
        (Lattice((3, 9), open=(0,)), True),
        (Lattice((3, 9), open=(1,)), False),
        (Lattice((4, 4), "triangular"), False),
        (Lattice((5, 5), "triangular", absent=(3,)), True),
        (Lattice((2, 2), "kagome"), False),
        (Lattice((3, 3), "kagome"), True),
    ],
    ids=str,
)
def test_tiles_that_meet_themselves(lattice, good):
    """Round a periodic axis that is too short; along an open one nothing meets."""
    window = Window.box(2, 3, 2) if lattice.kind == "hypercubic" else BALL["triangular"]
    states = np.random.default_rng(1).integers(0, 2, (200, lattice.n_sites))
    if good:
        Samples(states, lattice, T, window)
    else:
        with pytest.raises(ValueError, match="meet themselves"):
            Samples(states, lattice, T, window)


def test_sizes_of_balls():
    """5 sites on the square, 7 on the triangular and the cubic lattice, and what is too large."""
    assert [BALL["hypercubic"].n_places, BALL["triangular"].n_places, CUBIC.n_places] == [5, 7, 7]
    assert Window.ball(geometry("hypercubic", 2), 2, 2).n_places == 13
    for radius, message in ((9, "take a smaller tile"), (-1, "at least 0")):
        with pytest.raises(ValueError, match=message):
            Window.ball(geometry("hypercubic", 3), radius, 2)


def test_a_free_table_of_too_many_patterns():
    """Holes anywhere make more states of a tile than fit, which is told in one line."""
    random = np.random.default_rng(2)
    states = np.where(random.random((400, 36)) < 0.2, ABSENT, random.integers(0, 2, (400, 36)))
    with pytest.raises(ValueError, match="tile states is too large") as error:
        free_table.fit(Samples(states, Lattice((6, 6)), T, Window.box(2, 3, 2)))
    assert "\n" not in str(error.value)
