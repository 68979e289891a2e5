"""Orders of the sites."""

import numpy as np
import pytest

from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import ORDERS, raster, snake, spiral, tied

PLANAR = [(2, 2), (3, 3), (4, 4), (5, 5), (8, 8), (9, 9), (3, 7), (7, 3), (4, 6), (2, 9), (6, 5)]


def steps(order, shape):
    """Distance (sum over axes, no wrap-around) between consecutive sites."""
    places = np.stack(np.unravel_index(order, shape), axis=1)
    return np.abs(np.diff(places, axis=0)).sum(axis=1)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("shape", PLANAR)
def test_every_site_is_visited_once(name, shape):
    """An order is a permutation of the sites."""
    order = ORDERS[name](Lattice(shape))
    assert np.array_equal(np.sort(order), np.arange(np.prod(shape)))


@pytest.mark.parametrize("name", ["raster", "snake"])
def test_cubic_lattices_are_covered(name):
    """Raster and snake need no plane."""
    order = ORDERS[name](Lattice((3, 4, 5)))
    assert np.array_equal(np.sort(order), np.arange(60))


@pytest.mark.parametrize("shape", PLANAR)
def test_spiral_starts_in_the_middle(shape):
    """The first site is (rows // 2, columns // 2)."""
    assert spiral(Lattice(shape))[0] == shape[0] // 2 * shape[1] + shape[1] // 2


@pytest.mark.parametrize("length", [3, 5, 7, 9])
def test_spiral_is_a_path_on_odd_squares(length):
    """Consecutive sites are neighbours, and rings are finished from the inside out."""
    order = spiral(Lattice((length, length)))
    assert np.all(steps(order, (length, length)) == 1)
    rows, columns = np.unravel_index(order, (length, length))
    ring = np.maximum(abs(rows - length // 2), abs(columns - length // 2))
    assert np.all(np.diff(ring) >= 0)


def test_spiral_of_three_by_three():
    """Right, up, left, left, down, down, right, right from the middle."""
    assert spiral(Lattice((3, 3))).tolist() == [4, 5, 2, 1, 0, 3, 6, 7, 8]


@pytest.mark.parametrize("shape", [(2, 2), (4, 4), (5, 4), (4, 5)])
def test_snake_is_a_path(shape):
    """Consecutive sites are neighbours without wrapping round."""
    assert np.all(steps(snake(Lattice(shape)), shape) == 1)


def test_raster_is_the_order_of_numbering():
    """Row by row."""
    assert np.array_equal(raster(Lattice((3, 5))), np.arange(15))


def test_spiral_needs_a_plane():
    """There is no spiral on a cubic lattice."""
    with pytest.raises(ValueError, match="two-dimensional"):
        spiral(Lattice((3, 3, 3)))


@pytest.mark.parametrize("name", ORDERS)
def test_absent_sites_are_passed_over(name):
    """The others follow each other as they do where none is absent."""
    lattice = Lattice((4, 5), open=(0,), absent=(0, 7, 12, 13))
    whole = ORDERS[name](Lattice((4, 5)))
    expected = [site for site in whole if site not in lattice.absent]
    assert lattice.present[ORDERS[name](lattice)].tolist() == expected


@pytest.mark.parametrize("name", ORDERS)
def test_cells_are_visited_one_after_the_other(name):
    """All sites of a cell in their order, cells as the sites of a square lattice."""
    cells = ORDERS[name](Lattice((3, 4)))
    found = ORDERS[name](Lattice((3, 4), "kagome"))
    assert found.tolist() == [3 * cell + k for cell in cells for k in range(3)]


@pytest.mark.parametrize("name", ["raster", "snake", "spiral"])
def test_conditionals_depend_on_tied_sites_alone(name):
    """By enumeration: with paths of any length, on them and on no other earlier site."""
    lattice = Lattice((3, 4), open=(0,))
    order = ORDERS[name](lattice)
    states = all_states(2, 12)
    p = np.empty((2,) * 12)
    p[tuple(states[:, order].T)] = np.exp(-ising(lattice).energy(states) / 3)
    found = tied(lattice, order, 12)
    for t in range(12):
        known = p.sum(axis=tuple(range(t + 1, 12)))
        conditional = known / known.sum(axis=-1, keepdims=True)
        depends = {order[k] for k in range(t) if np.ptp(conditional, axis=k).max() > 1e-9}
        assert depends == set(found[order[t]].tolist()) & set(order[:t].tolist())


def test_tied_sites_by_length():
    """Neighbours first, as the lattice has them; then one more shell for each bond."""
    lattice = Lattice((4, 4), open=(0, 1))
    order = raster(lattice)
    one, two, three = (tied(lattice, order, bonds) for bonds in (1, 2, 3))
    assert np.array_equal(one, lattice.neighbours)
    assert set(two[5].tolist()) == {1, 4, 6, 9, 2}  # (1, 1) sees (0, 2) by way of (1, 2)
    assert set(three[5].tolist()) == {1, 4, 6, 9, 2, 3}  # and (0, 3) by way of (1, 2) and (1, 3)
    assert set(three[8].tolist()) - {-1} == {4, 9, 12, 5, 6}
