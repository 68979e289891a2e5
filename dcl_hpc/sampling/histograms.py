r"""Averages between the temperatures of a ladder, by all of its samples together.

Samples of inverse temperatures :math:`\beta_k` are counted in narrow bins of the energy, b. Together they are
drawn from the mixture :math:`m_b = \sum_k n_k e^{f_k - \beta_k E_b}`, where f maximises a concave likelihood
(A. Ferrenberg and R. Swendsen, Phys. Rev. Lett. 63, 1195 (1989); M. Shirts and J. Chodera, J. Chem. Phys.
129, 124105 (2008)); at any temperature between a sample then weighs :math:`e^{-\beta E_b} / m_b`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from .statistics import overlapping

BINS = 4096
# Samples of each temperature of which the overlap with its neighbours is found.
LOOKED_AT = 1000
MAX_STEPS, LAST_STEP = 100, 1e-8


@dataclass(frozen=True)
class Histograms:
    """Sums over the samples in every bin.

    Attributes
    ----------
    beta : float64 (n_temperatures,)
    samples : float64 (n_temperatures,)
        How many each temperature has.
    energy : float64 (n_bins,)
        Mean energy of each bin in J, counted from that of all samples.
    counts : float64 (n_groups, n_bins)
    sums : float64 (n_groups, n_bins, n_quantities)
    """

    beta: np.ndarray
    samples: np.ndarray
    energy: np.ndarray
    counts: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, temperatures, energies, quantities=(), groups: int = 1) -> "Histograms | None":
        """Histograms of samples; None if neighbouring temperatures have too few energies in common.

        Parameters
        ----------
        temperatures : ndarray, ascending, in J/k_B
        energies : sequence of ndarray, shape (n_ladders, n)
            In J, drawn at each temperature.
        quantities : sequence of such sequences
            What to average.
        groups : int
            Ladders are put into so many groups by turns, at most.
        """
        beta, energies = 1 / np.asarray(temperatures, float), [np.atleast_2d(e) for e in energies]
        if not overlapping([e.ravel()[:: max(1, e.size // LOOKED_AT)] for e in energies], temperatures):
            return None
        group = [np.broadcast_to((np.arange(len(e)) % groups)[:, None], e.shape).ravel() for e in energies]
        group, pooled = np.concatenate(group), np.concatenate([e.ravel() for e in energies])
        pooled = pooled - pooled.mean()
        low, width = pooled.min(), np.ptp(pooled) / BINS or 1.0
        cell = np.minimum(((pooled - low) / width).astype(np.int64), BINS - 1)
        used, cell = np.unique(cell, return_inverse=True)
        place, size = group * len(used) + cell, (group.max() + 1) * len(used)

        def total(values):
            return np.bincount(place, values, size).reshape(-1, len(used))

        columns = [np.concatenate([np.ravel(x) for x in quantity]) for quantity in quantities]
        counts, sums = total(None), np.stack([total(c) for c in (pooled, *columns)], axis=-1)
        energy = sums[..., 0].sum(axis=0) / counts.sum(axis=0)
        return cls(beta, np.array([e.size for e in energies], float), energy, counts, sums[..., 1:])

    def averages(self, targets, without: int | None = None) -> np.ndarray:
        """Averages at some temperatures, of all groups or without one, float64 (n_targets, n_quantities)."""
        counts, sums, samples = self.counts.sum(axis=0), self.sums.sum(axis=0), self.samples
        if without is not None:
            share = 1 - self.counts[without].sum() / counts.sum()
            counts, sums = counts - self.counts[without], sums - self.sums[without]
            samples = samples * share
        log_weights = -self.energy / np.asarray(targets, float)[:, None] - self._log_mixture(counts, samples)
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        return weights @ sums / (weights @ counts)[:, None]

    def _log_mixture(self, counts, samples) -> np.ndarray:
        """ln m of every bin, float64 (n_bins,); Newton's method for f, of which the first is 0."""
        exponents = np.log(samples)[:, None] - self.beta[:, None] * self.energy
        free = self._start()
        value, p = _likelihood(free, exponents, counts, samples)
        for _ in range(MAX_STEPS):
            occupied = p @ counts
            h = np.diag(occupied) - (p * counts) @ p.T
            step = np.zeros(len(free))
            step[1:] = np.linalg.lstsq(h[1:, 1:], (samples - occupied)[1:], rcond=None)[0]
            while True:
                new, moved = _likelihood(free + step, exponents, counts, samples)
                if new >= value - 1e-9 * abs(value) or np.abs(step).max() < LAST_STEP:
                    break
                step /= 2
            free, value, p = free + step, new, moved
            if np.abs(step).max() < LAST_STEP:
                break
        return logsumexp(free[:, None] + exponents, axis=0)

    def _start(self) -> np.ndarray:
        """f by the trapezoidal rule, from d f / d beta = <E>, with <E> roughly that of the nearest bins."""
        total = self.counts.sum(axis=0)
        below = np.concatenate([[0], np.cumsum(self.samples)])
        ranks = np.clip((below[1:] + below[:-1]) / 2, 0, total.sum() - 1)
        # colder samples lie lower: their mean is about that of as many samples from below
        mean = self.energy[np.minimum(np.searchsorted(np.cumsum(total), ranks), len(total) - 1)]
        return np.concatenate([[0], np.cumsum(np.diff(self.beta) * (mean[1:] + mean[:-1]) / 2)])


def _likelihood(free, exponents, counts, samples):
    """Logarithm to be maximised, and the share of each temperature in every bin's mixture."""
    joint = free[:, None] + exponents
    mixture = logsumexp(joint, axis=0)
    return samples @ free - counts @ mixture, np.exp(joint - mixture)


def reweight(energies, temperatures, targets) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and variance of the energy between the temperatures of a ladder.

    Parameters
    ----------
    energies : sequence of ndarray, shape (n,)
        In J, drawn at each temperature.
    temperatures : ndarray, ascending, in J/k_B
    targets : ndarray
        Temperatures within their range.

    Returns
    -------
    mean (J), variance (J^2) : float64 (n_targets,)
        Or None if neighbouring temperatures have too few energies in common.
    """
    origin = np.mean([e.mean() for e in energies])
    centred = [e - origin for e in energies]
    found = Histograms.of(temperatures, centred, (centred, [e**2 for e in centred]))
    if found is None:
        return None
    mean, square = found.averages(targets).T
    return mean + origin, square - mean**2
