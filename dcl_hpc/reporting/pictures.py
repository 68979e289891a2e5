"""Clusters of sites as little drawings of the lattice."""

import io
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure

from ..physics.geometry import Geometry

# Positive and negative couplings, and those without a sign.
POSITIVE, NEGATIVE, UNSIGNED = "#1f6fb4", "#c44e52", "#555555"
# Inches of a bond, and how much of the lattice is shown around a cluster, in bonds; more if it has gaps.
SCALE, AROUND, AROUND_GAPS = 0.3, 1.05, 1.55
# Where axes after the second one of space point to on paper.
DEPTHS = np.array([[0.42, 0.3], [-0.36, 0.45]])


def picture(sites, geometry: Geometry, coupling: float | None = None) -> bytes:
    """A drawing of a cluster on a piece of the lattice, as PNG.

    The first axis of a square lattice's array goes down and the second to the right, as in the array itself.

    Parameters
    ----------
    sites : sequence of tuple of int
        Grid offsets.
    geometry : Geometry
    coupling : float, optional
        Its sign gives the colour.
    """
    cluster, lattice = _piece(np.array(sites), geometry)
    nodes, points = _flat(cluster, geometry), _flat(lattice, geometry)
    size = (np.ptp(points, axis=0) + 0.7) * SCALE
    figure = Figure(figsize=tuple(size), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), aspect="equal")
    axes.axis("off")
    space = lattice @ np.array(geometry.vectors)
    for a, b in combinations(range(len(points)), 2):
        if np.isclose(np.linalg.norm(space[a] - space[b]), 1):
            axes.plot(*points[[a, b]].T, color="#cccccc", lw=0.8, zorder=1)
    axes.plot(*points.T, "o", ms=3, color="#bbbbbb", zorder=2)
    colour = UNSIGNED if coupling is None else POSITIVE if coupling > 0 else NEGATIVE
    around = nodes - nodes.mean(axis=0)
    corners = nodes[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]
    axes.fill(*corners.T, facecolor=colour, edgecolor=colour, lw=2.5, alpha=0.35, zorder=3)
    axes.plot(*nodes.T, "o", ms=6.5, color=colour, zorder=4)
    low, high = points.min(axis=0) - 0.35, points.max(axis=0) + 0.35
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _piece(offsets: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """A place where the lattice has all sites of a cluster, and the lattice's sites around it.

    Returns
    -------
    cluster, lattice : int64 (n, dimension)
        Grid coordinates.
    """
    cells = 2 * int(np.ptp(offsets, axis=0).max()) + 6
    every = geometry.coordinates((cells,) * geometry.dimension)
    known = set(map(tuple, every.tolist()))
    middle = np.argsort(np.linalg.norm((every - every.mean(axis=0)) @ np.array(geometry.vectors), axis=1))
    places = (every[k] + offsets for k in middle)
    cluster = next(x for x in places if known.issuperset(map(tuple, x.tolist())))
    points, space = (x @ np.array(geometry.vectors) for x in (cluster, every))
    low, high = points.min(axis=0), points.max(axis=0)
    before = after = AROUND_GAPS if geometry.basis else AROUND
    if geometry.dimension > 2:  # only what can be told apart in a drawing
        before, after = 0.05, np.where(np.isclose(low, high), AROUND, 0.05)
    return cluster, every[np.all((space > low - before) & (space < high + after), axis=1)]


def _flat(coordinates: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Places on paper, float64 (n, 2)."""
    space = coordinates @ np.array(geometry.vectors)
    if np.array_equal(geometry.vectors, np.eye(geometry.dimension)):
        space = space[:, ::-1]  # the last axis to the right
    space = np.pad(space, [(0, 0), (0, max(2 - space.shape[1], 0))])
    return (space[:, :2] + space[:, 2:] @ DEPTHS[: space.shape[1] - 2]) * (1, -1)
