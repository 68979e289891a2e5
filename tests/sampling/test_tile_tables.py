"""Tables of tiles of any shape on any lattice: energies, decisions, distributions, and what is looked up."""

from functools import cache

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.codes import all_states, codes_of
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.sampling import kernels, tile_kernels, tile_tables
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tile_tables import TileTables

LATTICES = {
    "square": Lattice((4, 5)),
    "open": Lattice((4, 4), open=(0, 1)),
    "open along one axis": Lattice((3, 5), open=(1,)),
    "holes": Lattice((4, 5), absent=(0, 7, 8, 13)),
    "triangular": Lattice((4, 4), "triangular"),
    "shifted rows": Lattice((4, 4), "triangular_rows", open=(1,)),
    "honeycomb": Lattice((2, 2), "honeycomb"),
    "kagome": Lattice((2, 3), "kagome"),
    "kagome with holes": Lattice((2, 3), "kagome", open=(0,), absent=(4,)),
    "cubic": Lattice((3, 3, 3)),
    "open cubic": Lattice((3, 3, 2), open=(0, 2), absent=(5,)),
}
lattices = pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES)


def ball(lattice):
    """A point of the grid and its nearest neighbours."""
    steps = np.array(lattice.geometry.steps)
    return np.concatenate([np.zeros((1, lattice.dimension), int), steps, -steps])


def bond(lattice):
    """A point of the grid and those one step forward."""
    return np.concatenate([np.zeros((1, lattice.dimension), int), np.array(lattice.geometry.steps)])


def random_table(n_states):
    """Energies of the order of J for every set of places that are there."""

    @cache
    def energies(places):
        random = np.random.default_rng([7, *places])
        return random.normal(0, 0.5, n_states ** len(places)).astype(np.float32)

    return lambda present: energies(tuple(np.flatnonzero(present)))


def pairs(q, coupling=1.003):
    """Energies -J cos(2 pi (s0 - s) / Q) of the first place with each other one that is there."""

    def table(present):
        states = all_states(q, present.sum())
        if not present[0]:
            return np.zeros(len(states))
        angles = 2 * np.pi / q * (states[:, :1] - states[:, 1:].astype(float))
        return -coupling * np.cos(angles).sum(axis=1)

    return table


def plain(lattice, q, offsets, table, states):
    """Sum over tiles, float64 (n,), of states (n, n_sites)."""
    total = np.zeros(len(states))
    for sites in lattice.windows(offsets):
        present = sites >= 0
        total += np.float32(table(present)).astype(float)[codes_of(states[:, sites[present]], q)]
    return total


def swept(lattice, q, offsets, table, chains, n_sweeps):
    """The same sweeps as a kernel's, from full energies of plain sums."""
    states, beta = chains.states.copy(), chains.beta.astype(np.float32)
    proposal, flip = np.empty(len(beta), np.uint8), np.empty(len(beta), np.bool_)
    present = plain(lattice, q, offsets, table, states.T)
    for i in np.tile(np.arange(lattice.n_sites), n_sweeps):
        kernels.propose(states, i, chains.streams, q, proposal)
        changed = states.copy()
        changed[i] = proposal
        after = plain(lattice, q, offsets, table, changed.T)
        kernels.accept(beta, (after - present).astype(np.float32), chains.streams, flip)
        states[:, flip], present = changed[:, flip], np.where(flip, after, present)
    return states


@pytest.mark.parametrize("q", [2, 3])
@pytest.mark.parametrize("limit", [0, tile_tables.MAX_DIFFERENCES])
@pytest.mark.parametrize(("shape", "kind"), [(ball, "random"), (ball, "pairs"), (bond, "random")])
@lattices
def test_energies_and_decisions_are_those_of_plain_sums(monkeypatch, lattice, shape, kind, limit, q):
    """Each way of looking up, with tables for every pattern of sites that are there."""
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", limit)
    offsets = shape(lattice)
    table = random_table(q) if kind == "random" else pairs(q)
    energy = TileTables(lattice, q, offsets, table)
    chains, slow = (
        Chains.start(energy, np.linspace(-0.4, 0.9, 60), range(60), 3, Purpose.SWEEP) for _ in "ab"
    )
    expected = plain(lattice, q, offsets, table, chains.states.T)
    assert energy.energies(chains.states) == pytest.approx(expected, abs=1e-9)
    chains.sweep(energy, 2)
    assert (swept(lattice, q, offsets, table, slow, 2) != chains.states).any(axis=0).sum() < 2
    assert np.array_equal(slow.streams, chains.streams)


