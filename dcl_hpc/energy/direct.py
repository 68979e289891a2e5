"""The energy that a direct estimate found, on a lattice of any size, with its standard errors."""

from functools import cached_property, lru_cache

import numpy as np

from ..inference.interactions import Interactions, Words
from ..inference.local_energy import LocalEnergy, tables_of_tiles
from ..inference.window import Window
from ..physics.lattice import Lattice
from ..physics.tiles import box
from ..sampling.tile_tables import TileTables
from ..storage.weights import load
from .modes import MAX_ENTRIES, TabulatedModes

# What stands beside couplings wherever they are shown.
CONVENTION = "E = - coupling x sum over the lattice of f, and over the interactions tied by symmetry"
FUNCTIONS = {
    2: "f is the product of the spins, -1 for state 0 and 1 for state 1: a positive coupling of two sites "
    "favours equal states, a positive field state 1",
    3: "f is cos (or sin) of the angle 2 pi / Q x sum over the sites of charge x (state - Q // 2)",
}
# Values of functions that `Spread.errors` holds at a time.
CHUNK = 2**22
# Variance of a combination of couplings, relative to the largest, below which it is rounding.
LEAST = 1e-12


def convention(n_states: int) -> str:
    """The sign convention of couplings and what their functions are, in words."""
    return f"{CONVENTION}; {FUNCTIONS[min(n_states, 3)]}"


def spread(found: LocalEnergy) -> tuple[list[list[dict]], np.ndarray]:
    """What `Spread` needs of a local energy: interactions as plain values, and the covariance of couplings.

    Returns
    -------
    interactions : list of list of dict
        For each interaction, strongest first, the `sites`, `charges`, `phase` and `sign` of its functions.
    covariance : float64 (n, n)
        In J^2.
    """
    interactions = [
        [
            {"sites": one.sites, "charges": one.charges, "phase": one.phase, "sign": one.sign}
            for one in term.members
        ]
        for term in found.terms
    ]
    return interactions, found.covariance[np.ix_(found.order, found.order)]


def independent(covariance: np.ndarray) -> np.ndarray:
    """Rows that are independent and have a covariance together, float64 (rank, n)."""
    values, vectors = np.linalg.eigh(covariance)
    used = values > values.max(initial=0) * LEAST
    return (vectors[:, used] * np.sqrt(values[used])).T


def at_most(rows: np.ndarray, most: int | None) -> np.ndarray:
    """The rows, or if there are more so many random sums of them, the same each time; see `Spread.modes`."""
    if most is None or len(rows) <= most:
        return rows
    return np.random.default_rng(0).standard_normal((most, len(rows))) @ rows / np.sqrt(most)


