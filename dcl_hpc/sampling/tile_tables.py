"""Metropolis sweeps of a sum of tabulated energies of overlapping tiles.

A chain keeps the number of every tile's state, and a proposal looks up once per tile that holds the site.
For small tables this is what the change costs, from a table of differences for each place in the tile.
Where boxes start at every site, neighbouring ones are first added up to a larger box, as long as its
differences are few: 3x3 tiles of two states become boxes of 5x3 sites, three of them per site, not nine.
For large tables it is the tile's new energy; the present one is kept.

Where a change depends on few sites altogether, these are its star, and one difference is looked up:
an Ising law of nearest neighbours has a star of five sites on the square lattice, whatever its tiles.
"""

from dataclasses import replace

import numpy as np

from ..physics.codes import all_states, codes_of
from ..physics.lattice import Lattice
from . import kernels, tile_kernels
from .tile_plans import Tiles, star_plan, tile_plan

# Most entries of all tables of differences: 512 KiB, so that they stay in the second-level cache.
MAX_DIFFERENCES = 2**17
# Chains of a block.
BLOCK = 256


class TileTables:
    """Energies and Metropolis sweeps; an `EnergyModel`.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    offsets : array_like of int, shape (n_places, dimension)
        Places of a tile on the grid: a box, a ball, or any others.
    table : array_like of float, callable or list of array_like
        Tile energies in J; the first place of a tile is the most significant digit. One table that all
        tiles share, (n_states ** n_places,), or one for each tile, (n_tiles, n_states ** n_places). Where
        tiles reach absent sites, a function of which places are there, bool (n_places,): it gives the
        energies of all states of these, (n_states ** their number,); or a list with these of each tile.
    tiles : ndarray of int, shape (n_tiles, n_places), optional
        Sites of the tiles, -1 where there is none; by default tiles at every point of the grid.

    Attributes
    ----------
    tiles : Tiles

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the table has another shape.
    """

    def __init__(self, lattice: Lattice, n_states: int, offsets, table, tiles=None):
        offsets = np.asarray(offsets).reshape(-1, lattice.dimension)
        if not lattice.separates(offsets):
            raise ValueError(
                f"tiles of {len(offsets)} sites do not fit the {lattice} lattice: they overlap themselves"
            )
        everywhere = lattice.windows(offsets).astype(np.int32)
        sites = everywhere if tiles is None else np.asarray(tiles, np.int32)
        every = _with_tables(lattice, n_states, sites, table)
        boxes, places = every, np.arange(len(offsets))
        if lattice.regular and len(every.tables) == 1 and np.array_equal(sites, everywhere):
            boxes, places = _merged(lattice, offsets, every)
        self._start(lattice, offsets, every, boxes, places)

    def _start(self, lattice: Lattice, offsets: np.ndarray, tiles: Tiles, boxes: Tiles, places: np.ndarray):
        self.lattice, self.n_states = lattice, tiles.n_states
        self._offsets, self.tiles = offsets, tiles
        looked, plan = boxes.sites[:, places], None
        if np.bincount(looked[looked >= 0]).max() > 1:
            plan = star_plan(lattice, offsets, tiles, MAX_DIFFERENCES)
        self._kernel = _tile_sweeps if plan is None else _star_sweeps
        self._model = tiles.n_states, *(tile_plan(boxes, places, MAX_DIFFERENCES) if plan is None else plan)

    def plus(self, other: "TileTables", factor: float = 1.0) -> "TileTables":
        """The energy model factor x this + other.

        Raises
        ------
        ValueError
            If it would have tiles that overlap themselves.
        """
        lattice, sites = self.lattice, self.tiles.sites
        if len(self.tiles.tables) == len(other.tiles.tables) == 1:
            table = _folded(self._offsets, self.tiles, other._offsets, other.tiles)
            if table is not None:
                table += factor * self.tiles.tables[0].astype(np.float64)
                return TileTables(lattice, self.n_states, self._offsets, table, sites)
        tiles, offsets = _absorbed(self.tiles, other.tiles, factor), self._offsets
        if tiles is None:
            parts = [(self._offsets, self.tiles, factor), (other._offsets, other.tiles, 1.0)]
            parts = parts[: 2 if other.tiles.flat.any() else 1]
            offsets = np.unique(np.concatenate([part[0] for part in parts]), axis=0)
            if not lattice.separates(offsets):
                raise ValueError(f"tiles of {len(offsets)} sites do not fit the {lattice} lattice")
            tiles = _joined(offsets, parts)
        result = TileTables.__new__(TileTables)
        result._start(lattice, offsets, tiles, tiles, np.arange(len(offsets)))
        return result

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        tiles = self.tiles
        codes = tile_kernels.tile_codes(states, np.maximum(tiles.sites, 0), tiles.kinds, tiles.powers)
        return tiles.flat[codes + tiles.origins[tiles.kinds, None]].sum(axis=0, dtype=np.float64)

    def cost(self, states: np.ndarray, site: int, before: np.ndarray) -> np.ndarray:
        """What a change of one site has cost, float32 (n_chains,), in J.

        Parameters
        ----------
        states : uint8 (n_sites, n_chains)
        site : int
        before : uint8 (n_chains,)
            State of the site before.
        """
        sites, powers, own, origins = (part[site] for part in self.tiles.around)
        codes = origins[:, None] + np.einsum("tp,tpc->tc", powers, states[sites].astype(np.int64))
        jump = own[:, None] * (states[site].astype(np.int64) - before)
        return (self.tiles.flat[codes] - self.tiles.flat[codes - jump]).sum(axis=0)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(self._kernel, states, beta, streams, n_sweeps, *self._model, block=BLOCK)


