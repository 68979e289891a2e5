"""Autocorrelation times and jackknife errors of series whose answer is known."""

import numpy as np
import pytest
from emcee.autocorr import AutocorrError, integrated_time
from scipy.signal import lfilter

from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.histograms import reweight
from dcl_hpc.sampling.statistics import (
    autocorrelation_time,
    chains_in_turn,
    jackknife,
    jackknife_of_strata,
    too_short,
)


def ar1(rho, steps, chains, seed=1):
    """Stationary series x_t = rho x_(t-1) + noise."""
    noise = np.random.default_rng(seed).standard_normal((steps, chains))
    noise[0] /= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=0)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.8, 0.9, 0.97])
def test_autocorrelation_time_of_ar1(rho):
    """Correlations rho^t add up to tau = (1 + rho)/(1 - rho)/2."""
    tau = autocorrelation_time(ar1(rho, 20_000, 20))
    assert tau == pytest.approx((1 + rho) / (1 - rho) / 2, rel=0.1)


def test_independent_data_have_one_half():
    """White noise, whatever its mean and scale."""
    noise = np.random.default_rng(2).standard_normal((20_000, 20))
    assert autocorrelation_time(noise) == pytest.approx(0.5, rel=0.1)
    assert autocorrelation_time(1e3 + 1e-3 * noise) == pytest.approx(0.5, rel=0.1)


def test_anticorrelated_data_have_no_less():
    """One half is the least value."""
    assert autocorrelation_time(ar1(-0.5, 5000, 5)) == 0.5


