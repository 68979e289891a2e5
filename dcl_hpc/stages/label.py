"""Label configurations with the RNN's energy, for the EDNN to learn from."""

import time

import numpy as np

from ..cluster import mpi
from ..energy.factory import energy_model
from ..inference import invariance
from ..pipeline.context import Context
from ..sampling.chains import Chains
from ..sampling.streams import Purpose, generator
from ..storage.complete import complete_rows
from ..storage.layout import Field, write_file
from ..storage.store import Store
from . import symmetry as symmetries

# Configurations that one rank labels at a time; also the unit of the random streams.
BLOCK = 4000
# Tempered chains: sweeps before the first record, and records of one chain, a sweep apart.
THERMALIZATION, RECORDS = 10, 10


def label(context: Context, output: str) -> None:
    """Make the labels of a job, or go on with them."""
    run, comm, log = context.run, context.comm, context.log
    path = run.path(output)
    started = time.monotonic()
    if not mpi.on_root(comm, path.exists):
        mpi.on_root(comm, _create, run)
    model = energy_model(run, "rnn", calibrated=False)
    symmetry = _symmetry(context)
    log(f"label: {run.job.labels.count} configurations on {comm.size} ranks")
    source = complete_rows(run.path("observe"), run.job.observe.incomplete, run.job.held_out)
    with source, Store(path, comm, write=True) as store:
        _fill(context, store, model, source, symmetry, started)


def _create(run) -> None:
    count, n_sites = run.job.labels.count, run.job.build_lattice().n_sites
    layout = {
        "labels/states/value": Field((count, n_sites), np.uint8, ("sample", "site"), "states 0..Q-1"),
        "labels/energy/value": Field((count,), np.float32, ("sample",), "energy by the RNN, J"),
    }
    attributes = {**run.attributes("label"), "temperature": run.job.observe.temperature}
    write_file(run.path("label"), layout, attributes, total=-(-count // BLOCK))


def configurations(job, source, block: int, model) -> np.ndarray:
    """Configurations of one block of labels, mixed from the sources the job names.

    Parameters
    ----------
    job : Job
    source : object with `n` and `read`
        The observations.
    block : int
    model : RnnEnergy

    Returns
    -------
    ndarray of uint8, shape (rows of the block, n_sites)
    """
    labels, n_sites = job.labels, model.lattice.n_sites
    n = min(BLOCK, labels.count - block * BLOCK)
    random = generator(job.stream_seed, Purpose.LABELS, block)
    ends = np.round(n * np.cumsum(list(labels.shares.values()))).astype(int)
    counts = dict(zip(labels.shares, np.diff(ends, prepend=0), strict=True))
    parts = [random.integers(0, model.n_states, (counts["random"], n_sites), np.uint8)]
    if observed := min(counts["observed"], source.n):
        # equal stretches of the observations, so that all of them take part
        blocks = -(-labels.count // BLOCK)
        start = (source.n - observed) * block // max(1, blocks - 1)
        parts.append(source.read(start, start + observed)[0])
    if counts["sampled"]:
        parts.append(model.sample(random.random((n_sites, counts["sampled"]))).T)
    if counts["tempered"]:
        parts.append(_tempered(job, model, block, counts["tempered"]))
    states = np.concatenate(parts)
    # where there are too few observations, uniformly random ones stand in
    missing = random.integers(0, model.n_states, (n - len(states), n_sites), np.uint8)
    return np.concatenate([states, missing])[random.permutation(n)]


def _tempered(job, model, block: int, count: int) -> np.ndarray:
    """Configurations that Metropolis chains visit at evenly spaced inverse temperatures of both signs."""
    chains = -(-count // RECORDS)
    coldest = job.labels.coldest or job.observe.temperature / 4
    betas = np.linspace(-1 / coldest, 1 / coldest, chains)
    numbers = range(block * BLOCK, block * BLOCK + chains)
    walkers = Chains.start(model, betas, numbers, job.stream_seed, Purpose.TEMPERED)
    walkers.sweep(model, THERMALIZATION)
    visited = []
    for _ in range(RECORDS):
        walkers.sweep(model)
        visited.append(walkers.states.T.copy())
    return np.concatenate(visited)[:count]


def _symmetry(context) -> invariance.Invariance:
    """Symmetries of the observations, if labels are averages over images."""
    job = context.run.job
    if job.labels.images == 1:
        return invariance.none(job.build_lattice().n_sites, job.hamiltonian.n_states)
    symmetry = symmetries.of_run(context)
    context.log(
        f"label: {len(symmetry.sites)} operations of the lattice and {len(symmetry.states)} relabellings of "
        f"states are symmetries of the observations; averages over {min(job.labels.images, len(symmetry))}"
    )
    return symmetry


def energies(job, model, symmetry: invariance.Invariance, states: np.ndarray, block: int) -> np.ndarray:
    """Labels of a block: means of the model's energy over the configurations and some images of theirs.

    Parameters
    ----------
    model : EnergyModel
    states : ndarray of uint8, shape (n_sites, n)
    block : int
        Which images are taken is drawn for each block, without repetition; the first is the identity.

    Returns
    -------
    float64 (n,)
        In J.
    """
    count = min(job.labels.images, len(symmetry)) - 1
    random = generator(job.stream_seed, Purpose.IMAGES, block)
    others = 1 + random.choice(len(symmetry) - 1, count, replace=False) if count else ()
    images = symmetry.images(states, [0, *others])
    return np.mean([model.energies(np.ascontiguousarray(image)) for image in images], axis=0)


def _fill(context, store, model, source, symmetry, started: float) -> None:
    job, comm = context.run.job, context.comm
    done, spent = store.committed, store.wall_seconds
    with context.log.progress("label", job.labels.count, done * BLOCK, "cfg") as progress:
        while done < store.total:
            block = done + comm.rank
            if block < store.total:
                states = configurations(job, source, block, model)
                rows = slice(block * BLOCK, block * BLOCK + len(states))
                store.write_alone("labels/states/value", rows, states)
                labels = energies(job, model, symmetry, states.T, block)
                store.write_alone("labels/energy/value", rows, labels)
            done = min(done + comm.size, store.total)
            store.commit(done, 0, spent + time.monotonic() - started)
            progress.step(comm.size * BLOCK)
            if done < store.total:
                context.stop.check(comm)