@pytest.mark.parametrize("limit", [0, tile_tables.MAX_DIFFERENCES])
@pytest.mark.parametrize(
    ("lattice", "step", "offsets"),
    [
        (Lattice((4, 6)), 2, box(2, 1, 1)),
        (Lattice((5, 4), open=(0, 1), absent=(6,)), 2, box(2, 1, 1)),
        (Lattice((20,)), 1, box(1, 17, 0)),
    ],
    ids=["periodic", "open with a hole", "2^17 states"],
)
def test_chosen_tiles(monkeypatch, lattice, step, offsets, limit):
    """At some points of the grid only."""
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", limit)
    origins = np.indices(np.array(lattice.shape)).reshape(lattice.dimension, -1).T
    tiles = lattice.at(origins[(origins % step == 0).all(axis=1)][:, None] + offsets)
    table = random_table(2)
    energy = TileTables(lattice, 2, offsets, table, tiles)
    chains, slow = (
        Chains.start(energy, np.linspace(-0.4, 0.9, 60), range(60), 3, Purpose.SWEEP) for _ in "ab"
    )
    monkeypatch.setattr(Lattice, "windows", lambda *_: tiles)
    expected = plain(lattice, 2, offsets, table, chains.states.T)
    assert energy.energies(chains.states) == pytest.approx(expected, abs=1e-9)
    chains.sweep(energy, 2)
    assert (swept(lattice, 2, offsets, table, slow, 2) != chains.states).any(axis=0).sum() < 2


@pytest.mark.parametrize("n_chains", [1, 60, 300])
@pytest.mark.parametrize(
    ("lattice", "step", "offsets"),
    [
        (Lattice((4, 6)), 2, box(2, 2, 1)),
        (Lattice((9,)), 1, box(1, 4, 0)),
        (Lattice((5, 4)), 1, box(2, 2, 0)),
    ],
    ids=["the paper's tiles", "8-bit numbers", "square"],
)
def test_two_states_and_four_tiles_a_site(monkeypatch, lattice, step, offsets, n_chains):
    """The kernel that does all in one pass decides as plain sums do."""
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", 0)
    called, kernel = [], tile_kernels.visit_by_four_energies
    monkeypatch.setattr(tile_kernels, "visit_by_four_energies", lambda *a: called.append(kernel(*a)))
    origins = np.indices(np.array(lattice.shape)).reshape(lattice.dimension, -1).T
    tiles = lattice.at(origins[(origins % step == 0).all(axis=1)][:, None] + offsets)
    table = random_table(2)
    energy = TileTables(lattice, 2, offsets, table, tiles)
    chains, slow = (
        Chains.start(energy, np.linspace(-0.4, 0.9, n_chains), range(n_chains), 3, Purpose.SWEEP)
        for _ in "ab"
    )
    monkeypatch.setattr(Lattice, "windows", lambda *_: tiles)
    chains.sweep(energy, 3)
    assert called
    assert (swept(lattice, 2, offsets, table, slow, 3) != chains.states).any(axis=0).sum() < 2
    assert np.array_equal(slow.streams, chains.streams)


STARS = {
    "ball on a cubic lattice": (Lattice((4, 4, 4)), 2, 7),
    "box on a cubic lattice": (Lattice((4, 4, 4)), 2, 7),
    "large box": (Lattice((6, 6)), 2, 5),
    "three states": (Lattice((5, 5)), 3, 5),
}


@pytest.mark.parametrize(("name", "lattice", "q", "most"), [(name, *case) for name, case in STARS.items()])
def test_laws_of_neighbours_are_looked_up_once(name, lattice, q, most):
    """In a table of the site and its neighbours, with the decisions of the true kernel."""
    if "box" in name:
        offsets = box(lattice.dimension, 3 if "large" in name else 2, 0)
    else:
        offsets = ball(lattice)
    states = all_states(q, len(offsets))
    table = np.zeros(len(states))
    for step in np.array(lattice.geometry.steps):
        at = np.flatnonzero((offsets == step).all(axis=1))[0]
        itself = np.flatnonzero((offsets == 0).all(axis=1))[0]
        table -= np.cos(2 * np.pi / q * (states[:, itself] - states[:, at].astype(float)))
    energy = TileTables(lattice, q, offsets, table)
    stars, counts = energy._model[1:3]
    assert energy._kernel is tile_tables._star_sweeps
    assert np.all(counts == most)
    assert all(
        set(row) == {i, *near} for i, (row, near) in enumerate(zip(stars, lattice.neighbours, strict=True))
    )
    true = TrueEnergy(hamiltonian.clock(lattice, q), n_chains=1)
    one, two = (Chains.start(true, np.linspace(-0.3, 0.8, 200), range(200), 1, Purpose.SWEEP) for _ in "ab")
    one.sweep(true, 10)
    two.sweep(energy, 10)
    assert np.array_equal(one.streams, two.streams)
    assert (one.states != two.states).any(axis=0).mean() < 0.02


