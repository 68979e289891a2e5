"""A square (cubic, ...) window that is laid on a lattice at every site."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.codes import all_states, weights
from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE


@dataclass(frozen=True)
class Window:
    """All sites of a box of equal sides; its states are numbered as in `EdnnEnergy`.

    Parameters
    ----------
    dimension, side : int
    n_states : int
        States Q of a site.

    Raises
    ------
    ValueError
        If it has no site, or more states than `MAX_TABLE`.
    """

    dimension: int
    side: int
    n_states: int

    def __post_init__(self):
        if self.side < 1:
            raise ValueError(f"a tile of side {self.side} has no site; its side must be at least 1")
        if self.n_states < 2:
            raise ValueError(f"sites with {self.n_states} states never change; n_states must be at least 2")
        if self.size > MAX_TABLE:
            raise ValueError(
                f"a tile of {self.n_places} sites has {self.n_states}^{self.n_places} states,"
                f" at most {MAX_TABLE} fit; take a smaller side than {self.side}"
            )

    @property
    def n_places(self) -> int:
        """Sites of the window."""
        return self.side**self.dimension

    @property
    def size(self) -> int:
        """States of the window, Q ** n_places."""
        return self.n_states**self.n_places

    @cached_property
    def powers(self) -> np.ndarray:
        """Weight of each place in the number of a state, the first most significant, int64 (n_places,)."""
        return weights(self.n_states, self.n_places)

    @cached_property
    def offsets(self) -> np.ndarray:
        """Coordinates of the places from the lowest corner, in raster order, int64 (n_places, dimension)."""
        return np.indices([self.side] * self.dimension).reshape(self.dimension, -1).T

    @cached_property
    def digits(self) -> np.ndarray:
        """State of each place in every state of the window, uint8 (size, n_places)."""
        return all_states(self.n_states, self.n_places)

    def tiles(self, lattice: Lattice, sign: int = 1) -> np.ndarray:
        """Sites under each place with the lowest corner at every site, int32 (n_sites, n_places).

        With sign -1: corners of the windows that have the site at each place.

        Raises
        ------
        ValueError
            If the window is longer than the lattice, or has another dimension.
        """
        if lattice.dimension != self.dimension or min(lattice.shape) < self.side:
            raise ValueError(
                f"a tile of {self.side} sites in {self.dimension} dimensions does not fit on the {lattice}"
                f" lattice; take a lattice of sides {self.side} or longer"
            )
        corners = np.indices(lattice.shape).reshape(self.dimension, -1, 1)
        places = corners + sign * self.offsets.T[:, None, :]
        return np.ravel_multi_index(tuple(places), lattice.shape, mode="wrap").astype(np.int32)