def _folded(offsets, tiles: Tiles, smaller, other: Tiles) -> np.ndarray | None:
    """Energies of smaller tiles in the states of tiles that hold them; None if some are not held.

    A smaller tile that several tiles hold is shared out equally among them.
    """
    shifts = np.unique((offsets[:, None] - smaller).reshape(-1, offsets.shape[1]), axis=0)
    places = [(offsets == (smaller + shift)[:, None]).all(axis=2) for shift in shifts]
    places = [found.argmax(axis=1) for found in places if found.any(axis=1).all()]
    number = {row.tobytes(): k for k, row in enumerate(other.sites)}
    held = [[number.get(row.tobytes()) for row in tiles.sites[:, columns]] for columns in places]
    if not held or any(None in row for row in held):
        return None
    times = np.bincount(np.concatenate(held), minlength=len(other.sites))
    if not times.all() or any(np.ptp(times[row]) for row in held):
        return None
    digits = all_states(tiles.n_states, len(offsets))
    return sum(
        other.tables[0][codes_of(digits[:, columns], tiles.n_states)].astype(np.float64) / times[row[0]]
        for columns, row in zip(places, held, strict=True)
    )


def _absorbed(tiles: Tiles, other: Tiles, factor: float) -> Tiles | None:
    """Tiles with tables of their own that take in those of smaller ones; None if some are not held."""
    if len(tiles.tables) != len(tiles.sites) or not tiles.present.all():
        return None
    digits = all_states(tiles.n_states, tiles.sites.shape[1])
    tables = [factor * table.astype(np.float64) for table in tiles.tables]
    for row, kind in zip(other.sites, other.kinds, strict=True):
        sites = row[row >= 0]
        holding = np.flatnonzero(np.isin(tiles.sites, sites).sum(axis=1) == len(sites))
        if not len(holding):
            return None
        places = (tiles.sites[holding[0]] == sites[:, None]).argmax(axis=1)
        tables[tiles.kinds[holding[0]]] += other.tables[kind][codes_of(digits[:, places], tiles.n_states)]
    return replace(tiles, tables=tuple(np.float32(table) for table in tables))


def _joined(offsets, parts) -> Tiles:
    """Tiles of several kinds as tiles of all places of them; parts are offsets, tiles and a factor."""
    sites, kinds, present, tables = [], [], [], []
    for own, tiles, factor in parts:
        # in raster order both, so that the most significant place stays the first
        place = (own[:, None] == offsets).all(axis=2).argmax(axis=1)
        wide = np.full((len(tiles.sites), len(offsets)), -1, np.int32)
        there = np.zeros((len(tiles.tables), len(offsets)), bool)
        wide[:, place], there[:, place] = tiles.sites, tiles.present
        kinds.append(tiles.kinds + len(tables))
        sites.append(wide)
        present.append(there)
        tables += [np.float32(factor * table.astype(np.float64)) for table in tiles.tables]
    first = parts[0][1]
    return Tiles(
        first.n_sites, first.n_states, np.concatenate(sites), np.concatenate(kinds).astype(np.int32),
        np.concatenate(present), tuple(tables),
    )  # fmt: skip


def _with_tables(lattice, n_states, sites, table) -> Tiles:
    """Tiles with the tables of their kinds."""
    n_tiles, n_places = sites.shape
    if callable(table) or isinstance(table, list):
        # one bit a place: tiles of as many bits as `int` has would have no table
        bits = (sites >= 0) @ 2 ** np.arange(n_places) if callable(table) else np.arange(n_tiles)
        _, first, kinds = np.unique(bits, return_index=True, return_inverse=True)
        present = sites[first] >= 0
        tables = map(table, present) if callable(table) else table
        rows = [np.ascontiguousarray(row, np.float32) for row in tables]
        for there, row in zip(present, rows, strict=True):
            if row.shape != (n_states ** there.sum(),):
                raise ValueError(
                    f"the table of {there.sum()} sites with {n_states} states has shape {row.shape},"
                    f" and needs ({n_states ** there.sum()},)"
                )
    else:
        rows, size = np.asarray(table, np.float32), n_states**n_places
        if rows.shape not in ((size,), (1, size), (n_tiles, size)):
            raise ValueError(
                f"the table has shape {rows.shape}; tiles of {n_places} sites with {n_states} states"
                f" need ({size},), or ({n_tiles}, {size}) for one table per tile of the {lattice} lattice"
            )
        if sites.min() < 0:
            raise ValueError(
                f"tiles of the {lattice} lattice reach absent sites: give the table as a function of the"
                " places that are there"
            )
        rows = np.ascontiguousarray(np.atleast_2d(rows))
        kinds = np.arange(n_tiles) if len(rows) > 1 else np.zeros(n_tiles)
        present = np.ones((len(rows), n_places), bool)
    return Tiles(lattice.n_sites, n_states, sites, kinds.ravel().astype(np.int32), present, tuple(rows))


