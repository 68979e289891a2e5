"""Predict all temperatures: Metropolis with replica exchange, with true or learned energies."""

import time
import zlib

import numpy as np

from . import cli, models
from .cluster import mpi
from .cluster.signals import Stopped
from .errors import UserError
from .physics.observables import order_parameter
from .sampling.chains import Chains
from .sampling.streams import Purpose
from .sampling.tempering import Ladders
from .storage.store import Field, Store, array_field, write_file

COMMIT_SECONDS = 10.0


def sweep(context: cli.Context, options=None) -> None:
    """All sweeps of a job, or those that the command line names."""
    run, comm = context.run, context.comm
    chosen = [
        (energy, shape)
        for energy, shape in run.sweeps
        if options is None or getattr(options, "energy", None) in (None, energy)
    ]
    if comm.size > run.job.sweep.ladders * len(run.job.sweep.ladder):
        raise UserError.everywhere(
            f"{comm.size} ranks for {run.job.sweep.ladders} ladders of {len(run.job.sweep.ladder)} "
            "temperatures: start at most as many ranks as chains"
        )
    for energy, shape in chosen:
        _sweep_one(context, energy, shape)


def stage_name(energy: str, shape) -> str:
    """Name of one sweep's stage."""
    return f"sweep_{energy}_{'x'.join(map(str, shape))}"


def _sweep_one(context, energy: str, shape) -> None:
    run, comm, log = context.run, context.comm, context.log
    stage = stage_name(energy, shape)
    path = run.path(stage)
    if mpi.on_root(comm, run.done, stage):
        log(f"sweep: {path} is complete")
        return
    if energy != "true":
        mpi.on_root(comm, run.require, energy)
    started = time.monotonic()
    if not mpi.on_root(comm, path.exists):
        mpi.on_root(comm, _create, run, stage, energy, shape)
    model = models.energy_model(run, energy, shape)
    pair = run.job.build_hamiltonian(shape).pair
    with Store(path, comm, write=True) as store:
        _Sweep(context, store, stage, model, pair).run(started)


def _create(run, stage: str, energy: str, shape) -> None:
    settings = run.job.sweep
    thermalization, measured = settings.lengths(energy)
    n_t, n_sites = len(settings.ladder), int(np.prod(shape))
    replicas = settings.ladders * n_t
    series = ("measurement", "replica")
    states = Field((2, n_sites, replicas), np.uint8, ("slot", "site", "replica"), "states")
    pairs = settings.ladders * (n_t - 1)
    layout = {
        "temperature": array_field(settings.ladder, ("temperature",), "temperatures, J/k_B"),
        "series/energy/value": Field((measured, replicas), np.float64, series, "energy by the model, J"),
        "series/order/value": Field((measured, replicas), np.float32, series, "order parameter per site"),
        "series/slot/value": Field((measured, replicas), np.int16, series, "index of the temperature"),
        "series/step": array_field(np.arange(1, measured + 1), ("measurement",), "sweeps"),
        "checkpoint/states": states,
        "checkpoint/streams": Field((2, 4, replicas), np.uint32, ("slot", "word", "replica"), "generators"),
        "checkpoint/slot": Field((2, replicas), np.int64, ("slot", "replica"), "index of the temperature"),
        "checkpoint/pairs": Field((2, 4, pairs), np.uint32, ("slot", "word", "pair"), "exchange generators"),
        "checkpoint/exchanges": Field(
            (2, 2, n_t - 1), np.int64, ("slot", "kind", "pair"), "attempts, accepted"
        ),
        "checkpoint/rounds": Field((2,), np.int64, ("slot",), "exchange rounds"),
    }
    attributes = {
        **run.attributes(stage),
        "energy": energy,
        "shape": np.array(shape),
        "thermalization": thermalization,
    }
    write_file(run.path(stage), layout, attributes, total=measured)


