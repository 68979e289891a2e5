"""Local energies: sums of interactions with couplings and their errors."""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from ..physics.lattice import ABSENT, Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from ..sampling.tile_tables import TileTables
from .interactions import Interactions, Words
from .window import Window

# Floats of the sums that `LocalEnergy.energy` holds at a time.
CHUNK = 2**22


@dataclass(frozen=True)
class Member:
    """One function among those that share a coupling.

    Attributes
    ----------
    sites : tuple of tuple of int
        Offsets of the sites, the least along each axis 0.
    charges : tuple of int
        See `interactions`; all 1 for two states.
    phase : {"cos", "sin"}
    sign : int
    """

    sites: tuple[tuple[int, ...], ...]
    charges: tuple[int, ...]
    phase: str
    sign: int

    def __str__(self):
        shown = " ".join(str(site).replace(" ", "") for site in self.sites)
        charges = "" if set(self.charges) == {1} else f" {self.phase} {self.charges}".replace(", ", ",")
        return f"{'-' if self.sign < 0 else ''}[{shown}{charges}]"


@dataclass(frozen=True)
class Term:
    """An interaction as it is read.

    Attributes
    ----------
    members : tuple of Member
        Functions that are tied by symmetry.
    coupling, error : float
        J and its standard error, in J.
    """

    members: tuple[Member, ...]
    coupling: float
    error: float

    def __str__(self):
        return f"{self.coupling:+.5f} +- {self.error:.5f} J  {len(self.members)} x {self.members[0]}"


@dataclass(frozen=True)
class LocalEnergy:
    """E = - sum_k J_k sum over the lattice of interaction k; 0 is the mean over random configurations.

    Parameters
    ----------
    interactions : Interactions
    coupling : ndarray of float64, shape (n,)
        In J.
    covariance : ndarray of float64, shape (n, n)
        Of the couplings, in J^2.
    symmetry : str
        What was tied, in words.
    """

    interactions: Interactions
    coupling: np.ndarray
    covariance: np.ndarray
    symmetry: str = "none assumed"

    @classmethod
    def nothing(cls, dimension: int, n_states: int) -> "LocalEnergy":
        """No interaction."""
        words = Words.all(Window(np.zeros((1, dimension)), n_states))
        return cls(Interactions.single(words).take([]), np.zeros(0), np.zeros((0, 0)))

    @property
    def error(self) -> np.ndarray:
        """Standard errors of the couplings, float64 (n,), in J."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def window(self) -> Window:
        """The smallest window that holds all interactions: of a box a box, else the places that they have."""
        words = self.interactions.words
        window, used = words.window, words.charges.any(axis=0)
        if window.side:
            side = int((window.offsets[used] - window.offsets.min(axis=0)).max(initial=0)) + 1
            return Window.box(window.dimension, side, window.n_states)
        return Window(window.offsets[used] if used.any() else window.offsets[:1], window.n_states)

    @cached_property
    def order(self) -> np.ndarray:
        """Numbers of the interactions, strongest first, int64 (n,)."""
        return np.argsort(-np.abs(self.coupling), kind="stable")

    @cached_property
    def terms(self) -> list[Term]:
        """The interactions, strongest first."""
        words, n = self.interactions.words, len(self.coupling)
        members: list[list[Member]] = [[] for _ in range(n)]
        rows = zip(words.charges, words.sine, self.interactions.owner, self.interactions.sign, strict=True)
        for charges, sine, owner, sign in rows:
            places = np.flatnonzero(charges)
            offsets = words.window.offsets[places]
            sites = tuple(map(tuple, (offsets - offsets.min(axis=0)).tolist()))
            phase = "sin" if sine else "cos"
            members[owner].append(Member(sites, tuple(charges[places].tolist()), phase, int(sign)))
        return [Term(tuple(members[k]), float(self.coupling[k]), float(self.error[k])) for k in self.order]

    def __str__(self):
        return "\n".join([f"symmetry: {self.symmetry}", *map(str, self.terms)])

    def functions(self, window: Window) -> np.ndarray:
        """Values of the interactions in every state of a window that holds them, float64 (size, n)."""
        return self.interactions.resized(window).functions()

    def table(self, window: Window | None = None) -> np.ndarray:
        """Energy of every state of a tile, float64 (window.size,), in J, with tiles at all grid points.

        Parameters
        ----------
        window : Window, optional
            The tile, `window` by default.

        Raises
        ------
        ValueError
            If it does not hold all interactions.
        """
        return -(self.functions(window or self.window) @ self.coupling)

    def model(self, lattice: Lattice) -> TileTables:
        """Energy model for Monte Carlo, with the smallest tiles that hold all interactions."""
        return tile_model(lattice, self.window.n_states, self.window.offsets, self.table())

    def energy(self, states: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
        """Energies with their standard errors.

        Parameters
        ----------
        states : ndarray of integers, shape (n, n_sites)
            `ABSENT` where there is no atom.
        lattice : Lattice
            Any on which the interactions do not meet themselves.

        Returns
        -------
        energy, error : ndarray of float64, shape (n,)
            In J.
        """
        energy, error = np.empty((2, len(states)))
        step = max(CHUNK // max(len(self.coupling), 1), 1)
        prepared = self._prepared(states, lattice)
        for rows in (slice(k, k + step) for k in range(0, len(states), step)):
            sums = _summed(states[rows], *prepared)
            energy[rows] = -(sums @ self.coupling)
            variance = np.einsum("sk,sk->s", sums @ self.covariance, sums)
            error[rows] = np.sqrt(np.maximum(variance, 0))
        return energy, error

    def sums(self, states: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Each interaction's sum over the lattice, float64 (n, n_interactions); see `energy`."""
        return _summed(states, *self._prepared(states, lattice))

    def _prepared(self, states, lattice: Lattice) -> tuple[Window, np.ndarray, np.ndarray]:
        """The window, its tiles on a lattice, and the functions of its states."""
        lost = np.any(np.asarray(states) == ABSENT)
        window = replace(self.window, absent=lost or not lattice.regular)
        return window, window.tiles(lattice), self.functions(window)


