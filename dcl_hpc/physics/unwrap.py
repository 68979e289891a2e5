"""Orders in which a configuration is unwrapped into a sequence; sites that do not exist are passed over."""

import numpy as np

from .lattice import Lattice


def raster(lattice: Lattice) -> np.ndarray:
    """Row by row; shape (n_sites,), int64, site visited at each position."""
    return np.arange(lattice.n_sites)


def snake(lattice: Lattice) -> np.ndarray:
    """Row by row, every line of cells along the last axis in alternating direction."""
    lines = _cells(lattice).reshape(-1, lattice.shape[-1], lattice.geometry.sites_per_cell).copy()
    lines[1::2] = lines[1::2, ::-1]
    return _existing(lines)


def spiral(lattice: Lattice) -> np.ndarray:
    """From (L//2, L//2) outwards on a two-dimensional lattice, the paper's choice; cell by cell.

    Steps right, up, left, down with lengths 1, 1, 2, 2, 3, 3, ...; positions outside the lattice
    (of an even side, or of a rectangle) are left out.

    Raises
    ------
    ValueError
        If the lattice is not two-dimensional.
    """
    if lattice.dimension != 2:
        raise ValueError("the spiral order needs a two-dimensional lattice")
    rows, columns = lattice.shape
    row, column = rows // 2, columns // 2
    order = [row * columns + column]
    directions = [(0, 1), (-1, 0), (0, -1), (1, 0)]
    turn = 0
    while len(order) < rows * columns:
        step_row, step_column = directions[turn % 4]
        for _ in range(turn // 2 + 1):
            row, column = row + step_row, column + step_column
            if 0 <= row < rows and 0 <= column < columns:
                order.append(row * columns + column)
        turn += 1
    return _existing(_cells(lattice)[order])


ORDERS = {"raster": raster, "snake": snake, "spiral": spiral}


def tied(lattice: Lattice, order: np.ndarray, bonds: int) -> np.ndarray:
    r"""Sites that the state of each site depends on most, of those that come before it.

    Summed over the sites that come later, :math:`P(s_t \mid s_1 \dots s_{t-1})` couples a site to all
    earlier ones that paths over later sites lead to, a factor :math:`\tanh J/T` for each bond of a path (the
    high-temperature series).

    Parameters
    ----------
    lattice : Lattice
    order : ndarray of int, shape (n_sites,)
        Site at each position.
    bonds : int
        Longest path, 1 and up.

    Returns
    -------
    ndarray of int64, shape (n_sites, width)
        All neighbours of each site, as the lattice has them; then the ends of longer paths; -1 fills up.
    """
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    further = [_ends(lattice.neighbours, place, site, bonds) for site in range(len(order))]
    ends = np.full((len(order), max(map(len, further))), -1)
    for row, found in zip(ends, further, strict=True):
        row[: len(found)] = found
    return np.concatenate([lattice.neighbours, ends], axis=1)


def _ends(neighbours: np.ndarray, place: np.ndarray, site: int, bonds: int) -> list[int]:
    """Earlier sites, but for neighbours, to which paths over later sites lead; nearest first, then latest."""
    found, passed, tips = [], {site, *neighbours[site].tolist()}, neighbours[site]
    for _ in range(bonds - 1):
        tips = tips[(tips >= 0) & (place[tips] > place[site])]
        reached = set(neighbours[tips].ravel().tolist()) - passed - {-1}
        passed |= reached
        tips = np.array(sorted(reached, key=lambda other: -place[other]), int)
        found += tips[place[tips] < place[site]].tolist()
    return found


def _cells(lattice):
    """Sites of each cell, -1 where there is none, int64 (n_cells, sites_per_cell)."""
    return lattice.index.reshape(-1, lattice.geometry.sites_per_cell)


def _existing(index):
    return index[index >= 0]
