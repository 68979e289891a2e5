"""Predicted errors against exact enumeration, and against the scatter of fits."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from dcl_hpc.inference import likelihood
from dcl_hpc.inference.planning import Predictions, snapshot_covariance
from dcl_hpc.inference.samples import Samples
from dcl_hpc.physics import codes
from dcl_hpc.physics.lattice import Lattice

LATTICE = Lattice((4, 4))
STATES = codes.all_states(2, 16)


@pytest.fixture(scope="module")
def law(make):
    """Two interactions."""
    return make.energy({make.right: 1.0, make.plaquette: 0.6})


@pytest.fixture(scope="module")
def sums(law):
    """Those of all states."""
    return law.sums(STATES, LATTICE)


def exact(sums, temperature, coupling):
    """Probabilities of all states, and mean and variance of the energy."""
    energy = -(sums @ coupling)
    p = np.exp(-(energy - energy.min()) / temperature)
    p /= p.sum()
    mean = p @ energy
    return p, mean, p @ (energy - mean) ** 2


def test_covariance_is_the_scatter_of_fits(law, sums):
    """Configurations at T = 3 predict how couplings scatter that are fitted to many sets of 400 snapshots."""
    p, _, _ = exact(sums, 3.0, law.coupling)
    random, n, sets = np.random.default_rng(1), 400, 100
    predicted = snapshot_covariance(law, LATTICE, 3.0, STATES[random.choice(len(p), 20_000, p=p)]) / n
    found = []
    for _ in range(sets):
        samples = Samples(STATES[random.choice(len(p), n, p=p)], LATTICE, 3.0, law.window)
        found.append(3.0 * likelihood.fit(samples, law.interactions).parameters)
    scatter = np.cov(np.transpose(found)) / np.sqrt(np.outer(*[np.diag(predicted)] * 2))
    expected = predicted / np.sqrt(np.outer(*[np.diag(predicted)] * 2))
    assert np.abs(scatter - expected).max() < 4 * np.sqrt(2 / sets)
    assert abs(expected[0, 1]) > 0.05


def test_slopes_are_exact(law, sums):
    """Of u and of the peak of c, by each coupling."""
    predictions = Predictions(law, LATTICE, [1.0, 2.0, 3.0], 1, 1)

    def peak(coupling):
        heat = minimize_scalar(
            lambda t: -exact(sums, t, coupling)[2] / t**2, bounds=(1.0, 3.0), method="bounded"
        )
        return heat.x

    def slope(function):
        return np.array(
            [(function(law.coupling + d) - function(law.coupling - d)) / 2e-2 for d in 1e-2 * np.eye(2)]
        )

    for t in (1.0, 1.5, 3.0):
        expected = slope(lambda coupling, t=t: exact(sums, t, coupling)[1] / 16)
        assert np.allclose(predictions.slope_of_u(t), expected, rtol=0.05, atol=0.02)
    assert predictions.peak == pytest.approx(peak(law.coupling), rel=0.02)
    assert np.allclose(predictions.slope_of_peak(), slope(peak), rtol=0.1, atol=0.03)


def test_what_cannot_be_told(law):
    """Frozen snapshots, and a range without the peak."""
    frozen = STATES[np.repeat([0, -1], 500)]
    with pytest.raises(ValueError, match="alike; observe at a higher temperature"):
        snapshot_covariance(law, LATTICE, 0.5, frozen)
    one = np.concatenate([frozen, STATES[1:2]])
    with pytest.raises(ValueError, match="alike"):
        snapshot_covariance(law, LATTICE, 0.5, one)
    with pytest.raises(ValueError, match="no peak between T = 3 and 4"):
        _ = Predictions(law, LATTICE, [3.0, 4.0], 1, 1).peak
