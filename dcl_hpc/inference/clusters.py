"""Finds the interactions behind observations: selected one by one, tied where symmetry holds."""

from collections.abc import Sequence

import numpy as np

from . import likelihood
from .interactions import Interactions, Words
from .local_energy import LocalEnergy
from .samples import Samples
from .selection import select
from .symmetry import PointGroup

# Data call for very many interactions in the place of one that is forbidden; so many are taken.
SUBSTITUTES = 20


def fit(observations: Samples, max_sites: int | None = None, forbidden: Sequence = ()) -> LocalEnergy:
    """The local energy with as few interactions as the observations call for.

    First every word of the window that the lattice has room for is a candidate of its own. The
    symmetries that the selected ones have are then taken for all: point operations by their test, see
    `symmetry`; states going round (for two: turning over) and states in opposite order, if nothing
    selected breaks them. Sums that have these symmetries are fewer and stronger candidates for a second
    selection; what it finds may take point operations back.

    Parameters
    ----------
    observations : Samples
    max_sites : int, optional
        Most sites of an interaction; all of the window's by default.
    forbidden : sequence of array_like of int, shape (n_sites, dimension)
        Interactions that are left out, by the offsets of their sites, with their images under all point
        operations and whatever their charges. At most `SUBSTITUTES` others are then taken.

    Raises
    ------
    ValueError
        If the samples do not determine the couplings that they call for, or a forbidden interaction does
        not fit in the window.
    """
    operations = observations.lattice.geometry.operations
    words = Words.all(observations.window).closed(operations)
    words = words.take(~words.on(forbidden, operations))
    if max_sites is not None:
        words = words.take(words.order <= max_sites)
    there = observations.has(words)
    point = PointGroup(words, operations)
    group, within = None, list(range(len(point.operations)))
    candidates = Interactions.single(words.take(there))
    most = SUBSTITUTES if len(forbidden) else None
    chosen, result = select(observations, candidates, most=most)
    while True:
        selected = np.flatnonzero(np.isin(words.keys, candidates.take(chosen).words.keys))
        supported = _supported(observations, point, selected[there[selected]], there, within)
        if supported == group:
            break
        group = within = supported
        turning, opposing = words.neutral[selected].all(), not words.sine[selected].any()
        allowed = (words.neutral | (not turning)) & ~(words.sine & opposing)
        candidates = point.tied(group, allowed)
        # what has no place on this lattice is told by what it is tied to
        room = there[np.searchsorted(words.keys, candidates.words.keys)]
        candidates = candidates.take(np.unique(candidates.owner[room]))
        start = np.unique(candidates.owner[np.isin(candidates.words.keys, words.keys[selected])])
        chosen, result = select(observations, candidates, start, most)
    t, names = observations.temperature, [f"{len(group)} of {len(point.operations)} point operations"]
    if turning:
        names.append("states going round")
    if opposing and words.sine.any():
        names.append("states in opposite order")
    found = candidates.take(chosen)
    return LocalEnergy(found, t * result.parameters, t**2 * result.covariance, ", ".join(names))


def _supported(observations, point, selected, there, within) -> list[int]:
    """Group of point operations that the selected words and their images do not contradict."""
    orbits = point.orbits(selected)
    orbits = orbits[there[orbits]]
    free = likelihood.fit(observations, Interactions.single(point.words.take(orbits)))
    n = observations.weights.sum()
    return point.supported(orbits, free.parameters, free.covariance, n, within)
