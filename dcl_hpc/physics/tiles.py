"""Overlapping tiles of a lattice: a focus that partitions it, and a context around."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .geometry import Geometry
from .lattice import Lattice

# Most states of a tile whose energies are tabulated (float32: 64 MiB).
MAX_TABLE = 2**24
# Most states of a tile whose energies are all fitted: their information matrix is dense.
MAX_FREE = 2**12
# Most couplings and fields that are fitted one by one; their covariance has the square of that many entries.
MAX_BONDS = 4000


def box(dimension: int, focus: int, context: int) -> np.ndarray:
    """Offsets of a box of side focus + 2 context from the first site of its focus, in raster order.

    Returns
    -------
    int64 (n_places, dimension)
    """
    return np.indices([focus + 2 * context] * dimension).reshape(dimension, -1).T - context


def ball(geometry: Geometry, context: int) -> np.ndarray:
    """Offsets of all points of the grid within so many bonds, in raster order, int64 (n_places, d)."""
    steps = np.concatenate(
        [geometry.steps, -np.array(geometry.steps), np.zeros((1, geometry.dimension), int)]
    )
    points = np.zeros((1, geometry.dimension), int)
    for _ in range(context):
        points = np.unique((points[:, None] + steps).reshape(-1, geometry.dimension), axis=0)
    return points


def places(geometry: Geometry, focus: int, context: int, form: str) -> np.ndarray:
    """Offsets of the places of a tile of a form, "box" or "ball", int64 (n_places, d)."""
    return ball(geometry, context) if form == "ball" else box(geometry.dimension, focus, context)


@dataclass(frozen=True)
class Tiling:
    """Tiles that step by their focus and see a context around it (Mills et al., Chem. Sci. 10, 4129).

    A focus of one site has a tile at every site that exists. So every interaction of sites that lie
    within the context of one of them is in a tile, whatever is absent in between. Tiles reach over open
    edges and holes; those without any site in their focus are left out.

    Parameters
    ----------
    lattice : Lattice
    focus : int
        Sites along each side of the focus; more than 1 needs axes of the grid that close.
    context : int
        Sites on each side of the focus of a box, or bonds from the focus to the surface of a ball.
    form : {"box", "ball"}
        Balls have a focus of 1.

    Raises
    ------
    ValueError
        If the lattice has no such tiles: the focus does not divide a side, or a tile meets itself.
    """

    lattice: Lattice
    focus: int
    context: int
    form: str = "box"

    def __post_init__(self):
        lattice = self.lattice
        periods = lattice.geometry.periods(lattice.shape)
        closes = not np.any(periods - np.diag(np.diag(periods)))
        if self.focus > 1 and self.form == "ball":
            raise ValueError(
                f"a ball has one site in its focus, not {self.focus}^{lattice.dimension}; set focus = 1"
            )
        if self.focus > 1 and not closes:
            raise ValueError(f"the axes of a {lattice.kind} lattice do not close; set focus = 1")
        for axis, length in enumerate(np.diag(periods) if closes else ()):
            if length % self.focus:
                raise ValueError(f"side {length} is not a multiple of the focus {self.focus}")
            if length < self.side and axis not in lattice.open:
                raise ValueError(f"side {length} is shorter than a tile, {self.side} sites")
        if not lattice.separates(self.offsets):
            raise ValueError(f"a tile of context {self.context} meets itself round the lattice")

    @property
    def side(self) -> int:
        """Points of the grid along the edge of a box, or across a ball."""
        return self.focus + 2 * self.context

    @cached_property
    def offsets(self) -> np.ndarray:
        """Places of a tile on the grid, from the first site of its focus, int64 (n_places, dimension)."""
        return places(self.lattice.geometry, self.focus, self.context, self.form)

    @cached_property
    def sites(self) -> np.ndarray:
        """Sites of every tile, -1 where there is none, int32 (n_tiles, n_places)."""
        lattice, origins = self.lattice, self.lattice.coordinates
        if self.focus > 1:
            counts = np.diag(lattice.geometry.periods(lattice.shape)) // self.focus
            origins = np.indices(counts).reshape(lattice.dimension, -1).T * self.focus
        tiles = lattice.at(origins[:, None] + self.offsets).astype(np.int32)
        in_focus = np.all((self.offsets >= 0) & (self.offsets < self.focus), axis=1)
        return tiles[np.any(tiles[:, in_focus] >= 0, axis=1)]

    @cached_property
    def patterns(self) -> tuple[np.ndarray, np.ndarray]:
        """Which places have a site.

        Returns
        -------
        present : bool (n_patterns, n_places)
            Each pattern that occurs.
        which : int64 (n_tiles,)
            Pattern of each tile.
        """
        present, which = np.unique(self.sites >= 0, axis=0, return_inverse=True)
        return present, which.ravel()

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tiles that contain each site.

        Returns
        -------
        tiles, places : int32 (n_sites, most tiles per site)
            Tile number, and place of the site in that tile; unused entries are zero.
        counts : int32 (n_sites,)
        """
        counts = np.bincount(self.sites[self.sites >= 0], minlength=self.lattice.n_sites)
        tiles = np.zeros((self.lattice.n_sites, counts.max()), np.int32)
        places = np.zeros_like(tiles)
        filled = np.zeros(self.lattice.n_sites, int)
        for t, row in enumerate(self.sites):
            there = np.flatnonzero(row >= 0)
            sites = row[there]
            tiles[sites, filled[sites]] = t
            places[sites, filled[sites]] = there
            filled[sites] += 1
        return tiles, places, counts.astype(np.int32)

    def on(self, lattice: Lattice) -> "Tiling":
        """The same tiles on another lattice, for energies that were learned on this one.

        What one network costs when a site changes was learned only where the tiles that hold the site had
        the same places without a site. A periodic lattice teaches nothing about edges; an open one of four
        foci along each axis (f = 2, c = 1) has sites in its middle that see none.

        Raises
        ------
        ValueError
            If there are no such tiles, or they could not be learned here.
        """
        other = replace(self, lattice=lattice)
        if lattice == self.lattice:
            return other
        wider = places(lattice.geometry, self.focus, self.context + 1, self.form)
        if not self.lattice.separates(wider):
            raise ValueError(
                f"on the observed {self.lattice} lattice a tile sees all that there is, which does not tell "
                f"what is local; observe one on which tiles of context {self.context + 1} fit"
            )
        both_regular = self.lattice.regular and lattice.regular
        if not both_regular and not other._surroundings <= self._surroundings:
            raise ValueError(
                "it has sites with other edges or holes around them than any site of the observed "
                f"{self.lattice} lattice, where the energy could not be learned; observe a larger lattice "
                "with such edges, take smaller tiles, or fit interactions (ednn.fit = 'clusters')"
            )
        return other

    @cached_property
    def _surroundings(self) -> set[bytes]:
        """For every site the places that it has in its tiles, each with the tile's pattern."""
        tiles, places, counts = self.members
        unused = np.arange(tiles.shape[1]) >= counts[:, None]
        order = np.argsort(np.where(unused, self.sites.shape[1], places), axis=1)
        tiles, places = (np.take_along_axis(x, order, axis=1) for x in (tiles, places))
        present = np.packbits(self.sites >= 0, axis=1)[tiles]
        rows = np.concatenate([places[..., None].astype(np.uint16).view(np.uint8), present], axis=2)
        return {row[:n].tobytes() for row, n in zip(rows, counts, strict=True)}
