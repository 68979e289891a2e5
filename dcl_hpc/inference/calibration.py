r"""Calibration of a learned energy by the observations: what they call for, and how much of the rest is real.

A network's energy is split into its projection on the interactions of a local law and the rest,

.. math:: E = w \, (E_{net} + \sum_k b_k F_k) - \sum_k J_k F_k,

and J and the weight w of the rest maximise the pseudo-likelihood of the observations: a concave problem, with
the network's differences of energy as one more function beside the F_k. The projection b is taken in the
metric of the information, so that J and w are independent to first order. With w = 1 the network knows what
the interactions lack; with w = 0 what it has beyond them is noise. The scale, w fitted alone, tells whether
the training has converged: it is 1 within its error for the true energy at the temperature of the job.

A network's differences are dear, so that they may be known for some of the samples only. J is then what all
samples say plus what the rest changes in it on these, a control variate: only the change has their error.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from .bonds import Bonds, Spins
from .glass import BondEnergy
from .interactions import Interactions
from .likelihood import Fit, fit, inverted
from .local_energy import LocalEnergy
from .samples import NOTHING, Samples

# Share of a network's differences beyond the interactions, below which there is no rest to weigh.
LEAST_REST = 1e-8


@dataclass(frozen=True)
class Calibration:
    """A learned energy, calibrated.

    Attributes
    ----------
    weight : float
        w of the rest, see `_posterior`; the scale if there is no interaction.
    scale, scale_error : float
        Factor of the network's energy that makes the observations most likely, with nothing beside it.
    rest : float
        Share of the rest in the network's differences of energy, by their information.
    law : LocalEnergy or BondEnergy
        The interactions with couplings J, in J, and their covariance.
    projection : float64 (n,)
        Couplings b of the network's projection on the interactions, in J.
    covariance : float64 (n + 1, n + 1)
        Of w and then J, in J^2, J and 1.
    """

    weight: float
    scale: float
    scale_error: float
    rest: float
    law: LocalEnergy | BondEnergy
    projection: np.ndarray
    covariance: np.ndarray

    @property
    def weight_error(self) -> float:
        """Standard error of the weight."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def correction(self) -> LocalEnergy | BondEnergy:
        """What is added to w times the network's energy."""
        return replace(self.law, coupling=self.law.coupling - self.weight * self.projection)


def calibrate(
    observations: Samples | Spins, law: LocalEnergy | BondEnergy, rows: np.ndarray, given: np.ndarray
) -> Calibration:
    """Weigh a learned energy beside the interactions that the observations call for.

    Parameters
    ----------
    observations : Samples or Spins
        Without a given field.
    law : LocalEnergy or BondEnergy
        The interactions, of a `LocalEnergy` in a window that the observations' holds; none, for the scale
        alone.
    rows : ndarray of int, shape (m,)
        Samples for which the learned energy is known, each once.
    given : ndarray of float32, shape (m, n_sites, n_states)
        What it costs there, see `Samples`.

    Raises
    ------
    ValueError
        If the samples do not determine the couplings.
    """
    t, found = observations.temperature, law.interactions
    some, where = observations.some(rows, given), observations.score_rows(rows)
    alone = fit(some, found.take([]), [1.0])
    scale, scale_error = float(alone.parameters[0]), float(np.sqrt(alone.covariance[0, 0]))
    n = len(found)
    if n == 0:
        return Calibration(scale, scale, scale_error, 1.0, law, np.zeros(0), alone.covariance)
    every = fit(observations, found, law.coupling / t)
    plain = fit(replace(some, given=NOTHING), found, every.parameters)
    together = _together(some, found, plain)
    weight, rest, projection, couplings = 0.0, 0.0, np.zeros(n), every.parameters
    total = np.zeros((observations.n_groups, n + 1))
    total[:, 1:] = _influence(every)
    if together is not None:
        weight, (projection, rest) = together.parameters[n], _split(together.information)
        couplings = couplings + together.parameters[:n] + weight * projection - plain.parameters
        both = _influence(together)
        total[where, 0] = both[:, n]
        total[where, 1:] += both[:, :n] + both[:, n:] * projection - _influence(plain)
    units = np.concatenate([[1.0], np.full(n, t)])
    covariance = observations.sum_of_squares(total) * np.outer(units, units)
    couplings = t * couplings
    if together is not None:
        weight, change, covariance = _posterior(weight, covariance)
        couplings = couplings + change
    law = replace(law, coupling=couplings, covariance=covariance[1:, 1:])
    return Calibration(float(weight), scale, scale_error, rest, law, t * projection, covariance)


def _posterior(weight: float, covariance: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean and covariance after the data, if before them the rest may as well be noise as not.

    A prior of a spike and a slab (T. Mitchell and J. Beauchamp, J. Am. Stat. Assoc. 83, 1023 (1988)): with
    probability 1/2 the weight is 0, else normal with mean 0 and standard deviation 1. Where few samples say
    little, noise is not taken for knowledge; where they say that the rest is real, the prior hardly
    matters. A bound at 0 would do the first, too, but the energy would be off to one side wherever the rest
    is noise.

    Returns
    -------
    weight : float
    couplings : float64 (n,)
        What is added to the couplings.
    covariance : float64 (n + 1, n + 1)
    """
    variance = covariance[0, 0]
    slab, kept = 1 / (1 + variance), weight**2 / variance
    real = expit((np.log(variance * slab) + kept * slab) / 2)
    mean = real * slab * weight
    spread = real * (slab * variance + (slab * weight) ** 2) - mean**2
    response = covariance[0] / variance  # of all parameters to a change of the weight
    change = (spread - variance) * np.outer(response, response)
    return mean, (mean - weight) * response[1:], covariance + change


def unchanged(law: LocalEnergy | BondEnergy) -> Calibration:
    """A network's energy as it is, where observations cannot say more; the law is left out."""
    none = law.interactions.take([])
    law = replace(law, interactions=none, coupling=np.zeros(0), covariance=np.zeros((0, 0)))
    return Calibration(1.0, np.nan, np.nan, 0.0, law, np.zeros(0), np.zeros((1, 1)))


def _together(some: Samples | Spins, found: Interactions | Bonds, plain: Fit) -> Fit | None:
    """The fit with the network beside the interactions; None where there is nothing beyond these."""
    try:
        together = fit(some, found, np.append(plain.parameters, 0.0))
    except ValueError:  # singular: the interactions are all that the network has
        return None
    return together if _split(together.information)[1] > LEAST_REST else None


def _split(information: np.ndarray) -> tuple[np.ndarray, float]:
    """The last function's projection on the others, float64 (n,), and the share of it that is left."""
    projection = inverted(information[:-1, :-1]) @ information[:-1, -1]
    return projection, float(1 - information[-1, :-1] @ projection / information[-1, -1])


def _influence(found: Fit) -> np.ndarray:
    """What each sample of weight 1 does to the parameters, float64 (n_samples, n)."""
    return found.scores @ inverted(found.information)
