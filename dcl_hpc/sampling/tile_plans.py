"""What a proposal looks up in tables of tiles: one difference per star, or one per tile."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.codes import all_states, weights
from ..physics.lattice import Lattice

# Rounding of float32 tables, in units of their largest entry, below which a difference is none.
ROUNDING = 2.0**-20


@dataclass(frozen=True)
class Tiles:
    """Tiles of a lattice with tables of their energies; tiles of one kind share a table.

    Attributes
    ----------
    n_sites, n_states : int
    sites : int32 (n_tiles, n_places)
        -1 where there is none.
    kinds : int32 (n_tiles,)
    present : bool (n_kinds, n_places)
        Which places of the tiles of a kind are there.
    tables : tuple of float32 (n_states ** present places,)
        In J; the first place that is there is the most significant digit.
    """

    n_sites: int
    n_states: int
    sites: np.ndarray
    kinds: np.ndarray
    present: np.ndarray
    tables: tuple[np.ndarray, ...]

    @cached_property
    def powers(self) -> np.ndarray:
        """Weight of each place in the number of a state, 0 where it is absent, int32 (n_kinds, n_places)."""
        below = self.present[:, ::-1].cumsum(axis=1)[:, ::-1] - self.present
        return np.where(self.present, self.n_states**below, 0).astype(np.int32)

    @cached_property
    def origins(self) -> np.ndarray:
        """Where the table of each kind begins, one after the other, int64 (n_kinds,)."""
        sizes = np.array([len(table) for table in self.tables])
        return np.cumsum(sizes) - sizes

    @cached_property
    def flat(self) -> np.ndarray:
        """All tables, one after the other, float32."""
        return np.concatenate(self.tables)

    def members(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tiles that hold each site at one of the places, and which place.

        Returns
        -------
        members : int32 (2, n_sites, most tiles per site)
            Tile and place; unused entries are zero.
        counts : int32 (n_sites,)
        """
        sites = self.sites[:, places].ravel()
        order = np.argsort(sites, kind="stable")[np.count_nonzero(sites < 0) :]
        counts = np.bincount(sites[order], minlength=self.n_sites)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        members = np.zeros((2, self.n_sites, counts.max()), np.int32)
        members[0, sites[order], rank] = order // len(places)
        members[1, sites[order], rank] = places[order % len(places)]
        return members, counts.astype(np.int32)

    @cached_property
    def around(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the energies of the tiles around each site take, all tables one after the other.

        Returns
        -------
        sites : int32 (n_sites, most tiles per site, n_places)
        powers : int32, the same shape
            Weight of each in the number of the tile's state, 0 where it is absent.
        own : int32 (n_sites, most tiles per site)
            Weight of the site itself.
        origins : int64 (n_sites, most tiles per site)
            Where the table begins. Tiles that are not there always have the same energy.
        """
        (tile, place), counts = self.members(np.arange(self.sites.shape[1]))
        there = np.arange(tile.shape[1]) < counts[:, None]
        powers = np.where(there[..., None], self.powers[self.kinds[tile]], 0).astype(np.int32)
        own = np.take_along_axis(powers, place[..., None].astype(np.int64), axis=2)[..., 0]
        origins = np.where(there, self.origins[self.kinds[tile]], 0)
        return np.maximum(self.sites[tile], 0), powers, own, origins

    def differences(self, kind: int, place: int) -> np.ndarray:
        """What a step of 1 ... Q - 1 at one place costs in every state, float64 (Q**places (Q - 1),)."""
        parts = self.tables[kind].astype(np.float64)
        parts = parts.reshape(-1, self.n_states, self.powers[kind, place])
        costs = [np.roll(parts, -k, axis=1) - parts for k in range(1, self.n_states)]
        return np.stack(costs, axis=-1).ravel()


def tile_plan(tiles: Tiles, places: np.ndarray, most: int):
    """What `tile_kernels.start` and one of the kernels `visit_by_...` need, as two tuples, and which it is.

    A changed site is looked up at some places of the tiles, in tables of differences, if these have at most
    so many entries and tiles share them; otherwise at all places, in tables of energies.
    """
    q, kinds = tiles.n_states, tiles.kinds
    sizes = np.array([len(table) for table in tiles.tables])
    here = tiles.present[:, places]
    shared = len(tiles.tables) == 1 or not tiles.present.all()
    differences = bool(shared and (here.sum(axis=1) * sizes).sum() * (q - 1) <= most)
    scale = q - 1 if differences else 1
    powers = (tiles.powers * scale).astype(_integer(sizes.max() * scale))
    held, counts = tiles.members(np.arange(tiles.sites.shape[1]))
    members = held[0], powers[kinds[held[0]], held[1]], counts
    if differences:
        entries = np.where(here, sizes[:, None] * (q - 1), 0).ravel()
        begins = (np.cumsum(entries) - entries).reshape(here.shape)
        looked, n_looked = tiles.members(places)
        starts = begins[kinds[looked[0]], np.searchsorted(places, looked[1])]
        table = [tiles.differences(kind, places[k]) for kind, k in np.argwhere(here)]
        table = np.concatenate(table).astype(np.float32)
        model = looked[0], starts, n_looked, *members, table
    else:
        table = tiles.flat
        model = tiles.origins[kinds[held[0]]], *members, table
    return (np.maximum(tiles.sites, 0), kinds, powers, tiles.origins, table), model, differences


def star_plan(lattice: Lattice, offsets: np.ndarray, tiles: Tiles, most: int):
    """Everything that `visit_stars` needs, or None if the tables would have more entries than `most`.

    The star of a site are the sites that the differences of the tiles around it depend on.
    """
    q, n_places = tiles.n_states, tiles.sites.shape[1]
    # all that may be in a star, as offsets from its site; some are the same around periodic axes
    points = lattice.wrapped((offsets - offsets[:, None]).reshape(-1, lattice.dimension))
    points, place_in_star = np.unique(points, axis=0, return_inverse=True)
    place_in_star = place_in_star.reshape(n_places, n_places)
    itself = place_in_star[0, 0]
    members, counts = tiles.members(np.arange(n_places))
    near = list(zip(tiles.kinds[members[0, 0]], members[1, 0], strict=True))[: counts[0]]
    some = [place_in_star[place, _depends(tiles, kind, place)] for kind, place in near]
    if q ** len(set(np.concatenate(some))) * (q - 1) > most:
        return None  # before all tables are taken apart
    parts, part = _distinct_parts(tiles)
    # sites whose tiles differ by the same share a table
    rows, columns = np.nonzero(np.arange(members.shape[2]) < counts[:, None])
    tile, place = members[0][rows, columns], members[1][rows, columns]
    around = np.full((tiles.n_sites, n_places), -1)
    around[rows, place] = part[tiles.kinds[tile], place]
    if np.count_nonzero(around >= 0) < len(rows):
        return None  # a tile is there twice
    first, own = _distinct(around)
    stars, tables = [], []
    for numbers in around[first]:
        here = [(place_in_star[place, parts[k][0]], parts[k][1]) for place, k in enumerate(numbers) if k >= 0]
        star = np.unique(np.concatenate([[itself], *[places for places, _ in here]]))
        star = np.concatenate([[itself], star[star != itself]])
        if sum(map(len, tables)) + q ** len(star) * (q - 1) > most:
            return None
        digits = all_states(q, len(star))[:, ::-1]
        total = np.zeros((len(digits), q - 1))
        for places, cost in here:
            columns = [np.flatnonzero(star == place)[0] for place in places]
            total += cost[tuple(digits[:, columns].T)]
        stars.append(star)
        tables.append(total.ravel())
    chosen = np.full((len(stars), max(map(len, stars))), itself)
    for row, star in zip(chosen, stars, strict=True):
        row[: len(star)] = star
    used, columns = np.unique(chosen, return_inverse=True)
    sites = lattice.at(lattice.coordinates[:, None] + points[used])
    sizes = np.array([len(table) for table in tables])
    powers = weights(q, chosen.shape[1])[::-1] * (q - 1)
    return (
        np.take_along_axis(sites, columns.reshape(chosen.shape)[own], axis=1).astype(np.int32),
        np.array([len(star) for star in stars], np.int32)[own], (np.cumsum(sizes) - sizes)[own],
        powers.astype(_integer(sizes.max())), np.concatenate(tables).astype(np.float32),
    )  # fmt: skip


def _integer(size: int):
    """The smallest kind of integers for numbers below a size."""
    return np.uint8 if size <= 2**8 else np.uint16 if size <= 2**16 else np.int32


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First of each distinct row of numbers from -1, and which of them every row is; few columns change."""
    number = np.zeros(len(rows), int)
    for column in rows.T[np.ptp(rows, axis=0) > 0]:
        _, number = np.unique(number * (column.max() + 2) + column + 1, return_inverse=True)
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    return first, number


def _by_place(tiles: Tiles, kind: int, place: int) -> np.ndarray:
    """Differences at a place, float64 (*[Q] * present places, Q - 1)."""
    q = tiles.n_states
    return tiles.differences(kind, place).reshape(*[q] * tiles.present[kind].sum(), q - 1)


def _depends(tiles: Tiles, kind: int, place: int) -> np.ndarray:
    """Places that the differences at a place depend on, beyond rounding."""
    cost, least = _by_place(tiles, kind, place), ROUNDING * np.abs(tiles.tables[kind]).max()
    there = np.flatnonzero(tiles.present[kind])
    return np.array([k for axis, k in enumerate(there) if np.ptp(cost, axis=axis).max() > least], int)


def _distinct_parts(tiles: Tiles) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Differences at every place of every kind of tile, without places that they do not depend on.

    Returns
    -------
    parts : list of (places, float64 (*[Q] * len(places), Q - 1))
        Those that differ by more than rounding.
    part : int64 (n_kinds, n_places)
        Which of them each is, -1 where the place is absent.
    """
    least = ROUNDING * max(np.abs(table).max() for table in tiles.tables)
    parts, known, part = [], {}, np.full(tiles.present.shape, -1)
    for kind, place in np.argwhere(tiles.present):
        there, places = np.flatnonzero(tiles.present[kind]), _depends(tiles, kind, place)
        cost = _by_place(tiles, kind, place).mean(axis=tuple(np.flatnonzero(~np.isin(there, places))))
        rounded = np.rint(cost / (least or 1.0)).astype(np.int64)
        part[kind, place] = known.setdefault((place, places.tobytes(), rounded.tobytes()), len(parts))
        if part[kind, place] == len(parts):
            parts.append((places, cost))
    return parts, part
