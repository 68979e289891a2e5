"""Modes of direct estimates: independent errors whose squares add up to the variance of an energy."""

import numpy as np
import pytest

from dcl_hpc.energy import direct
from dcl_hpc.physics.lattice import Lattice

RANDOM = np.random.default_rng(5)


def function(sites, charges=None, phase="cos", sign=1):
    """One function of an interaction as files have it."""
    return {"sites": sites, "charges": charges or [1] * len(sites), "phase": phase, "sign": sign}


BONDS = [function([[0, 0], [1, 0]]), function([[0, 0], [0, 1]])]
DIAGONALS = [function([[0, 0], [1, 1]]), function([[0, 1], [1, 0]], sign=-1)]
FIELD = [function([[0, 0]])]
CLOCK = [function([[0, 0], [1, 0]], [1, 2]), function([[0, 0], [0, 1]], [1, 2], "sin")]
CASES = {
    "periodic": (Lattice((5, 6)), 2, [BONDS, FIELD, DIAGONALS]),
    "holes": (Lattice((5, 6), open=(0,), absent=(3, 7, 8)), 2, [BONDS, FIELD, DIAGONALS]),
    "triangular": (Lattice((6, 6), "triangular"), 2, [BONDS, FIELD]),
    "three states": (Lattice((4, 5)), 3, [CLOCK, FIELD]),
}


def spread(case):
    """Errors of an energy with random covariance, and random states, uint8 (n_sites, 40)."""
    lattice, q, interactions = CASES[case]
    factor = RANDOM.standard_normal((len(interactions),) * 2)
    states = RANDOM.integers(0, q, (lattice.n_sites, 40)).astype(np.uint8)
    return direct.Spread(lattice, q, interactions, factor @ factor.T), states


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tables", [True, False])
def test_squares_add_up_to_the_variance(case, tables, monkeypatch):
    """By tables, and by loops over the interactions where tables would be too large; each chain by itself."""
    monkeypatch.setattr(direct, "MAX_ENTRIES", direct.MAX_ENTRIES * tables)
    errors, states = spread(case)
    modes = errors.modes(states)
    np.testing.assert_allclose((modes**2).sum(axis=0), errors.errors(states) ** 2, rtol=1e-5)
    np.testing.assert_array_equal(errors.modes(states[:, 7:9]), modes[:, 7:9])


def test_combinations_have_the_expected_sum_of_squares():
    """Of 81 modes 64 random combinations, the same ones each time; fewer than asked for stay as they are."""
    sites = [[x, y] for x in range(9) for y in range(9) if x or y]
    pairs = [FIELD, *([function([[0, 0], site])] for site in sites)]
    lattice = Lattice((19, 19))
    errors = direct.Spread(lattice, 2, pairs, np.eye(len(pairs)))
    states = RANDOM.integers(0, 2, (lattice.n_sites, 30)).astype(np.uint8)
    modes, fewer = errors.modes(states), errors.modes(states, 64)
    assert len(modes) == 81 and len(fewer) == 64
    np.testing.assert_array_equal(fewer, errors.modes(states, 64))
    ratio = (fewer**2).sum(axis=0) / (modes**2).sum(axis=0)
    assert ratio.mean() == pytest.approx(1, abs=0.15) and np.all(np.abs(ratio - 1) < 5 * np.sqrt(2 / 64))
    np.testing.assert_array_equal(errors.modes(states, 81), modes)


def test_no_interactions_no_modes():
    """Where data call for none."""
    lattice = Lattice((4, 4))
    none = direct.Spread(lattice, 2, [], np.zeros((0, 0)))
    assert none.modes(np.zeros((16, 3), np.uint8), 64).shape == (0, 3)
