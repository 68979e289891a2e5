"""The EDNN's energy on a lattice of any size, as a table of all states of a tile or by its network."""

import numpy as np

from ..physics.codes import states_of
from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from ..sampling import kernels
from ..sampling.tile_tables import TileTables
from ..storage.weights import load

CHUNK = 2**16
# Chains of a block whose proposals a network evaluates in one batch.
NETWORK_BLOCK = 256


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

    def energies(self, states: np.ndarray, tiles=slice(None)) -> np.ndarray:
        """Energies in J, (..., n), of tile states, uint8 (..., sites_per_tile, n).

        Parameters
        ----------
        tiles : index
            Which tiles these are, where each has a network of its own.
        """
        if self.n_states == 2:
            x = 2 * states.astype(self.dtype) - 1
        else:
            hot = states[..., None, :] == np.arange(self.n_states)[:, None]
            x = hot.reshape(*states.shape[:-2], -1, states.shape[-1]).astype(self.dtype)
        for k, (weights, biases) in enumerate(self._layers):
            if k:
                np.maximum(x, 0, out=x)
            own = slice(None) if weights.ndim == 2 else tiles
            x = weights[own] @ x + biases[own]
        return self.scale * x[..., 0, :]


def tile_energies(arrays: dict, scale: float, n_states: int):
    """The trained network of one tile as a function of its states.

    Parameters
    ----------
    arrays, scale, n_states
        As in `TileNetworks`.

    Returns
    -------
    callable
        Maps states, uint8 (n, sites_per_tile), to energies in J, float64 (n,).
    """
    network = TileNetworks(arrays, n_states, scale, np.float64)
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


class EdnnEnergy(TileTables):
    """Energies and Metropolis sweeps of a sum of tabulated tile energies.

    Parameters
    ----------
    lattice : Lattice
    focus, context : int
    n_states : int
    table : array_like of float, shape (n_states ** sites,) or (n_tables, n_states ** sites)
        Tile energies in J; the first site of a tile is the most significant digit. One table for all
        tiles, or one for each, in raster order: then the energy holds on the observed lattice only.

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the table has another shape.
    """

    def __init__(self, lattice: Lattice, focus: int, context: int, n_states: int, table):
        side = Tiling(lattice, focus, context).side
        super().__init__(lattice, n_states, table, side, focus, context)


class TileNetworkEnergy:
    """Energies and Metropolis sweeps of a network whose tiles have too many states for a table.

    The energies of all tiles are kept. A proposal evaluates those that hold the site, for all chains of a
    block in one batch, with the random numbers and in the order of `EdnnEnergy`.

    Parameters
    ----------
    lattice : Lattice
    focus, context : int
    n_states : int
    arrays : dict of str to ndarray
        weights_0, biases_0, ...; with a leading axis of tiles if each tile has a network of its own.
    scale : float
        Energy unit of the network, in J.
    reference : float
        Energy of the lattice that is called zero, in J.

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the first layer has another number of inputs.
    """

    def __init__(self, lattice, focus, context, n_states, arrays, scale, reference: float = 0.0):
        tiling = Tiling(lattice, focus, context)
        self.lattice, self.n_states, self.reference = lattice, n_states, reference
        self._tiles, self._members = tiling.sites, tiling.members
        shape = arrays["weights_0"].shape
        n_inputs = self._tiles.shape[1] * (1 if n_states == 2 else n_states)
        if shape[-2] != n_inputs or shape[:-2] not in ((), (len(self._tiles),)):
            raise ValueError(
                f"weights_0 has shape {shape}; {len(self._tiles)} tiles of {self._tiles.shape[1]} sites with"
                f" {n_states} states need {n_inputs} inputs"
            )
        self._networks = TileNetworks(arrays, n_states, scale, np.float32)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        blocks = [slice(k, k + NETWORK_BLOCK) for k in range(0, states.shape[1], NETWORK_BLOCK)]
        sums = [self._all_tiles(states[:, b]).sum(axis=0, dtype=np.float64) for b in blocks]
        return np.concatenate([np.empty(0), *sums]) - self.reference

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(self._sweep_block, states, beta, streams, n_sweeps, block=NETWORK_BLOCK)

    def _sweep_block(self, states, beta, streams, n_sweeps):
        members, _, counts = self._members
        n_sites, n_chains = states.shape
        proposal, old = np.empty((2, n_chains), np.uint8)
        flip = np.empty(n_chains, np.bool_)
        present = self._all_tiles(states)
        for i in np.tile(np.arange(n_sites), n_sweeps):
            tiles = members[i, : counts[i]]
            kernels.propose(states, i, streams, self.n_states, proposal)
            old[:], states[i] = states[i], proposal
            proposed = self._energies_of(tiles, states)
            cost = (proposed - present[tiles]).sum(axis=0)
            kernels.accept(beta, cost, streams, flip)
            states[i] = np.where(flip, proposal, old)
            present[tiles] = np.where(flip, proposed, present[tiles])

    def _all_tiles(self, states):
        """Energies of all tiles, float32 (n_tiles, n_chains), in J."""
        step = max(CHUNK // max(states.shape[1], 1), 1)
        numbers = np.arange(len(self._tiles))
        return np.concatenate(
            [self._energies_of(numbers[k : k + step], states) for k in range(0, len(numbers), step)]
        )

    def _energies_of(self, tiles, states):
        """Energies of some tiles, float32 (tiles, n_chains), in J."""
        return self._networks.energies(states[self._tiles[tiles]], tiles)


def has_table(job, context: int) -> bool:
    """Whether all states of a job's tile fit a table; its mean, the zero of the energy, is exact then."""
    side = job.ednn.focus + 2 * context
    return job.build_hamiltonian().n_states ** (side ** len(job.lattice.shape)) <= MAX_TABLE


def errors_of_run(run) -> list[TileTables]:
    """Independent directions of error of a local energy with known errors; none of a network.

    Each is an energy on the observed lattice, to be added with a normal number of unit variance.
    """
    settings, arrays, _ = load(run.require("ednn"))
    lattice, n_states = run.job.build_lattice(), run.job.hamiltonian.n_states
    return [TileTables(lattice, n_states, mode, settings["side"]) for mode in arrays.get("error_modes", ())]


def of_run(run, shape: tuple[int, ...]):
    """Energy model of the local energy that a run found, on any shape that its tiles fit; no TensorFlow."""
    job = run.job
    settings, arrays, _ = load(run.require("ednn"))
    lattice, n_states = Lattice(shape), job.build_hamiltonian().n_states
    focus, context = job.ednn.focus, settings["context"]
    if "table" in arrays:
        return TileTables(lattice, n_states, arrays["table"], settings["side"])
    best = {name.removeprefix("best_"): a for name, a in arrays.items() if name.startswith("best_")}
    sites, scale = (focus + 2 * context) ** lattice.dimension, settings["scale"]
    n_tiles = lattice.n_sites // focus**lattice.dimension
    if not has_table(job, context):
        reference = settings["reference_per_tile"] * n_tiles
        return TileNetworkEnergy(lattice, focus, context, n_states, best, scale, reference)
    if job.ednn.shared:
        own = [best]
    else:
        own = [{name: array[tile] for name, array in best.items()} for tile in range(n_tiles)]
    tables = [tabulate(tile_energies(arrays, scale, n_states), n_states, sites) for arrays in own]
    return EdnnEnergy(lattice, focus, context, n_states, np.array(tables))