class _Sweep:
    """One sweep over all temperatures, from where its file is committed."""

    def __init__(self, context, store, stage, model, pair):
        job, comm = context.run.job, context.comm
        self.context, self.store, self.stage, self.model, self.pair = context, store, stage, model, pair
        self.settings = job.sweep
        key = zlib.crc32(stage.encode())  # every sweep has streams of its own
        self.ladders = Ladders(1 / job.sweep.ladder, job.sweep.ladders, job.seed, key)
        self.mine = mpi.share(comm, self.ladders.slot.size)
        replicas = range(self.mine.start, self.mine.stop)
        beta = self.ladders.beta.ravel()[self.mine]
        self.chains = Chains.start(model, beta, replicas, job.seed, Purpose.SWEEP, key)

    def run(self, started: float) -> None:
        store, context = self.store, self.context
        done, half, spent = store.committed, store.slot, store.wall_seconds
        if done:
            self._restore(half)
        else:
            context.log(f"{self.stage}: {self.ladders.slot.size} replicas, thermalizing")
            for _ in range(int(store.attribute("thermalization"))):
                self._advance()
                if context.stop.agreed(context.comm):
                    raise Stopped
        committed = time.monotonic()
        buffer = []
        with context.log.progress(self.stage, store.total, done, "sweeps") as progress:
            while done < store.total:
                buffer.append(self._advance())
                done += 1
                progress.step(1)
                due = done == store.total or time.monotonic() - committed > COMMIT_SECONDS
                stop = context.stop.agreed(context.comm)
                if context.comm.bcast(due) or stop:
                    half = 1 - half
                    self._write(done, half, buffer)
                    store.commit(done, half, spent + time.monotonic() - started)
                    committed, buffer = time.monotonic(), []
                if stop and done < store.total:
                    raise Stopped

    def _advance(self):
        """One sweep of the own replicas, measured, then an exchange that all ranks decide alike."""
        self.chains.sweep(self.model)
        energy = self.model.energies(self.chains.states)
        order = order_parameter(self.chains.states, self.pair)
        slot = self.ladders.slot.ravel()[self.mine].copy()
        if self.settings.exchange:
            everyone = np.concatenate(self.context.comm.allgather(energy))
            self.ladders.exchange(everyone.reshape(self.ladders.slot.shape))
            self.chains.beta[:] = self.ladders.beta.ravel()[self.mine]
        return energy, order, slot

    def _write(self, done: int, half: int, buffer) -> None:
        store, rows = self.store, slice(done - len(buffer), done)
        energy, order, slot = (np.array(column) for column in zip(*buffer, strict=True))
        store.write("series/energy/value", np.s_[rows, self.mine], energy)
        store.write("series/order/value", np.s_[rows, self.mine], order.astype(np.float32))
        store.write("series/slot/value", np.s_[rows, self.mine], slot.astype(np.int16))
        store.write("checkpoint/states", np.s_[half, :, self.mine], self.chains.states)
        store.write("checkpoint/streams", np.s_[half, :, self.mine], self.chains.streams)
        if self.context.comm.rank == 0:
            ladders = self.ladders
            store.write_alone("checkpoint/slot", half, ladders.slot.ravel())
            store.write_alone("checkpoint/pairs", half, ladders.streams)
            store.write_alone("checkpoint/exchanges", half, np.array([ladders.attempts, ladders.accepted]))
            store.write_alone("checkpoint/rounds", half, ladders.step)

    def _restore(self, half: int) -> None:
        store, ladders = self.store, self.ladders
        self.chains.states[...] = store.read("checkpoint/states", np.s_[half, :, self.mine])
        self.chains.streams[...] = store.read("checkpoint/streams", np.s_[half, :, self.mine])
        ladders.slot[...] = store.read("checkpoint/slot", half).reshape(ladders.slot.shape)
        ladders.streams[...] = store.read("checkpoint/pairs", half)
        ladders.attempts, ladders.accepted = store.read("checkpoint/exchanges", half)
        ladders.step = int(store.read("checkpoint/rounds", half))
        self.chains.beta[:] = ladders.beta.ravel()[self.mine]


if __name__ == "__main__":
    parser = cli.parser("sweep", __doc__)
    parser.add_argument("--energy", choices=("true", "rnn", "ednn"), help="only the sweeps with this energy")
    cli.main(parser, sweep)
