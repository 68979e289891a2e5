"""Average over samples, and write what the page draws."""

import time

import numpy as np

from ...cluster import mpi
from ...pipeline.context import Context
from ...storage.layout import array_field, write_file
from ...storage.store import Store
from .. import averages

TRAJECTORIES = (
    "time/value",
    "energy/potential",
    "energy/kinetic_neurons",
    "energy/kinetic_weights",
    "accuracy/value",
    "correlation/neurons",
    "correlation/weights",
)
REPLICAS = ("time/value", "overlap/neurons", "overlap/weights", "accuracy/value", "energy/potential")
TRAINED = ("epoch/value", "loss/value", "accuracy/value", "accuracy_tanh/value")


def analyse(context: Context, output: str) -> None:
    """Analyse one point of the scan; rank 0 works, the others wait."""
    mpi.on_root(context.comm, _analyse, context.run, output)
    context.log(f"{output}: {context.run.path(output)}")


def _analyse(run, output: str) -> None:
    job, started = run.job, time.monotonic()
    machine = job.point(output)
    trajectories = _read(run, f"thermalize_{machine.name}", TRAJECTORIES)
    found = averages.of_trajectories(machine, trajectories, job.waiting, job.dynamics.steps)
    found |= averages.of_replicas(_read(run, f"replicate_{machine.name}", REPLICAS))
    if job.training:
        found |= averages.of_training(_read(run, f"train_{machine.name}", TRAINED))
    layout = {}
    for name, quantity in found.items():
        layout[f"{name}/value"] = array_field(quantity.value, quantity.axes, quantity.about)
        if quantity.error is not None:
            about = f"jackknife error over samples of: {quantity.about}"
            layout[f"{name}/error"] = array_field(quantity.error, quantity.axes, about)
    wall = time.monotonic() - started
    write_file(run.path(output), layout, run.attributes(output), total=1, done=1, wall=wall)


def _read(run, output: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Data sets of a complete file."""
    with Store(run.require(output), mpi.alone()) as store:
        return {name: store.read(name) for name in names}
