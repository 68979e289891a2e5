"""Kinds of lattices: where sites lie on a grid of integer coordinates, and which of them are neighbours.

Every lattice is a subset of a Bravais lattice, whose points are integer vectors here: the square lattice
is all of its grid, the kagome lattice a triangular one without every fourth point, the honeycomb lattice
one without every third. So sites that are not there, at an edge, in a hole or between those of a basis,
are one and the same thing, and an interaction is a set of offsets on the grid.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """A kind of lattice.

    Parameters
    ----------
    vectors : tuple of tuple of float
        The grid's primitive vectors in space, nearest neighbours at distance 1.
    steps : tuple of tuple of int
        Offsets of the nearest neighbours, one of each opposite pair.
    cell : tuple of tuple of int, optional
        Grid vectors from one unit cell to the next along each axis; the unit vectors by default.
    basis : tuple of tuple of int, optional
        Offsets of the sites of a cell.
    shifted_rows : bool
        Sites are counted along straight columns, with every odd row shifted forward by half a site.
    """

    vectors: tuple[tuple[float, ...], ...]
    steps: tuple[tuple[int, ...], ...]
    cell: tuple[tuple[int, ...], ...] = ()
    basis: tuple[tuple[int, ...], ...] = ()
    shifted_rows: bool = False

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.vectors)

    @property
    def sites_per_cell(self) -> int:
        """Number of sites in a unit cell."""
        return len(self.basis) or 1

    @cached_property
    def _cell(self) -> np.ndarray:
        return np.array(self.cell) if self.cell else np.eye(self.dimension, dtype=int)

    def coordinates(self, shape: tuple[int, ...]) -> np.ndarray:
        """Grid coordinates of all sites of so many cells, in raster order, int64 (n, dimension)."""
        cells = np.indices(shape).reshape(self.dimension, -1).T
        if self.shifted_rows:
            cells[:, 1] += (cells[:, 0] + 1) // 2
        places = np.array(self.basis) if self.basis else np.zeros((1, self.dimension), int)
        return ((cells @ self._cell)[:, None] + places).reshape(-1, self.dimension)

    def periods(self, shape: tuple[int, ...]) -> np.ndarray:
        """Grid vectors once around each axis, int64 (dimension, dimension), one a row.

        Raises
        ------
        ValueError
            If shifted rows do not close.
        """
        periods = self._cell * np.array(shape)[:, None]
        if self.shifted_rows:
            periods[0, 1] = shape[0] // 2
        return periods

    @cached_property
    def operations(self) -> np.ndarray:
        """Rotations and reflections, which act on column vectors, the identity first, int64 (n, d, d)."""
        d, star = self.dimension, {*self.steps, *(tuple(-x for x in step) for step in self.steps)}
        units = {tuple(row) for row in np.concatenate([np.eye(d, dtype=int), -np.eye(d, dtype=int)]).tolist()}
        if star == units:  # permutations of the axes and their reflections
            found = [
                np.eye(d, dtype=int)[:, list(axes)] * np.array(signs)
                for axes in permutations(range(d))
                for signs in product([1, -1], repeat=d)
            ]
            return np.array(found)
        # images of the unit vectors are as long as they are, and the star goes into itself
        metric = np.array(self.vectors) @ np.array(self.vectors).T
        reach = np.array(list(product([-2, -1, 0, 1, 2], repeat=d)))
        lengths = np.einsum("ni,ij,nj->n", reach, metric, reach)
        images = [reach[np.isclose(lengths, metric[k, k])] for k in range(d)]
        found = []
        for columns in product(*images):
            matrix = np.array(columns).T
            if np.allclose(matrix.T @ metric @ matrix, metric):
                found.append(matrix)
        found.sort(key=lambda m: not np.array_equal(m, np.eye(d)))
        return np.array(found)


def hypercubic(dimension: int) -> Geometry:
    """The chain, the square lattice, the cubic one, and so on."""
    units = tuple(tuple(int(i == j) for j in range(dimension)) for i in range(dimension))
    return Geometry(tuple(tuple(map(float, row)) for row in units), units)


_HALF, _HIGH = 0.5, 3**0.5 / 2
# rows at an angle of 120 degrees, so that both vectors' sum is a neighbour too
_TRIANGULAR = Geometry(((-_HALF, _HIGH), (1.0, 0.0)), ((1, 0), (0, 1), (1, 1)))
_THIRD = 3**-0.5
GEOMETRIES = {
    "triangular": _TRIANGULAR,
    "triangular_rows": Geometry(_TRIANGULAR.vectors, _TRIANGULAR.steps, shifted_rows=True),
    "honeycomb": Geometry(
        _TRIANGULAR.vectors, _TRIANGULAR.steps, ((2, 1), (1, 2)), ((0, 0), (1, 1))
    ),
    "kagome": Geometry(
        _TRIANGULAR.vectors, _TRIANGULAR.steps, ((2, 0), (0, 2)), ((0, 0), (0, 1), (1, 1))
    ),
    "bcc": Geometry(
        ((-_THIRD, _THIRD, _THIRD), (_THIRD, -_THIRD, _THIRD), (_THIRD, _THIRD, -_THIRD)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)),
    ),
    "fcc": Geometry(
        ((0.0, 0.5**0.5, 0.5**0.5), (0.5**0.5, 0.0, 0.5**0.5), (0.5**0.5, 0.5**0.5, 0.0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (1, 0, -1), (0, 1, -1)),
    ),
}  # fmt: skip


def geometry(kind: str, dimension: int) -> Geometry:
    """The geometry of a kind, "hypercubic" or one of `GEOMETRIES`.

    Raises
    ------
    ValueError
        If there is none of this name, or it has another dimension.
    """
    found = hypercubic(dimension) if kind == "hypercubic" else GEOMETRIES.get(kind)
    if found is None:
        raise ValueError(
            f"no kind of lattice is called {kind!r}; there are hypercubic, {', '.join(GEOMETRIES)}"
        )
    if found.dimension != dimension:
        raise ValueError(f"a {kind} lattice has {found.dimension} axes, not {dimension}")
    return found
