"""Train ordinary perceptrons on the images of each sample; samples are shared out among ranks."""

import time

import numpy as np

from ... import networks
from ...cluster import mpi
from ...pipeline.context import Context
from ...storage.layout import array_field, write_file
from .. import data

ABOUT = {
    "loss": "squared misfit of an output, mean over training images",
    "accuracy": "share of test images told right, feed-forward of signs",
    "accuracy_tanh": "share of test images told right, feed-forward of tanh",
}


def train(context: Context, output: str) -> None:
    """Make the perceptrons of one point of the scan."""
    run, comm, started = context.run, context.comm, time.monotonic()
    job = run.job
    networks.start()
    from .. import perceptron

    machine, digits = job.point(output), mpi.on_root(comm, data.load, job.data)
    samples, found = range(job.samples.samples), []
    mine = samples[mpi.share(comm, len(samples))]
    for k in range(-(-len(samples) // comm.size)):
        for sample in mine[k : k + 1]:
            subset = data.subset(digits, machine, job.data.test, job.seed, sample)
            found.append(perceptron.train(machine, subset, job.training, job.seed, sample))
        context.stop.check(comm)
    epochs = perceptron.looked_at(job.training)
    shapes = {name: len(epochs) for name in ABOUT} | {"weights": machine.n_weights}
    columns = {
        name: mpi.gather(comm, np.array([getattr(one, name) for one in found]).reshape(-1, n))
        for name, n in shapes.items()
    }
    mpi.on_root(comm, _write, run, output, epochs, columns, time.monotonic() - started)
    best = columns["accuracy_tanh"][:, -1].mean()
    context.log(f"{output}: {len(samples)} perceptrons, {best:.3f} of the test images right")


def _write(run, output: str, epochs, columns: dict, wall: float) -> None:
    layout = {"epoch/value": array_field(epochs, ("epoch",), "epochs done")}
    for name, about in ABOUT.items():
        layout[f"{name}/value"] = array_field(columns[name].T, ("epoch", "sample"), about)
    layout["weights/value"] = array_field(columns["weights"], ("sample", "weight"), "after the last epoch")
    write_file(run.path(output), layout, run.attributes(output), total=1, done=1, wall=wall)
