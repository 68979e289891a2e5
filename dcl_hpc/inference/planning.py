r"""How much data is enough: errors of predictions before the data are taken.

A prediction A has the variance :math:`g^T \Sigma g / n` from n independent snapshots, where g is its
derivative with respect to the couplings and :math:`\Sigma = T_o^2 H^{-1} J H^{-1}` Godambe's covariance of
one snapshot (see `likelihood`). Both follow from simulations of a law that is known roughly. For averages

.. math:: \frac{\partial \langle A\rangle}{\partial\theta} = \Big\langle\frac{\partial A}{\partial\theta}
          \Big\rangle - \beta\, \mathrm{cov}\Big(A, \frac{\partial E}{\partial\theta}\Big).

No snapshots at T_o are needed for H and J there: they are averages over configurations of the law.
"""

from functools import cached_property, partial

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from ..physics.lattice import Lattice
from ..sampling.ladder import adapt
from ..sampling.statistics import log_mixture
from ..sampling.streams import Purpose
from ..sampling.tempering import Ladders, Replicas
from .likelihood import derivatives, inverted
from .local_energy import LocalEnergy
from .samples import Samples

# Ladders of a simulation, sweeps before the first configuration of each and between them, and how many.
LADDERS, THERMALIZATION, APART, CONFIGURATIONS = 16, 400, 8, 128
# Temperatures at which a peak is looked for, before it is refined.
FINE = 121
# Change of couplings, relative to the largest, by which the move of a peak is measured, and how far that is
# looked for, relative to its temperature.
STEP, REACH = 1e-3, 0.02
# Configurations that have to make up a covariance.
FEWEST = 20


def simulate(model, temperatures, seed: int, key: int, measure, on_sweep=lambda: None):
    """Measure configurations that replica exchange visits.

    Parameters
    ----------
    model : EnergyModel
    temperatures : array_like
        At least two, ascending, in J/k_B; others are put between them.
    seed, key : int
        Of the random streams.
    measure : callable
        Maps states, uint8 (n_sites, n), to an array (n, ...).
    on_sweep : callable

    Returns
    -------
    temperatures : float64 (n_temperatures,)
        Of the ladder, those given among them.
    values : ndarray (n_temperatures, `LADDERS` * `CONFIGURATIONS`, ...)
    """
    ladder = adapt(
        model, temperatures, "auto", THERMALIZATION, seed, key,
        partial(slice, 0), lambda values: values, on_sweep,
    )  # fmt: skip
    ladders = Ladders(1 / ladder, LADDERS, seed, key)
    replicas = Replicas(model, ladders, slice(0, ladders.slot.size), seed, Purpose.PLAN, key)
    kept = []
    for sweep in range(THERMALIZATION + APART * CONFIGURATIONS):
        replicas.advance()
        on_sweep()
        if sweep >= THERMALIZATION and (sweep - THERMALIZATION) % APART == 0:
            replica = np.argsort(ladders.slot, axis=1) + len(ladder) * np.arange(LADDERS)[:, None]
            kept.append(measure(replicas.chains.states)[replica.T])
    values = np.stack(kept, axis=1)
    return ladder, values.reshape(len(ladder), LADDERS * CONFIGURATIONS, *values.shape[3:])


