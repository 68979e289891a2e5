"""Series of sweeps whose averages, errors and correlations are known."""

import numpy as np
from scipy.signal import lfilter

from dcl_hpc.storage.results import SweepSeries


def series(temperatures, n_ladders=16, steps=2000, rho=0.0, seed=1):
    """Gaussian series: energy -100 +- 5 J, order parameter 0.5 +- 0.1, with AR(1) correlations."""
    shape = (len(temperatures), n_ladders, steps)
    noise = np.random.default_rng(seed).standard_normal((2, *shape))
    noise[..., 0] /= np.sqrt(1 - rho**2)
    x = lfilter([1.0], [1.0, -rho], noise, axis=-1) * np.sqrt(1 - rho**2)
    acceptance = np.full(len(temperatures) - 1, 0.5)
    listed = np.ones(len(temperatures), bool)
    return SweepSeries(np.array(temperatures), listed, -100 + 5 * x[0], 0.5 + 0.1 * x[1], acceptance, 0)
