"""Observe a system at one temperature: Metropolis chains of the true Hamiltonian, written to HDF5."""

import time

import numpy as np

from . import cli
from .cluster import mpi
from .cluster.signals import Stopped
from .energy.true import TrueEnergy
from .errors import UserError
from .physics.observables import order_parameter
from .sampling.chains import Chains
from .sampling.statistics import autocorrelation_time
from .sampling.streams import Purpose
from .storage.store import Field, Store, array_field, write_file

PILOT_SWEEPS, PILOT_CHAINS = 400, 64
# Bytes of states that all ranks together collect before they write them and commit.
BUFFER = 2**25


def observe(context: cli.Context, options=None) -> None:
    """Make the observation set of a job, or go on with it."""
    run, comm, log = context.run, context.comm, context.log
    job = run.job
    path = run.path("observe")
    if mpi.on_root(comm, run.done, "observe"):
        log(f"observe: {path} is complete")
        return
    if comm.size > job.observe.chains:
        raise UserError.everywhere(
            f"{comm.size} ranks for observe.chains = {job.observe.chains}: start at most as many ranks "
            "as chains"
        )
    started = time.monotonic()
    hamiltonian = job.build_hamiltonian()
    model = TrueEnergy(hamiltonian)
    mine = mpi.share(comm, job.observe.chains)
    chains = Chains.start(
        model,
        np.full(mine.stop - mine.start, 1 / job.observe.temperature),
        range(mine.start, mine.stop),
        job.seed,
        Purpose.OBSERVE,
    )
    begun = mpi.on_root(comm, run.progress, "observe")
    if begun is None or begun[0] == 0:  # nothing committed: the chains are not thermalized yet
        log(f"observe: {job.observe.chains} chains on {comm.size} ranks, thermalizing")
        for first in range(0, job.observe.thermalization, 100):
            chains.sweep(model, min(100, job.observe.thermalization - first))
            if context.stop.agreed(comm):
                raise Stopped
        thin, tau = _thinning(context, model, hamiltonian.pair, chains)
        mpi.on_root(comm, _create, run, thin, tau)
    with Store(path, comm, write=True) as store:
        thin = int(store.attribute("thin"))
        log(f"observe: {job.observe.samples} configurations, one every {thin} sweeps of each chain")
        _record(context, store, model, chains, mine, thin, started)


def _thinning(context, model, pair, chains) -> tuple[int, float]:
    """Sweeps between records: twice the larger autocorrelation time of energy and order parameter."""
    job, comm = context.run.job, context.comm
    energy, order = [], []
    for _ in range(PILOT_SWEEPS):
        chains.sweep(model)
        energy.append(model.energies(chains.states))
        order.append(order_parameter(chains.states, pair))
    gathered = comm.gather(np.array([energy, order])[:, :, :PILOT_CHAINS])

    def measure():
        series = np.concatenate(gathered, axis=2)[:, :, :PILOT_CHAINS]
        tau = max(autocorrelation_time(x) for x in series)
        auto = job.observe.thin == "auto"
        return (int(np.ceil(2 * tau)) if auto else job.observe.thin), tau

    thin, tau = mpi.on_root(comm, measure)
    context.log(f"observe: integrated autocorrelation time {tau:.2f} sweeps")
    return thin, tau


def _create(run, thin: int, tau: float) -> None:
    job = run.job
    n_sites = int(np.prod(job.lattice.shape))
    n_chains, records = job.observe.chains, job.observe.samples // job.observe.chains
    space = (
        ("y", "x") if len(job.lattice.shape) == 2 else tuple(f"x{k}" for k in range(len(job.lattice.shape)))
    )
    steps = thin * np.arange(1, records + 1)
    layout = {
        "observations/states/value": Field(
            (records, n_chains, *job.lattice.shape), np.uint8, ("record", "chain", *space), "states 0..Q-1"
        ),
        "observations/states/step": array_field(steps, ("record",), "sweeps since thermalization"),
        "observations/states/time": array_field(steps.astype(float), ("record",), "Monte Carlo time, sweeps"),
        "validation/energy/value": Field(
            (records, n_chains),
            np.float64,
            ("record", "chain"),
            "true energy, J; for checks, never for learning",
        ),
        "checkpoint/states": Field((2, n_sites, n_chains), np.uint8, ("slot", "site", "chain"), "states"),
        "checkpoint/streams": Field((2, 4, n_chains), np.uint32, ("slot", "word", "chain"), "generators"),
    }
    attributes = {
        **run.attributes("observe"),
        "temperature": job.observe.temperature,
        "n_states": job.build_hamiltonian().n_states,
        "thin": thin,
        "autocorrelation_time": tau,
    }
    write_file(run.path("observe"), layout, attributes, total=records)


def _record(context, store, model, chains, mine: slice, thin: int, started: float) -> None:
    """Fill the file from where it is committed."""
    job, comm = context.run.job, context.comm
    shape = job.lattice.shape
    n_chains, local = job.observe.chains, mine.stop - mine.start
    done, slot, spent = store.committed, store.slot, store.wall_seconds
    if done:
        chains.states[...] = store.read("checkpoint/states", np.s_[slot, :, mine])
        chains.streams[...] = store.read("checkpoint/streams", np.s_[slot, :, mine])
    batch = max(1, BUFFER // (len(chains.states) * n_chains))
    with context.log.progress("observe", job.observe.samples, done * n_chains, "cfg") as progress:
        while done < store.total:
            n = min(batch, store.total - done)
            states = np.empty((n, local, len(chains.states)), np.uint8)
            energy = np.empty((n, local))
            for k in range(n):
                chains.sweep(model, thin)
                states[k] = chains.states.T
                energy[k] = model.energies(chains.states)
            rows = slice(done, done + n)
            slot = 1 - slot
            store.write("observations/states/value", np.s_[rows, mine], states.reshape(n, local, *shape))
            store.write("validation/energy/value", np.s_[rows, mine], energy)
            store.write("checkpoint/states", np.s_[slot, :, mine], chains.states)
            store.write("checkpoint/streams", np.s_[slot, :, mine], chains.streams)
            done += n
            store.commit(done, slot, spent + time.monotonic() - started)
            progress.step(n * n_chains)
            if done < store.total and context.stop.agreed(comm):
                raise Stopped


if __name__ == "__main__":
    cli.main(cli.parser("observe", __doc__), observe)