@pytest.mark.parametrize("name", ["open", "holes", "triangular", "kagome with holes"])
def test_where_neighbours_are_absent_the_star_is_smaller(name):
    """Tables for every kind of surroundings, one lookup for each site."""
    lattice = LATTICES[name]
    energy = TileTables(lattice, 2, ball(lattice), pairs(2))
    stars, counts = energy._model[1:3]
    assert energy._kernel is tile_tables._star_sweeps
    expected = [{i, *near[near >= 0]} for i, near in enumerate(lattice.neighbours)]
    assert [set(row[:n]) for row, n in zip(stars, counts, strict=True)] == expected
    # one for each set of neighbours, 2^(k + 1) entries for k of them
    assert len(energy._model[-1]) <= 2 * 3 ** lattice.neighbours.shape[1]


def test_energies_that_depend_on_many_sites_are_looked_up_by_tiles():
    """A star of 25 sites has too large a table, and that of 13 on the square lattice has not."""
    for lattice, kernel in (
        (Lattice((5, 5, 5)), tile_tables._tile_sweeps),
        (Lattice((5, 5)), tile_tables._star_sweeps),
    ):
        assert TileTables(lattice, 2, ball(lattice), random_table(2))._kernel is kernel


@pytest.mark.parametrize("limit", [0, 200, tile_tables.MAX_DIFFERENCES])
@pytest.mark.parametrize(
    ("lattice", "q"),
    [
        (Lattice((3, 3), open=(0, 1), absent=(4,)), 2),
        (Lattice((2, 3), open=(0, 1)), 3),
        (Lattice((2, 2), "kagome", open=(0, 1), absent=(1, 4)), 2),
        (Lattice((2, 2, 2), open=(0, 1, 2)), 2),
    ],
    ids=["ring", "three states", "kagome", "cube"],
)
def test_stationary_distribution(monkeypatch, p_value, lattice, q, limit):
    """Configurations occur with Boltzmann's probability."""
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", limit)
    n, n_sites, offsets = 10_000, lattice.n_sites, ball(lattice)
    energy = TileTables(lattice, q, offsets, random_table(q))
    chains = Chains.start(energy, np.full(n, 0.5), range(n), 5, Purpose.SWEEP)
    chains.sweep(energy, 40)
    e = plain(lattice, q, offsets, random_table(q), all_states(q, n_sites))
    weight = np.exp(-0.5 * (e - e.mean()))
    counts = np.bincount(codes_of(chains.states.T, q), minlength=q**n_sites)
    assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


def test_stationary_distribution_of_four_tiles_a_site(monkeypatch, p_value):
    """Configurations of a ring occur with Boltzmann's probability, at temperatures of both signs."""
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", 0)
    lattice, offsets, n, betas = Lattice((8,)), box(1, 4, 0), 20_000, np.array([0.5, -0.4])
    energy = TileTables(lattice, 2, offsets, random_table(2))
    chains = Chains.start(energy, np.tile(betas, n), range(2 * n), 6, Purpose.SWEEP)
    chains.sweep(energy, 40)
    e = plain(lattice, 2, offsets, random_table(2), all_states(2, 8))
    weight = np.exp(-np.outer(betas, e - e.mean()))
    numbers = codes_of(chains.states.T, 2).reshape(n, 2).T
    counts = [np.bincount(row, minlength=256) for row in numbers]
    assert 1e-4 < p_value(counts, n * weight / weight.sum(axis=1, keepdims=True)) < 1 - 1e-4


def test_tiles_that_do_not_fit_are_refused():
    """By name of the lattice, and with the shape of the table that is needed."""
    with pytest.raises(ValueError, match="do not fit the 5x3 lattice"):
        TileTables(Lattice((5, 3)), 2, box(2, 4, 0), np.zeros(2**16))
    with pytest.raises(ValueError, match="reach absent sites"):
        TileTables(Lattice((4, 4), open=(0,)), 2, box(2, 2, 0), np.zeros(16))
    with pytest.raises(ValueError, match=r"table of 4 sites with 2 states has shape \(5,\)"):
        TileTables(Lattice((4, 4)), 2, box(2, 2, 0), lambda present: np.zeros(5))