def _merged(lattice, offsets, tiles: Tiles) -> tuple[Tiles, np.ndarray]:
    """Boxes that hold several tiles each, if those are boxes, and the places where a site is looked up.

    These are in the middle along merged axes, so that all tiles that hold the site are in the box.
    """
    low, d, q = offsets.min(axis=0), lattice.dimension, tiles.n_states
    sides = np.ptp(offsets, axis=0) + 1
    box, middle = list(sides), [0] * d
    if not np.array_equal(offsets, np.indices(sides).reshape(d, -1).T + low):
        return tiles, np.arange(len(offsets))
    for axis, side in enumerate(sides):
        longer = box.copy()
        longer[axis] = 2 * side - 1
        n_looked = np.prod([s for k, s in enumerate(sides) if k != axis and middle[k] == 0])
        entries = int(n_looked) * q ** int(np.prod(longer)) * (q - 1)
        if side > 1 and entries <= MAX_DIFFERENCES and longer[axis] <= lattice.shape[axis]:
            box, middle[axis] = longer, side - 1
    places = np.indices(box).reshape(d, -1).T
    merged = np.array(middle) > 0
    used = np.flatnonzero((places[:, merged] == np.array(middle)[merged]).all(axis=1))
    if not merged.any():
        return tiles, used
    table = _box_table(tiles.tables[0], q, sides, box)
    sites = lattice.windows(places + low).astype(np.int32)
    present = np.ones((1, len(places)), bool)
    return Tiles(lattice.n_sites, q, sites, np.zeros(len(sites), np.int32), present, (table,)), used


def _box_table(table, n_states, sides, box):
    """Energies of a box: the sum over the tiles in it."""
    n_places = int(np.prod(box))
    place = np.arange(n_places).reshape(box)
    digits = all_states(n_states, n_places)
    total = np.zeros(len(digits))
    for corner in np.ndindex(*(np.array(box) - sides + 1)):
        tile = place[tuple(slice(k, k + side) for k, side in zip(corner, sides, strict=True))].ravel()
        total += table[codes_of(digits[:, tile], n_states)]
    return total


def _tile_sweeps(states, beta, streams, n_sweeps, n_states, numbering, model, differences):
    """Metropolis sweeps of one block of chains by the tiles, in place."""
    n_tiles, n_chains = len(numbering[0]), states.shape[1]
    codes = kernels.aligned(np.zeros((n_tiles, n_chains), numbering[2].dtype))
    present = kernels.aligned(np.empty((0 if differences else n_tiles, n_chains), np.float32))
    tile_kernels.start(states, *numbering, codes, present)
    if not differences and n_states == 2 and np.all(model[3] == 4):
        starts, members, weights, _, table = model
        tile_kernels.visit_by_four_energies(
            states, beta, streams, n_sweeps, codes, starts, members, weights, table, present
        )
        return
    shift, jump = np.zeros(n_chains, np.uint8), np.empty(n_chains, codes.dtype)
    chains = states, beta, streams, n_sweeps, n_states, codes
    workspace = [kernels.aligned(a) for a in (shift, jump, np.empty(n_chains, np.float32))]
    if differences:
        tile_kernels.visit_by_differences(*chains, *model, *workspace)
    else:
        step = kernels.aligned(np.empty(n_chains, np.int32))
        proposed = kernels.aligned(np.empty((model[1].shape[1], n_chains), np.float32))
        tile_kernels.visit_by_energies(*chains, *model, *workspace, step, present, proposed)


def _star_sweeps(states, beta, streams, n_sweeps, n_states, stars, counts, starts, powers, table):
    """Metropolis sweeps of one block of chains by stars, in place."""
    n_chains = states.shape[1]
    workspace = np.zeros(n_chains, np.uint8), np.empty(n_chains, powers.dtype), np.empty(n_chains, np.float32)
    tile_kernels.visit_stars(
        states, beta, streams, n_sweeps, n_states, stars, counts, starts, powers, table,
        *[kernels.aligned(a) for a in workspace],
    )  # fmt: skip
