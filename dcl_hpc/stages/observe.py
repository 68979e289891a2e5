"""Observe a system at one temperature: Metropolis chains of the true Hamiltonian, written to HDF5.

With --from FILE the configurations are the user's own.
"""

import time
from functools import partial

import numpy as np

from ..cluster import mpi
from ..energy.true import TrueEnergy
from ..errors import UserError
from ..physics.configurations import ABSENT
from ..pipeline.context import Context
from ..sampling.ladder import TRIAL_REPLICAS, adapt
from ..sampling.statistics import autocorrelation_time
from ..sampling.streams import Purpose
from ..sampling.tempering import Ladders, Replicas, exchange_line
from ..storage.layout import array_field, write_file
from ..storage.observations import ENERGY, observation_fields
from ..storage.replicas import read_replicas, replica_fields, write_replicas
from ..storage.results import read_exchange
from ..storage.store import Store
from .snapshots import import_observations

# First length of the pilot run in sweeps; it is doubled until it has PILOT_TIMES autocorrelation times.
PILOT_SWEEPS, PILOT_CHAINS, PILOT_TIMES, LONGEST_PILOT = 400, 64, 50, 51_200
# Bytes of states that all ranks together collect before they write them and commit.
BUFFER = 2**25


def observe(context: Context, output: str) -> None:
    """Make the observation set of a job, or go on with it."""
    run, comm, log = context.run, context.comm, context.log
    if run.snapshots is not None:
        import_observations(context)
        return
    job = run.job
    path = run.path(output)
    if mpi.on_root(comm, run.source):
        mpi.on_root(comm, run.require, "observe")  # an unfinished import: tells how to go on
    mpi.on_root(comm, run.require_source)
    if comm.size > job.observe.chains:
        raise UserError.everywhere(
            f"{comm.size} ranks for observe.chains = {job.observe.chains}: start at most as many ranks "
            "as chains"
        )
    started = time.monotonic()
    begun = mpi.on_root(comm, run.state, output).progress
    if begun is None or begun.done == 0:  # nothing committed: the chains are not thermalized yet
        ensemble = _Ensemble(context, _ladder(context))
        log(f"observe: {job.observe.chains} chains on {comm.size} ranks, thermalizing")
        for first in range(0, job.observe.thermalization, 100):
            ensemble.advance(min(100, job.observe.thermalization - first))
            context.stop.check(comm)
        thin, tau = _thinning(context, ensemble)
        ensemble.ladders.forget_statistics()
        mpi.on_root(comm, _create, run, ensemble.temperatures, thin, tau)
    with Store(path, comm, write=True) as store:
        if store.committed:
            ensemble = _Ensemble(context, store.read("ladder"))
            ensemble.restore(store)
        thin = int(store.attribute("thin"))
        log(f"observe: {job.observe.samples} configurations, one every {thin} sweeps of each chain")
        _record(context, store, ensemble, thin, started)
    if job.observe.exchange:
        log(f"observe: {exchange_line(*mpi.on_root(comm, read_exchange, path))}")


def _ladder(context) -> np.ndarray:
    """Temperatures of each chain's replicas, the observed one first."""
    job, comm = context.run.job, context.comm
    settings = job.observe
    if settings.exchange is None:
        return np.array([settings.temperature])
    context.log("observe: trial runs to place the temperatures of the ladder")
    listed = np.array([settings.temperature, settings.exchange.hottest])
    model = TrueEnergy(job.build_hamiltonian(), TRIAL_REPLICAS)
    return adapt(
        model, listed, settings.exchange.rungs, settings.thermalization // 2, job.stream_seed, 0,
        partial(mpi.share, comm), partial(mpi.gather, comm), lambda: context.stop.check(comm),
    )  # fmt: skip


