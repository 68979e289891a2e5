"""Tiles cover the lattice evenly."""

import numpy as np
import pytest

from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling

CASES = [
    ((6, 6), 2, 1),
    ((4, 4), 2, 1),
    ((4, 8), 2, 1),
    ((6, 6), 1, 1),
    ((6, 9), 3, 1),
    ((6, 6), 2, 2),
    ((5, 5), 1, 2),
    ((4, 4), 2, 0),
    ((6, 6, 4), 2, 1),
]


@pytest.mark.parametrize(("shape", "focus", "context"), CASES)
def test_each_site_is_in_equally_many_tiles(shape, focus, context):
    """N / f^d tiles of (f + 2c)^d sites put every site into ((f + 2c)/f)^d tiles on average.

    It is the same number for all sites whenever f divides 2c, else the numbers still add up.
    """
    tiling = Tiling(Lattice(shape), focus, context)
    d, n_sites = len(shape), int(np.prod(shape))
    assert tiling.sites.shape == (n_sites // focus**d, (focus + 2 * context) ** d)
    counts = np.bincount(tiling.sites.ravel(), minlength=n_sites)
    assert counts.sum() == tiling.sites.size
    if 2 * context % focus == 0:
        assert np.all(counts == ((focus + 2 * context) // focus) ** d)
    assert np.array_equal(tiling.members[2], counts)


def test_paper_tiles():
    """f = 2, c = 1 on 8x8: 16 tiles of 16 sites, each site in 4 of them."""
    tiling = Tiling(Lattice((8, 8)), 2, 1)
    assert tiling.side == 4
    assert tiling.sites.shape == (16, 16)
    assert np.all(tiling.members[2] == 4)


@pytest.mark.parametrize(("shape", "focus", "context"), CASES)
def test_no_tile_has_a_site_twice(shape, focus, context):
    """A tile is never longer than the lattice."""
    for tile in Tiling(Lattice(shape), focus, context).sites:
        assert len(np.unique(tile)) == len(tile)


@pytest.mark.parametrize(("shape", "focus", "context"), CASES)
def test_foci_partition_the_lattice(shape, focus, context):
    """The inner parts of all tiles are every site once."""
    tiling = Tiling(Lattice(shape), focus, context)
    d = len(shape)
    inner = (slice(None), *[slice(context, context + focus)] * d)
    foci = tiling.sites.reshape(-1, *[tiling.side] * d)[inner]
    assert np.array_equal(np.sort(foci.ravel()), np.arange(np.prod(shape)))


@pytest.mark.parametrize(("shape", "focus", "context"), CASES)
def test_tiles_are_windows_of_the_torus(shape, focus, context):
    """Neighbouring places of a tile are neighbouring sites of the lattice."""
    lattice = Lattice(shape)
    tiling = Tiling(lattice, focus, context)
    d = len(shape)
    windows = tiling.sites.reshape(-1, *[tiling.side] * d)
    for axis in range(d):
        first = np.take(windows, range(tiling.side - 1), axis=axis + 1)
        second = np.take(windows, range(1, tiling.side), axis=axis + 1)
        assert np.array_equal(lattice.forward[first, axis], second)


@pytest.mark.parametrize(("shape", "focus", "context"), CASES)
def test_members_are_the_inverse_of_sites(shape, focus, context):
    """Site i is at place p of tile t exactly when sites[t, p] = i."""
    tiling = Tiling(Lattice(shape), focus, context)
    tiles, places, counts = tiling.members
    found = {(tiles[i, k], places[i, k], i) for i in range(len(counts)) for k in range(counts[i])}
    expected = {(t, p, i) for t, row in enumerate(tiling.sites) for p, i in enumerate(row)}
    assert found == expected
    assert np.all(tiles < len(tiling.sites))
    assert np.all(places < tiling.sites.shape[1])


@pytest.mark.parametrize(
    ("shape", "focus", "context", "word"),
    [
        ((5, 5), 2, 1, "multiple"),
        ((6, 7), 2, 1, "multiple"),
        ((2, 2), 2, 1, "shorter"),
        ((4, 4), 2, 2, "shorter"),
        ((8, 3), 1, 2, "shorter"),
    ],
)
def test_lattices_that_do_not_fit_are_refused(shape, focus, context, word):
    """The focus divides every side, and no side is shorter than a tile."""
    with pytest.raises(ValueError, match=word):
        Tiling(Lattice(shape), focus, context)
