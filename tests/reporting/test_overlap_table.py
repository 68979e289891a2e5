"""Overlaps of replicas from configurations whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from dcl_hpc.physics.observables import overlap
from dcl_hpc.reporting.tables import MAX_BINS, overlap_table

from .series import series


def with_overlaps(q):
    """Series with these overlaps, (n_temperatures, n_pairs, n_measurements)."""
    temperatures = np.arange(1.0, 1 + len(q))
    return replace(series(temperatures, 2 * q.shape[1], q.shape[2]), overlap=np.array(q, float))


def random_overlaps(n_sites, n_pairs=8, steps=2000, seed=5):
    """Overlaps of uniformly random configurations at two temperatures."""
    states = np.random.default_rng(seed).integers(0, 2, (2, n_sites, 2 * n_pairs * steps), np.uint8)
    return overlap(*states).reshape(2, n_pairs, steps)


AVERAGES = ("abs_q", "q2", "q4", "binder")


@pytest.mark.parametrize("n_sites", [4, 9, 64])
def test_overlap_table_of_random_configurations(n_sites):
    """N q is a sum of N independent signs: <q^2> = 1/N, <q^4> = (3 - 2/N)/N^2, g = 1/N; errors are right."""
    q = random_overlaps(n_sites)
    table = overlap_table(with_overlaps(q), n_sites)
    n = q[0].size
    values = np.arange(-n_sites, n_sites + 1, 2) / n_sites
    p = binom.pmf(np.arange(n_sites + 1), n_sites, 0.5)
    q2, q4 = 1 / n_sites, (3 - 2 / n_sites) / n_sites**2
    assert p @ values**2 == pytest.approx(q2) and p @ values**4 == pytest.approx(q4)
    # of g = (3 - a/b^2)/2 for small deviations of a = <q^4> and b = <q^2>
    influence = -(values**4 / q2**2 - 2 * q4 / q2**3 * values**2) / 2
    for name, power in {"abs_q": abs(values), "q2": values**2, "q4": values**4, "binder": influence}.items():
        expected = 1 / n_sites if name == "binder" else p @ power
        error = np.sqrt((p @ power**2 - (p @ power) ** 2) / n)
        for k in range(2):
            assert abs(table[name][k] - expected) < 4 * error
            assert table[f"{name}_error"][k] == pytest.approx(error, rel=0.3)
    assert table["autocorrelation_time"] == pytest.approx([0.5, 0.5], rel=0.1)
    assert table["effective_samples"] == pytest.approx([n, n], rel=0.1)
    assert table["q"] == pytest.approx(values)
    for density, error in zip(table["distribution"], table["distribution_error"], strict=True):
        counts = np.array(density) * (2 / n_sites) * n
        # both signs together
        expected_error = np.sqrt(p * (1 - np.where(values == 0, 1, 2) * p) / np.where(values == 0, n, 2 * n))
        frequent = n * p > 100
        deviation = (counts / n - p) / expected_error
        assert np.abs(deviation[frequent]).max() < 4
        assert np.array(error)[frequent] * (2 / n_sites) == pytest.approx(expected_error[frequent], rel=0.4)


def test_overlap_table_of_correlated_overlaps():
    """Each overlap nine times in a row: tau = 4.5, the same averages, errors three times as large."""
    q = random_overlaps(16)
    few, many = (overlap_table(with_overlaps(x), 16) for x in (q, q.repeat(9, axis=2)))
    assert many["autocorrelation_time"] == pytest.approx([4.5, 4.5], rel=0.1)
    assert many["effective_samples"] == pytest.approx(few["effective_samples"], rel=0.1)
    for name in AVERAGES:
        assert many[name] == pytest.approx(few[name])
        assert many[f"{name}_error"] == pytest.approx(few[f"{name}_error"], rel=0.4)


def test_overlap_table_of_a_pair_of_ground_states():
    """Overlaps of +-1 alone: all averages 1 without error, the distribution has two peaks of equal weight."""
    q = np.where(np.random.default_rng(6).random((2, 3, 50)) < 0.3, 1, -1)
    table = overlap_table(with_overlaps(q), 12)
    for name in AVERAGES:
        assert table[name] == [1, 1] and table[f"{name}_error"] == [0, 0]
    for density, error in zip(table["distribution"], table["distribution_error"], strict=True):
        assert density == pytest.approx([3, *[0] * 11, 3]) and error == pytest.approx(np.zeros(13), abs=1e-14)


def test_overlaps_in_a_field():
    """P(q) is as it is where configurations differ from their inverse, and its width knows of turns."""
    q = np.where(np.random.default_rng(6).random((2, 3, 400)) < 0.25, -0.5, 0.5)
    table = overlap_table(with_overlaps(q), 4, symmetric=False)
    p = (q < 0).mean(axis=(1, 2))
    for density, error, share in zip(table["distribution"], table["distribution_error"], p, strict=True):
        assert density == pytest.approx([0, 2 * share, 0, 2 * (1 - share), 0])
        assert 0 < error[1] < 0.2
    slow = np.repeat(q, 20, axis=2)
    known, other = (overlap_table(with_overlaps(slow), 4, symmetric=s) for s in (True, False))
    assert other["autocorrelation_time"][0] > 5 > known["autocorrelation_time"][0]


def test_overlaps_of_zero():
    """Where all configurations are orthogonal the Binder parameter, which has no value, is 0."""
    table = overlap_table(with_overlaps(np.zeros((2, 3, 50))), 16)
    for name in AVERAGES:
        assert table[name] == [0, 0] and table[f"{name}_error"] == [0, 0]


def test_turning_over_is_not_seen():
    """When configurations turn over as a whole, nothing in the table changes, correlated or not."""
    q = random_overlaps(16, steps=400).repeat(9, axis=2)
    signs = np.random.default_rng(7).choice([-1, 1], q.shape)
    turned, plain = (overlap_table(with_overlaps(x), 16) for x in (signs * q, q))
    assert turned.keys() == plain.keys()
    for name, values in plain.items():
        np.testing.assert_allclose(turned[name], values, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("n_sites", [1, 2, 9, 64, 100, 101, 144, 216, 343, 1000])
def test_bins_of_overlaps(n_sites):
    """Every possible value counts once, in a bin that it lies in; bins are symmetric and not too many."""
    values = np.arange(-n_sites, n_sites + 1, 2) / n_sites
    q = np.tile(values, (1, 2, 3))
    table = overlap_table(with_overlaps(q), n_sites)
    centres, density = np.array(table["q"]), np.array(table["distribution"][0])
    assert len(centres) <= max(MAX_BINS + 1, 2) and len(centres) >= min(n_sites + 1, MAX_BINS // 3)
    assert np.allclose(centres, -centres[::-1], atol=1e-14) and np.all(np.diff(centres) > 0)
    # all values alike: constant density, hence widths add up to the whole range
    assert density == pytest.approx(np.full(len(centres), n_sites / 2 / (n_sites + 1)))
    assert np.abs(centres[1:-1, None] - values).min(axis=1, initial=1).max(initial=0) < 1e-12
    for value in values[:: 1 + n_sites // 50]:
        alone = overlap_table(with_overlaps(np.full((1, 2, 3), value)), n_sites)
        found = centres[np.array(alone["distribution"][0]) > 0]
        spacing = np.diff(centres).max() if len(centres) > 1 else 2
        assert len(found) == (1 if abs(found[0]) < 1e-14 else 2)
        assert abs(found[-1] - abs(value)) < spacing / 2


def test_overlaps_of_float32():
    """Values as they are stored, rounded, fall into the bins of the exact ones."""
    for n_sites in (9, 49, 1000):
        q = random_overlaps(n_sites, steps=50)
        exact_values, stored = (overlap_table(with_overlaps(x), n_sites) for x in (q, q.astype(np.float32)))
        assert stored["distribution"] == exact_values["distribution"]


def test_overlap_table_of_one_pair():
    """A single pair of ladders has errors from stretches in time."""
    table = overlap_table(with_overlaps(random_overlaps(16, n_pairs=1, steps=8000)), 16)
    expected = np.sqrt(2 * (1 - 1 / 16) / 8000) / 16
    assert table["q2_error"] == pytest.approx([expected, expected], rel=0.8)
    short = overlap_table(with_overlaps(random_overlaps(16, n_pairs=1, steps=6)), 16)
    assert np.all(np.isfinite(short["q2_error"])) and min(short["q2_error"]) > 0


def test_overlap_table_has_the_listed_temperatures():
    """Temperatures that were added for exchange are left out; a sweep without overlaps has no table."""
    q = np.stack([np.ones((2, 20)), np.full((2, 20), 0.5)])
    found = overlap_table(replace(with_overlaps(q), listed=np.array([False, True])), 4)
    assert found["temperature"] == [2.0] and found["q2"] == [0.25] and len(found["distribution"]) == 1
    assert overlap_table(series([1.0, 2.0]), 4) is None
