"""Energies of configurations as people have them: accepted forms give the true energies, others none."""

import re

import numpy as np
import pytest

from dcl_hpc.energy import checked
from dcl_hpc.energy.checked import CheckedEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.errors import UserError
from dcl_hpc.physics import configurations, hamiltonian
from dcl_hpc.physics.lattice import Lattice

RANDOM = np.random.default_rng(5)


def system(shape, n_states: int = 2):
    """A Hamiltonian with random couplings, its checked energy, and 30 configurations (30, *shape)."""
    lattice = Lattice(shape)
    couplings = RANDOM.normal(size=(lattice.n_sites, lattice.dimension))
    if n_states == 2:
        true = hamiltonian.ising(lattice, couplings)
    else:
        true = hamiltonian.Hamiltonian(lattice, couplings, np.eye(n_states))
    return true, CheckedEnergy(TrueEnergy(true), "true"), RANDOM.integers(0, n_states, (30, *shape))


def refusal(energy, values) -> str:
    """The one line with which an array is refused."""
    with pytest.raises(UserError) as caught:
        energy.energies(values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("shape", [(7,), (4, 6), (2, 3, 4)])
@pytest.mark.parametrize("n_states", [2, 3, 200])
def test_every_form_gives_the_true_energies(shape, n_states):
    """Shapes, types and encodings do not matter."""
    true, energy, states = system(shape, n_states)
    expected = true.energy(states.reshape(30, -1))
    forms = [states.astype(kind) for kind in ("uint8", ">i2", "int64", "uint64", "float32", "float64")]
    if n_states == 2:
        forms += [states.astype(bool), 2 * states - 1, (2.0 * states - 1).astype("float32")]
        forms += [(2 * states - 1).astype("int8"), np.asfortranarray(2 * states - 1), states.tolist()]
    for form in forms:
        for values in (form, np.reshape(form, (30, -1))):
            found = energy.energies(values)
            assert found.dtype == np.float64 and found.shape == (30,)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_leading_axes():
    """The result has the leading axes, of which there may be none."""
    true, energy, states = system((4, 6))
    expected = true.energy(states.reshape(30, -1))
    for leading in ((5, 6), (2, 5, 3), (1, 30), (30, 1)):
        for inner in ((4, 6), (24,)):
            found = energy.energies(states.reshape(*leading, *inner))
            np.testing.assert_allclose(found, expected.reshape(leading), atol=1e-5)
    for one in (states[3], states[3].ravel(), 2 * states[3] - 1):
        found = energy.energies(one)
        assert found.shape == () and found == pytest.approx(expected[3], abs=1e-5)
    assert energy.energies(np.empty((0, 4, 6))).shape == (0,)
    assert energy.energies(np.empty((3, 0, 24), bool)).shape == (3, 0)


def test_differences():
    """Flipping a spin costs twice its spin times its field, for one configuration against many, too."""
    true, energy, states = system((4, 6))
    flipped = np.repeat(states[:1], 24, axis=0).reshape(24, 24)
    flipped[np.arange(24), np.arange(24)] ^= 1
    lattice, spins = true.lattice, 2.0 * states[0].ravel() - 1
    expected = 2 * spins * (true.neighbour_couplings * spins[lattice.neighbours]).sum(axis=1)
    np.testing.assert_allclose(energy.differences(states[0], flipped), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ((24, 30), r"counted by the last axis: take numpy\.moveaxis"),
        ((4, 6, 30), r"counted by the last axis"),
        ((30, 6, 4), r"axes are swapped: transpose it"),
        ((6, 4), r"axes are swapped: transpose it$"),
        ((30, 64), r"for a lattice of 8x8 set shape = \[8, 8\]"),
        ((30,), "reshape it"),
        ((), "reshape it"),
    ],
)
def test_wrong_shape(found, hint):
    """Arrays whose axes are in another order, or of another lattice, are refused with a way out."""
    _, energy, _ = system((4, 6))
    message = refusal(energy, np.ones(found))
    assert f"has the shape {found}, expected (n, 4, 6) or (n, 24); " in message
    assert re.search(hint, message)


@pytest.mark.parametrize(
    ("values", "n_states", "message"),
    [
        ([[2, 0, 1, 1]], 2, "has the value 2 at site [0, 0]; allowed are -1 and 1, or 0 and 1"),
        ([[1, 0, 0.5, 1]], 2, "has the value 0.5 at site [1, 0]"),
        ([[1, 0, np.inf, 1]], 2, "has the value inf"),
        ([[1, 0, np.nan, 1]], 2, "in configuration 0 (counted from 0) the atom at site [1, 0] is lost"),
        ([[1, 0, -1, 1]], 3, "has the value -1 at site [1, 0]; allowed are 0 ... 2 for Q = 3"),
        ([[1, -1, 1, 1], [1, 1, 0, 1]], 2, "configuration 0 has the value -1, configuration 1 the value 0"),
        ([1, -1, 0, 1], 2, "mixes conventions"),
        ([[1, 1j, 1, 1]], 2, "values of type complex128"),
        ([["1", "0", "1", "1"]], 2, "values of type <U1"),
        ([[1, 0, 1, None]], 2, "values of type object"),
        ([[1, 0], [1, 0, 1]], 2, "configurations are not an array"),
    ],
)
def test_wrong_values(values, n_states, message):
    """Values that are no states, or of two conventions, are refused, in a single configuration as well."""
    _, energy, _ = system((2, 2), n_states)
    assert message in refusal(energy, values)


def test_block_by_block(monkeypatch):
    """Many configurations are taken in parts, and conventions that differ between them are noticed."""
    true, energy, states = system((4, 6))
    monkeypatch.setattr(checked, "BLOCK", 7 * 24)
    monkeypatch.setattr(configurations, "BLOCK", 24)
    np.testing.assert_allclose(energy.energies(states), true.energy(states.reshape(30, -1)), atol=1e-5)
    mixed = 2 * states - 1
    mixed[:20] = 1
    mixed[2, 1, 1] = 0
    assert "configuration 2 the value 0" in refusal(energy, mixed)
