"""What snapshots tell against the lattice that a job gives them."""

import numpy as np
import pytest

from dcl_hpc.inference.diagnosis import diagnose
from dcl_hpc.physics.lattice import Lattice

SQUARE = Lattice((8, 8))


def snapshots(lattice, temperature, records=25, chains=100):
    """Ising configurations of Metropolis chains, a few sweeps apart, and the axes that count them."""
    random = np.random.default_rng(1)
    spins = random.choice([-1.0, 1.0], (lattice.n_sites + 1, chains))
    spins[-1] = 0  # that missing neighbours lead to
    kept = []
    for sweep in range(20 + 3 * records):
        for site, around in enumerate(lattice.neighbours):
            change = 2 * spins[site] * spins[around].sum(axis=0)
            spins[site] *= np.where(random.random(chains) < np.exp(-change / temperature), -1, 1)
        if sweep >= 20 and sweep % 3 == 0:
            kept.append((spins[:-1].T > 0).astype(np.uint8))
    return np.concatenate(kept), (len(kept), chains)


def kinds(states, lattice, leading, n_states=2, **options):
    """What is found."""
    return [one.kind for one in diagnose(states, lattice, n_states, leading, **options)]


def test_nothing_is_told_of_good_data():
    """Of a periodic lattice, and of a triangular one that is taken for what it is."""
    for lattice in (SQUARE, Lattice((8, 8), "triangular_rows")):
        states, leading = snapshots(lattice, 5.0)
        assert kinds(states, lattice, leading) == []


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_open_edges(axes):
    """Data with open ends that are taken for periodic are told, a line for each axis."""
    lattice = Lattice((8, 8), open=axes)
    states, leading = snapshots(lattice, 4.0)
    found = diagnose(states, SQUARE, 2, leading)
    assert [one.kind for one in found] == ["seam"] * len(axes)
    assert all(f"axis {axis}" in one.text for axis, one in zip(axes, found, strict=True))
    assert kinds(states, lattice, leading) == []
    assert kinds(states, SQUARE, leading, uniform=False) == ["seam"] * len(axes)


def test_offset_rows():
    """Triangular data in offset rows are not the same everywhere on a square lattice."""
    states, leading = snapshots(Lattice((8, 8), "triangular_rows"), 6.0)
    (found,) = diagnose(states, SQUARE, 2, leading)
    assert found.kind == "translation" and "(1, -1)" in found.text and "triangular_rows" in found.text


def test_disorder_is_looked_at_bond_by_bond():
    """Couplings of both signs are no noise, though all correlations cancel; noise and frozen ones are."""
    random = np.random.default_rng(2)
    signs = random.choice([-1, 1], 64).astype(np.int8)
    ordered, _ = snapshots(SQUARE, 3.0, records=3)
    for states, expected in (
        (ordered, []),
        (random.integers(0, 2, (300, 64), np.uint8), ["hot"]),
        (random.integers(0, 2, (300, 1), np.uint8).repeat(64, axis=1), ["cold"]),
    ):
        turned = ((2 * states.astype(np.int8) - 1) * signs > 0).astype(np.uint8)  # a gauge of the couplings
        assert kinds(turned, SQUARE, (300,), uniform=False) == expected
    turned = ((2 * ordered.astype(np.int8) - 1) * signs > 0).astype(np.uint8)
    (found,) = diagnose(turned, SQUARE, 2, (300,))
    assert found.kind == "signs" and "hamiltonian.disorder = true" in found.text


def test_open_edges_of_disorder():
    """Neighbours across them know nothing of each other, each pair with the sign that it may have."""
    signs = np.random.default_rng(2).choice([-1, 1], 64).astype(np.int8)
    states, leading = snapshots(Lattice((8, 8), open=(1,)), 3.0)
    turned = ((2 * states.astype(np.int8) - 1) * signs > 0).astype(np.uint8)
    (found,) = diagnose(turned, SQUARE, 2, leading, uniform=False)
    assert found.kind == "seam" and "axis 1" in found.text
    assert kinds(turned, Lattice((8, 8), open=(1,)), leading, uniform=False) == []


def test_a_site_that_never_changes():
    """It is named, also of three states, and where snapshots lack it."""
    states, leading = snapshots(SQUARE, 4.0, records=5)
    states[:, 11] = 1
    for seen in (states, np.where(np.arange(500)[:, None] % 7, states, 255).astype(np.uint8)):
        (found,) = [one for one in diagnose(seen, SQUARE, 2, leading) if one.kind == "still"]
        assert "(1, 3) always has the state 1: what is not there goes into lattice.absent" in found.text


def test_nothing_to_learn():
    """States that never occur, no correlation at all, and complete order."""
    noise = np.random.default_rng(1).integers(0, 2, (2000, 64), np.uint8)
    assert kinds(noise, SQUARE, (2000,), n_states=3) == ["state"]
    assert kinds(noise, SQUARE, (2000,)) == ["hot"]
    ordered = np.repeat(noise[:, :1], 64, axis=1)
    ordered[:30, 5] ^= 1
    assert kinds(ordered, SQUARE, (2000,)) == ["cold"]


def test_a_conserved_number_is_told():
    """All snapshots of a lattice gas at a given coverage; not if one of them has another."""
    random = np.random.default_rng(6)
    states = np.array([random.permutation(64) < 20 for _ in range(200)]).astype(np.uint8)
    (found, *_) = diagnose(states, SQUARE, 2, (200,))
    assert found.kind == "sum" and "every snapshot has 20 sites in state 1" in found.text
    states[17, np.flatnonzero(states[17] == 0)[0]] = 1
    assert "sum" not in kinds(states, SQUARE, (200,))


def test_two_temperatures_one_after_the_other():
    """Averages of which little is known are not taken for none."""
    hot, cold = (snapshots(SQUARE, t)[0][:300] for t in (1e3, 2.6))
    states = np.concatenate([hot, cold])
    assert "hot" not in kinds(states, SQUARE, (600,))
    assert kinds(np.concatenate([hot[:150]] * 2), SQUARE, (300,)) == ["hot"]
