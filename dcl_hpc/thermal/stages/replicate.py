"""Follow replicas: copies of a kept state with new velocities and independent noise."""

import time

import numpy as np

from ... import networks
from ...cluster import mpi
from ...pipeline.context import Context
from ...sampling.streams import Purpose
from ...storage.layout import Field, array_field, write_file
from ...storage.store import Store
from ...storage.trajectories import checkpoint_fields, read_kept
from .. import correlations
from ..machine import Machine, State, energies, with_velocities
from .samples import keys, own_samples, subsets
from .thermalize import FORMS, dynamics_of
from .trajectories import Trajectories


def replicate(context: Context, output: str) -> None:
    """Make the replicas of all samples of one point of the scan, or go on with them."""
    run, comm, started = context.run, context.comm, time.monotonic()
    job, machine, path = run.job, run.job.point(output), run.path(output)
    samples = own_samples(comm, job.samples.samples)
    (name,) = run.stage(output).needs(job, output)
    source = mpi.on_root(comm, run.require, name)
    images = subsets(context, machine, samples)
    networks.start()
    if not mpi.on_root(comm, path.exists):
        mpi.on_root(comm, _create, run, output, machine)
    with Store(path, comm, write=True) as store:
        _Replicas(context, store, machine, samples, images, source).run(output, started)


def _create(run, output: str, machine: Machine) -> None:
    job = run.job
    times, n, replicas = job.lags, job.samples.samples, job.samples.replicas
    axes, shape = ("time", "sample", "replica", "layer"), (len(times), n, replicas)
    pairs, depth = ("time", "sample", "replica", "other replica", "layer", "form"), machine.depth
    layout = {
        "time/value": array_field(times, ("time",), "time since t_w, steps"),
        "energy/potential": Field((*shape, depth), np.float64, axes, "E_l, l = 1 ... L"),
        "accuracy/value": Field(shape, np.float64, axes[:3], "share of test images told right"),
        "overlap/neurons": Field(
            (*shape, replicas, depth - 1, 3), np.float32, pairs, f"q_l of all pairs of replicas, {FORMS}"
        ),
        "overlap/weights": Field(
            (*shape, replicas, depth, 3), np.float32, pairs, f"Q_l of all pairs of replicas, {FORMS}"
        ),
        **checkpoint_fields(machine, n * replicas, job.dynamics.precision),
    }
    attributes = run.attributes(output) | {"waiting": job.samples.waiting}
    write_file(run.path(output), layout, attributes, total=job.dynamics.steps)


class _Replicas:
    """All replicas of the samples of one rank."""

    def __init__(self, context, store, machine, samples, images, source):
        job = context.run.job
        n = self.n_replicas = job.samples.replicas
        self.store, self.machine, self.images, self.source = store, machine, images, source
        self.own, self.job, self.times = slice(samples.start, samples.stop), job, job.lags
        self.keys = keys(job.seed, Purpose.REPLICAS, machine, samples, range(n))
        self.inputs, self.labels = (
            np.repeat([getattr(subset, name) for subset in images], n, axis=0)
            for name in ("inputs", "labels")
        )
        self.trajectories = Trajectories(
            context, store, dynamics_of(job, machine), self.inputs, self.labels, self.keys,
            slice(n * samples.start, n * samples.stop),
        )  # fmt: skip

    def run(self, output: str, started: float) -> None:
        self.trajectories.follow(output, self._begin, self.times, self._measure, started)

    def _begin(self) -> State:
        """Copies of the kept states."""
        (index,) = np.flatnonzero(self.job.waiting == self.job.samples.waiting)
        with Store(self.source, mpi.alone()) as source:
            positions = [np.repeat(x, self.n_replicas, axis=0) for x in read_kept(source, index, self.own)]
        return with_velocities(State(*positions, *positions), self.keys, self.job.dynamics.temperature)

    def _measure(self, row: int, state: State) -> None:
        potential, _, _ = energies(self.machine, state, self.inputs, self.labels)
        parts = [slice(k * self.n_replicas, (k + 1) * self.n_replicas) for k in range(len(self.images))]
        measured = {
            "energy/potential": potential,
            "accuracy/value": np.stack(
                [
                    correlations.accuracy(self.machine, state.weights[part], one.test_inputs, one.test_labels)
                    for part, one in zip(parts, self.images, strict=True)
                ]
            ),
            "overlap/neurons": np.stack([correlations.overlaps(state.neurons[part]) for part in parts]),
            "overlap/weights": np.stack(
                [correlations.overlaps_of_weights(self.machine, state.weights[part]) for part in parts]
            ),
        }
        for name, values in measured.items():
            shape = (len(parts), *self.store.shape(name)[2:])
            self.store.write(name, np.s_[row, self.own], values.reshape(shape))
