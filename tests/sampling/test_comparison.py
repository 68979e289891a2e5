"""The test of two means: uniform p under the truth, small p where an interaction is missing."""

import numpy as np
import pytest
from scipy.stats import kstest

from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.structure import Structure
from dcl_hpc.sampling.comparison import Mean, batches, compare, mean_of_batches

LATTICE, T = Lattice((4, 4)), 4.0


@pytest.fixture(scope="module")
def values():
    """Observables of all configurations of 16 sites, and sums of three interactions."""
    states = all_states(2, 16)
    spins = 2.0 * states - 1
    images = [LATTICE.at(LATTICE.coordinates + x) for x in ([1, 0], [0, 1], [1, 1], [1, -1])]
    pairs = [(spins * spins[:, image]).sum(axis=1) for image in images]
    sums = np.array([pairs[0] + pairs[1], pairs[2] + pairs[3], spins.sum(axis=1)])
    return Structure(LATTICE, 2).of(states.T), sums


def probabilities(values, *couplings):
    """Exact ones, for couplings of neighbours, of diagonal neighbours, and a field."""
    weights = np.exp(np.array(couplings) @ values[1] / T)
    return weights / weights.sum()


def compared(values, p_data, p_model, random, n=1000):
    """Comparison of n snapshots with 300 chains of 20 samples, all independent."""
    draw = [random.choice(len(p), size, p=p) for p, size in ((p_data, n), (p_model, 6000))]
    data, model = (values[0][rows] for rows in draw)
    chains = model.reshape(300, 20, -1).mean(axis=1)
    return compare(mean_of_batches(batches(data, (n,))[0]), mean_of_batches(chains), np.cov(model.T))


def test_p_is_uniform_under_the_truth(values):
    """Over many samples of the exact distribution, of few snapshots and of many."""
    random, p = np.random.default_rng(1), probabilities(values, 1, 0, 0)
    assert kstest([compared(values, p, p, random).p for _ in range(60)], "uniform").pvalue > 1e-3
    few = [compared(values, p, p, random, n=40) for _ in range(60)]
    assert few[0].components == 10 and kstest([one.p for one in few], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("model", [(1.3, 0, 0.15), (1, 0.3, 0)], ids=["diagonals", "field"])
def test_a_missing_interaction_is_seen(values, model):
    """Snapshots of J1 = 1, J2 = 0.3, h = 0.15 against a law that lacks one of them."""
    truth, random = probabilities(values, 1, 0.3, 0.15), np.random.default_rng(2)
    found = compared(values, truth, probabilities(values, *model), random, n=10_000)
    assert found.p < 1e-6 and np.abs(found.z).max() > 5


def test_correlated_series_have_larger_errors():
    """p is uniform for series with memory along either axis, and would not be if rows were independent."""
    random, ps = np.random.default_rng(3), {"right": [], "wrong": []}
    known = Mean(np.zeros(2), np.zeros((2, 2)), np.inf)
    for repeat in range(40):
        series = random.normal(size=(300, 4, 2)) @ np.array([[1, 0.5], [0, 1]])
        for k in range(1, 300):
            series[k] = 0.8 * series[k - 1] + 0.6 * series[k]
        turned = series.swapaxes(0, 1) if repeat % 2 else series
        rows, leading = turned.reshape(-1, 2), turned.shape[:2]
        for name, means in (("right", batches(rows, leading)[0]), ("wrong", rows)):
            ps[name].append(compare(mean_of_batches(means), known, np.cov(rows.T)).p)
    assert kstest(ps["right"], "uniform").pvalue > 1e-3
    assert kstest(ps["wrong"], "uniform").pvalue < 1e-6


def test_errors_of_what_was_learned_count():
    """A known error of the model makes a difference of means as likely as it is."""
    data = Mean(np.array([3.0, 0.0]), np.eye(2), 1000)
    model = Mean(np.zeros(2), 0.01 * np.eye(2), 1000)
    alone, with_error = (compare(data, model, np.eye(2), x) for x in (None, np.diag([8.0, 0.0])))
    assert abs(alone.z[0] - 3 / 1.01**0.5) < 1e-9 and abs(with_error.z[0] - 3 / 9.01**0.5) < 1e-9
    assert alone.p < 0.02 < 0.5 < with_error.p
