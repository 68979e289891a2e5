"""Orders in which a configuration is unwrapped into a sequence."""

import numpy as np

from .lattice import Lattice


def raster(lattice: Lattice) -> np.ndarray:
    """Row by row; shape (n_sites,), int64, site visited at each position."""
    return np.arange(lattice.n_sites)


def snake(lattice: Lattice) -> np.ndarray:
    """Row by row, every line along the last axis in alternating direction."""
    lines = lattice.index.reshape(-1, lattice.shape[-1]).copy()
    lines[1::2] = lines[1::2, ::-1]
    return lines.ravel()


def spiral(lattice: Lattice) -> np.ndarray:
    """From (L//2, L//2) outwards on a square lattice, the paper's choice.

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
    while len(order) < lattice.n_sites:
        step_row, step_column = directions[turn % 4]
        for _ in range(turn // 2 + 1):
            row, column = row + step_row, column + step_column
            if 0 <= row < rows and 0 <= column < columns:
                order.append(row * columns + column)
        turn += 1
    return np.array(order)


ORDERS = {"raster": raster, "snake": snake, "spiral": spiral}


def suited(lattice: Lattice) -> str:
    """The order for a lattice of this dimension: spiral in two dimensions, else snake."""
    return "spiral" if lattice.dimension == 2 else "snake"
