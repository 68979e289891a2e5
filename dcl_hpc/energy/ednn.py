"""The EDNN's energy on a lattice of any size, as a table of all states of a tile or by its network."""

import numpy as np

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from ..sampling import kernels
from ..sampling.tile_tables import TileTables
from ..storage.weights import load
from .direct import DirectEnergy
from .tile_networks import TileNetworks, averaged, tables_of, tabulate, tile_energies

CHUNK = 2**16
# Chains of a block whose proposals a network evaluates in one batch.
NETWORK_BLOCK = 256


class EdnnEnergy(TileTables):
    """Energies and Metropolis sweeps of a sum of tabulated tile energies.

    Parameters
    ----------
    lattice : Lattice
    focus, context : int
    n_states : int
    table : array_like of float, or callable
        Tile energies in J, see `TileTables`: one table for all tiles, or one for each, in raster order
        (then the energy holds on the observed lattice only), or what gives tables of tiles in which places
        have no site.
    form : {"box", "ball"}

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the table has another shape.
    """

    def __init__(self, lattice: Lattice, focus: int, context: int, n_states: int, table, form: str = "box"):
        tiling = Tiling(lattice, focus, context, form)
        super().__init__(lattice, n_states, tiling.offsets, table, tiling.sites)


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
    form : {"box", "ball"}
    beside : TileTables, optional
        A local energy that is added.
    factor : float
        What the network's own energy is multiplied by.

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the first layer has another number of inputs.
    """

    def __init__(
        self, lattice, focus, context, n_states, arrays, scale, reference: float = 0.0, form: str = "box",
        beside=None, factor: float = 1.0,
    ):  # fmt: skip
        self._made = lattice, focus, context, n_states, arrays, scale, reference, form
        tiling = Tiling(lattice, focus, context, form)
        self.lattice, self.n_states, self.reference = lattice, n_states, reference
        self._beside, self._factor = beside, factor
        self._tiles, self._members = tiling.sites, tiling.members
        self._present = None if np.all(tiling.sites >= 0) else tiling.sites >= 0
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
        own = np.concatenate([np.empty(0), *sums]) - self.reference
        return own if self._beside is None else self._factor * own + self._beside.energies(states)

    def plus(self, other: TileTables, factor: float = 1.0) -> "TileNetworkEnergy":
        """The energy model factor x this + other."""
        return TileNetworkEnergy(*self._made, other, factor)

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
            if self._beside is not None:
                cost = np.float32(self._factor) * cost + self._beside.cost(states, i, old)
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
        present = None if self._present is None else self._present[tiles]
        return self._networks.energies(states[self._tiles[tiles]], tiles, present)


def has_table(tiling: Tiling, n_states: int, shared: bool) -> bool:
    """Whether all states of each tile are tabulated; their mean, the zero of the energy, is exact then.

    Tiles with networks of their own have tables only where no place is without a site.
    """
    present = tiling.patterns[0]
    return n_states ** int(present.sum(axis=1).max()) <= MAX_TABLE and (shared or bool(present.all()))


def sums_of_patterns(tiling: Tiling, energies: np.ndarray) -> np.ndarray:
    """Sums over tiles with the same places without a site, (n_patterns, ...), of energies, (n_tiles, ...)."""
    which = tiling.patterns[1]
    return np.stack([energies[which == k].sum(axis=0) for k in range(which.max() + 1)])


def references(tiling: Tiling, sums: np.ndarray) -> dict[str, float]:
    """Mean energy of a tile with each pattern of places, by the pattern as a string of 0 and 1.

    Parameters
    ----------
    sums : float (n_patterns,)
        Means of what `sums_of_patterns` gives.
    """
    means = sums / np.bincount(tiling.patterns[1])
    return {name: float(mean) for name, mean in zip(_names(tiling), means, strict=True)}


def _names(tiling):
    return ["".join(row.astype(int).astype(str)) for row in tiling.patterns[0]]


def of_run(run, shape: tuple[int, ...]):
    """Energy model of the local energy that a run found, on any shape that its tiles fit; no TensorFlow.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    return of_weights(run.job, shape, *load(run.require("ednn"))[:2])


def of_weights(job, shape: tuple[int, ...], settings: dict, arrays: dict):
    """The same of what the file of a local energy, or of one member of a committee, has."""
    lattice, n_states, context = job.build_lattice(shape), job.hamiltonian.n_states, settings["context"]
    if "table" in arrays:
        return DirectEnergy(lattice, n_states, settings, arrays)
    tiling = job.ednn.tiling(job.build_lattice(), context).on(lattice)
    best = {name.removeprefix("best_"): a for name, a in arrays.items() if name.startswith("best_")}
    focus, form, scale = tiling.focus, tiling.form, settings["scale"]
    if not has_table(tiling, n_states, job.ednn.shared):
        if "references" in settings:
            means = [settings["references"][name] for name in _names(tiling)]
            reference = float(np.bincount(tiling.patterns[1]) @ means)
        else:
            reference = settings["reference_per_tile"] * len(tiling.sites)
        return TileNetworkEnergy(lattice, focus, context, n_states, best, scale, reference, form)
    if job.ednn.shared:
        tables = tables_of(best, scale, n_states)
        if found := settings.get("symmetry"):
            tables = averaged(tables, n_states, **found)
        return EdnnEnergy(lattice, focus, context, n_states, tables, form)
    own = [{name: array[tile] for name, array in best.items()} for tile in range(len(tiling.sites))]
    sites = len(tiling.offsets)
    tables = [tabulate(tile_energies(arrays, scale, n_states), n_states, sites) for arrays in own]
    return EdnnEnergy(lattice, focus, context, n_states, np.array(tables), form)
