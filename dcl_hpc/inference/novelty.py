"""How often the states of tiles were observed, and how unlike the observed ones other configurations are.

The energy of a tile's state that was seen n times is known from the data to about T/sqrt(n), whatever the
law; of states that were hardly seen a law knows what its form makes of others. Equal tiles at all places
count together, since laws are the same everywhere; a rotated or reflected tile counts apart, since a law
need not have these symmetries.
"""

import numpy as np

from ..physics.codes import weights
from ..physics.lattice import Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from ..sampling.tile_kernels import tile_codes

# Sightings that give the weight of a state within ten percent, a count's relative error being 1/sqrt(n).
ENOUGH = 100
# Tiles whose states are held at a time.
CHUNK = 2**22


class Sightings:
    """Counts of the states of the tiles at all sites of observed configurations.

    A tile is a set of places around a site. On lattices of which some points are no site (of a basis, at
    edges, holes) it has the places that most of its kind have: there is one for each site of a unit cell,
    and only sites count around which it is whole, with no atom lost.

    Parameters
    ----------
    lattice : Lattice
        On which configurations are observed.
    offsets : ndarray of int, shape (n_places, dimension)
        Of the places from the site, on the grid; the site itself is one of them.
    n_states : int
        States Q of a site; Q ** n_places are to fit into memory.

    Attributes
    ----------
    counts : list of int64 ndarray, each (Q ** places,)
        How often each state was seen, for each site of a cell.
    lowest, highest : float
        Of the `commonness` of whole observed configurations.
    """

    def __init__(self, lattice: Lattice, offsets: np.ndarray, n_states: int):
        self._n_states, self._places = n_states, _fullest(lattice, np.asarray(offsets))
        self.counts = [np.zeros(n_states ** len(places), np.int64) for places in self._places]
        self.lowest, self.highest = np.inf, -np.inf
        self._lattice, self._common = lattice, None

    @property
    def seen(self) -> int:
        """Tiles that were seen in all."""
        return int(sum(counts.sum() for counts in self.counts))

    def add(self, states: np.ndarray) -> None:
        """Count the tiles of more observed configurations.

        Parameters
        ----------
        states : ndarray of uint8, shape (n, n_sites)
            0 ... Q-1, or `ABSENT` where an atom is lost.
        """
        tiles = self._tiles(self._lattice)
        step = max(1, CHUNK // sum(map(len, tiles)))
        for start in range(0, len(states), step):
            codes = self._codes(states[start : start + step], tiles)
            if self._common is None:
                self._common = [
                    _commonness(found, counts) for found, counts in zip(codes, self.counts, strict=True)
                ]
            common = _averages(codes, self._common, self.counts)
            if not np.isnan(common).all():
                self.lowest = min(self.lowest, float(np.nanmin(common)))
                self.highest = max(self.highest, float(np.nanmax(common)))

    def rare_shares(self, states: np.ndarray, lattice: Lattice, enough: int = ENOUGH) -> np.ndarray:
        """Share of the tiles of configurations that are in states seen fewer than `enough` times.

        Parameters
        ----------
        states : ndarray of uint8, shape (n, n_sites)
        lattice : Lattice
            Of any size and edges.
        enough : int

        Returns
        -------
        float64 (n,)
            nan without a whole tile.
        """
        rare = [(counts < enough).astype(np.float32) for counts in self.counts]
        return _averages(self._codes(states, self._tiles(lattice)), rare)

    def outside(self, states: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Whether configurations have, on average, commoner or rarer tiles than any observed one, bool (n,).

        So one is colder or hotter, denser or thinner than all that was seen, though each of its tiles may
        have been seen often. Commonness is the mean of ln(share of the tiles in that state) over the tiles,
        the share being that in the first observations. Parameters as in `rare_shares`.
        """
        common = _averages(self._codes(states, self._tiles(lattice)), self._common)
        return (common < self.lowest) | (common > self.highest)

    def n_tiles(self, lattice: Lattice) -> int:
        """Whole tiles of one configuration."""
        return sum(map(len, self._tiles(lattice)))

    def _tiles(self, lattice: Lattice) -> list[np.ndarray]:
        """Sites of the whole tiles, for each site of a cell, int32 (n_tiles, places)."""
        found = [_around(lattice, basis, places) for basis, places in enumerate(self._places)]
        return [tiles[(tiles >= 0).all(axis=1)].astype(np.int32) for tiles in found]

    def _codes(self, states: np.ndarray, tiles: list[np.ndarray]) -> list[np.ndarray]:
        """Numbers of the tiles' states, -1 where an atom is lost, each int32 (n_tiles, n)."""
        columns, codes = np.ascontiguousarray(states.T), []
        lost = columns >= self._n_states
        for sites in tiles:
            powers = weights(self._n_states, sites.shape[1]).astype(np.int32)
            found = tile_codes(columns, sites, np.zeros(len(sites), np.int32), powers[None])
            if lost.any():
                found[lost[sites].any(axis=1)] = -1
            codes.append(found)
        return codes


def _around(lattice: Lattice, basis: int, offsets: np.ndarray) -> np.ndarray:
    """Sites at some offsets from each site of one kind, -1 where there is none, int64 (n, n_places)."""
    own = lattice.present % lattice.geometry.sites_per_cell == basis
    return lattice.at(lattice.coordinates[own][:, None] + offsets)


def _fullest(lattice: Lattice, offsets: np.ndarray) -> list[np.ndarray]:
    """The offsets at which there are most sites, of equals the most frequent, for each site of a cell."""
    found = []
    for basis in range(lattice.geometry.sites_per_cell):
        there, often = np.unique(_around(lattice, basis, offsets) >= 0, axis=0, return_counts=True)
        best = np.lexsort((often, there.sum(axis=1)))[-1:]  # none if the lattice has no such site
        found.append(offsets[there[best].any(axis=0)])
    return found


def _commonness(codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Logarithm of the share of tiles in each state, float32 (n_states,).

    Those of some observations will do: it has to be the same for all, not exact.
    """
    often = np.bincount(codes[codes >= 0], minlength=len(counts))
    return np.log((often + 1) / (often.sum() + len(often))).astype(np.float32)


def _averages(codes: list[np.ndarray], values: list[np.ndarray], counts=None) -> np.ndarray:
    """Average of the values of all tiles of each configuration, float64 (n,); nan without a tile.

    Counts of states go up if they are given.
    """
    total, number = np.zeros((2, codes[0].shape[1]))
    for k, (code, value) in enumerate(zip(codes, values, strict=True)):
        _add(code, value, np.zeros_like(value, np.int64) if counts is None else counts[k], total, number)
    with np.errstate(invalid="ignore"):
        return total / number


@njit(**OPTIONS)
def _add(codes, values, counts, total, number):
    """Add the values of all tiles to those of their configurations, and count their states."""
    for t in range(codes.shape[0]):
        for c in range(codes.shape[1]):
            code = codes[t, c]
            if code >= 0:
                counts[code] += 1
                total[c] += values[code]
                number[c] += 1
