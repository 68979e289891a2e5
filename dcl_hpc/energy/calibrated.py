"""A network's energy, calibrated by the observations: weighed beside a local energy, with standard errors."""

from functools import cached_property, lru_cache, partial

import numpy as np

from ..inference.bonds import Bonds
from ..inference.local_energy import tile_model
from ..physics.lattice import Lattice
from ..storage.weights import load
from .bonds import BondSpread, BondTables
from .direct import Spread, at_most, functions_of, independent
from .guided import Guide, GuidedEnergy

# Configurations whose differences are found together.
BLOCK = 4096
# Random configurations by which a committee's deviations are projected.
PROJECTED = 2000


def differences(model, states: np.ndarray) -> np.ndarray:
    """What every site would cost in each of its states, float32 (n, n_sites, n_states), in J.

    Parameters
    ----------
    model : EnergyModel
        Which may have a way of its own, `differences`.
    states : uint8 (n, n_sites)
    """
    blocks = [np.ascontiguousarray(states[k : k + BLOCK].T) for k in range(0, len(states), BLOCK)]
    own = getattr(model, "differences", None)
    parts = [own(block) if own else _by_energies(model, block) for block in blocks]
    return np.concatenate([np.empty((0, states.shape[1], model.n_states), np.float32), *parts])


def _by_energies(model, states):
    """As `differences`, of columns of states, by the energies of whole configurations."""
    (n_sites, n), q = states.shape, model.n_states
    result, present, columns = np.zeros((n, n_sites, q), np.float32), model.energies(states), np.arange(n)
    for site in range(n_sites):
        old = states[site].copy()
        for step in range(1, q):
            states[site] = (old.astype(np.int64) + step) % q
            result[columns, site, states[site]] = model.energies(states) - present
        states[site] = old
    return result


class _Clusters:
    """Interactions that are the same everywhere.

    Attributes
    ----------
    tables : TileTables
        What is added to w times the network.
    """

    def __init__(self, lattice: Lattice, n_states: int, settings: dict, arrays: dict):
        self._lattice, self._n_states, self._functions = lattice, n_states, settings["functions"]
        self._settings, self._covariance = settings, arrays["covariance"][1:, 1:]
        self.tables = tile_model(lattice, n_states, settings["offsets"], arrays["table"])

    def spread(self, rows) -> Spread:
        """Sums of interactions."""
        return Spread(self._lattice, self._n_states, self._functions, self._covariance, rows)

    def guide(self, energy) -> Guide:
        """The interactions by themselves; without any, what single bonds and sites have of the energy."""
        if (found := functions_of(self._lattice, self._n_states, self._functions)) is not None:
            window, functions = found
            table = -functions @ np.array([term["coupling"] for term in self._settings["interactions"]])
            return Guide.of_tiles(self._lattice, self._n_states, window.offsets, table)
        return Guide.of_pairs(energy)


class _Bonds:
    """Couplings of single bonds and fields of sites; attributes and methods as of `_Clusters`.

    Attributes
    ----------
    errors : tuple of Bonds and float64 (n,)
        Their standard errors, in J.
    """

    def __init__(self, lattice: Lattice, arrays: dict):
        self._bonds = Bonds(lattice.n_sites, arrays["pairs"], arrays["sites"])
        self._covariance = arrays["covariance"][1:, 1:]
        self.errors = self._bonds, np.sqrt(np.diag(self._covariance))
        self.tables = BondTables(lattice, self._bonds, arrays["coupling"])

    def spread(self, rows) -> BondSpread:
        """Sums of couplings and fields."""
        return BondSpread(self._bonds, self._covariance, rows)

    def guide(self, energy) -> Guide:
        """What single bonds and sites have of the energy."""
        return Guide.of_pairs(energy)


class CalibratedEnergy:
    """Energies and sweeps of w (E_net - its projection) + E_law; see `inference.calibration`.

    Where the network has a committee, it has `training_modes`, too: what these deviate beyond the
    interactions, times w. That of a glass has `bond_errors`, see `bonds.DirectBonds`.

    Parameters
    ----------
    network : EnergyModel
        With a method `plus`, on any lattice.
    settings, arrays : dict
        What the file of the calibration has.
    slow : bool
        Whether the network is so slow that a cheap energy should guide its sweeps.
    """

    def __init__(self, network, settings: dict, arrays: dict, slow: bool = False):
        self.lattice, self.n_states, self.network = network.lattice, network.n_states, network
        self.weight = settings["weight"]
        self._law = (
            _Bonds(self.lattice, arrays)
            if "pairs" in arrays
            else _Clusters(self.lattice, self.n_states, settings, arrays)
        )
        self._sum = network.plus(self._law.tables, self.weight)
        if slow:
            self._sum = GuidedEnergy(self._sum, partial(self._law.guide, self._sum))
        self._projection, self._covariance = arrays["projection"], arrays["covariance"]
        self._modes = lru_cache(self._of_modes)
        if hasattr(network, "training_modes"):
            self.training_modes = self._training_modes
        if hasattr(self._law, "errors"):
            self.bond_errors = self._law.errors

    def energies(self, states: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """See `EnergyModel.energies`; a network whose `own` energies of the states are given is not asked."""
        if own is None:
            return self._sum.energies(states)
        return self.weight * own + self._law.tables.energies(states)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        self._sum.sweep(states, beta, streams, n_sweeps)

    def modes(self, states: np.ndarray, most: int | None = None, own: np.ndarray | None = None) -> np.ndarray:
        """See `Spread.modes`, and `energies`."""
        of_weight, spread = self._modes(most)
        if own is None:
            own = self.network.energies(states) if of_weight.any() else np.zeros(states.shape[1])
        return of_weight[:, None] * own + spread.modes(states)

    def errors(self, states: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """Standard errors of energies in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        return np.sqrt((self.modes(states, own=own) ** 2).sum(axis=0))

    def _of_modes(self, most: int | None):
        """What each mode has of the network's energy, and the sums of interactions that it has beside."""
        rows = at_most(independent(self._covariance), most)
        of_weight, own = rows[:, 0], rows[:, 1:] - rows[:, :1] * self._projection
        return of_weight, self._law.spread(own)

    def _training_modes(self, states: np.ndarray) -> np.ndarray:
        """Deviations of a committee's members beyond the interactions, float64 (K, n_chains), in J."""
        return self.weight * (self.network.training_modes(states) + self._known.modes(states))

    @cached_property
    def _known(self) -> Spread | BondSpread:
        """Minus the projections of the members' deviations on the interactions, by random configurations."""
        random = np.random.default_rng(0)
        states = random.integers(0, self.n_states, (self.lattice.n_sites, PROJECTED), np.uint8)
        sums = self._law.spread(np.eye(len(self._projection))).modes(states)
        sums -= sums.mean(axis=1, keepdims=True)
        deviations = self.network.training_modes(states)
        return self._law.spread(np.linalg.lstsq(sums.T, deviations.T, rcond=None)[0].T * -1)


def of_run(run, energy: str, network, slow: bool = False) -> CalibratedEnergy:
    """A run's network energy, calibrated; parameters as of `CalibratedEnergy`."""
    settings, arrays, _ = load(run.require(f"calibrate_{energy}"))
    return CalibratedEnergy(network, settings, arrays, slow)
