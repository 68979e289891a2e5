"""Runs that are made once by the Python interface: an Ising model with a known coupling, and a glass."""

import pytest

import dcl_hpc

# Coupling that the observations of `ising` have; 1 would be a default.
PLANTED = 0.7
ISING = {
    "name": "planted",
    "seed": 3,
    "lattice": {"shape": [6, 6]},
    "hamiltonian": {"kind": "ising", "coupling": PLANTED},
    "observe": {"temperature": 3.0, "samples": 20_000, "chains": 100, "thermalization": 50},
    "ednn": {"fit": "clusters", "focus": 1, "context": 1},
    "direct": {"samples": 5000, "methods": ["pairwise"]},
    "levels": {"per_level": 5},
    "sweep": {
        "energies": ["true", "ednn"],
        "shapes": [[6, 6], [6, 8]],
        "temperatures": [1.5, 2.0, 3.0],
        "ladders": 2,
        "thermalization": 20,
        "sweeps": 100,
    },
}
GLASS = {
    "name": "glass",
    "lattice": {"shape": [4, 4]},
    "hamiltonian": {"kind": "edwards_anderson", "realizations": [5, 3]},
    "observe": {"temperature": 3.0, "samples": 20_000, "chains": 100},
    "rnn": {"hidden": 16, "epochs": 3, "batch": 200},
    "ednn": {"fit": "pseudolikelihood", "focus": 1, "shared": False, "hidden": [16], "epochs": 5},
    "levels": {"per_level": 5},
    "sweep": {"energies": ["true", "ednn"], "temperatures": [2.0, 3.0], "ladders": 2, "sweeps": 40},
}


@pytest.fixture(scope="session")
def ising(tmp_path_factory) -> dcl_hpc.OpenedRun:
    """A complete run of an Ising model, with direct estimates and without a network."""
    return dcl_hpc.start(ISING, tmp_path_factory.mktemp("runs")).make()


@pytest.fixture(scope="session")
def glass(tmp_path_factory) -> dcl_hpc.OpenedRun:
    """A complete run of two realizations of a glass, with networks of tiles."""
    return dcl_hpc.start(GLASS, tmp_path_factory.mktemp("runs")).make()
