"""Where the chains of a sweep start."""

import numpy as np

import dcl_hpc
from dcl_hpc.storage.results import read_sweep

JOB = {
    "name": "cold", "lattice": {"shape": [12, 12]}, "hamiltonian": {"kind": "ising"},
    "observe": {"temperature": 4.0, "samples": 1000},
    "sweep": {
        "energies": ["true"], "temperatures": [0.2, 0.3], "exchange": False, "start": "uniform",
        "ladders": 8, "thermalization": 1, "sweeps": 2,
    },
}  # fmt: skip


def test_chains_that_start_uniform(tmp_path):
    """They have no walls between domains, others do."""
    run = dcl_hpc.start(JOB, tmp_path).make("observe", "sweep")
    series = read_sweep(run.folder / "sweeps" / "true_12x12.h5")
    assert np.all(series.energy == -2 * 144)
    other = dcl_hpc.start(JOB | {"sweep": JOB["sweep"] | {"start": "random"}, "name": "hot"}, tmp_path)
    series = read_sweep(other.make("observe", "sweep").folder / "sweeps" / "true_12x12.h5")
    assert series.energy.max() > -2 * 144
