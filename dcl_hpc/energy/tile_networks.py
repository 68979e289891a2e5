"""Trained networks of tiles without TensorFlow: on columns of states, and as tables of a tile's states."""

import numpy as np

from ..physics.codes import states_of
from ..physics.tiles import MAX_TABLE

CHUNK = 2**16


class TileNetworks:
    """Outputs of trained networks of tiles, on columns of states; one network for all tiles or one for each.

    Parameters
    ----------
    arrays : dict of str to ndarray
        weights_0, biases_0, ...; with a leading axis of tiles if each tile has a network of its own.
    n_states : int
    scale : float
        Energy unit of the networks, in J.
    dtype
        Of all arithmetic.
    """

    def __init__(self, arrays: dict, n_states: int, scale: float, dtype):
        self.n_states, self.scale, self.dtype = n_states, np.dtype(dtype).type(scale), np.dtype(dtype)
        n_layers = sum(name.startswith("weights_") for name in arrays)
        # matrices that act on columns
        self._layers = [
            tuple(
                np.ascontiguousarray(np.atleast_2d(arrays[f"{kind}_{k}"]).swapaxes(-1, -2), dtype)
                for kind in ("weights", "biases")
            )
            for k in range(n_layers)
        ]

    def energies(self, states: np.ndarray, tiles=slice(None), present=None) -> np.ndarray:
        """Energies in J, (..., n), of tile states, uint8 (..., sites_per_tile, n).

        Parameters
        ----------
        tiles : index
            Which tiles these are, where each has a network of its own.
        present : bool (..., sites_per_tile), optional
            Places that have a site, if not all do.
        """
        if self.n_states == 2:
            x = 2 * states.astype(self.dtype) - 1
            if present is not None:
                x *= present[..., None]
        else:
            hot = states[..., None, :] == np.arange(self.n_states)[:, None]
            if present is not None:
                hot &= present[..., None, None]
            x = hot.reshape(*states.shape[:-2], -1, states.shape[-1]).astype(self.dtype)
        for k, (weights, biases) in enumerate(self._layers):
            if k:
                np.maximum(x, 0, out=x)
            own = slice(None) if weights.ndim == 2 else tiles
            x = weights[own] @ x + biases[own]
        return self.scale * x[..., 0, :]


def tile_energies(arrays: dict, scale: float, n_states: int, present=slice(None)):
    """The trained network of one tile as a function of its states.

    Parameters
    ----------
    arrays, scale, n_states
        As in `TileNetworks`.
    present : bool (sites_per_tile,), optional
        Places that have a site. Inputs of the others are 0: the network does without their weights.

    Returns
    -------
    callable
        Maps states of these places, uint8 (n, places), to energies in J, float64 (n,).
    """
    first = arrays["weights_0"]
    inputs = np.arange(len(first)).reshape(-1, 1 if n_states == 2 else n_states)[present].ravel()
    network = TileNetworks(arrays | {"weights_0": first[inputs]}, n_states, scale, np.float64)
    return lambda states: network.energies(states.T)


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


def tables_of(arrays: dict, scale: float, n_states: int):
    """Tables of a trained network for tiles with any places without a site, as `TileTables` asks for them.

    Parameters
    ----------
    arrays, scale, n_states
        As in `TileNetworks`, of a single tile.

    Returns
    -------
    callable
        Maps places that have a site, bool (sites_per_tile,), to energies of all states of these places.
    """

    def table(present):
        network = tile_energies(arrays, scale, n_states, present)
        return tabulate(network, n_states, int(np.count_nonzero(present)))

    return table


def averaged(tables, n_states: int, places: list[list[int]], states: list[list[int]]):
    """Tables of tiles averaged over symmetries of the law: the energy is the mean over its images then.

    Parameters
    ----------
    tables : callable
        As what `tables_of` gives.
    n_states : int
    places : list of list of int
        Permutations of the places of a tile, see `physics.operations.tile_permutations`.
    states : list of list of int
        New names of the states.

    Returns
    -------
    callable
        As `tables`.
    """

    def table(present):
        there, total = np.flatnonzero(present), 0.0
        for order in np.array(places):
            sources = order[present[order]]  # the places that have a site in the turned tile take from these
            one = tables(present[order]).reshape([n_states] * len(there))
            one = one.transpose(np.argsort(np.searchsorted(there, sources))).astype(np.float64)
            total = total + sum(one[np.ix_(*[names] * len(there))] for names in states)
        return (total / (len(places) * len(states))).ravel().astype(np.float32)

    return table
