"""The test of means: no small p too often under the truth, small p where something is missing."""

import numpy as np
import pytest
from scipy.stats import kstest

from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.structure import Structure
from dcl_hpc.sampling.comparison import Mean, compare, mean_of_batches, mean_of_series

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
    return compare(data, (n,), mean_of_batches(chains), np.cov(model.T))


def too_small(ps) -> float:
    """Probability of as many small p, or more, of a test that is right."""
    return kstest(ps, "uniform", alternative="greater").pvalue


def remembering(random, n: int, chains: int, memory) -> np.ndarray:
    """Gaussian series with the means 0 and the covariance `SPREAD`; of autocorrelation function memory^t."""
    series = random.normal(size=(n, chains, 2))
    for k in range(1, n):
        series[k] = memory * series[k - 1] + np.sqrt(1 - memory**2) * series[k]
    return series @ ROOT


ROOT = np.array([[1.0, 0.5], [0.0, 1.0]])
SPREAD = ROOT.T @ ROOT
KNOWN = Mean(np.zeros(2), np.zeros((2, 2)), np.inf)


@pytest.mark.parametrize("n", [40, 200, 1000])
def test_p_is_not_too_small_under_the_truth(values, n):
    """Over many samples of the exact distribution, of few snapshots and of many; nor is it always large."""
    random, p = np.random.default_rng(1), probabilities(values, 1, 0, 0)
    ps = [compared(values, p, p, random, n).p for _ in range(100)]
    assert too_small(ps) > 1e-3 and np.median(ps) < 0.9


@pytest.mark.parametrize("model", [(1.3, 0, 0.15), (1, 0.3, 0)], ids=["diagonals", "field"])
def test_a_missing_interaction_is_seen(values, model):
    """Snapshots of J1 = 1, J2 = 0.3, h = 0.15 against a law that lacks one of them."""
    truth, random = probabilities(values, 1, 0.3, 0.15), np.random.default_rng(2)
    found = compared(values, truth, probabilities(values, *model), random, n=10_000)
    assert found.p < 1e-6 and np.abs(found.z).max() > 5


@pytest.mark.parametrize("memory", [0.0, 0.4, 0.8, 0.97])
@pytest.mark.parametrize("axis", [0, 1])
def test_memory_makes_errors_larger(memory, axis):
    """Of series along either axis, of one chain and of four; errors are what they are known to be."""
    random, ps, shuffled, found = np.random.default_rng(3), [], [], []
    tau = 0.5 + memory / (1 - memory)
    for repeat in range(60):
        chains = 1 if repeat % 2 else 4
        series = remembering(random, 2400 // chains, chains, memory).swapaxes(0, axis)
        rows, leading = series.reshape(-1, 2), series.shape[:2]
        ps.append(compare(rows, leading, KNOWN, SPREAD).p)
        shuffled.append(compare(random.permutation(rows), leading, KNOWN, SPREAD).p)
        mean = mean_of_series(rows, leading)
        found.append([mean.tau, *mean.error])
    known = np.sqrt(2 * tau * np.diag(SPREAD) / 2400)
    assert np.median(found, axis=0) == pytest.approx([tau, *known], rel=0.25)
    assert too_small(ps) > 1e-3 and np.median(ps) < 0.9
    # the same means, taken for those of independent rows
    assert (too_small(shuffled) < 1e-6) == (memory > 0.7)


def test_a_slow_observable_hides_no_fast_one():
    """One mean is off by five of its errors, another is hardly known: the first is seen."""
    random, ps = np.random.default_rng(4), []
    for _ in range(20):
        series = remembering(random, 1000, 1, np.array([0.0, 0.98]))
        series[..., 0] += 0.25
        ps.append(compare(series.reshape(-1, 2), (1000,), KNOWN, SPREAD).p)
    assert np.median(ps) < 1e-6


def test_what_never_changes_is_seen():
    """An observable that the snapshots conserve, where the model lets it fluctuate about another mean."""
    rows = np.column_stack([remembering(np.random.default_rng(5), 300, 1, 0.8)[:, 0, 0], np.full(300, -1.0)])
    found = compare(rows, (300,), KNOWN, np.eye(2))
    assert found.p < 1e-9 and found.z[1] == pytest.approx(-np.sqrt(300))


def test_an_observable_that_cannot_differ():
    """Nothing varies by the model: any difference is a contradiction, none is no evidence."""
    rows = np.column_stack([np.random.default_rng(6).normal(size=100), np.ones(100)])
    nothing = np.diag([1.0, 0.0])
    for value, p in ((1.0, False), (0.5, True)):
        found = compare(rows, (100,), Mean(np.array([0, value]), 0 * nothing, np.inf), nothing)
        assert (found.p == 0) == p and np.isinf(found.z[1]) == p


def test_errors_of_what_was_learned_count():
    """A known error of the model makes a difference of means as likely as it is."""
    rows = np.random.default_rng(7).normal(size=(1000, 2))
    rows += [0.3, 0] - rows.mean(axis=0)
    alone, known = (compare(rows, (1000,), KNOWN, np.eye(2), x) for x in (None, np.diag([0.05, 0])))
    assert alone.z[0] == pytest.approx(0.3 * np.sqrt(1000), rel=0.1)
    assert known.z[0] == pytest.approx(0.3 / np.sqrt(0.051), rel=0.01)
    assert alone.p < 1e-9 < 0.1 < known.p
    # where nothing but that is uncertain
    still = compare(np.ones((50, 2)), (50,), KNOWN, np.zeros((2, 2)), np.eye(2))
    assert still.z == pytest.approx([1, 1]) and 0.3 < still.p < 1


def test_lost_sites_scatter_more(values):
    """The true law is not refused where three of ten sites were lost, as it were by the model's scatter."""
    p, structure, random = probabilities(values, 1, 0, 0), Structure(LATTICE, 2), np.random.default_rng(8)
    model = values[0][random.choice(len(p), 6000, p=p)]
    chains, spread = mean_of_batches(model.reshape(300, 20, -1).mean(axis=1)), np.cov(model.T)
    ps = {True: [], False: []}
    for _ in range(40):
        states = all_states(2, 16)[random.choice(len(p), 400, p=p)]
        rows = structure.of(np.where(random.random(states.shape) < 0.3, 255, states).astype(np.uint8).T)
        rows = rows[~np.isnan(rows).any(axis=1)]
        for whole, found in ps.items():
            found.append(compare(rows, (len(rows),), chains, spread, None, whole).p)
    assert too_small(ps[True]) < 1e-6 and too_small(ps[False]) > 1e-3
