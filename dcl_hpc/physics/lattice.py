"""Lattices: sites on a grid, with periodic or open edges, and holes."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from .geometry import Geometry, geometry

# In arrays of states: there is no site, or its atom was lost.
ABSENT = 255
# Entries of the array of a configuration: indices take gigabytes beyond.
MOST_SITES = 2**24


@dataclass(frozen=True)
class Lattice:
    """A lattice; its sites are numbered in C (raster) order of the array that holds a configuration.

    Parameters
    ----------
    shape : tuple of int
        Number of unit cells (sites, if a cell has one) along each axis, each at least 2. Along a periodic
        axis of length 2 a bond and its wrap-around twin are two bonds.
    kind : str
        "hypercubic", or one of `geometry.GEOMETRIES`.
    open : tuple of int
        Axes with open ends; the others are periodic.
    absent : tuple of int
        Sites that do not exist, by their number in the whole array.

    Raises
    ------
    ValueError
        If there is no such lattice.
    """

    shape: tuple[int, ...]
    kind: str = "hypercubic"
    open: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()

    def __post_init__(self):
        if not self.shape or min(self.shape) < 2:
            raise ValueError(f"every side of the lattice must be at least 2, not {self.shape}")
        if self.n_array > MOST_SITES:
            raise ValueError(f"the lattice has more than {MOST_SITES} sites")
        if self.geometry.shifted_rows and 0 not in self.open and self.shape[0] % 2:
            raise ValueError(f"{self.shape[0]} shifted rows do not close; take an even number, or open ends")
        if self.open and not set(self.open) <= set(range(self.dimension)):
            raise ValueError(f"a lattice of {self.dimension} axes has no axis {max(self.open)}")
        if self.absent and not 0 <= min(self.absent) <= max(self.absent) < self.n_array:
            raise ValueError(f"absent sites must be numbers 0 ... {self.n_array - 1}")
        if self.n_sites < 2:
            raise ValueError("the lattice has fewer than two sites")

    @property
    def geometry(self) -> Geometry:
        """Where its sites lie."""
        return geometry(self.kind, len(self.shape))

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of the array of a configuration: with an axis for the sites of a cell, if it has several."""
        cell = self.geometry.sites_per_cell
        return self.shape if cell == 1 else (*self.shape, cell)

    @property
    def n_array(self) -> int:
        """Number of entries of such an array, with those of absent sites."""
        return prod(self.array_shape)

    @property
    def regular(self) -> bool:
        """Whether every point of its grid is a site, so that all sites see the same."""
        return not self.open and not self.absent and self.geometry.sites_per_cell == 1

    @cached_property
    def present(self) -> np.ndarray:
        """Where the sites are in the flattened array, int64 (n_sites,)."""
        return np.delete(np.arange(self.n_array), list(self.absent))

    @cached_property
    def n_sites(self) -> int:
        """Number of sites that exist."""
        return self.n_array - len(set(self.absent))

    @cached_property
    def index(self) -> np.ndarray:
        """Site numbers arranged as in the array, -1 where there is none, int64 (*array_shape)."""
        index = np.full(self.n_array, -1)
        index[self.present] = np.arange(self.n_sites)
        return index.reshape(self.array_shape)

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Grid coordinates of the sites, int64 (n_sites, dimension)."""
        return self.geometry.coordinates(self.shape)[self.present]

    @cached_property
    def positions(self) -> np.ndarray:
        """The sites in space, nearest neighbours at distance 1, float64 (n_sites, dimension)."""
        return self.coordinates @ np.array(self.geometry.vectors)

    def wrapped(self, coordinates: np.ndarray) -> np.ndarray:
        """Grid coordinates (..., dimension) in the first period of all periodic axes."""
        periods = self.geometry.periods(self.shape)
        volume = round(np.linalg.det(periods))
        turns = (coordinates @ np.rint(np.linalg.inv(periods) * volume).astype(int)) // volume
        turns[..., list(self.open)] = 0
        return coordinates - turns @ periods

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest corner of a box of the grid that holds all sites, and the site at each of its points."""
        points = self.wrapped(self.coordinates)
        low = points.min(axis=0)
        box = np.full(np.ptp(points, axis=0) + 1, -1)
        box[tuple((points - low).T)] = np.arange(self.n_sites)
        return low, box

    def at(self, coordinates: np.ndarray) -> np.ndarray:
        """Sites at grid coordinates (..., dimension), -1 where there is none, int64 (...)."""
        low, box = self._box
        points = self.wrapped(np.asarray(coordinates)) - low
        inside = np.all((points >= 0) & (points < box.shape), axis=-1)
        return np.where(inside, box[tuple(np.moveaxis(np.where(inside[..., None], points, 0), -1, 0))], -1)

    def windows(self, offsets: np.ndarray) -> np.ndarray:
        """Sites of a set of offsets from every point of the grid from which it reaches a site.

        Parameters
        ----------
        offsets : ndarray of int, shape (n_places, dimension)

        Returns
        -------
        int64 (n_windows, n_places)
            -1 where there is no site. Windows from the sites come first, in their order.
        """
        origins = self.coordinates
        if not self.regular:
            others = (origins[:, None] - offsets).reshape(-1, self.dimension)
            others = np.unique(self.wrapped(others), axis=0)
            origins = np.concatenate([origins, others[self.at(others) < 0]])
        return self.at(origins[:, None] + offsets)

    def placed(self, offsets: np.ndarray) -> np.ndarray:
        """Those of the `windows` in which every place has a site, int64 (n_windows, n_places)."""
        windows = self.windows(offsets)
        return windows[(windows >= 0).all(axis=1)]

    def separates(self, offsets: np.ndarray) -> bool:
        """Whether any two of some offsets lead to different points, also around periodic axes."""
        points = self.wrapped(np.unique(offsets, axis=0))
        return len(np.unique(points, axis=0)) == len(points)

    @cached_property
    def forward(self) -> np.ndarray:
        """Nearest neighbours of which each bond has one, -1 where there is none, int64 (n_sites, n_steps)."""
        return self.at(self.coordinates[:, None] + np.array(self.geometry.steps))

    @cached_property
    def backward(self) -> np.ndarray:
        """Neighbours in the opposite directions, -1 where there is none, int64 (n_sites, n_steps)."""
        return self.at(self.coordinates[:, None] - np.array(self.geometry.steps))

    @cached_property
    def neighbours(self) -> np.ndarray:
        """All neighbours, forward ones first, -1 where there is none, int64 (n_sites, 2 n_steps)."""
        return np.concatenate([self.forward, self.backward], axis=1)

    @cached_property
    def bonds(self) -> np.ndarray:
        """Sites that each bond joins, shape (n_bonds, 2), int64; every bond once, in the order of `forward`.

        Along an axis of length 2 the same two sites are joined twice.
        """
        ends = self.forward.ravel()
        bonds = np.stack([np.arange(self.n_sites).repeat(self.forward.shape[1]), ends], axis=1)
        return bonds[ends >= 0]

    def array(self, states: np.ndarray, absent: int) -> np.ndarray:
        """Configurations as arrays, with a value for absent sites.

        Parameters
        ----------
        states : ndarray, shape (..., n_sites)
        absent : int

        Returns
        -------
        ndarray, shape (..., *array_shape)
        """
        leading = states.shape[:-1]
        if not self.absent:
            return states.reshape(*leading, *self.array_shape)
        whole = np.full((*leading, self.n_array), absent, states.dtype)
        whole[..., self.present] = states
        return whole.reshape(*leading, *self.array_shape)

    def __str__(self) -> str:
        name = "x".join(map(str, self.shape))
        return name if self.kind == "hypercubic" else f"{name} {self.kind}"
