"""Trained networks and energy models, put together from a run's files."""

import numpy as np

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from ..physics.unwrap import ORDERS
from ..sampling.streams import Purpose, generator
from ..sampling.tile_tables import TileTables
from ..storage import weights
from .ednn import EdnnEnergy, TileNetworkEnergy, tabulate, tile_energies
from .true import TrueEnergy


def build_rnn(job):
    """A new network of a job for P(configuration), with random weights."""
    from ..networks.rnn import Gru
    from ..networks.transformer import Transformer

    lattice, settings = job.build_lattice(), job.rnn
    common = {
        "generator": generator(job.stream_seed, Purpose.WEIGHTS, 0),
        "hidden": settings.hidden,
        "layers": settings.layers,
        "n_states": job.build_hamiltonian().n_states,
        "order": ORDERS[settings.order](lattice),
        "positional": settings.positional,
        "neighbours": lattice.neighbours if settings.neighbours else None,
        "dropout": settings.dropout,
        "precision": settings.precision,
    }
    if settings.architecture == "transformer":
        return Transformer(heads=settings.heads, **common)
    return Gru(**common)


def build_ednn(job, context: int, mean: float, scale: float):
    """A new EDNN of a job for energies of this mean and standard deviation (J)."""
    from ..networks.ednn import Ednn

    tiling = Tiling(job.build_lattice(), job.ednn.focus, context)
    random = generator(job.stream_seed, Purpose.WEIGHTS, 1)
    n_states = job.build_hamiltonian().n_states
    return Ednn(n_states, tiling.sites, job.ednn.hidden, mean, scale, random, job.ednn.shared)


def rnn_energy(run):
    """Energy model of the trained RNN, on the observed lattice."""
    network = build_rnn(run.job)
    from .rnn import RnnEnergy

    settings = load_best(network, run)
    return RnnEnergy(run.job.build_lattice(), network, run.job.observe.temperature, settings["reference"])


def load_best(network, run) -> dict:
    """Give a network the best weights of a run's RNN; returns the settings that are kept with them."""
    settings, arrays, _ = weights.load(run.require("rnn"))
    for variable in network.trainable_variables:
        variable.assign(arrays["best_" + variable.name.split(":")[0]])
    return settings


def ednn_energy(run, shape=None):
    """Energy model of the local energy that was found, on any shape that its tiles fit; no TensorFlow."""
    job = run.job
    settings, arrays, _ = weights.load(run.require("ednn"))
    lattice, n_states = Lattice(shape or job.lattice.shape), job.build_hamiltonian().n_states
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


def has_table(job, context: int) -> bool:
    """Whether all states of an EDNN's tile fit a table; its mean, the zero of the energy, is exact then."""
    side = job.ednn.focus + 2 * context
    return job.build_hamiltonian().n_states ** (side ** len(job.lattice.shape)) <= MAX_TABLE


def energy_model(run, energy: str, shape=None):
    """The energy model of that name: "true", "rnn" or "ednn"."""
    if energy == "true":
        settings = run.job.sweep
        return TrueEnergy(run.job.build_hamiltonian(shape), settings.ladders * len(settings.listed))
    return rnn_energy(run) if energy == "rnn" else ednn_energy(run, shape)
