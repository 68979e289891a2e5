"""The energy of a glass with a coupling for each bond, and its standard errors."""

from functools import cached_property

import numpy as np

from ..inference.bonds import Bonds
from ..inference.glass import BondEnergy
from ..physics.codes import all_states
from ..physics.lattice import Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS
from ..sampling.tile_tables import TileTables
from ..storage.weights import load
from .direct import at_most, independent

# What stands beside couplings and fields wherever they are shown.
CONVENTION = (
    "E = - sum over bonds of coupling s s' - sum over sites of field s, s = -1 for state 0 and 1 for state 1:"
    " a positive coupling favours equal states, a positive field state 1"
)


class BondTables(TileTables):
    """Energies and Metropolis sweeps of E = - sum_k J_k F_k, as tables of sites with their next neighbours.

    Parameters
    ----------
    lattice : Lattice
    bonds : Bonds
        Pairs that the lattice joins, and sites.
    coupling : ndarray of float, shape (n,)
        In J.

    Raises
    ------
    ValueError
        If the lattice is so small that a site and its neighbours are not different ones.
    """

    def __init__(self, lattice: Lattice, bonds: Bonds, coupling: np.ndarray):
        forward, n = lattice.forward, lattice.n_sites
        own = np.arange(n)[:, None]
        codes = np.where(forward < 0, -1, np.minimum(own, forward) * n + np.maximum(own, forward))
        # two sites may have two bonds, of which the first one has the coupling
        ends, first = np.unique(codes, return_index=True)
        first, joined = first[ends >= 0], ends[ends >= 0]
        couplings, fields = np.zeros(codes.size), np.zeros(n)
        pairs = np.searchsorted(joined, bonds.pairs[:, 0] * n + bonds.pairs[:, 1])
        couplings[first[pairs]] = coupling[: len(bonds.pairs)]
        fields[bonds.sites] = coupling[len(bonds.pairs) :]
        # places in raster order, as of all tiles
        steps = np.array(lattice.geometry.steps)
        offsets, order = np.unique(np.concatenate([steps[:1] * 0, steps]), axis=0, return_index=True)
        sites = np.column_stack([own, forward])[:, order]
        weights = np.column_stack([fields, couplings.reshape(codes.shape)])[:, order]
        tables = [
            _table(row[there], (order == 0)[there]) for row, there in zip(weights, sites >= 0, strict=True)
        ]
        super().__init__(lattice, 2, offsets, tables, sites)


def _table(weights: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Energies of all states of a site, the middle one, and neighbours: by its field and its couplings."""
    spins = 2.0 * all_states(2, len(weights)) - 1
    own = spins @ middle
    return -own * (np.where(middle, 1.0, spins) @ weights)


class BondSpread:
    """Standard errors of energies from the covariance of couplings, as `energy.direct.Spread` has them.

    Parameters
    ----------
    bonds : Bonds
    covariance : float64 (n, n)
        In J^2.
    independent : float64 (n_modes, n), optional
        Sums that are to be the modes; by default such as have this covariance.
    """

    def __init__(self, bonds: Bonds, covariance: np.ndarray, independent=None):
        self._pairs = np.ascontiguousarray(bonds.pairs, np.int64)
        self._sites, self._covariance = np.ascontiguousarray(bonds.sites, np.int64), covariance
        self._given = independent

    @cached_property
    def _independent(self) -> np.ndarray:
        return independent(self._covariance) if self._given is None else self._given

    def modes(self, states: np.ndarray, most: int | None = None) -> np.ndarray:
        """See `Spread.modes`."""
        rows = at_most(self._independent, most)
        sums = np.zeros((states.shape[1], len(rows)))
        _add(states, self._pairs, self._sites, np.ascontiguousarray(rows.T), sums)
        return sums.T

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        return np.sqrt((self.modes(states) ** 2).sum(axis=0))


@njit(**OPTIONS)
def _add(states, pairs, sites, columns, sums):
    """Subtracts every function of each chain's state, times its column, from the chain's sums."""
    n_pairs = len(pairs)
    for c in range(states.shape[1]):
        for k in range(len(columns)):
            if k < n_pairs:
                like = states[pairs[k, 0], c] == states[pairs[k, 1], c]
            else:
                like = states[sites[k - n_pairs], c] == 1
            if like:
                sums[c] -= columns[k]
            else:
                sums[c] += columns[k]


class DirectBonds(BondTables):
    """Energies and Metropolis sweeps of a direct estimate of a glass, with its errors.

    Parameters
    ----------
    lattice : Lattice
    found : BondEnergy

    Attributes
    ----------
    bond_errors : tuple of Bonds and float64 (n,)
        Standard errors of couplings and fields, in J.
    """

    def __init__(self, lattice: Lattice, found: BondEnergy):
        super().__init__(lattice, found.interactions, found.coupling)
        self._spread = BondSpread(found.interactions, found.covariance)
        self.bond_errors = found.interactions, found.error

    def errors(self, states: np.ndarray) -> np.ndarray:
        """See `BondSpread.errors`."""
        return self._spread.errors(states)

    def modes(self, states: np.ndarray, most: int | None = None) -> np.ndarray:
        """See `Spread.modes`."""
        return self._spread.modes(states, most)


def of_run(run) -> DirectBonds:
    """The direct estimate of a run's glass; raises UserError if it is not there."""
    return DirectBonds(run.job.build_lattice(), read_bonds(run))


def read_bonds(run) -> BondEnergy:
    """What the direct estimate of a run's glass found; raises UserError if it is not there."""
    settings, arrays, _ = load(run.require("direct"))
    bonds = Bonds(run.job.build_lattice().n_sites, arrays["pairs"], arrays["sites"])
    return BondEnergy(bonds, arrays["coupling"], arrays["covariance"], settings["fields"])
