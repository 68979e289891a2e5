"""Couplings of single bonds that a glass' observations told: numbers and figure."""

import numpy as np

from ..inference.glass import BondEnergy
from ..physics.lattice import Lattice
from .figures import STYLE, plt
from .lattices import can_draw, draw, draw_couplings


def numbers(found: BondEnergy) -> dict:
    """What summary.json tells of them.

    Returns
    -------
    dict
        `bonds`, how many couplings; `fields`, in words; `coupling_error`, RMS of the standard errors of
        couplings, in J.
    """
    n = len(found.interactions.pairs)
    return {
        "bonds": n, "fields": found.symmetry, "coupling_error": float(np.sqrt((found.error[:n] ** 2).mean())),
    }  # fmt: skip


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
