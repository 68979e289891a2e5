"""Parts of an energy are what it is made of."""

import numpy as np
import pytest

from dcl_hpc.inference.projection import forms, project
from dcl_hpc.physics.lattice import Lattice

LATTICES = [
    Lattice((6, 6)),
    Lattice((6, 6), open=(0, 1), absent=(7, 20, 21)),
    Lattice((6, 6), "triangular_rows"),
    Lattice((5, 5), "honeycomb"),
    Lattice((5, 5), "kagome", open=(1,)),
    Lattice((4, 4, 4), open=(0,)),
]


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_planted_couplings_come_out(lattice):
    """A field and neighbours, and nothing else; shares over random states are those of the squares."""
    spins = 2.0 * (states := np.random.default_rng(1).integers(0, 2, (3000, lattice.n_sites), np.uint8)) - 1
    bonds, field, coupling = lattice.bonds, 0.4, 0.7
    pairs = (spins[:, bonds[:, 0]] * spins[:, bonds[:, 1]]).sum(axis=1)
    found = project(-coupling * pairs - field * spins.sum(axis=1), states, lattice, 2)
    assert found[0].coupling == pytest.approx(field) and found[1].coupling == pytest.approx(coupling)
    np.testing.assert_allclose([part.coupling for part in found[2:-1]], 0, atol=1e-9)
    variance = np.array([field**2 * lattice.n_sites, coupling**2 * len(bonds)])
    np.testing.assert_allclose([part.share for part in found[:2]], variance / variance.sum(), atol=0.03)
    assert found[-1].form is None and found[-1].share < 1e-9
    assert sum(part.share for part in found) == pytest.approx(1)


def test_the_rest_is_what_no_form_explains():
    """Noise of a tenth of the variance; and five spins in a cross, which are no pairs."""
    lattice, random = Lattice((6, 6)), np.random.default_rng(2)
    states = random.integers(0, 2, (4000, 36), np.uint8)
    spins = 2.0 * states - 1
    bonds = lattice.bonds
    energy = (spins[:, bonds[:, 0]] * spins[:, bonds[:, 1]]).sum(axis=1)
    noisy = energy + random.normal(0, np.sqrt(72 / 9), len(states))
    assert project(noisy, states, lattice, 2)[-1].share == pytest.approx(0.1, abs=0.01)
    cross = np.prod(spins[:, np.c_[np.arange(36), lattice.neighbours]], axis=2).sum(axis=1)
    assert project(energy + cross, states, lattice, 2)[-1].share == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("potential", [lambda q, p: np.cos(2 * np.pi * (q - p) / 3), np.equal])
def test_more_states(potential):
    """A clock and a Potts model are neighbours alone, whatever their form."""
    lattice = Lattice((6, 6))
    states = np.random.default_rng(3).integers(0, 3, (2000, 36), np.uint8)
    first, second = (states[:, lattice.bonds[:, k]].astype(int) for k in (0, 1))
    found = project(-potential(first, second).sum(axis=1).astype(float), states, lattice, 3)
    assert found[1].share == pytest.approx(1, abs=0.01) and found[1].coupling is None
    assert found[-1].share == pytest.approx(0, abs=1e-9)


def test_forms_of_small_lattices():
    """Pairs that meet themselves round the lattice are left out; open ones go as far as there are sites."""
    lengths = {
        len(lattice.open): len(forms(lattice)) for lattice in (Lattice((4,)), Lattice((4,), open=(0,)))
    }
    assert lengths == {0: 3, 1: 5}  # a field, neighbours, three in a row; second and third neighbours
