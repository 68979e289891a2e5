"""Predict all temperatures: Metropolis with replica exchange, with true or learned energies."""

import time
import zlib
from functools import partial

import numpy as np

from ..cluster import mpi
from ..cluster.signals import Stopped
from ..energy.factory import ENERGIES, energy_model
from ..errors import UserError
from ..pipeline.context import Context
from ..pipeline.lattice_study import sweep_of
from ..sampling.ladder import adapt
from ..sampling.overlap import Overlaps
from ..sampling.streams import Purpose
from ..sampling.tempering import Ladders, Replicas, exchange_line
from ..storage.layout import Field, array_field, write_file
from ..storage.replicas import read_replicas, replica_fields, write_replicas
from ..storage.results import read_exchange
from ..storage.store import Store

COMMIT_SECONDS = 10.0
OVERLAP = "series/overlap/value"
MODES, TRAINING = "series/modes/value", "series/training_modes/value"
RECORDED_AT = "series/modes/step"
# Most modes that are recorded; of more, so many random combinations.
MOST_MODES = 64


def sweep(context: Context, output: str) -> None:
    """Make one sweep of a job, or go on with it."""
    run, comm, log = context.run, context.comm, context.log
    if comm.size > run.job.sweep.ladders * len(run.job.sweep.listed):
        raise UserError.everywhere(
            f"{comm.size} ranks for {run.job.sweep.ladders} ladders of {len(run.job.sweep.listed)} "
            "temperatures: start at most as many ranks as chains"
        )
    energy, shape = sweep_of(output)
    path = run.path(output)
    started = time.monotonic()
    model = energy_model(run, energy, shape)
    if not mpi.on_root(comm, path.exists):
        temperatures = _ladder(context, output, energy, model)
        mpi.on_root(comm, _create, run, output, energy, shape, temperatures, model)
    order_parameter = run.job.order_parameter
    with Store(path, comm, write=True) as store:
        _Sweep(context, store, output, model, order_parameter).run(started)
    if run.job.sweep.exchange:
        log(f"{output}: {exchange_line(*mpi.on_root(comm, read_exchange, path))}")


def _key(stage: str) -> int:
    """Key of a sweep's random streams, which are its own."""
    return zlib.crc32(stage.encode())


def _ladder(context, stage: str, energy: str, model) -> np.ndarray:
    """Temperatures of the ladder, ascending: the listed ones, and others where exchange needs them."""
    settings, comm = context.run.job.sweep, context.comm
    listed = settings.listed
    if not settings.exchange or settings.rungs == len(listed):
        return listed
    context.log(f"{stage}: trial runs to place the temperatures of the ladder")
    seed, n_sweeps = context.run.job.stream_seed, settings.lengths(energy)[0] // 2
    return adapt(
        model, listed, settings.rungs, n_sweeps, seed, _key(stage),
        partial(mpi.share, comm), partial(mpi.gather, comm), lambda: context.stop.check(comm),
    )  # fmt: skip


