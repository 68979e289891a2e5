"""Operations of space that map a lattice onto itself: translations, rotations, reflections, products."""

import numpy as np

from .lattice import Lattice


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