class Predictions:
    """Averages by a local energy with their derivatives, from one simulation by reweighting.

    Parameters
    ----------
    found : LocalEnergy
    lattice : Lattice
    temperatures : array_like
        At least two, ascending, in J/k_B; the lowest and the highest are the ends of the range.
    seed, key : int
        Of the random streams.
    on_sweep : callable

    Raises
    ------
    ValueError
        If the interactions do not fit on the lattice, or temperatures are too far apart.
    """

    def __init__(self, found: LocalEnergy, lattice: Lattice, temperatures, seed, key, on_sweep=lambda: None):
        self.found, self.n_sites = found, lattice.n_sites
        self.temperatures, sums = simulate(
            found.model(lattice), temperatures, seed, key,
            lambda states: found.sums(states.T, lattice), on_sweep,
        )  # fmt: skip
        energies = -(sums @ found.coupling)
        self._origin = energies.mean()
        self._sums = sums.reshape(-1, sums.shape[-1])
        self._mixture = log_mixture(list(energies - self._origin), self.temperatures)
        if self._mixture is None:
            raise ValueError(
                "the temperatures are too far apart for replica exchange; name some between them"
            )

    def _weighted(self, temperature: float, coupling: np.ndarray):
        """Weights of all configurations, and how far their energies are from the mean."""
        energy = -(self._sums @ coupling) - self._origin
        log_weights = -energy / temperature - self._mixture
        weights = np.exp(log_weights - logsumexp(log_weights))
        return weights, energy - weights @ energy

    def slope_of_u(self, temperature: float) -> np.ndarray:
        """Derivative of the energy per site with respect to the couplings, float64 (n,)."""
        weights, moved = self._weighted(temperature, self.found.coupling)
        return (weights * (moved / temperature - 1)) @ self._sums / self.n_sites

    def specific_heat(self, temperature: float, coupling: np.ndarray | None = None) -> float:
        """In k_B per site; with other couplings in J, if they are given, near those that were found."""
        weights, moved = self._weighted(temperature, self.found.coupling if coupling is None else coupling)
        return float(weights @ moved**2 / temperature**2 / self.n_sites)

    @cached_property
    def peak(self) -> float:
        """Temperature of the largest specific heat, in J/k_B.

        Raises
        ------
        ValueError
            If it is at an end of the range.
        """
        fine = np.linspace(self.temperatures[0], self.temperatures[-1], FINE)
        top = int(np.argmax([self.specific_heat(t) for t in fine]))
        if top in (0, FINE - 1):
            raise ValueError(
                f"the specific heat has no peak between T = {fine[0]:g} and {fine[-1]:g}; name "
                f"{'lower' if top == 0 else 'higher'} temperatures, too (sweep.temperatures)"
            )
        return self._peak(fine[top - 1], fine[top + 1], self.found.coupling)

    def slope_of_peak(self) -> np.ndarray:
        """Derivative of `peak` with respect to the couplings, float64 (n,), by central differences."""
        step = STEP * np.abs(self.found.coupling).max()
        low, high = (1 - REACH) * self.peak, (1 + REACH) * self.peak
        moves = [
            self._peak(low, high, self.found.coupling + d) - self._peak(low, high, self.found.coupling - d)
            for d in step * np.eye(len(self.found.coupling))
        ]
        return np.array(moves) / (2 * step)

    def _peak(self, low: float, high: float, coupling: np.ndarray) -> float:
        return float(
            minimize_scalar(
                lambda t: -self.specific_heat(t, coupling), bounds=(low, high), method="bounded",
                options={"xatol": 1e-7 * high},
            ).x
        )  # fmt: skip


def snapshot_covariance(
    found: LocalEnergy, lattice: Lattice, temperature: float, states: np.ndarray
) -> np.ndarray:
    """Covariance of the couplings from one snapshot at a temperature: that of n independent ones times n.

    Parameters
    ----------
    found : LocalEnergy
        The law.
    lattice : Lattice
        That is observed.
    temperature : float
        In J/k_B.
    states : ndarray of uint8, shape (n, n_sites)
        Configurations of the law there; they may be correlated.

    Returns
    -------
    float64 (n_couplings, n_couplings)
        In J^2.

    Raises
    ------
    ValueError
        If snapshots at this temperature do not determine the couplings.
    """
    samples = Samples(states, lattice, temperature, found.window)
    functions = found.functions(samples.window)
    _, scores, _, h = derivatives(samples, functions, found.coupling / temperature)
    moved = scores - scores.mean(axis=0)
    square = (moved**2).sum(axis=0)
    # under the law scores have the mean 0, and their squares are not those of a few configurations
    if np.any(square < (scores**2).sum(axis=0) / 2) or np.any(square**2 < FEWEST * (moved**4).sum(axis=0)):
        raise ValueError(
            f"nearly all snapshots at T = {temperature:g} are alike; observe at a higher temperature"
        )
    inverse, n = inverted(h), len(states)
    return temperature**2 * n * inverse @ samples.sum_of_squares(scores) @ inverse


def error(slope: np.ndarray, covariance: np.ndarray) -> float:
    """Standard error of what has a derivative with respect to the couplings, from their covariance."""
    return float(np.sqrt(slope @ covariance @ slope))
