"""Lattices drawn as they are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.reporting import lattices

LATTICES = [
    Lattice((4, 6), open=(0,), absent=(3, 9)),
    Lattice((3, 5), "triangular"),
    Lattice((4, 5), "triangular_rows", (1,)),
    Lattice((3, 4), "honeycomb"),
    Lattice((3, 3), "kagome", absent=(4,)),
    Lattice((6,)),
]


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_bonds(lattice):
    """Every bond once, whole or as two halves round the lattice; all are of length 1."""
    whole, halves, _ = lattices.bond_lines(lattice)
    assert len(whole) + len(halves) / 2 == len(lattice.bonds)
    np.testing.assert_allclose(np.linalg.norm(whole[:, 1] - whole[:, 0], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(halves[:, 1] - halves[:, 0], axis=1), 0.5)
    if len(lattice.open) == lattice.dimension:
        assert not len(halves)


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_dots(lattice):
    """A dot for each site, none for absent ones; rows go down and columns to the right."""
    figure, axis = plt.subplots()
    dots = lattices.draw(axis, lattice, np.arange(lattice.n_sites))
    points = dots.get_offsets()
    assert len(points) == lattice.n_sites and len(np.unique(points.round(6), axis=0)) == lattice.n_sites
    if lattice.dimension == 2 and lattice.geometry.sites_per_cell == 1:
        rows = lattice.array(points[:, 1], np.nan)
        np.testing.assert_allclose(np.nanmax(rows, axis=1), np.nanmin(rows, axis=1), atol=1e-9)
        assert np.all(np.diff(np.nanmax(rows, axis=1)) < 0)
        columns = lattice.array(points[:, 0], np.nan)
        steps = np.diff(columns, axis=1)
        assert np.all(steps[~np.isnan(steps)] > 0)
    plt.close(figure)


def test_in_words():
    """Size, kind, edges, holes."""
    words = [lattices.in_words(lattice) for lattice in LATTICES]
    assert words[0] == "4x6 lattice with open ends along axis 0 and without 2 of its sites"
    assert words[1] == "3x5 triangular lattice"
    assert words[4] == "3x3 kagome lattice without 1 of its sites"
    assert lattices.in_words(Lattice((4, 4), open=(0, 1))) == "4x4 lattice with open ends"
