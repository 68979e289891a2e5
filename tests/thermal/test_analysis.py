"""Derived quantities on planted data: errors, relaxation times, boundaries of the solid, slopes, clusters."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster

from dcl_hpc.thermal import analysis, published


def test_jackknife_of_a_mean():
    """The error of a mean is the standard error, sigma / sqrt(n)."""
    values = np.random.default_rng(1).normal(3, 0.5, (40, 2, 3))
    value, error = analysis.over_samples(values)
    np.testing.assert_allclose(value, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(error, values.std(axis=0, ddof=1) / np.sqrt(40), rtol=1e-9)


def test_jackknife_of_a_ratio():
    """The error of log10 of a ratio of means agrees with the spread over repeated experiments."""
    values = np.random.default_rng(2).normal([100, 2], [3, 0.2], (400, 10, 2))
    found = [analysis.over_samples(one, lambda mean: np.log10(mean[1] / mean[0])) for one in values]
    value, error = np.transpose(found)
    assert abs(error.mean() / value.std() - 1) < 0.12


def test_one_sample_has_no_error():
    """The value is there, the error is nan."""
    value, error = analysis.over_samples(np.ones((1, 4)))
    assert (value == 1).all() and np.isnan(error).all()


def test_relaxation_times():
    """A decay from 1 falls to 1/e at its time; one that never does, or begins below, has none."""
    times = np.unique(np.rint(np.geomspace(1, 1e5, 200)))
    curves = np.stack([np.exp(-times / 300), np.exp(-times / 1e7), 0.3 * np.exp(-times / 300)], axis=1)
    found = analysis.relaxation_times(np.append(-5, times), np.vstack([np.full(3, np.nan), curves]))
    assert abs(found[0] / 300 - 1) < 0.01 and np.isnan(found[1:]).all()


def test_boundaries_of_planted_profiles():
    """Where a profile that is linear between layers crosses 1/e is found exactly, from both ends."""
    layers = np.arange(1, 10)
    q = np.maximum(
        1 - layers * (1 - analysis.THRESHOLD) / 2.5, 1 - (10 - layers) * (1 - analysis.THRESHOLD) / 3.25
    )
    assert analysis.boundaries(q) == pytest.approx((2.5, 6.75))
    assert analysis.solid_thickness(q) == pytest.approx(10 - 4.25)
    # a layer that is solid in the midst of the liquid does not count
    q[4] = 0.9
    assert analysis.solid_thickness(q) == pytest.approx(10 - 4.25)


def test_all_solid_and_all_liquid():
    """Without a liquid layer the solid is all; with hidden layers at 0 it reaches 1 - 1/e from each end."""
    assert analysis.solid_thickness(np.full(9, 0.5)) == 10
    assert np.isnan(analysis.boundaries(np.full(9, 0.5))).all()
    assert analysis.solid_thickness(np.zeros(9)) == pytest.approx(2 * (1 - analysis.THRESHOLD))


def test_published_solid_grows():
    """The published overlaps are U-shaped, and their solid grows by about two layers with each ln alpha."""
    x, q = list(published.OVERLAP), np.array(list(published.OVERLAP.values()))
    assert all((analysis.u_shape(row) > 0.5).all() for row in q)
    xi = [analysis.solid_thickness(row) for row in q]
    slope, error, _ = analysis.line(x, xi, np.zeros(4))
    assert (np.diff(xi) > 0).all() and abs(slope - 2) < 3 * error < 1


def test_line_and_its_error():
    """With known errors slopes scatter as their error tells; with none the scatter of the points tells it."""
    random, x = np.random.default_rng(3), np.arange(6.0)
    sigma = np.array([0.1, 0.3, 0.1, 0.2, 0.1, 0.4])
    for known in (sigma, np.full(6, np.nan)):
        noise = random.normal(0, sigma if known is sigma else 0.2, (1000, 6))
        slope, error, start = np.transpose([analysis.line(x, 1 + 2 * x + one, known) for one in noise])
        assert abs(slope.mean() - 2) < 5 * slope.std() / np.sqrt(1000)
        assert abs(start.mean() - 1) < 5 * start.std() / np.sqrt(1000)
        assert abs(np.sqrt((error**2).mean()) / slope.std() - 1) < 0.1
    assert np.isnan(analysis.line([0, 1], [0, 1], [0, 0])[1])


def test_regimes_of_a_planted_energy():
    """The times of a plateau, a fall like -ln t and a crash come back; a power law has none."""
    times = np.unique(np.rint(np.geomspace(1, 5e5, 40)))
    x = np.log(times)
    bends = [np.maximum(x - np.log(t), 0) for t in (1e3, 1e4, 1e5)]
    energy = 100 - 0.1 * x - 4 * bends[0] - 10 * bends[1] + 13 * bends[2]
    found = analysis.regimes(times, energy + np.random.default_rng(4).normal(0, 0.2, len(x)))
    np.testing.assert_allclose(np.log(found), np.log([1e3, 1e4]), atol=0.5)
    assert np.isnan(analysis.regimes(times, times**-0.5)).all()
    assert np.isnan(analysis.regimes(times[:8], energy[:8])).all()


def test_clusters_of_a_planted_hierarchy():
    """Two families of two pairs each: cuts of the tree between the levels give pairs and families."""
    pair, family = np.arange(8) // 2, np.arange(8) // 4
    overlaps = np.full((8, 8), 0.1)
    overlaps[family[:, None] == family] = 0.5
    overlaps[pair[:, None] == pair] = 0.9
    mixed = np.random.default_rng(5).permutation(8)
    tree = analysis.clusters(overlaps[np.ix_(mixed, mixed)])
    for cut, planted in ((0.3, pair), (0.7, family)):
        found = fcluster(tree, cut, "distance")
        np.testing.assert_array_equal(found[:, None] == found, planted[mixed][:, None] == planted[mixed])
    np.testing.assert_allclose(np.unique(np.round(tree[:, 2], 12)), [0.1, 0.5, 0.9])


def test_pairs_and_their_distribution():
    """Averages are over pairs of different replicas; a histogram has area 1, and keeps what is outside."""
    overlaps = np.ones((2, 3, 3, 4, 3))
    overlaps[:, [0, 1], [1, 0]] = 0.4
    np.testing.assert_allclose(analysis.off_diagonal(overlaps), 0.8)
    edges = np.linspace(-1, 1, 5)
    density = analysis.histogram(np.array([[-1.5, 0.1], [0.7, 0.2]]), edges)
    np.testing.assert_allclose(density.sum(axis=0) * 0.5, 1)
    np.testing.assert_allclose(density[:, 0], [1, 0, 0, 1])
