"""Numbers of configurations."""

import itertools

import numpy as np
import pytest

from dcl_hpc.physics.codes import all_states, codes_of, states_of


@pytest.mark.parametrize(("q", "n"), [(2, 1), (2, 6), (3, 4), (5, 3)])
def test_all_states_are_counted_like_digits(q, n):
    """The first site is the most significant digit."""
    assert all_states(q, n).tolist() == [list(state) for state in itertools.product(range(q), repeat=n)]
    assert np.array_equal(codes_of(all_states(q, n), q), np.arange(q**n))


@pytest.mark.parametrize(("q", "n"), [(2, 62), (3, 39), (255, 7)])
def test_codes_and_states_are_inverse(q, n):
    """Also where numbers fill 63 bits; leading axes are kept."""
    states = np.random.default_rng(1).integers(0, q, (4, 5, n)).astype(np.uint8)
    states[0, 0] = q - 1
    codes = codes_of(states, q)
    assert codes.shape == (4, 5) and codes[0, 0] == q**n - 1 and codes.min() >= 0
    assert np.array_equal(states_of(codes.ravel(), q, n), states.reshape(-1, n))
