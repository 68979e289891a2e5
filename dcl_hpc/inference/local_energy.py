"""Local energies: sums of interactions with couplings and their errors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.lattice import Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from ..sampling.tile_tables import TileTables, box_offsets
from .interactions import Interactions

# Floats of the sums that `LocalEnergy.energy` holds at a time.
CHUNK = 2**22


@dataclass(frozen=True)
class Member:
    """One function among those that share a coupling.

    Attributes
    ----------
    sites : tuple of tuple of int
        Offsets of the sites.
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

    @property
    def error(self) -> np.ndarray:
        """Standard errors of the couplings, float64 (n,), in J."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def side(self) -> int:
        """Side of the smallest window that holds all interactions."""
        words = self.interactions.words
        used = words.charges.any(axis=0)
        return int(words.window.offsets[used].max(initial=0)) + 1

    @cached_property
    def terms(self) -> list[Term]:
        """The interactions, strongest first."""
        words, n = self.interactions.words, len(self.coupling)
        members: list[list[Member]] = [[] for _ in range(n)]
        rows = zip(words.charges, words.sine, self.interactions.owner, self.interactions.sign, strict=True)
        for charges, sine, owner, sign in rows:
            places = np.flatnonzero(charges)
            sites = tuple(map(tuple, words.window.offsets[places].tolist()))
            phase = "sin" if sine else "cos"
            members[owner].append(Member(sites, tuple(charges[places].tolist()), phase, int(sign)))
        order = np.argsort(-np.abs(self.coupling), kind="stable")
        return [Term(tuple(members[k]), float(self.coupling[k]), float(self.error[k])) for k in order]

    def __str__(self):
        return "\n".join([f"symmetry: {self.symmetry}", *map(str, self.terms)])

    def _in(self, side: int) -> Interactions:
        old = self.interactions
        return Interactions(old.words.resized(side), old.owner, old.sign)

    def table(self, side: int | None = None) -> np.ndarray:
        """Energy of every state of a tile, float64 (Q ** side**d,), in J, for tiles at every site.

        Parameters
        ----------
        side : int, optional
            Side of the tile, at least `side`, which is the default.
        """
        side = side or self.side
        if side < self.side:
            raise ValueError(f"interactions of range {self.side} need tiles of that side, not of {side}")
        return -(self._in(side).functions() @ self.coupling)

    def model(self, lattice: Lattice) -> TileTables:
        """Energy model for Monte Carlo, with the smallest tiles that hold all interactions."""
        n_states = self.interactions.words.window.n_states
        return TileTables(lattice, n_states, box_offsets(self.side, lattice.dimension), self.table())

    def energy(self, states: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
        """Energies with their standard errors.

        Parameters
        ----------
        states : ndarray of integers, shape (n, n_sites)
        lattice : Lattice
            Any that is not shorter than `side`.

        Returns
        -------
        energy, error : ndarray of float64, shape (n,)
            In J.
        """
        interactions = self._in(self.side)
        window, functions = interactions.words.window, interactions.functions()
        tiles = window.tiles(lattice)
        energy, error = np.empty((2, len(states)))
        step = max(CHUNK // max(len(self.coupling), 1), 1)
        for rows in (slice(k, k + step) for k in range(0, len(states), step)):
            part = np.ascontiguousarray(states[rows], np.uint8)
            sums = np.zeros((len(part), len(self.coupling)))
            _sums(part, tiles, window.powers, functions, sums)
            energy[rows] = -(sums @ self.coupling)
            variance = np.einsum("sk,sk->s", sums @ self.covariance, sums)
            error[rows] = np.sqrt(np.maximum(variance, 0))
        return energy, error


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
