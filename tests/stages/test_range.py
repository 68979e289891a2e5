"""The range of interactions is found: the smallest context that explains the labels."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import json
from types import SimpleNamespace

import h5py
import numpy as np

from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import Log
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.context import Context
from dcl_hpc.pipeline.run import Run
from dcl_hpc.stages import train
from dcl_hpc.storage.layout import array_field, write_file

JOB = """
name = "range"
lattice.shape = [6, 6]
hamiltonian = { kind = "potts", states = 3 }
observe.temperature = 4.0
observe.samples = 1000
ednn = { focus = 1, context = [0, 1, 2], hidden = [32, 32], epochs = 5, batch = 100, learning_rate = 3e-3 }
sweep = { energies = ["true", "ednn"], temperatures = [3.0, 4.0] }
"""


def neighbours(grid) -> np.ndarray:
    """Planted energies of a clock model, -J cos(2 pi (q - q') / 3) of nearest neighbours, in J."""
    total = np.zeros(len(grid))
    for axis in (1, 2):
        total -= np.cos(2 * np.pi * (grid.astype(int) - np.roll(grid, 1, axis)) / 3).sum(axis=(1, 2))
    return total


# the communicator of a process by itself, without MPI
ALONE = mpi.alone()
NEVER = SimpleNamespace(agreed=lambda comm: False)


def test_range_of_planted_interactions(tmp_path):
    """From exact energies of random configurations, plus noise of 0.3 J as an RNN's labels have."""
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    job, text = jobs.load(path)
    run = Run(job, text, str(path), tmp_path, 1)
    random = np.random.default_rng(1)
    states = random.integers(0, 3, (20_000, 36)).astype(np.uint8)
    energy = neighbours(states.reshape(-1, 6, 6)) + random.normal(0, 0.3, len(states))
    layout = {
        "labels/states/value": array_field(states, ("sample", "site"), "states"),
        "labels/energy/value": array_field(energy.astype(np.float32), ("sample",), "energy, J"),
    }
    write_file(run.path("label"), layout, run.attributes("label"), total=1, done=1)
    train.train_ednn(Context(run, ALONE, Log(0), NEVER), "ednn")
    with h5py.File(run.require("ednn")) as file:
        settings = json.loads(file.attrs["settings"])
    assert settings["context"] == 1
    enough = {row["context"]: row["enough"] for row in settings["search"]}
    assert list(enough) == [0, 1, 2] and not enough[0]
