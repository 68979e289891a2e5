"""Interactions that a run has found, as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from ..energy.bonds import CONVENTION as BONDS
from ..energy.bonds import read_bonds
from ..energy.couplings import true_couplings, true_fields
from ..energy.direct import CONVENTION
from ..energy.factory import ENERGIES
from ..errors import UserError
from ..physics.geometry import Geometry
from ..pipeline.run import Run
from ..storage import results
from ..storage.evaluation import read_couplings
from .frames import data_frame
from .words import in_words

if TYPE_CHECKING:
    import pandas

# Rows of a table that are shown.
SHOWN = 20


@dataclass(frozen=True)
class Interaction:
    """One interaction, E = - coupling * sum over the lattice of its function; for a bond of a glass no sum.

    Attributes
    ----------
    sites : tuple of tuple of int
        Offsets of the sites that take part; for a glass their places on the lattice.
    coupling, error : float
        Coupling and its standard error, in J.
    tied : int
        How many functions have this coupling by symmetry; `sites` are those of the first.
    text : str
        As the report writes it, with the charges if there are more than two states.
    true : float, optional
        The true coupling in J, where it is known: in glasses, 0 for sites that no bond joins.
    about : str
        In words, with the range; empty for a glass.
    unit : str
        Of the couplings.
    """

    sites: tuple[tuple[int, ...], ...]
    coupling: float
    error: float
    tied: int = 1
    text: str = ""
    true: float | None = None
    about: str = ""
    unit: str = "J"

    def __str__(self) -> str:
        true = "" if self.true is None else f"  true {self.true:+.5f}"
        about = self.about and f"  {self.about}"
        return f"{self.coupling:+.5f} +- {self.error:.5f} {self.unit}  {self.tied} x {self.text}{about}{true}"


class InteractionTable(Sequence[Interaction]):
    """Interactions, strongest first.

    Parameters
    ----------
    source : str
        By what they were found.
    rows : iterable of Interaction
    convention : str
        What the couplings mean.
    """

    def __init__(self, source: str, rows: Iterable[Interaction], convention: str = CONVENTION):
        self.source, self.convention = source, convention
        self._rows = tuple(sorted(rows, key=lambda row: -abs(row.coupling)))

    @overload
    def __getitem__(self, index: int) -> Interaction: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Interaction, ...]: ...
    def __getitem__(self, index):
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def coupling(self) -> NDArray[np.float64]:
        """Couplings, float64 (n,), in J."""
        return np.array([row.coupling for row in self._rows])

    @property
    def error(self) -> NDArray[np.float64]:
        """Their standard errors, float64 (n,), in J."""
        return np.array([row.error for row in self._rows])

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each interaction; raises UserError without pandas."""
        names = Interaction.__dataclass_fields__
        return data_frame({name: [getattr(row, name) for row in self._rows] for name in names})

    def __repr__(self) -> str:
        lines = [
            f"{len(self)} interactions by {self.source}; {self.convention}",
            *map(str, self._rows[:SHOWN]),
        ]
        return "\n".join(lines + ["..."] * (len(self) > SHOWN))


def sources(run: Run) -> list[str]:
    """By what a run finds interactions: "direct", "ednn", "rnn", or estimates that it compares with."""
    job = run.job
    if job.is_glass:  # what networks have is in the evaluation
        return [name for name in job.learned[::-1] if name == "direct" or job.compares]
    methods = [] if job.direct is None else list(job.direct.methods)
    own = ["direct"] * job.uses_direct + ["ednn"] * (job.uses_ednn and not job.ednn.is_network)
    return own + methods


def read_interactions(run: Run, source: str | None = None) -> InteractionTable:
    """Interactions of a single system or of one realization.

    Parameters
    ----------
    run : Run
    source : str, optional
        One of `sources`, by default the first.

    Raises
    ------
    UserError
        If the job finds none in this way, or the stage that does is not complete.
    """
    there = sources(run)
    if not there:
        raise UserError(
            "this job lists no interactions: add 'direct' to sweep.energies, or a section [direct] to the job"
        )
    if (source := source or there[0]) not in there:
        raise UserError(f"this job finds no interactions by {source!r}, but by {', '.join(map(repr, there))}")
    if run.job.is_glass:
        rows = _bonds(run) if source == "direct" else _couplings(run, source)
        return InteractionTable(source, rows, BONDS)
    if source in ENERGIES:
        rows = results.read_local_energy(run.require(ENERGIES[source].stage))["interactions"]
    else:
        rows, _ = results.read_direct(run.require("evaluate"))[source]
    if any("sites" not in row for row in rows):
        raise UserError(f"{run.root}: interactions of an older version without their sites; fit them again")
    geometry, unit = run.job.build_lattice().geometry, run.job.units.energy
    return InteractionTable(source, (_interaction(row, geometry, unit) for row in rows))


def _interaction(row: dict, geometry: Geometry, unit: str) -> Interaction:
    """Of what `inference.estimate.described` wrote."""
    sites, tied = tuple(map(tuple, row["sites"])), row["tied"]
    about = in_words(sites, geometry, tied)
    return Interaction(sites, row["coupling"], row["error"], tied, row["interaction"], about=about, unit=unit)


def _bonds(run: Run) -> list[Interaction]:
    """Couplings of bonds, and fields of sites if there are any, that the direct estimate of a glass found."""
    found, lattice = read_bonds(run), run.job.build_lattice()
    bonds, unit = found.interactions, run.job.units.energy
    true = np.full(len(bonds), np.nan)
    if run.job.has_truth:
        hamiltonian = run.job.build_hamiltonian()
        known = true_couplings(hamiltonian, bonds.pairs), true_fields(hamiltonian)[bonds.sites]
        true = np.concatenate(known)
    places = lattice.coordinates.tolist()
    clusters = [*bonds.pairs.tolist(), *([site] for site in bonds.sites)]
    rows = zip(clusters, found.coupling.tolist(), found.error.tolist(), true.tolist(), strict=True)
    return [_of_sites([places[k] for k in sites], *row, unit) for sites, *row in rows]


def _of_sites(sites, value: float, error: float, true: float, unit: str) -> Interaction:
    """Of sites at these places of the lattice; an unknown true coupling is nan."""
    places = tuple(map(tuple, sites))
    text = f"[{' '.join(map(str, places))}]".replace(", ", ",")
    return Interaction(places, value, error, text=text, true=None if np.isnan(true) else true, unit=unit)


def _couplings(run: Run, source: str) -> list[Interaction]:
    """Of all pairs of sites that the evaluation looked at."""
    found = read_couplings(run.require("evaluate"))
    if found is None or source not in found["recovered"]:
        raise UserError(f"{run.path('evaluate')} has no couplings by {source!r}; evaluate again")
    by = found["recovered"][source]
    sites = run.job.build_lattice().coordinates[found["pairs"]].tolist()
    rows = zip(sites, by["value"].tolist(), by["error"].tolist(), found["true"].tolist(), strict=True)
    return [_of_sites(*row, run.job.units.energy) for row in rows]
