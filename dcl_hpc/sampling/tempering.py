r"""Replica exchange: ladders of temperatures that move between configurations.

Neighbouring temperatures a, b of a ladder are exchanged with probability
:math:`\min(1, e^{(\beta_a - \beta_b)(E_a - E_b)})` (Hukushima and Nemoto, J. Phys. Soc. Jpn. 65,
1604, 1996). Even and odd pairs alternate deterministically, which makes the walk in temperature
non-reversible (Syed et al., J. R. Stat. Soc. B 84, 321, 2022). Temperatures move, configurations
stay where they are; each pair's random number comes from a stream of its own, so every rank that
knows all energies takes the same decisions.
"""

import numpy as np

from . import kernels
from .streams import Purpose, streams


class Ladders:
    """Independent ladders over the same inverse temperatures.

    Parameters
    ----------
    betas : ndarray of float64, shape (n_temperatures,)
    n_ladders : int
    seed : int
    realization : int

    Attributes
    ----------
    slot : int64 (n_ladders, n_temperatures)
        Index of the temperature that each replica has now.
    streams : uint32 (4, n_ladders * (n_temperatures - 1))
    attempts, accepted : int64 (n_temperatures - 1,)
        Exchange statistics per pair of temperatures.
    step : int
        Number of exchange rounds so far.
    """

    def __init__(self, betas, n_ladders: int, seed: int, realization: int = 0):
        self.betas = np.asarray(betas, dtype=float)
        n = len(self.betas)
        self.slot = np.tile(np.arange(n), (n_ladders, 1))
        self.streams = streams(seed, Purpose.EXCHANGE, range(n_ladders * (n - 1)), realization)
        self.attempts = np.zeros(n - 1, np.int64)
        self.accepted = np.zeros(n - 1, np.int64)
        self.step = 0

    @property
    def beta(self) -> np.ndarray:
        """Inverse temperature of each replica, float64 (n_ladders, n_temperatures)."""
        return self.betas[self.slot]

    def exchange(self, energies: np.ndarray) -> None:
        """One round over the even or the odd pairs.

        Parameters
        ----------
        energies : ndarray, shape (n_ladders, n_temperatures)
            Energy of each replica in J.
        """
        n_ladders, n = self.slot.shape
        u = np.empty((1, self.streams.shape[1]), np.float32)
        kernels.uniforms(self.streams, u)
        u = u.reshape(n_ladders, n - 1)
        first = np.arange(self.step % 2, n - 1, 2)
        self.step += 1
        replica = np.argsort(self.slot, axis=1)  # replica at each temperature
        cold, hot = replica[:, first], replica[:, first + 1]
        rows = np.arange(n_ladders)[:, None]
        exponent = (self.betas[first] - self.betas[first + 1]) * (energies[rows, cold] - energies[rows, hot])
        swap = u[:, first] < np.exp(np.minimum(exponent, 0))
        self.slot[rows, cold] += swap
        self.slot[rows, hot] -= swap
        self.attempts[first] += n_ladders
        self.accepted[first] += swap.sum(axis=0)
