"""Random halves: whole blocks, complements of each other, and the variance of the mean."""

import numpy as np
import pytest

from dcl_hpc.sampling.halves import blocks, half
from dcl_hpc.storage.rows import SomeRows


class Source:
    """Rows that are their own numbers."""

    def __init__(self, n):
        self.rows, self.n = np.arange(n), n

    def read(self, start, stop):
        """Rows start..stop-1."""
        return [self.rows[start:stop]]


@pytest.mark.parametrize(("axes", "along"), [((400, 3), (0,)), ((1200,), (0,)), ((40, 300), (0, 1))])
def test_two_members_share_the_blocks_out(axes, along):
    """Every sample is in one of two halves, with all of its block, and all of its block is near."""
    numbers = blocks(axes, along, 1.1)
    first, second = (half(numbers, 5, member) for member in (6, 7))
    assert np.array_equal(np.sort(np.concatenate([first, second])), np.arange(np.prod(axes)))
    assert not set(numbers[first]) & set(numbers[second])
    assert abs(len(np.unique(numbers[first])) - len(np.unique(numbers[second]))) <= 1
    places = np.array(np.unravel_index(np.arange(len(numbers)), axes))
    for number in range(numbers.max() + 1):
        spread = np.ptp(places[:, numbers == number], axis=1)
        assert all(spread[axis] <= (10 if axis in along else 0) for axis in range(len(axes)))


def test_members_have_halves_of_their_own_again():
    """Other members and seeds have other halves, the same ones have the same."""
    numbers = blocks((1000,), (0,), 1.0)
    assert numbers.max() == 999
    assert np.array_equal(half(numbers, 1, 2), half(numbers, 1, 2))
    for seed, member in ((1, 0), (1, 4), (2, 2)):
        assert 150 < len(np.intersect1d(half(numbers, 1, 2), half(numbers, seed, member))) < 350


def test_few_samples_have_enough_blocks():
    """Long correlations leave at least 32 blocks."""
    assert 32 <= blocks((1000,), (0,), 5000.0).max() + 1 <= 64
    assert blocks((20,), (0,), 5000.0).max() + 1 == 20


def test_halves_scatter_as_the_mean_of_correlated_data_does():
    """Means of halves differ from the mean by its error, for AR(1) series of known autocorrelation."""
    random, n, r, ratios = np.random.default_rng(3), 20_000, 0.8, []
    inefficiency = (1 + r) / (1 - r)
    numbers = blocks((n // 2, 2), (0,), inefficiency)
    for seed in range(10):
        series = random.standard_normal((n // 2, 2))
        for k in range(1, n // 2):
            series[k] = r * series[k - 1] + np.sqrt(1 - r * r) * series[k]
        flat = series.ravel()
        means = [flat[half(numbers, seed, 2 * pair)].mean() for pair in range(40)]
        ratios.append(np.mean((np.array(means) - flat.mean()) ** 2) / (inefficiency / n))
    # 10 % of a block's correlations are cut off at its ends
    z = (np.mean(ratios) - 0.95) / (np.std(ratios) / np.sqrt(len(ratios)))
    assert abs(z) < 4
    assert np.mean(ratios) > 0.6


def test_a_source_of_some_rows_has_these():
    """Any stretch of a member's rows, also of some rows of some rows, is read."""
    source = Source(500)
    numbers = half(blocks((250, 2), (0,), 1.2), 1, 0)
    rows = SomeRows(source, numbers)
    assert rows.n == len(numbers)
    for start, stop in ((0, rows.n), (3, 40), (7, 8), (5, 5)):
        assert np.array_equal(rows.read(start, stop)[0], numbers[start:stop])
    assert np.array_equal(SomeRows(rows, np.array([2, 5])).read(0, 2)[0], numbers[[2, 5]])
