"""A set of sites, a box or a ball, that is laid on a lattice at every point of its grid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.codes import all_states, weights
from ..physics.geometry import Geometry
from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, ball, box


@dataclass(frozen=True, eq=False)
class Window:
    """Places at some offsets on the grid; its states are numbered as those of tiles.

    Parameters
    ----------
    offsets : array_like of int, shape (n_places, dimension)
        Each once; they are put in raster order.
    n_states : int
        States Q of a site.
    absent : bool
        Whether places may lack a site, which then counts as one more state, Q.

    Raises
    ------
    ValueError
        If it has no site, or more states than `MAX_TABLE`.
    """

    offsets: np.ndarray
    n_states: int
    absent: bool = False

    def __post_init__(self):
        offsets = np.unique(np.asarray(self.offsets, np.int64), axis=0)
        object.__setattr__(self, "offsets", offsets)
        if offsets.ndim != 2 or not len(offsets):
            raise ValueError("a tile needs at least one site")
        if self.n_states < 2:
            raise ValueError(f"sites with {self.n_states} states never change; n_states must be at least 2")
        _check_size(len(offsets), self.base)

    @classmethod
    def box(cls, dimension: int, side: int, n_states: int) -> "Window":
        """All points of a box of equal sides."""
        if side < 1:
            raise ValueError(f"a tile of side {side} has no site; its side must be at least 1")
        _check_size(side**dimension, n_states)
        return cls(box(dimension, side, 0), n_states)

    @classmethod
    def ball(cls, geometry: Geometry, radius: int, n_states: int) -> "Window":
        """All points of a lattice's grid that are at most so many bonds from one of them."""
        if radius < 0:
            raise ValueError(f"a tile of radius {radius} has no site; its radius must be at least 0")
        return cls(ball(geometry, radius), n_states)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return self.offsets.shape[1]

    @property
    def n_places(self) -> int:
        """Sites of the window."""
        return len(self.offsets)

    @property
    def base(self) -> int:
        """What a place can be: Q states, and perhaps absent."""
        return self.n_states + self.absent

    @property
    def size(self) -> int:
        """States of the window, base ** n_places."""
        return self.base**self.n_places

    @cached_property
    def side(self) -> int | None:
        """Side of a box; None of any other set."""
        side = int(np.ptp(self.offsets, axis=0).max()) + 1
        return side if self.n_places == side**self.dimension else None

    @cached_property
    def powers(self) -> np.ndarray:
        """Weight of each place in the number of a state, the first most significant, int64 (n_places,)."""
        return weights(self.base, self.n_places)

    @cached_property
    def digits(self) -> np.ndarray:
        """State of each place in every state of the window, uint8 (size, n_places)."""
        return all_states(self.base, self.n_places)

    @cached_property
    def differences(self) -> np.ndarray:
        """Offsets from any place to any other, each once, int64 (n, dimension)."""
        return np.unique((self.offsets[:, None] - self.offsets).reshape(-1, self.dimension), axis=0)

    @cached_property
    def _numbers(self) -> dict[tuple[int, ...], int]:
        return {tuple(offset): place for place, offset in enumerate(self.offsets.tolist())}

    def places(self, offsets: np.ndarray) -> np.ndarray:
        """Places at some offsets, -1 where there is none, int64 (n,)."""
        return np.array([self._numbers.get(tuple(offset), -1) for offset in offsets.tolist()])

    def tiles(self, lattice: Lattice) -> np.ndarray:
        """Sites under each place of all windows that hold a site, int32 (n_windows, n_places).

        `lattice.n_sites` where there is no site; windows at sites come first, see `Lattice.windows`.

        Raises
        ------
        ValueError
            If the window does not fit on the lattice, or has another dimension.
        """
        if lattice.dimension != self.dimension or not lattice.separates(self.offsets):
            raise ValueError(
                f"a tile of {self.n_places} sites in {self.dimension} dimensions does not fit on the"
                f" {lattice} lattice; take a larger lattice"
            )
        tiles = lattice.windows(self.offsets)
        return np.where(tiles < 0, lattice.n_sites, tiles).astype(np.int32)


def _check_size(n_places: int, base: int) -> None:
    # as logarithms, since the power itself may be too long a number
    if n_places * np.log2(base) > np.log2(MAX_TABLE) + 1e-9:
        raise ValueError(
            f"a tile of {n_places} sites has {base}^{n_places} states, at most {MAX_TABLE} fit;"
            " take a smaller tile"
        )
