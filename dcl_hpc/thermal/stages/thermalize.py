"""Follow independent samples after their quench, and keep their states at the waiting times."""

import time

import numpy as np

from ... import networks
from ...cluster import mpi
from ...pipeline.context import Context
from ...sampling.streams import Purpose
from ...storage.layout import Field, array_field, write_file
from ...storage.store import Store
from ...storage.trajectories import checkpoint_fields, kept_fields, read_kept, write_kept
from .. import correlations
from ..machine import Machine, State, energies, start
from .samples import keys, own_samples, subsets
from .trajectories import Trajectories

FORMS = "raw, cosine and sign"


def thermalize(context: Context, output: str) -> None:
    """Make the trajectories of one point of the scan, or go on with them."""
    run, comm, started = context.run, context.comm, time.monotonic()
    job, machine, path = run.job, run.job.point(output), run.path(output)
    samples = own_samples(comm, job.samples.samples)
    images = subsets(context, machine, samples)
    networks.start()
    if not mpi.on_root(comm, path.exists):
        mpi.on_root(comm, _create, run, output, machine)
    with Store(path, comm, write=True) as store:
        _Thermalization(context, store, machine, samples, images).run(output, started)


def _create(run, output: str, machine: Machine) -> None:
    job = run.job
    times, waiting, n = job.measured, job.waiting, job.samples.samples
    axes, depth = ("time", "sample", "layer"), machine.depth
    correlated, shape = ("time", "sample", "waiting time", "layer", "form"), (len(times), n, len(waiting))
    layout = {
        "time/value": array_field(times, ("time",), "time since the quench, steps"),
        "time/waiting": array_field(waiting, ("waiting time",), "waiting times t_w, steps"),
        "energy/potential": Field((len(times), n, depth), np.float64, axes, "E_l, l = 1 ... L"),
        "energy/kinetic_neurons": Field(
            (len(times), n, depth - 1), np.float64, axes, "of the neurons of l = 1 ... L-1"
        ),
        "energy/kinetic_weights": Field((len(times), n, depth), np.float64, axes, "of the weights of l"),
        "accuracy/value": Field((len(times), n), np.float64, axes[:2], "share of test images told right"),
        "correlation/neurons": Field(
            (*shape, depth - 1, 3), np.float32, correlated,
            f"c_l of neurons with those at t_w, {FORMS}; nan before",
        ),
        "correlation/weights": Field(
            (*shape, depth, 3), np.float32, correlated,
            f"C_l of weights with those at t_w, {FORMS}; nan before",
        ),
        **kept_fields(machine, n, len(waiting), job.dynamics.precision),
        **checkpoint_fields(machine, n, job.dynamics.precision),
    }  # fmt: skip
    write_file(run.path(output), layout, run.attributes(output), total=job.dynamics.steps)


class _Thermalization:
    """Samples of one rank."""

    def __init__(self, context, store, machine, samples, images):
        job = context.run.job
        self.store, self.machine, self.images = store, machine, images
        self.own, self.settings = slice(samples.start, samples.stop), job.dynamics
        self.times, self.waiting = job.measured, job.waiting
        self.keys = keys(job.seed, Purpose.TRAJECTORIES, machine, samples)
        self.inputs, self.labels = (np.stack([getattr(s, x) for s in images]) for x in ("inputs", "labels"))
        self.trajectories = Trajectories(
            context, store, dynamics_of(job, machine), self.inputs, self.labels, self.keys, self.own
        )
        passed = np.flatnonzero(self.waiting <= store.committed) if store.committed else ()
        self.kept = {int(k): read_kept(store, k, self.own) for k in passed}

    def run(self, output: str, started: float) -> None:
        self.trajectories.follow(output, self._begin, self.times, self._measure, started)

    def _begin(self) -> State:
        return start(self.machine, self.keys, self.settings.precision, self.settings.temperature)

    def _measure(self, row: int, state: State) -> None:
        for k in np.flatnonzero(self.waiting == self.times[row]):
            write_kept(self.store, k, state, self.own)
            self.kept[int(k)] = state.neurons, state.weights
        potential, kinetic_neurons, kinetic_weights = energies(self.machine, state, self.inputs, self.labels)
        tests = (np.stack([getattr(s, x) for s in self.images]) for x in ("test_inputs", "test_labels"))
        neurons, weights = self._correlations(state)
        measured = {
            "energy/potential": potential,
            "energy/kinetic_neurons": kinetic_neurons,
            "energy/kinetic_weights": kinetic_weights,
            "accuracy/value": correlations.accuracy(self.machine, state.weights, *tests),
            "correlation/neurons": neurons,
            "correlation/weights": weights,
        }
        for name, values in measured.items():
            self.store.write(name, np.s_[row, self.own], values)

    def _correlations(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Of neurons (n, waiting, L-1, 3) and weights (n, waiting, L, 3) with the kept ones."""
        shape, depth = (len(state.weights), len(self.waiting)), self.machine.depth
        neurons = np.full((*shape, depth - 1, 3), np.nan, np.float32)
        weights = np.full((*shape, depth, 3), np.nan, np.float32)
        for k, (old_neurons, old_weights) in self.kept.items():
            neurons[:, k] = correlations.correlation(state.neurons, old_neurons)
            weights[:, k] = correlations.of_weights(self.machine, state.weights, old_weights)
        return neurons, weights


def dynamics_of(job, machine: Machine):
    """The dynamics of a job; after `networks.start`."""
    from ..dynamics import Dynamics

    section = job.dynamics
    return Dynamics(
        machine, section.temperature, section.dt, section.eta, section.thermostat, section.noise,
        section.precision,
    )  # fmt: skip
