"""Operations of space that map a lattice onto itself: translations, rotations, reflections, products."""

import numpy as np

from .lattice import Lattice
from .tiles import Tiling


def site_permutations(lattice: Lattice) -> np.ndarray:
    """All operations that take every site to a site and neighbours to neighbours, the identity first.

    Translations round open edges are none of them, nor is anything that moves a hole.

    Returns
    -------
    int64 (n_operations, n_sites)
        ``states[..., row]`` are the states of a configuration turned by an operation.
    """
    coordinates, bonds = lattice.coordinates, _numbers(lattice.bonds, lattice.n_sites)
    found = [np.arange(lattice.n_sites)]
    for matrix in lattice.geometry.operations:
        turned = coordinates @ matrix.T
        # the first site may go to any other
        places = lattice.at(turned[None] + (coordinates - turned[0])[:, None])
        whole = np.all(np.sort(places, axis=1) == np.arange(lattice.n_sites), axis=1)
        found += [
            row for row in places[whole] if np.isin(_numbers(row[lattice.bonds], len(row)), bonds).all()
        ]
    rows, first = np.unique(found, axis=0, return_index=True)
    return rows[np.argsort(first)]


def _numbers(bonds: np.ndarray, n_sites: int) -> np.ndarray:
    """A number for each pair of sites, whatever their order."""
    low, high = np.sort(bonds, axis=1).T
    return low * n_sites + high


def tile_permutations(tiling: Tiling, operations: np.ndarray) -> list[list[int] | None]:
    """What operations of the lattice make of a tile.

    Parameters
    ----------
    tiling : Tiling
    operations : ndarray of int, shape (n, n_sites)
        See `site_permutations`.

    Returns
    -------
    list
        For each operation the place of a tile whose state each place of the turned tile has, by a whole tile
        that becomes a whole tile, on regular lattices the first tile itself; None if there is no such tile.
    """
    whole = tiling.sites[(tiling.sites >= 0).all(axis=1)].tolist()
    whole = whole[:1] if tiling.lattice.regular else whole
    tiles = {frozenset(tile): {site: place for place, site in enumerate(tile)} for tile in whole}
    found: list[list[int] | None] = []
    for row in operations:
        images = (row[tile].tolist() for tile in whole)
        image = next((image for image in images if frozenset(image) in tiles), None)
        found.append(image and [tiles[frozenset(image)][site] for site in image])
    return found
