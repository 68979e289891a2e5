"""Which tiles were seen: counts, shares and ranges against enumeration and plain loops."""

from collections import Counter

import numpy as np
import pytest

from dcl_hpc.inference.novelty import Sightings
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import ABSENT, Lattice
from dcl_hpc.physics.tiles import ball, box

SQUARE = box(2, 2, 0)


def boltzmann(lattice: Lattice, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """All Ising configurations, and their probabilities."""
    states = all_states(2, lattice.n_sites)
    energies = ising(lattice).energy(states.astype(int))
    weights = np.exp((energies.min() - energies) / temperature)
    return states, weights / weights.sum()


def test_share_is_the_exact_one():
    """The mean share at another temperature is that of the exact distribution of the tile's states."""
    lattice, random = Lattice((3, 4)), np.random.default_rng(2)
    states, p = boltzmann(lattice, 1.5)
    known = Sightings(lattice, SQUARE, 2)
    for _ in range(3):
        known.add(states[random.choice(len(states), 200, p=p)])
    assert known.seen == 3 * 200 * 12 == known.counts[0].sum()
    rare = known.counts[0] < 100
    assert 0 < rare.sum() < 16
    states, p = boltzmann(lattice, 4.0)
    tiles = states.reshape(-1, 3, 4)[:, :2, :2].reshape(-1, 4) @ [8, 4, 2, 1]
    exact = np.bincount(tiles, p)[rare].sum()
    shares = known.rare_shares(states, lattice)
    assert p @ shares == pytest.approx(exact, rel=1e-9)
    drawn = shares[random.choice(len(states), 2000, p=p)]
    assert abs(drawn.mean() - exact) < 4 * drawn.std() / np.sqrt(2000)


@pytest.mark.parametrize(
    ("lattice", "offsets"),
    [
        (Lattice((5, 4)), SQUARE),
        (Lattice((5, 4), open=(0,), absent=(7, 13)), SQUARE),
        (Lattice((3, 4), "triangular"), ball(Lattice((3, 4), "triangular").geometry, 1)),
    ],
    ids=["periodic", "holes", "triangular"],
)
def test_counts_are_those_of_a_loop(lattice, offsets):
    """Whole tiles of three states, some with atoms that are lost, counted one by one."""
    random = np.random.default_rng(3)
    states = random.choice([0, 0, 0, 0, 1, 1, 2], (40, lattice.n_sites)).astype(np.uint8)
    seen, known = states.copy(), Sightings(lattice, offsets, 3)
    seen[random.random(seen.shape) < 0.02] = ABSENT
    known.add(seen)
    tiles = lattice.at(lattice.coordinates[:, None] + offsets)
    tiles = tiles[(tiles >= 0).all(axis=1)]
    assert known.n_tiles(lattice) == len(tiles) > 5
    counts = Counter(bytes(row[tile]) for row in seen for tile in tiles if ABSENT not in row[tile])
    assert known.seen == counts.total()
    expected = [np.mean([counts[bytes(row[tile])] < 4 for tile in tiles]) for row in states]
    np.testing.assert_allclose(known.rare_shares(states, lattice, 4), expected, atol=1e-12)


def test_each_site_of_a_cell_has_its_tile():
    """The bow ties of the kagome lattice, of five sites each, also where edges and holes take some away."""
    kagome = Lattice((4, 4), "kagome")
    offsets = ball(kagome.geometry, 1)
    known = Sightings(kagome, offsets, 2)
    assert [len(counts) for counts in known.counts] == [2**5] * 3 and known.n_tiles(kagome) == 48
    cut = Lattice((4, 4), "kagome", open=(0, 1), absent=(3,))
    assert [len(counts) for counts in Sightings(cut, offsets, 2).counts] == [2**5] * 3
    random = np.random.default_rng(1)
    known.add(random.integers(0, 2, (500, 48), np.uint8))
    assert known.rare_shares(random.integers(0, 2, (9, cut.n_sites), np.uint8), cut).max() == 0


def test_what_was_never_seen():
    """Tiles with a state that never occurred are rare, one for one; without a whole tile nothing is known."""
    lattice, random = Lattice((4, 6)), np.random.default_rng(4)
    known = Sightings(lattice, SQUARE, 3)
    known.add(random.integers(0, 2, (1000, 24), np.uint8))
    assert (known.counts[0] == 0).sum() == 3**4 - 2**4
    states = np.zeros((2, 24), np.uint8)
    states[1, [0, 15]] = 2
    np.testing.assert_allclose(known.rare_shares(states, lattice), [0, 8 / 24])
    line = Lattice((2, 9), open=(0,), absent=tuple(range(9, 18)))
    assert np.isnan(known.rare_shares(np.zeros((1, 9), np.uint8), line)).all()


def test_outside_of_all_that_was_seen():
    """All sites equal is beyond either end of what was seen, on any size; others of the same law are not."""
    small, large, random = Lattice((5, 6)), Lattice((8, 6)), np.random.default_rng(5)
    known = Sightings(small, SQUARE, 2)
    for _ in range(2):
        known.add(random.choice(2, (1000, 30), p=[0.6, 0.4]).astype(np.uint8))
    assert known.lowest < known.highest < 0
    assert known.outside(np.array([[0] * 48, [1] * 48], np.uint8), large).all()
    assert not known.outside(random.choice(2, (200, 48), p=[0.6, 0.4]).astype(np.uint8), large).any()