class Spread:
    """Standard errors of the energies of configurations, from the covariance of couplings.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    interactions : list of list of dict
    covariance : float64 (n, n)
        See `spread`.
    independent : float64 (n_modes, n), optional
        Sums of interactions that are to be the modes; by default such as have this covariance.
    """

    def __init__(
        self, lattice: Lattice, n_states: int, interactions, covariance: np.ndarray, independent=None
    ):
        angle = 2 * np.pi * np.arange(n_states) / n_states
        self._values = {"cos": np.cos(angle), "sin": np.sin(angle)}
        self._n_states, self._covariance = n_states, np.asarray(covariance, float)
        self._lattice, self._interactions = lattice, interactions
        self._given = independent
        self._tabulated = lru_cache(self._tabulate)

    @cached_property
    def _sums(self) -> list:
        return [[self._function(self._lattice, one) for one in members] for members in self._interactions]

    def _function(self, lattice: Lattice, one: dict):
        whole = lattice.placed(np.array(one["sites"]))
        return whole, np.array(one["charges"], np.int64), one["sign"] * self._values[one["phase"]]

    def _blocks(self, states: np.ndarray):
        """Sums of all interactions, blocks (n_interactions, chains of the block)."""
        step = max(1, CHUNK // len(states))
        for start in range(0, states.shape[1], step):
            block = states[:, start : start + step].astype(np.int64) - self._n_states // 2
            sums = np.zeros((len(self._sums), block.shape[1]))
            for k, members in enumerate(self._sums):
                for windows, charges, values in members:
                    turns = sum(c * block[sites] for c, sites in zip(charges, windows.T, strict=True))
                    sums[k] += values[turns % self._n_states].sum(axis=0)
            yield sums

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        variance = [np.einsum("kc,kc->c", self._covariance @ sums, sums) for sums in self._blocks(states)]
        return np.sqrt(np.maximum(np.concatenate(variance), 0))

    @cached_property
    def _independent(self) -> np.ndarray:
        return independent(self._covariance) if self._given is None else self._given

    def modes(self, states: np.ndarray, most: int | None = None) -> np.ndarray:
        """Independent errors of unit weight, energies in J, float64 (n_modes, n_chains).

        Parameters
        ----------
        states : uint8 (n_sites, n_chains)
        most : int, optional
            Where there are more modes, so many random combinations of them, which are the same ones each
            time: the sum of the squares of their response to anything has the expected value of all.
        """
        tabulated = self._tabulated(most)
        if tabulated is not None:
            return tabulated(states)
        # one after the other, so that a chain's value does not depend on which others are computed with it
        rows = self._combinations(most)
        if not rows.size:  # no modes, or no interactions
            return np.zeros((len(rows), states.shape[1]))
        blocks = [
            [-sum(x * one for x, one in zip(row, sums, strict=True)) for row in rows]
            for sums in self._blocks(states)
        ]
        return np.concatenate([np.reshape(block, (len(rows), -1)) for block in blocks], axis=1)

    def _combinations(self, most: int | None) -> np.ndarray:
        """Sums of interactions that modes are, float64 (n_modes, n_interactions)."""
        return at_most(self._independent, most)

    def _tabulate(self, most: int | None) -> TabulatedModes | None:
        """Modes as tables over the states of the smallest window that holds all; None if it is too large."""
        regular = self._lattice.regular
        found = functions_of(self._lattice, self._n_states, self._interactions, absent=not regular)
        if found is None:
            return None
        window, functions = found
        return TabulatedModes(self._lattice, window, -(functions @ self._combinations(most).T))


def functions_of(
    lattice: Lattice, n_states: int, interactions, absent: bool = False
) -> tuple[Window, np.ndarray] | None:
    """The smallest window that holds all interactions, and their values in each of its states.

    Parameters
    ----------
    interactions : list of list of dict
        See `spread`.
    absent : bool
        Whether places of the window may lack a site.

    Returns
    -------
    window : Window
    functions : float64 (window.size, n_interactions)
        Or None if there is no interaction, or the tables would be too large.
    """
    members = [(k, one) for k, group in enumerate(interactions) for one in group]
    sites = np.unique([site for _, one in members for site in one["sites"]], axis=0) if members else []
    base = n_states + absent
    if not members or base ** len(sites) * len(members) > MAX_ENTRIES or not lattice.separates(sites):
        return None
    window = Window(sites, n_states, absent)
    charges = np.zeros((len(members), window.n_places), np.uint8)
    for row, (_, one) in zip(charges, members, strict=True):
        row[window.places(np.array(one["sites"]))] = one["charges"]
    words = Words(window, charges, np.array([one["phase"] == "sin" for _, one in members]))
    signs = np.array([one["sign"] for _, one in members], np.int8)
    return window, Interactions(words, np.array([k for k, _ in members]), signs).functions()


class DirectEnergy(TileTables):
    """Energies and Metropolis sweeps of a direct estimate.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    settings, arrays : dict
        What the file of the estimate has.
    """

    def __init__(self, lattice: Lattice, n_states: int, settings: dict, arrays: dict):
        table, offsets = arrays["table"], settings.get("offsets")
        if offsets is None:  # earlier versions had boxes only
            offsets = box(lattice.dimension, settings["side"], 0)
        super().__init__(lattice, n_states, offsets, tables_of_tiles(lattice, n_states, table))
        self._spread = Spread(lattice, n_states, settings["functions"], arrays["covariance"])

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors of energies in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        return self._spread.errors(states)

    def modes(self, states: np.ndarray, most: int | None = None) -> np.ndarray:
        """See `Spread.modes`."""
        return self._spread.modes(states, most)


def of_run(run, shape: tuple[int, ...]) -> DirectEnergy:
    """The direct estimate of a run on any shape; raises UserError if it is not there."""
    settings, arrays, _ = load(run.require("direct"))
    return DirectEnergy(run.job.build_lattice(shape), run.job.hamiltonian.n_states, settings, arrays)
