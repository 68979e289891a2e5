"""Couplings of single bonds that a glass' observations told: numbers and figure."""

import numpy as np

from ..inference.glass import BondEnergy
from ..physics.lattice import Lattice
from .figures import STYLE, plt
from .lattices import can_draw, draw, draw_couplings

# Couplings, and fields, that the page lists.
SHOWN = 20


def numbers(found: BondEnergy, lattice: Lattice) -> dict:
    """What summary.json tells of them.

    Returns
    -------
    dict
        `bonds`, how many couplings; `fields`, in words; `coupling_error`, RMS of the standard errors of
        couplings, in J; `interactions`, the strongest couplings, and `strongest_fields`, with their `sites`,
        `coupling` and `error`.
    """
    n = len(found.interactions.pairs)
    return {
        "bonds": n, "fields": found.symmetry, "coupling_error": float(np.sqrt((found.error[:n] ** 2).mean())),
        "interactions": _strongest(found, lattice, slice(n)),
        "strongest_fields": _strongest(found, lattice, slice(n, None)),
    }  # fmt: skip


def _strongest(found: BondEnergy, lattice: Lattice, which: slice) -> list[dict]:
    """Some of the couplings, the strongest ones, with the places of their sites."""
    numbers = np.arange(len(found.coupling))[which]
    clusters = [*found.interactions.pairs, *found.interactions.sites[:, None]]
    return [
        {"sites": (places := lattice.coordinates[clusters[k]].tolist()), "tied": 1,
         "interaction": " ".join(str(tuple(place)).replace(" ", "") for place in places),
         "coupling": float(found.coupling[k]), "error": float(found.error[k])}
        for k in numbers[np.argsort(-np.abs(found.coupling[numbers]), kind="stable")][:SHOWN]
    ]  # fmt: skip


def in_words(found: dict, unit: str) -> str:
    """The same in a line."""
    return (
        f"{found['bonds']} couplings with errors of {found['coupling_error']:.3f} {unit}; {found['fields']}"
    )


def picture(lattice: Lattice, found: BondEnergy, unit: str):
    """Couplings on the lattice, where it can be drawn, and in ascending order with their standard errors."""
    bonds, n = found.interactions, len(found.interactions.pairs)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, 1 + can_draw(lattice), figsize=(3.8 * (1 + can_draw(lattice)), 3.4), squeeze=False
        )
        if can_draw(lattice):
            axis, number = axes[0, 0], [lattice.n_sites, 1]
            pair = np.searchsorted(bonds.pairs @ number, np.sort(lattice.bonds) @ number)
            lines = draw_couplings(axis, lattice, found.coupling[pair])
            fields = np.zeros(lattice.n_sites)
            fields[bonds.sites] = found.coupling[n:]
            style = {"cmap": "coolwarm_r", "norm": lines.norm} if fields.any() else {}
            draw(axis, lattice, fields if style else None, bonds=False, size=0.4 if style else 0.2, **style)
            figure.colorbar(
                lines, ax=axis, shrink=0.8, label=f"coupling{' and field' * bool(style)} / {unit}"
            )
        axis, order = axes[0, -1], np.argsort(found.coupling[:n])
        axis.errorbar(
            np.arange(n), found.coupling[:n][order], found.error[:n][order],
            fmt=".", ms=3, lw=0, elinewidth=0.8, color="#1f6fb4",
        )  # fmt: skip
        axis.axhline(0, color="k", lw=0.6)
        axis.set(xlabel="bonds, in the order of their couplings", ylabel=f"coupling / {unit}")
        figure.tight_layout()
    return figure
