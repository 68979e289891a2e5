"""The EDNN's energy, tabulated over all states of a tile, on a lattice of any size."""

import numpy as np

from ..physics.exact import states_of
from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from ..sampling import kernels

CHUNK = 2**16


def tabulate(tile_network, n_states: int, sites_per_tile: int) -> np.ndarray:
    """Energy of every state of a tile, float32 (n_states ** sites_per_tile,), in J.

    Only differences mean anything; the mean over all states, the value at infinite temperature, is
    called zero.

    Parameters
    ----------
    tile_network : callable
        Maps states, uint8 (n, sites_per_tile), to energies, float (n,).

    Raises
    ------
    ValueError
        If the table would have more than `MAX_TABLE` entries.
    """
    size = n_states**sites_per_tile
    if size > MAX_TABLE:
        raise ValueError(f"a tile has {n_states}^{sites_per_tile} states, at most {MAX_TABLE} fit")
    starts = range(0, size, CHUNK)
    chunks = [states_of(np.arange(k, min(k + CHUNK, size)), n_states, sites_per_tile) for k in starts]
    table = np.concatenate([tile_network(chunk) for chunk in chunks]).astype(np.float64)
    return (table - table.mean()).astype(np.float32)


class EdnnEnergy:
    """Energies and Metropolis sweeps of a sum of tabulated tile energies.

    Parameters
    ----------
    lattice : Lattice
    focus, context : int
    n_states : int
    table : ndarray of float32, shape (n_states ** sites_per_tile,)
        Tile energies; the first site of a tile is the most significant digit.
    """

    def __init__(self, lattice: Lattice, focus: int, context: int, n_states: int, table):
        tiling = Tiling(lattice, focus, context)
        self.lattice = lattice
        self.n_states = n_states
        self.table = np.ascontiguousarray(table, np.float32)
        self._tiles = tiling.sites
        per_tile = self._tiles.shape[1]
        self._powers = (n_states ** np.arange(per_tile - 1, -1, -1)).astype(np.int32)
        members, places, counts = tiling.members
        self._members = members, self._powers[places], counts

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        codes = kernels.tile_codes(states, self._tiles, self._powers)
        return self.table[codes].sum(axis=0, dtype=np.float64)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        model = self._tiles, self._powers, *self._members, self.table, self.n_states
        kernels.in_blocks(kernels.tile_sweeps, states, beta, streams, n_sweeps, *model)