class _Ensemble:
    """This rank's chains, each a ladder of replicas; without exchange a ladder of one."""

    def __init__(self, context, temperatures: np.ndarray):
        job, rungs = context.run.job, len(temperatures)
        hamiltonian = job.build_hamiltonian()
        self.hamiltonian, self.temperatures = hamiltonian, temperatures
        self.model = TrueEnergy(hamiltonian, job.observe.chains * rungs)
        self.mine = mpi.share(context.comm, job.observe.chains)
        self._own = slice(self.mine.start * rungs, self.mine.stop * rungs)
        self.ladders = Ladders(1 / temperatures, range(self.mine.start, self.mine.stop), job.stream_seed)
        whole = slice(0, self.ladders.slot.size)
        self.replicas = Replicas(
            self.model, self.ladders, whole, job.stream_seed, Purpose.OBSERVE, first=self._own.start
        )

    def advance(self, n_sweeps: int) -> None:
        """Sweep, with an exchange after every sweep."""
        self.replicas.advance(n_sweeps)

    def observed(self) -> np.ndarray:
        """Configurations at the observed temperature, uint8 (n_sites, chains of this rank)."""
        states, rungs = self.replicas.chains.states, len(self.temperatures)
        if rungs == 1:
            return states
        return states[:, np.arange(0, states.shape[1], rungs) + np.argmin(self.ladders.slot, axis=1)]

    def save(self, store, half: int) -> None:
        """Write the own part of the checkpoint; collective."""
        write_replicas(store, half, self.replicas, self._own, self.mine)

    def restore(self, store) -> None:
        """Go on from the checkpoint."""
        read_replicas(store, store.slot, self.replicas, self._own, self.mine)


def _thinning(context, ensemble) -> tuple[int, float]:
    """Sweeps between records: twice the larger autocorrelation time of energy and order parameter."""
    job, comm, log = context.run.job, context.comm, context.log
    energy, order = [], []

    def measure():
        series = np.concatenate(gathered, axis=2)[:, :, :PILOT_CHAINS]
        return max(autocorrelation_time(x) for x in series)

    tau = np.inf
    while len(energy) < min(PILOT_TIMES * tau, LONGEST_PILOT):
        for _ in range(max(PILOT_SWEEPS, len(energy))):
            ensemble.advance(1)
            states = ensemble.observed()[:, :PILOT_CHAINS]
            energy.append(ensemble.model.energies(states))
            order.append(ensemble.hamiltonian.order_parameter(states))
            context.stop.check(comm)
        gathered = comm.gather(np.array([energy, order]))
        tau = mpi.on_root(comm, measure)
    log(f"observe: integrated autocorrelation time {tau:.2f} sweeps")
    if len(energy) < PILOT_TIMES * tau:
        log(
            f"observe: warning: not measured well in {len(energy)} sweeps, chains hardly move; replica "
            "exchange helps: --set observe.exchange.hottest=T, with T where they do"
        )
    return (int(np.ceil(2 * tau)) if job.observe.thin == "auto" else job.observe.thin), tau


def _create(run, temperatures, thin: int, tau: float) -> None:
    job = run.job
    n_chains, records = job.observe.chains, job.observe.samples // job.observe.chains
    steps, lattice = thin * np.arange(1, records + 1), job.build_lattice()
    layout = {
        **observation_fields(records, n_chains, lattice, steps, "sweeps since thermalization"),
        **replica_fields(lattice.n_sites, n_chains, len(temperatures)),
        "ladder": array_field(temperatures, ("temperature",), "temperatures of the replicas, J/k_B"),
    }
    attributes = {
        **run.attributes("observe"),
        "temperature": job.observe.temperature,
        "n_states": job.hamiltonian.n_states,
        "thin": thin,
        "autocorrelation_time": tau,
    }
    write_file(run.path("observe"), layout, attributes, total=records)


def _record(context, store, ensemble, thin: int, started: float) -> None:
    """Fill the file from where it is committed."""
    job, comm, mine = context.run.job, context.comm, ensemble.mine
    lattice, n_chains, local = job.build_lattice(), job.observe.chains, mine.stop - mine.start
    n_sites = lattice.n_sites
    done, slot, spent = store.committed, store.slot, store.wall_seconds
    batch = max(1, BUFFER // (n_sites * n_chains))
    with context.log.progress("observe", job.observe.samples, done * n_chains, "cfg") as progress:
        while done < store.total:
            n = min(batch, store.total - done)
            states = np.empty((n, local, n_sites), np.uint8)
            energy = np.empty((n, local))
            for k in range(n):
                ensemble.advance(thin)
                observed = ensemble.observed()
                states[k] = observed.T
                energy[k] = ensemble.model.energies(observed)
            rows = slice(done, done + n)
            slot = 1 - slot
            store.write("observations/states/value", np.s_[rows, mine], lattice.array(states, ABSENT))
            store.write(ENERGY, np.s_[rows, mine], energy)
            ensemble.save(store, slot)
            done += n
            store.commit(done, slot, spent + time.monotonic() - started)
            progress.step(n * n_chains)
            if done < store.total:
                context.stop.check(comm)
