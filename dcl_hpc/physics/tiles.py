"""Overlapping tiles of a periodic lattice: a focus that partitions it, and a context around."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .lattice import Lattice

# Most states of a tile whose energies are tabulated (float32: 64 MiB).
MAX_TABLE = 2**24


@dataclass(frozen=True)
class Tiling:
    """Tiles of side focus + 2 context that step by focus (Mills et al., Chem. Sci. 10, 4129).

    Parameters
    ----------
    lattice : Lattice
    focus, context : int

    Raises
    ------
    ValueError
        If a side of the lattice is not a multiple of the focus, or shorter than a tile.
    """

    lattice: Lattice
    focus: int
    context: int

    def __post_init__(self):
        for length in self.lattice.shape:
            if length % self.focus:
                raise ValueError(f"side {length} is not a multiple of the focus {self.focus}")
            if length < self.side:
                raise ValueError(f"side {length} is shorter than a tile, {self.side} sites")

    @property
    def side(self) -> int:
        """Sites along the edge of a tile."""
        return self.focus + 2 * self.context

    @cached_property
    def sites(self) -> np.ndarray:
        """Sites of every tile in raster order, int32 (n_tiles, sites_per_tile)."""
        d, shape = self.lattice.dimension, self.lattice.shape
        corners = np.indices([n // self.focus for n in shape]).reshape(d, -1) * self.focus
        offsets = np.indices([self.side] * d).reshape(d, -1) - self.context
        coordinates = (corners[:, :, None] + offsets[:, None, :]) % np.array(shape)[:, None, None]
        return np.ravel_multi_index(tuple(coordinates), shape).astype(np.int32)

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tiles that contain each site.

        Returns
        -------
        tiles, places : int32 (n_sites, most tiles per site)
            Tile number, and place of the site in that tile; unused entries are zero.
        counts : int32 (n_sites,)
        """
        counts = np.bincount(self.sites.ravel(), minlength=self.lattice.n_sites)
        tiles = np.zeros((self.lattice.n_sites, counts.max()), np.int32)
        places = np.zeros_like(tiles)
        filled = np.zeros(self.lattice.n_sites, int)
        for t, sites in enumerate(self.sites):
            tiles[sites, filled[sites]] = t
            places[sites, filled[sites]] = np.arange(len(sites))
            filled[sites] += 1
        return tiles, places, counts.astype(np.int32)
