"""Periodic hypercubic lattices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Lattice:
    """A periodic lattice of any dimension; sites are numbered in C (raster) order.

    Parameters
    ----------
    shape : tuple of int
        Number of sites along each axis, each at least 2. Along an axis of length 2 a bond and
        its wrap-around twin are two bonds.
    """

    shape: tuple[int, ...]

    def __post_init__(self):
        if not self.shape or min(self.shape) < 2:
            raise ValueError(f"every side of the lattice must be at least 2, not {self.shape}")

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @cached_property
    def n_sites(self) -> int:
        """Number of sites."""
        return int(np.prod(self.shape))

    @cached_property
    def index(self) -> np.ndarray:
        """Site numbers arranged on the lattice, shape `shape`, int64."""
        return np.arange(self.n_sites).reshape(self.shape)

    @cached_property
    def forward(self) -> np.ndarray:
        """Site at +1 along each axis, shape (n_sites, dimension), int64."""
        shifted = [np.roll(self.index, -1, axis).ravel() for axis in range(self.dimension)]
        return np.stack(shifted, axis=1)

    @cached_property
    def backward(self) -> np.ndarray:
        """Site at -1 along each axis, shape (n_sites, dimension), int64."""
        shifted = [np.roll(self.index, 1, axis).ravel() for axis in range(self.dimension)]
        return np.stack(shifted, axis=1)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """All 2 x dimension neighbours, forward ones first, shape (n_sites, 2 dimension), int64."""
        return np.concatenate([self.forward, self.backward], axis=1)

    @cached_property
    def bonds(self) -> np.ndarray:
        """Sites that each bond joins, shape (n_bonds, 2), int64; every bond once, in the order of `forward`.

        Along an axis of length 2 the same two sites are joined twice.
        """
        return np.stack([np.arange(self.n_sites).repeat(self.dimension), self.forward.ravel()], axis=1)

    def __str__(self) -> str:
        return "x".join(map(str, self.shape))