def tile_model(lattice: Lattice, n_states: int, offsets: np.ndarray, table: np.ndarray) -> TileTables:
    """Energy model of a table of interactions on any lattice; those that reach an absent site vanish.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    offsets : ndarray of int, shape (n_places, dimension)
        Of a tile's sites.
    table : ndarray of float, shape (n_states ** n_places,)
        Energy of every state of a tile in J, as of `LocalEnergy.table`.
    """
    return TileTables(lattice, n_states, offsets, tables_of_tiles(lattice, n_states, table))


def tables_of_tiles(lattice: Lattice, n_states: int, table: np.ndarray):
    """What `TileTables` takes as a table: this one, or on other than regular lattices what restricts it."""
    return table if lattice.regular else partial(restricted, table, n_states)


def restricted(table: np.ndarray, n_states: int, present: np.ndarray) -> np.ndarray:
    """A table of interactions for tiles in which places have no site, float64 (n_states ** n_present,).

    Each interaction has mean 0 over the states of any of its sites: those of absent sites vanish in the mean.

    Parameters
    ----------
    table : ndarray of float, shape (n_states ** n_places,)
    n_states : int
    present : ndarray of bool, shape (n_places,)
        Which places have a site.
    """
    absent = tuple(np.flatnonzero(~np.asarray(present)))
    return table.reshape([n_states] * len(present)).mean(axis=absent, dtype=np.float64).ravel()


def _summed(states, window: Window, tiles: np.ndarray, functions: np.ndarray) -> np.ndarray:
    """Every function's sum over the lattice, float64 (n, n_functions)."""
    states = np.ascontiguousarray(states, np.uint8)
    if window.absent:
        states = np.pad(states, ((0, 0), (0, 1)), constant_values=ABSENT)
        states = np.minimum(states, np.uint8(window.n_states))
    sums = np.zeros((len(states), functions.shape[1]))
    _sums(states, tiles, window.powers, functions, sums)
    return sums


@njit(**OPTIONS)
def _sums(states, tiles, powers, functions, sums):
    """Adds every function's sum over the windows of each configuration."""
    for s in range(len(states)):
        for t in range(tiles.shape[0]):
            code = 0
            for j in range(tiles.shape[1]):
                code += powers[j] * np.int64(states[s, tiles[t, j]])
            for k in range(functions.shape[1]):
                sums[s, k] += functions[code, k]
