"""The baseline: couplings of pairs of sites, and of no others."""

import numpy as np

from . import likelihood
from .interactions import Interactions, Words
from .local_energy import LocalEnergy
from .samples import Samples


def fit(observations: Samples, distance: float = 1.0) -> LocalEnergy:
    """Couplings of all pairs of sites up to a distance, nothing tied but translations.

    Parameters
    ----------
    observations : Samples
    distance : float
        In space, 1 for nearest neighbours; inf for all pairs of the window.
    """
    words = Words.all(observations.window)
    words = words.take((words.order == 2) & observations.has(words))
    places = np.nonzero(words.charges)[1].reshape(-1, 2)
    ends = words.window.offsets[places] @ np.array(observations.lattice.geometry.vectors)
    words = words.take(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) <= distance + 1e-9)
    found = Interactions.single(words)
    result, t = likelihood.fit(observations, found), observations.temperature
    return LocalEnergy(found, t * result.parameters, t**2 * result.covariance)