def _create(run, stage: str, energy: str, shape, temperatures, model) -> None:
    settings = run.job.sweep
    thermalization, measured = settings.lengths(energy)
    n_sites, replicas = run.job.build_lattice(shape).n_sites, settings.ladders * len(temperatures)
    series = ("measurement", "replica")
    listed = np.isin(temperatures, settings.listed)
    layout = {
        "temperature": array_field(temperatures, ("temperature",), "temperatures of the ladder, J/k_B"),
        "listed": array_field(listed, ("temperature",), "whether the job names the temperature"),
        "series/energy/value": Field((measured, replicas), np.float64, series, "energy by the model, J"),
        "series/order/value": Field((measured, replicas), np.float32, series, "order parameter per site"),
        "series/slot/value": Field((measured, replicas), np.int16, series, "index of the temperature"),
        "series/step": array_field(np.arange(1, measured + 1), ("measurement",), "sweeps"),
        **replica_fields(n_sites, settings.ladders, len(temperatures)),
    }
    if run.job.is_glass:
        layout[OVERLAP] = Field(
            (measured, settings.ladders // 2, len(temperatures)), np.float32,
            ("measurement", "pair", "temperature"),
            "overlap per site of the replicas of ladders 2 pair and 2 pair + 1 that have the temperature",
        )  # fmt: skip
    if run.job.uncertainty.bands:
        every = run.job.uncertainty.spacing(measured, ENERGIES[energy].slow)
        layout |= _of_modes(model, np.arange(every, measured + 1, every), replicas)
    attributes = {
        **run.attributes(stage),
        "energy": energy,
        "shape": np.array(shape),
        "n_sites": n_sites,
        "thermalization": thermalization,
    }
    write_file(run.path(stage), layout, attributes, total=measured)


def _of_modes(model, steps: np.ndarray, replicas: int) -> dict[str, Field]:
    """Data sets of the modes of an energy that has some."""
    about = {
        MODES: "independent errors of the energy by the finite observations, each of unit weight, J",
        TRAINING: "deviations of a committee's members from their mean, each of unit weight, J",
    }
    one, layout = np.zeros((model.lattice.n_sites, 1), np.uint8), {}
    for name, modes in _recorded(model).items():
        if n_modes := len(modes(one)):
            axes = ("record", "replica", "mode")
            layout[name] = Field((len(steps), replicas, n_modes), np.float32, axes, about[name])
    return layout and layout | {RECORDED_AT: array_field(steps, ("record",), "sweeps")}


def _recorded(model) -> dict:
    """What gives each kind of modes of an energy, by the data set that holds it."""
    found = {}
    if hasattr(model, "modes"):
        found[MODES] = partial(model.modes, most=MOST_MODES)
    if hasattr(model, "training_modes"):
        found[TRAINING] = model.training_modes
    return found


class _Sweep:
    """One sweep over all temperatures, from where its file is committed."""

    def __init__(self, context, store, stage, model, order_parameter):
        job, comm, key = context.run.job, context.comm, _key(stage)
        seed, share, everyone = job.stream_seed, partial(mpi.share, comm), partial(mpi.gather, comm)
        self.context, self.store, self.stage = context, store, stage
        self.order_parameter = order_parameter
        self.ladders = Ladders(1 / store.read("temperature"), job.sweep.ladders, seed, key)
        self.mine = share(self.ladders.slot.size)
        self.replicas = Replicas(
            model, self.ladders, self.mine, seed, Purpose.SWEEP, key, everyone, exchanges=job.sweep.exchange
        )
        if job.sweep.start == "uniform":
            self.replicas.chains.states[:] = self.replicas.chains.states[0]
        self.overlaps = Overlaps(self.replicas, share, everyone) if OVERLAP in store else None
        self.recorded = {name: modes for name, modes in _recorded(model).items() if name in store}
        self.recorded_at = store.read(RECORDED_AT) if RECORDED_AT in store else np.empty(0, int)

    def run(self, started: float) -> None:
        store, context = self.store, self.context
        done, half, spent = store.committed, store.slot, store.wall_seconds
        if done:
            read_replicas(store, half, self.replicas, self.mine, slice(None))
        else:
            self._thermalize()
        committed = time.monotonic()
        buffer, recorded = [], {name: [] for name in self.recorded}

        def measure(energy):
            order = self.order_parameter(self.replicas.chains.states)
            buffer.append((energy, order, self.replicas.slot.copy()))
            if done + 1 in self.recorded_at:
                for name, modes in self.recorded.items():
                    recorded[name].append(modes(self.replicas.chains.states).T)
            if self.overlaps:
                self.overlaps.measure()

        with context.log.progress(self.stage, store.total, done, "sweeps") as progress:
            while done < store.total:
                self.replicas.advance(1, measure)
                done += 1
                progress.step(1)
                due = done == store.total or time.monotonic() - committed > COMMIT_SECONDS
                stop, due = context.stop.meet(context.comm, due)
                if stop or due:
                    half = 1 - half
                    self._write(done, half, buffer, recorded)
                    store.commit(done, half, spent + time.monotonic() - started)
                    committed = time.monotonic()
                    buffer.clear()
                    for rows in recorded.values():
                        rows.clear()
                if stop and done < store.total:
                    raise Stopped

    def _thermalize(self) -> None:
        size, n_temperatures = self.ladders.slot.size, len(self.ladders.betas)
        self.context.log(f"{self.stage}: {size} replicas at {n_temperatures} temperatures, thermalizing")
        for _ in range(int(self.store.attribute("thermalization"))):
            self.replicas.advance()
            self.context.stop.check(self.context.comm)
        self.ladders.forget_statistics()

    def _write(self, done: int, half: int, buffer, recorded) -> None:
        store, rows = self.store, slice(done - len(buffer), done)
        energy, order, slot = (np.array(column) for column in zip(*buffer, strict=True))
        store.write("series/energy/value", np.s_[rows, self.mine], energy)
        store.write("series/order/value", np.s_[rows, self.mine], order.astype(np.float32))
        store.write("series/slot/value", np.s_[rows, self.mine], slot.astype(np.int16))
        last = int(np.searchsorted(self.recorded_at, done, "right"))
        for name, modes in recorded.items():
            if modes:
                store.write(name, np.s_[last - len(modes) : last, self.mine], np.array(modes, np.float32))
        if self.overlaps:
            overlap = self.overlaps.take()
            if self.context.comm.rank == 0:  # of all pairs, since a rank may have none
                store.write_alone(OVERLAP, rows, overlap)
        ladders = slice(None) if self.context.comm.rank == 0 else None
        write_replicas(store, half, self.replicas, self.mine, ladders)
