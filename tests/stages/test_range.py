"""The range of interactions is found: the smallest context that explains the labels."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import Log
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.context import Context
from dcl_hpc.pipeline.run import Run
from dcl_hpc.stages import train
from dcl_hpc.storage.layout import array_field, write_file

JOB = """
name = "range"
lattice.shape = [8, 8]
observe.temperature = 4.0
observe.samples = 1000
ednn = { focus = 1, context = [0, 1, 2], hidden = [32, 32], epochs = 8, batch = 100, learning_rate = 3e-3 }
sweep = { energies = ["true", "ednn"], temperatures = [3.0, 4.0] }
"""


def energies(grid, displacements, pair) -> np.ndarray:
    """Planted energies: pairs at these displacements, in J."""
    total = np.zeros(len(grid))
    for displacement in displacements:
        other = np.roll(grid, displacement, (1, 2))
        total += pair(grid.astype(int), other.astype(int)).sum(axis=(1, 2))
    return total


def spins(a, b):
    """-J s s' for two states."""
    return -(2.0 * a - 1) * (2 * b - 1)


def clock(a, b):
    """-J cos(2 pi (q - q') / 3)."""
    return -np.cos(2 * np.pi * (a - b) / 3)


# the communicator of a process by itself, without MPI
ALONE = mpi.alone()
NEVER = SimpleNamespace(agreed=lambda comm: False)
NEAREST = [(1, 0), (0, 1)]
CASES = {
    "potts": (3, clock, NEAREST, 1),
    "three_apart": (2, spins, [*NEAREST, (3, 0), (0, 3)], 2),
    "field": (2, lambda a, b: 2.0 * a - 1, [(0, 0)], 0),
}


@pytest.mark.parametrize("case", CASES)
def test_range_of_planted_interactions(case, tmp_path):
    """From exact energies of random configurations, plus noise of 0.3 J as an RNN's labels have."""
    n_states, pair, displacements, expected = CASES[case]
    kind = 'kind = "ising"' if n_states == 2 else f'kind = "potts"\nstates = {n_states}'
    path = tmp_path / "job.toml"
    path.write_text(f"{JOB}\n[hamiltonian]\n{kind}\n")
    job, text = jobs.load(path)
    run = Run(job, text, str(path), tmp_path, 1)
    random = np.random.default_rng(1)
    states = random.integers(0, n_states, (20_000, 64)).astype(np.uint8)
    energy = energies(states.reshape(-1, 8, 8), displacements, pair) + random.normal(0, 0.3, len(states))
    layout = {
        "labels/states/value": array_field(states, ("sample", "site"), "states"),
        "labels/energy/value": array_field(energy.astype(np.float32), ("sample",), "energy, J"),
    }
    write_file(run.path("label"), layout, run.attributes("label"), total=1, done=1)
    train.train_ednn(Context(run, ALONE, Log(0), NEVER), "ednn")
    with h5py.File(run.require("ednn")) as file:
        settings = json.loads(file.attrs["settings"])
    assert settings["context"] == expected
    enough = {row["context"]: row["enough"] for row in settings["search"]}
    assert list(enough) == [0, 1, 2]
    assert not any(enough[context] for context in range(expected))
