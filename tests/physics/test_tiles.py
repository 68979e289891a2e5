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


# lattices of which not every point of the grid is a site, or not a square one; focus, context, form
OTHERS = [
    (Lattice((4, 6), open=(0, 1)), 2, 1, "box"),
    (Lattice((5, 5), open=(1,), absent=(0, 6, 7, 12)), 1, 1, "box"),
    (Lattice((6, 6), absent=(7, 8, 13, 14, 20)), 2, 1, "box"),
    (Lattice((4, 6), "triangular"), 2, 1, "box"),
    (Lattice((4, 5), "triangular"), 1, 1, "ball"),
    (Lattice((4, 5), "triangular_rows", open=(1,)), 1, 1, "ball"),
    (Lattice((3, 4), "honeycomb"), 1, 2, "ball"),
    (Lattice((3, 4), "kagome", absent=(2,)), 2, 1, "box"),
    (Lattice((3, 4), "kagome", open=(0,)), 1, 1, "ball"),
    (Lattice((3, 4, 3), open=(2,), absent=(5,)), 1, 1, "ball"),
]
others = pytest.mark.parametrize(("lattice", "focus", "context", "form"), OTHERS)


@others
def test_tiles_of_any_lattice(lattice, focus, context, form):
    """Every site is in one focus; places are where the offsets lead, from site to site."""
    tiling = Tiling(lattice, focus, context, form)
    in_focus = ((tiling.offsets >= 0) & (tiling.offsets < focus)).all(axis=1)
    foci = tiling.sites[:, in_focus]
    assert np.array_equal(np.sort(foci[foci >= 0]), np.arange(lattice.n_sites))
    assert len(np.unique(tiling.offsets, axis=0)) == len(tiling.offsets) == tiling.sites.shape[1]
    for tile in tiling.sites:
        assert (tile[in_focus] >= 0).any()
        there = np.flatnonzero(tile >= 0)
        assert len(set(tile[there])) == len(there)
        origin = lattice.coordinates[tile[there[0]]] - tiling.offsets[there[0]]
        assert np.array_equal(lattice.at(origin + tiling.offsets), tile)
    tiles, places, counts = tiling.members
    found = {(tiles[i, k], places[i, k], i) for i in range(len(counts)) for k in range(counts[i])}
    assert found == {(t, p, tiling.sites[t, p]) for t, p in np.argwhere(tiling.sites >= 0)}
    present, which = tiling.patterns
    assert np.array_equal(present[which], tiling.sites >= 0)


@pytest.mark.parametrize("context", [0, 1, 2, 3])
def test_balls(context):
    """Points within c bonds: c^2 + (c + 1)^2 on the square lattice, 1 + 3 c (c + 1) on the triangular one."""
    sizes = {"hypercubic": context**2 + (context + 1) ** 2, "triangular": 1 + 3 * context * (context + 1)}
    for kind, size in sizes.items():
        tiling = Tiling(Lattice((9, 9), kind), 1, context, "ball")
        assert len(tiling.offsets) == size
        reached = {0}
        for _ in range(context):
            reached |= {int(j) for i in reached for j in tiling.lattice.neighbours[i]}
        assert set(tiling.sites[0].tolist()) == reached
    if context == 1:
        assert len(Tiling(Lattice((5, 5, 5)), 1, 1, "ball").offsets) == 7


@pytest.mark.parametrize(
    ("lattice", "focus", "form", "word"),
    [
        (Lattice((6, 6), "honeycomb"), 2, "box", "set focus = 1"),
        (Lattice((6, 6), "triangular_rows"), 2, "box", "set focus = 1"),
        (Lattice((6, 6)), 2, "ball", "set focus = 1"),
        (Lattice((5, 6), open=(0,)), 2, "box", "multiple"),
        (Lattice((2, 2), "honeycomb"), 1, "box", "meets itself"),
    ],
)
def test_tiles_that_do_not_exist(lattice, focus, form, word):
    """They are refused with what to do instead."""
    with pytest.raises(ValueError, match=word):
        Tiling(lattice, focus, 1, form)


def test_an_open_lattice_of_four_foci_teaches_all_others():
    """Its middle sites see no edge; on three foci all do. A periodic lattice knows no edges."""
    open_8 = Tiling(Lattice((8, 8), open=(0, 1)), 2, 1)
    for lattice in (Lattice((64, 64)), Lattice((10, 16), open=(0, 1)), Lattice((8, 12), open=(1,))):
        assert open_8.on(lattice) == Tiling(lattice, 2, 1)
    with pytest.raises(ValueError, match="other edges or holes"):
        Tiling(Lattice((6, 6), open=(0, 1)), 2, 1).on(Lattice((8, 8)))
    with pytest.raises(ValueError, match="other edges or holes"):
        Tiling(Lattice((8, 8)), 2, 1).on(Lattice((8, 8), open=(0,)))
    with pytest.raises(ValueError, match="other edges or holes"):
        open_8.on(Lattice((8, 8), absent=(9,)))
    holed = Tiling(Lattice((8, 8), absent=(9,)), 1, 1, "ball")
    assert holed.on(Lattice((12, 12), absent=(100,))).sites.shape == (143, 5)


@pytest.mark.parametrize(
    ("focus", "context", "form"), [(2, 1, "box"), (1, 1, "box"), (1, 1, "ball"), (1, 2, "box")]
)
def test_local_energies_need_room(focus, context, form):
    """A periodic lattice that tells what is local has L >= f + 2 c + 2; an open one has no such bound."""
    enough = focus + 2 * context + 2
    larger = Lattice((4 * focus * context + 4,) * 2)
    assert Tiling(Lattice((enough, enough)), focus, context, form).on(larger).lattice == larger
    small = Lattice((enough - focus, enough))
    tiling = Tiling(small, focus, context, form)
    assert tiling.on(small) == tiling
    with pytest.raises(ValueError, match="sees all that there is"):
        tiling.on(larger)
