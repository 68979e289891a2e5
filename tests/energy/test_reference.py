"""The zero of learned energies: unbiased, its error covers it, and bonds between sublattices have none."""

import numpy as np
import pytest

from dcl_hpc.energy.reference import mean_and_error, random_groups, shifts, sublattices, sums_of_groups
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice

MODELS = {
    "ising": hamiltonian.ising(Lattice((4, 6))),
    "clock": hamiltonian.clock(Lattice((4, 4)), 3),
    "potts": hamiltonian.potts(Lattice((2, 4, 4)), 5),
    "glass": hamiltonian.ising(
        Lattice((6, 4)), hamiltonian.random_couplings(Lattice((6, 4)), "gaussian", np.random.default_rng(1))
    ),
}
# Sides that are odd: some bonds join sites of one sublattice.
ODD = hamiltonian.ising(Lattice((3, 3)))


def estimate(energy, lattice, n_states, groups, seed):
    """Mean over random groups and its error, from two parts."""
    random, sums, group = np.random.default_rng(seed), np.zeros(3), len(shifts(lattice, n_states))
    for _ in range(2):
        sums += sums_of_groups(energy(random_groups(lattice, n_states, groups // 2, random)), group)
    return mean_and_error(sums)


@pytest.mark.parametrize("name", MODELS)
def test_bonds_between_sublattices_have_an_exact_zero(name):
    """Every group has the mean energy at infinite temperature."""
    model = MODELS[name]
    mean, error = estimate(model.energy, model.lattice, model.n_states, 10, seed=2)
    assert mean == pytest.approx(model.mean_energy, abs=1e-9)
    assert error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("q", [2, 3])
def test_groups(q):
    """Every configuration is uniformly random; within a group one sublattice takes all shifts."""
    lattice = Lattice((3, 4))
    states = random_groups(lattice, q, 6000, np.random.default_rng(3)).reshape(6000, q, 12)
    frequency = (states[..., None] == np.arange(q)).mean(axis=0)
    assert frequency == pytest.approx(np.full((q, 12, q), 1 / q), abs=5 * np.sqrt(0.25 / 6000))
    steps = (states.astype(int) - states[:, :1]) % q
    even = np.indices((3, 4)).sum(axis=0).ravel() % 2 == 0
    assert (steps == np.where(even, np.arange(q)[:, None], 0)).all()


def rough(states):
    """An energy that is no sum over pairs and has no symmetry."""
    s = 2.0 * states - 1
    field = s @ np.linspace(-1, 1, s.shape[1])
    return ODD.energy(states) + field + s[:, 0] * s[:, 1] * s[:, 4] * s[:, 8] + s[:, 2] * s[:, 3] * s[:, 5]


def test_errors_cover_any_energy():
    """Deviations from the enumerated mean over 200 seeds have the size that their errors say."""
    true = rough(exact.all_states(2, 9)).mean()
    found = np.array([estimate(rough, ODD.lattice, 2, 100, seed) for seed in range(200)])
    z = (found[:, 0] - true) / found[:, 1]
    assert np.mean(z**2) == pytest.approx(1, abs=0.35)
    assert abs(z.mean()) < 4 / np.sqrt(200)


LATTICES = [
    Lattice((4, 5), open=(0, 1), absent=(7, 8)),
    Lattice((6, 4), "triangular"),
    Lattice((5, 5), "triangular", open=(0, 1)),
    Lattice((4, 3), "honeycomb", open=(1,)),
    Lattice((3, 4), "kagome", absent=(3,)),
    Lattice((4, 4, 4), "bcc"),
]


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("q", [2, 3])
def test_bonds_of_any_lattice_have_an_exact_zero(lattice, q):
    """Neighbours are on different sublattices, all pairs of their states are in a group equally often."""
    first, second = lattice.bonds.T
    members = sublattices(lattice)
    assert (members[first] != members[second]).all()
    states = random_groups(lattice, q, 3, np.random.default_rng(1)).astype(int)
    pair = np.random.default_rng(2).normal(size=(q, q, len(first)))
    pair -= pair.mean(axis=0)  # the rest of a function of two states would be a field
    pair -= pair.mean(axis=1)[:, None]
    energy = pair[states[:, first], states[:, second], np.arange(len(first))].sum(axis=1)
    if q ** members.max() <= 64:
        mean, error = mean_and_error(sums_of_groups(energy, len(shifts(lattice, q))))
        assert mean == pytest.approx(0, abs=1e-9) and error == pytest.approx(0, abs=1e-6)
    assert energy.std() > 1


def test_several_energies_at_once():
    """One row each, with the means and errors that they have alone."""
    states = random_groups(ODD.lattice, 2, 50, np.random.default_rng(3))
    rows = np.stack([rough(states), ODD.energy(states)])
    mean, error = mean_and_error(sums_of_groups(rows, 2))
    for k in range(2):
        assert (mean[k], error[k]) == mean_and_error(sums_of_groups(rows[k], 2))