@pytest.mark.parametrize("rho", [0.5, 0.97])
@pytest.mark.parametrize("chains", [1, 2, 7, 50])
def test_chains_that_take_turns(rho, chains):
    """They are counted whatever their correlation, also where one observable of two is independent."""
    series = ar1(rho, 20_000 // chains, chains).ravel()
    noise = np.random.default_rng(2).normal(size=len(series))
    assert chains_in_turn(np.stack([noise, series], axis=1)) == chains


def test_no_chains_take_turns():
    """Independent, anticorrelated, constant and short series."""
    random = np.random.default_rng(3)
    for _ in range(20):
        assert chains_in_turn(random.normal(size=(2000, 5))) == 1
    assert chains_in_turn(ar1(-0.9, 4000, 1)) == 1
    assert chains_in_turn(np.ones((100, 2))) == chains_in_turn(random.normal(size=(5, 2))) == 1


def test_constant_and_short_series():
    """A frozen chain has no fluctuations to measure, and does not spoil the others."""
    assert autocorrelation_time(np.ones((100, 3))) == 0.5
    assert autocorrelation_time(np.arange(3.0)[:, None]) == 0.5
    series = ar1(0.8, 20_000, 20)
    frozen = np.concatenate([series, np.ones((20_000, 5))], axis=1)
    assert autocorrelation_time(frozen) == autocorrelation_time(series)


def test_short_series_are_told_as_emcee_does():
    """50 times 2 tau, with the time that emcee finds in the same series."""
    for steps in (500, 700, 900, 1100, 1300):
        series = ar1(0.9, steps, 10)
        tau = autocorrelation_time(series)
        try:
            integrated_time(series[:, :, None], c=5, tol=50, has_walkers=True)
            found = False
        except AutocorrError:
            found = True
        assert too_short(steps, tau) == found


def test_thinned_series_is_nearly_independent():
    """Every tenth element of AR(1) is AR(1) with rho^10."""
    series = ar1(0.8, 100_000, 10)[::10]
    rho = 0.8**10
    assert autocorrelation_time(series) == pytest.approx((1 + rho) / (1 - rho) / 2, rel=0.1)


def test_jackknife_of_the_mean_is_the_standard_error():
    """For blocks of one element it is s / sqrt(n) exactly."""
    x = np.random.default_rng(3).normal(5, 2, 50)
    value, error = jackknife(lambda means: means, list(x[:, None, None]))
    assert value == pytest.approx(x.mean())
    assert error == pytest.approx(x.std(ddof=1) / np.sqrt(50))


def test_jackknife_of_blocks_is_the_standard_error_of_their_means():
    """For equal blocks it is the standard error of the block means."""
    x = np.random.default_rng(4).normal(0, 1, (20, 2, 30))
    value, error = jackknife(lambda means: means, list(x))
    assert value == pytest.approx(x.mean(axis=(0, 2)))
    assert error == pytest.approx(x.mean(axis=2).std(axis=0, ddof=1) / np.sqrt(20))


def test_jackknife_of_correlated_series():
    """Blocks much longer than tau give the error sqrt(2 tau / n) of the mean of AR(1), within 30 %."""
    rho, steps = 0.8, 100_000
    series = ar1(rho, steps, 1)[:, 0]
    _, error = jackknife(lambda means: means, np.array_split(series[None], 100, axis=1))
    tau = (1 + rho) / (1 - rho) / 2
    assert error == pytest.approx(series.std() * np.sqrt(2 * tau / steps), rel=0.3)


def test_jackknife_of_a_variance():
    """Nonlinear estimators too: the error of a variance of gaussian data is sqrt(2/n)."""
    x = np.random.default_rng(5).standard_normal(20_000)
    value, error = jackknife(
        lambda means: means[..., 1:] - means[..., :1] ** 2, np.array_split(np.stack([x, x**2]), 200, axis=1)
    )
    assert value == pytest.approx(1, abs=4 * np.sqrt(2 / 20_000))
    assert error == pytest.approx(np.sqrt(2 / 20_000), rel=0.25)


def test_jackknife_of_one_stratum_is_the_plain_one():
    """Groups of a single stratum are blocks."""
    x, groups = np.random.default_rng(7).normal(2, 1, 60), np.arange(60) % 12
    value, error = jackknife_of_strata(np.sqrt, x[:, None] ** 2, np.zeros(60), groups)
    expected = jackknife(np.sqrt, [x[None, groups == k] ** 2 for k in range(12)])
    assert value == pytest.approx(expected[0])
    assert error == pytest.approx(expected[1])


def test_jackknife_of_strata_leaves_their_weights_alone():
    """Strata that differ by much more than they scatter, and are spread unevenly over groups."""
    random = np.random.default_rng(8)
    strata, errors, deviations = np.repeat(np.arange(5), 200), [], []
    for _ in range(200):
        groups = random.integers(0, 20, len(strata)) % random.integers(5, 21, len(strata))
        x = 1000.0 * strata + random.standard_normal(len(strata))
        value, error = jackknife_of_strata(lambda m: m, x[:, None], strata, groups)
        errors.append(error[0])
        deviations.append(value[0] - 2000)
    true = 1 / np.sqrt(len(strata))
    assert np.std(deviations) == pytest.approx(true, rel=0.2)
    assert np.mean(errors) == pytest.approx(true, rel=0.2)


def test_jackknife_of_strata_with_correlated_groups():
    """What a group has in common counts: n samples of g groups have the error 1/sqrt(g)."""
    random = np.random.default_rng(9)
    groups, strata = np.repeat(np.arange(16), 50), np.tile(np.arange(5), 160)
    errors = []
    for _ in range(50):
        x = random.standard_normal(16)[groups]
        errors.append(jackknife_of_strata(lambda m: m, x[:, None], strata, groups)[1][0])
    assert np.mean(errors) == pytest.approx(0.25, rel=0.1)


def test_one_group_has_no_error():
    """Nothing can be left out; a stratum of one group alone keeps its average."""
    x = np.arange(6.0)[:, None]
    assert np.isnan(jackknife_of_strata(lambda m: m, x, np.zeros(6), np.zeros(6))[1])
    value, error = jackknife_of_strata(lambda m: m, x, [0, 0, 0, 1, 1, 1], [0, 1, 0, 2, 2, 2])
    assert value == pytest.approx(2.5)
    # leaving out group 2 changes nothing, the others move the average of stratum 0 = 1 to 1 and to 1
    assert error == pytest.approx(0)


def exact_samples(temperatures, n):
    """Independent energies of 3x3 Ising at each temperature."""
    model, random = hamiltonian.ising(Lattice((3, 3))), np.random.default_rng(6)
    energies = model.energy(exact.all_states(2, 9))
    weights = np.exp(-energies / np.array(temperatures)[:, None])
    return model, [random.choice(energies, n, p=w / w.sum()) for w in weights]


def test_reweighting_between_temperatures():
    """Means and variances at temperatures that were not sampled are the exact ones within 3 %."""
    temperatures = [1.5, 2.5, 4.0]
    model, samples = exact_samples(temperatures, 20_000)
    targets = np.array([1.7, 2.0, 3.0, 3.7])
    mean, variance = reweight(samples, temperatures, targets)
    for k, t in enumerate(targets):
        solution = exact.enumerate_states(model, t)
        assert mean[k] == pytest.approx(solution.energy, abs=4 * np.sqrt(solution.variance / 20_000))
        assert variance[k] == pytest.approx(solution.variance, rel=0.03)


def test_reweighting_needs_common_energies():
    """Temperatures that share no energies are refused."""
    far = [np.full(100, -100.0) + np.arange(100) / 100, np.arange(100) / 100]
    assert reweight(far, [0.5, 5.0], [1.0]) is None
