"""Finds the interactions behind observations: selected one by one, tied where symmetry holds."""

import numpy as np

from . import likelihood
from .interactions import Interactions, Words
from .local_energy import LocalEnergy
from .samples import Samples
from .selection import select
from .symmetry import PointGroup


def fit(observations: Samples, max_sites: int | None = None) -> LocalEnergy:
    """The local energy with as few interactions as the observations call for.

    First every word of the window is a candidate of its own. The symmetries that the selected ones have
    are then taken for all: point operations by their test, see `symmetry`; states going round (for two:
    turning over) and states in opposite order, if nothing selected breaks them. Sums that have these
    symmetries are fewer and stronger candidates for a second selection; what it finds may take point
    operations back.

    Parameters
    ----------
    observations : Samples
    max_sites : int, optional
        Most sites of an interaction; all of the window's by default.

    Raises
    ------
    ValueError
        If the samples do not determine the couplings that they call for.
    """
    words = Words.all(observations.window)
    if max_sites is not None:
        words = words.take(words.order <= max_sites)
    point = PointGroup(words)
    group, within = None, list(range(len(point.operations)))
    candidates = Interactions.single(words)
    chosen, result = select(observations, candidates)
    while True:
        selected = np.flatnonzero(np.isin(words.keys, candidates.take(chosen).words.keys))
        supported = _supported(observations, point, selected, within)
        if supported == group:
            break
        group = within = supported
        turning, opposing = words.neutral[selected].all(), not words.sine[selected].any()
        allowed = (words.neutral | (not turning)) & ~(words.sine & opposing)
        candidates = point.tied(group, allowed)
        start = np.unique(candidates.owner[np.isin(candidates.words.keys, words.keys[selected])])
        chosen, result = select(observations, candidates, start)
    t, names = observations.temperature, [f"{len(group)} of {len(point.operations)} point operations"]
    if turning:
        names.append("states going round")
    if opposing and words.sine.any():
        names.append("states in opposite order")
    found = candidates.take(chosen)
    return LocalEnergy(found, t * result.parameters, t**2 * result.covariance, ", ".join(names))


def _supported(observations, point, selected, within) -> list[int]:
    """Group of point operations that the selected words and their images do not contradict."""
    orbits = point.orbits(selected)
    free = likelihood.fit(observations, point.words.take(orbits).functions())
    n = observations.weights.sum()
    return point.supported(orbits, free.parameters, free.covariance, n, within)
