"""The law of a glass straight from observations: a coupling for each bond, and fields if there are any."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_BONDS
from . import likelihood
from .bonds import Bonds, Spins

# Probability of fields this large where there are none, below which they are taken for real.
REAL = 0.01


@dataclass(frozen=True)
class BondEnergy:
    """E = - sum_k J_k F_k; beside `Bonds` what `LocalEnergy` is to interactions.

    Parameters
    ----------
    interactions : Bonds
    coupling : ndarray of float64, shape (n,)
        Of the pairs and then of the sites, in J.
    covariance : ndarray of float64, shape (n, n)
        In J^2.
    symmetry : str
        What was found of fields, in words.
    """

    interactions: Bonds
    coupling: np.ndarray
    covariance: np.ndarray
    symmetry: str = ""

    @property
    def error(self) -> np.ndarray:
        """Standard errors of the couplings, float64 (n,), in J."""
        return np.sqrt(np.diag(self.covariance))


def fit(observations: Spins, lattice: Lattice) -> BondEnergy:
    """Couplings of all bonds, and the fields of all sites if the observations call for any.

    Raises
    ------
    ValueError
        If there are too many couplings, or the samples do not determine them.
    """
    both, t = Bonds.of(lattice, fields=True), observations.temperature
    if len(both) > MAX_BONDS:
        raise ValueError(f"{len(both)} couplings and fields are more than the {MAX_BONDS} that can be fitted")
    if not len(both.pairs):
        raise ValueError("the lattice joins no two sites")
    found, n = _fit(observations, both), len(both.pairs)
    if _chance(found.parameters[n:], found.covariance[n:, n:]) < REAL:
        text = "sites have fields of their own"
        return BondEnergy(both, t * found.parameters, t**2 * found.covariance, text)
    bonds = Bonds.of(lattice, fields=False)
    found = _fit(observations, bonds, found.parameters[:n])
    return BondEnergy(bonds, t * found.parameters, t**2 * found.covariance, "no site has a field")


def _fit(observations: Spins, bonds: Bonds, start=None) -> likelihood.Fit:
    try:
        return likelihood.fit(observations, bonds, start)
    except ValueError:
        raise ValueError(
            "some sites hardly ever turn, or neighbours never without each other: their couplings cannot be "
            "told; observe more, or at a higher temperature, or leave such sites out (lattice.absent)"
        ) from None


def _chance(values: np.ndarray, covariance: np.ndarray) -> float:
    """Probability of values at least this large together if all of them are 0.

    The sum of the squares of their z has the mean and the variance of a chi-squared that is scaled (F.
    Satterthwaite, Biometrics Bulletin 2, 110 (1946)): that also holds where the covariance has no inverse.
    """
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    n, squares = len(values), (correlation**2).sum()
    return float(chi2.sf((values**2 / np.diag(covariance)).sum() * n / squares, n**2 / squares))
