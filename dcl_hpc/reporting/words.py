"""Clusters of sites in words."""

import numpy as np

from ..inference.projection import images
from ..physics.geometry import Geometry

ORDINALS = ("nearest", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def in_words(sites, geometry: Geometry, tied: int | None = None) -> str:
    """What a cluster is: "field", "second neighbours (distance 1.41)", "four sites (plaquette)".

    Parameters
    ----------
    sites : sequence of tuple of int
        Grid offsets.
    geometry : Geometry
    tied : int, optional
        How many of its images under the point group have the same coupling; told where not all of them have.
    """
    text, every = _form(np.array(sites), geometry), len(images(sites, geometry))
    return text if tied is None or tied >= every else f"{text}, {tied} of {every} directions"


def _form(sites: np.ndarray, geometry: Geometry) -> str:
    if len(sites) == 1:
        return "field"
    points = sites @ np.array(geometry.vectors)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    if len(sites) == 2:
        length = distances[0, 1]
        rank = _shells(geometry, length)
        name = f"{ORDINALS[rank]} neighbours" if rank < len(ORDINALS) else "neighbours"
        return name if rank == 0 else f"{name} (distance {length:.3g})"
    number = NUMBERS[len(sites)] if len(sites) < len(NUMBERS) else str(len(sites))
    ring = np.all(np.isclose(distances, 1).sum(axis=1) == 2)
    return f"{number} sites ({'plaquette' if ring else f'within {distances.max():.3g}'})"


def _shells(geometry: Geometry, length: float) -> int:
    """How many distances of two points of the grid are shorter."""
    vectors = np.array(geometry.vectors)
    # in every direction the grid's coordinates are at most the length over the planes' distance
    reach = int(np.ceil(length * np.linalg.norm(np.linalg.inv(vectors), axis=0).max()))
    grid = np.indices([2 * reach + 1] * geometry.dimension).reshape(geometry.dimension, -1).T - reach
    distances = np.unique(np.round(np.linalg.norm(grid @ vectors, axis=1), 6))
    return int((distances < length - 1e-3).sum()) - 1  # without 0


def ranges(temperatures, chosen) -> str:
    """Where some ascending temperatures are: "up to T = 1.2 and from T = 4 on"; "" without any."""
    places = np.flatnonzero(chosen)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []
    last, told = len(temperatures) - 1, []
    for run in runs:
        low, high = (f"{temperatures[k]:g}" for k in (run[0], run[-1]))
        if len(run) == last + 1:
            told.append("at all temperatures")
        elif run[0] == 0:
            told.append(f"up to T = {high}")
        elif run[-1] == last:
            told.append(f"from T = {low} on")
        else:
            told.append(f"at T = {low}" if low == high else f"from T = {low} to {high}")
    return " and ".join(told)
