"""Observables of single configurations, against sums over sites, on several lattices."""

import numpy as np
import pytest

from dcl_hpc.physics.lattice import ABSENT, Lattice
from dcl_hpc.physics.structure import Structure

LATTICES = [
    Lattice((6, 6)), Lattice((6, 4), open=(0, 1)), Lattice((4, 4), "kagome"), Lattice((4, 4), "honeycomb"),
    Lattice((6, 6), "triangular_rows", absent=(3, 17)), Lattice((4, 4, 4)), Lattice((8,)),
]  # fmt: skip


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_pairs_are_those_at_a_distance(lattice):
    """Nearest neighbours are the bonds, on open lattices all shells are pairs at their distance."""
    shells = Structure(lattice, 2).shells
    assert shells[0][0] == 1
    assert sorted(map(tuple, np.sort(np.concatenate(shells[0][1])))) == sorted(
        map(tuple, np.sort(lattice.bonds))
    )
    if lattice.open:
        far = np.linalg.norm(lattice.positions[:, None] - lattice.positions, axis=2)
        for length, pairs in shells:
            assert sum(map(len, pairs)) == np.isclose(np.triu(far), length).sum()


@pytest.mark.parametrize("n_states", [2, 3])
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_values_of_order(lattice, n_states):
    """All sites equal: every average of products is 1; S(0) = N m^2 always, and S(k) sums over pairs."""
    structure = Structure(lattice, n_states)
    names, states = structure.names, np.random.default_rng(1).integers(0, n_states, (lattice.n_sites, 50))
    equal = structure.of(np.full((lattice.n_sites, 1), n_states - 1, np.uint8))[0]
    for name, value in zip(names, equal, strict=True):
        if not name.startswith(("share", "structure")):
            assert abs(value - 1) < 1e-12, name
    values = structure.of(states.astype(np.uint8))
    products = (n_states * (states[:, None] == states) - 1) / (n_states - 1)
    for k, (name, wave) in enumerate(structure.waves):
        phase = 2 * np.pi * (lattice.coordinates[:, None] - lattice.coordinates) @ wave
        expected = (np.cos(phase)[:, :, None] * products).sum(axis=(0, 1)) / lattice.n_sites
        assert np.allclose(values[:, names.index("structure factor at k = 0") + k], expected), name


def test_lost_sites_do_not_bias():
    """Averages over what is there are the same where every fifth site was lost at random."""
    lattice, random = Lattice((6, 6)), np.random.default_rng(1)
    states = random.integers(0, 2, (6, 20_000))[np.arange(36) // 6].astype(np.uint8)  # rows of equal sites
    lost = np.where(random.random(states.shape) < 0.2, ABSENT, states).astype(np.uint8)
    whole, part = (Structure(lattice, 2).of(x) for x in (states, lost))
    kept = ~np.isnan(part).any(axis=1)  # in a few nothing is left of a small group
    moved = (whole - part)[kept]
    z = moved.mean(axis=0) / np.maximum(moved.std(axis=0), 1e-12) * np.sqrt(kept.sum())
    assert kept.mean() > 0.98 and np.abs(z).max() < 4.5
