"""Errors of an energy in averages: against exact derivatives, and exact averages of other energies."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.bands import propagate, response
from dcl_hpc.sampling.peaks import peaks, vertex

N, LADDERS, RECORDS = 16, 16, 1000
NAMES = ("u", "m", "c", "chi")


@pytest.fixture(scope="module")
def exact():
    """Exact averages of (J, K) with energy J E + K P, and independent samples: `exact.at`, `exact.draw`."""
    states = all_states(2, N)
    energy = ising(Lattice((4, 4))).energy(states).astype(float)
    grid = (2.0 * states - 1).reshape(-1, 4, 4)
    plaquettes = grid * np.roll(grid, 1, 1) * np.roll(grid, 1, 2) * np.roll(grid, (1, 1), (1, 2))
    other, order = -plaquettes.sum(axis=(1, 2)), np.abs(grid.mean(axis=(1, 2)))

    def weights(e, t):
        p = np.exp((e.min() - e) / t)
        return p / p.sum()

    def at(t, coupling=1.0, more=0.0):
        e = coupling * energy + more * other
        p = weights(e, t)
        u, m = p @ e, p @ order
        return np.array([u / N, m, p @ (e - u) ** 2 / (N * t**2), N * (p @ (order - m) ** 2) / t])

    def draw(t, seed=1):
        size = LADDERS, RECORDS
        chosen = np.random.default_rng(seed).choice(len(energy), size, p=weights(energy, t))
        return energy[chosen], order[chosen], np.stack([energy[chosen], other[chosen]], axis=-1)

    return SimpleNamespace(at=at, draw=draw)


@pytest.mark.parametrize("t", [1.5, 2.3, 4.0])
def test_response_is_the_exact_derivative(exact, t):
    """Of u, m, c and chi, by a coupling that is there and by one of four sites that is not."""
    energy, order, modes = exact.draw(t)
    found, noise = response(energy, order, modes, t, N)
    h = 1e-4
    expected = [exact.at(t, 1 + h) - exact.at(t, 1 - h), exact.at(t, 1, h) - exact.at(t, 1, -h)]
    expected = np.array(expected).T / (2 * h)
    assert np.all(np.abs(found - expected) < 4 * np.sqrt(noise)[:, None])
    assert np.all(np.sqrt(noise)[[0, 2]] < 0.15 * np.abs(expected).sum(axis=1)[[0, 2]])


def test_noise_of_derivatives_is_taken_off(exact):
    """Modes that have nothing to do with anything, however many, leave no error of u beyond their mean."""
    t, (energy, order, _) = 2.3, exact.draw(2.3)
    noise = np.random.default_rng(5).standard_normal((*energy.shape, 64))
    raw = np.sqrt((response(energy, order, noise, t, N)[0] ** 2).sum(axis=1))
    kept = propagate(energy, order, noise, t, N, np.zeros(4)).error
    assert np.all(kept < 0.6 * raw)


@pytest.mark.parametrize("t", [1.5, 2.3, 4.0])
def test_small_errors_give_normal_intervals(exact, t):
    """A coupling known to 1 % and a Monte Carlo error: widths are those of both together."""
    energy, order, modes = exact.draw(t)
    expected = np.abs(exact.at(t, 1.0001) - exact.at(t, 0.9999)) / 0.0002 * 0.01
    monte_carlo = 2 * expected
    found = propagate(energy, order, 0.01 * modes[..., :1], t, N, monte_carlo)
    assert found.holds and found.error[:3] == pytest.approx(expected[:3], rel=0.1)
    for level, share in (("band_68", 0.68), ("band_95", 0.95)):
        half = norm.ppf((1 + share) / 2) * np.hypot(found.error, monte_carlo)
        np.testing.assert_allclose(found.intervals[level], np.stack([-half, half], axis=1))


def test_large_errors_give_the_true_quantiles(exact):
    """A coupling known to 15 %, of which c near its peak is no linear function: intervals by reweighting."""
    t, (energy, order, modes) = 2.3, exact.draw(2.3)
    found = propagate(energy, order, 0.15 * modes[..., :1], t, N, np.zeros(4))
    assert found.holds
    z = norm.ppf((np.arange(400) + 0.5) / 400)
    moved = np.array([exact.at(t, 1 + 0.15 * x) for x in z]) - exact.at(t)
    expected = np.quantile(moved, [0.16, 0.84], axis=0).T
    scatter = np.diff(expected, axis=1)
    assert np.all(np.abs(found.intervals["band_68"] - expected) < 0.12 * scatter)
    linear = np.array([-1, 1]) * found.error[2]  # which would be wrong
    assert np.abs(linear - expected[2]).max() > 0.5 * scatter[2]


def test_errors_that_samples_do_not_reach_are_told(exact):
    """A coupling that may as well be 0, or of the other sign."""
    energy, order, modes = exact.draw(2.3)
    assert not propagate(energy, order, 1.5 * modes[..., :1], 2.3, N, np.zeros(4)).holds


def test_peaks_and_their_errors(exact):
    """Errors by sampling are those over data sets; that of the energy's scale moves temperatures alone."""
    temperatures = np.arange(1.7, 3.4, 0.2)
    fine = np.linspace(2.0, 3.2, 241)
    curve = np.array([exact.at(t) for t in fine])
    found = []
    for seed in range(2):
        drawn = [exact.draw(t, 100 * seed + k) for k, t in enumerate(temperatures)]
        energy, order, modes = (np.stack(column)[:, ::2, :40] for column in zip(*drawn, strict=True))
        found.append(peaks(energy, order, temperatures, N, {"data": 0.01 * modes[..., :1]}))
    for name, column in (("c", 2), ("chi", 3)):
        expected = np.array(vertex(fine, curve[:, column]))
        rows = [row[name] for row in found]
        errors = np.array([row.error for row in rows])
        z = (np.array([[row.temperature, row.height] for row in rows]) - expected) / errors
        assert np.abs(z).max() < 6 and 0.25 < np.sqrt((z**2).mean()) < 2.5
        assert np.mean([row.errors["data"][0] for row in rows]) == pytest.approx(0.01 * expected[0], rel=0.3)
    assert max(row["c"].errors["data"][1] for row in found) < 0.005
    assert found[0].keys() == peaks(energy, order, temperatures, N).keys()
