"""Lattices as they are: in words, and drawn with their sites where they lie."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from ..physics.lattice import Lattice
from .figures import STYLE

# Sites beyond which a drawing shows nothing.
MAX_DRAWN = 2500


def in_words(lattice: Lattice) -> str:
    """Size, kind, edges and absent sites of a lattice."""
    axes = " and ".join(map(str, lattice.open))
    ends = "" if not axes else f" with open ends along axis {axes}"
    if len(lattice.open) == lattice.dimension:
        ends = " with open ends"
    absent = f" without {len(lattice.absent)} of its sites" if lattice.absent else ""
    return f"{lattice} lattice{ends}{' and' * bool(ends and absent)}{absent}"


def can_draw(lattice: Lattice) -> bool:
    """Whether a lattice has so few axes and sites that a drawing of it shows something."""
    return lattice.dimension <= 2 and lattice.n_sites <= MAX_DRAWN


def _plane(lattice: Lattice, coordinates: np.ndarray) -> np.ndarray:
    """Grid coordinates as points of a picture, (..., 2): columns to the right, rows down."""
    points = coordinates @ np.array(lattice.geometry.vectors)
    if lattice.dimension == 1:
        return np.concatenate([points, np.zeros_like(points)], axis=-1)
    down, right = np.array(lattice.geometry.vectors)
    right = right / np.linalg.norm(right)
    down = down - (down @ right) * right
    return np.stack([points @ right, -points @ down / np.linalg.norm(down)], axis=-1)


def bond_lines(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the bonds in the plane: whole ones, and halves of those that lead round the lattice.

    Returns
    -------
    whole, halves : float64 (n, 2, 2)
        Each of two points (x, y).
    direct : bool (n_bonds,)
        Which bonds are whole ones; of the halves, those at the first sites come first.
    """
    steps = np.array(lattice.geometry.steps)
    first, k = np.nonzero(lattice.forward >= 0)
    second = lattice.forward[first, k]
    points = _plane(lattice, lattice.coordinates)
    start, end, along = points[first], points[second], _plane(lattice, steps[k])
    direct = np.isclose(end, start + along).all(axis=1)
    whole = np.stack([start, end], axis=1)[direct]
    there = np.stack([start, start + along / 2], axis=1)[~direct]
    back = np.stack([end, end - along / 2], axis=1)[~direct]
    return whole, np.concatenate([there, back]), direct


def draw(
    axis,
    lattice: Lattice,
    values: np.ndarray | None = None,
    bonds: bool = True,
    size: float | None = None,
    **style,
):
    """Draw a lattice of up to two axes, its sites as dots where they lie; absent sites stay blank.

    Parameters
    ----------
    axis : matplotlib Axes
    values : ndarray of numbers, shape (n_sites,), optional
        Colours the sites: states, magnetizations, correlations with one site. Masked and nan ones are blank.
    bonds : bool
        Whether neighbours are joined.
    size : float, optional
        Width of a dot, in bonds; by default 0.3 if there is nothing else, and 0.8 if it shows a value.
    style
        For the dots, such as `cmap` and `norm`.

    Returns
    -------
    matplotlib PathCollection
        The dots, for a colour bar.
    """
    from matplotlib.collections import LineCollection

    points = _plane(lattice, lattice.coordinates)
    if bonds:
        whole, halves, _ = bond_lines(lattice)
        axis.add_collection(LineCollection(whole, colors="#999999", linewidths=0.8, zorder=1))
        axis.add_collection(
            LineCollection(halves, colors="#bbbbbb", linewidths=0.8, linestyles="dotted", zorder=1)
        )
    low, high = points.min(axis=0) - 0.7, points.max(axis=0) + 0.7
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axis.axis("off")
    box = axis.get_position()
    inches = axis.figure.get_size_inches() * [box.width, box.height]
    width = (size or (0.3 if values is None else 0.8)) * 72 * min(inches / (high - low))
    style = {"color": "#1f6fb4"} | style if values is None else {"c": values} | style
    return axis.scatter(*points.T, s=width**2, linewidths=0, zorder=2, **style)


def draw_couplings(axis, lattice: Lattice, couplings: np.ndarray):
    """Draw the bonds of a lattice of up to two axes in the colours of their couplings.

    Parameters
    ----------
    axis : matplotlib Axes
    couplings : float (n_bonds,)
        In the order of `Lattice.bonds`.

    Returns
    -------
    matplotlib LineCollection
        For a colour bar.
    """
    from matplotlib.collections import LineCollection

    whole, halves, direct = bond_lines(lattice)
    largest = np.abs(couplings).max()
    lines = LineCollection(np.concatenate([whole, halves]), cmap="coolwarm_r", linewidths=2.5, zorder=1)
    lines.set(
        array=np.concatenate([couplings[direct], np.tile(couplings[~direct], 2)]), clim=(-largest, largest)
    )
    axis.add_collection(lines)
    return lines


def observed_lattice(lattice: Lattice):
    """The lattice with its bonds; dotted ones lead round it."""
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4, 4))
        draw(axis, lattice)
    return figure
