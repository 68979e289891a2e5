"""A network's energy, calibrated by the observations: weighed beside a local energy, with standard errors."""

from functools import cached_property, lru_cache, partial

import numpy as np

from ..inference.local_energy import tile_model
from ..storage.weights import load
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


class CalibratedEnergy:
    """Energies and sweeps of w (E_net - its projection) + E_clusters; see `inference.calibration`.

    Where the network has a committee, it has `training_modes`, too: what these deviate beyond the
    interactions, times w.

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
        self.weight, self._functions = settings["weight"], settings["functions"]
        self._beside = tile_model(self.lattice, self.n_states, settings["offsets"], arrays["table"])
        self._sum = network.plus(self._beside, self.weight)
        if slow:
            self._sum = GuidedEnergy(self._sum, partial(self._guide, self._sum, settings))
        self._projection, self._covariance = arrays["projection"], arrays["covariance"]
        self._modes = lru_cache(self._of_modes)
        if hasattr(network, "training_modes"):
            self.training_modes = self._training_modes

    def energies(self, states: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """See `EnergyModel.energies`; a network whose `own` energies of the states are given is not asked."""
        if own is None:
            return self._sum.energies(states)
        return self.weight * own + self._beside.energies(states)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        self._sum.sweep(states, beta, streams, n_sweeps)

    def _guide(self, energy, settings: dict) -> Guide:
        """E_clusters by itself; without it, what single bonds and sites have of the energy."""
        if (found := functions_of(self.lattice, self.n_states, self._functions)) is not None:
            window, functions = found
            table = -functions @ np.array([term["coupling"] for term in settings["interactions"]])
            return Guide.of_tiles(self.lattice, self.n_states, window.offsets, table)
        return Guide.of_pairs(energy)

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
        return of_weight, self._spread(own)

    def _spread(self, rows) -> Spread:
        covariance = self._covariance[1:, 1:]
        return Spread(self.lattice, self.n_states, self._functions, covariance, rows)

    def _training_modes(self, states: np.ndarray) -> np.ndarray:
        """Deviations of a committee's members beyond the interactions, float64 (K, n_chains), in J."""
        return self.weight * (self.network.training_modes(states) + self._known.modes(states))

    @cached_property
    def _known(self) -> Spread:
        """Minus the projections of the members' deviations on the interactions, by random configurations."""
        random = np.random.default_rng(0)
        states = random.integers(0, self.n_states, (self.lattice.n_sites, PROJECTED), np.uint8)
        sums = self._spread(np.eye(len(self._functions))).modes(states)
        sums -= sums.mean(axis=1, keepdims=True)
        deviations = self.network.training_modes(states)
        return self._spread(np.linalg.lstsq(sums.T, deviations.T, rcond=None)[0].T * -1)


def of_run(run, energy: str, network, slow: bool = False) -> CalibratedEnergy:
    """A run's network energy, calibrated; parameters as of `CalibratedEnergy`."""
    settings, arrays, _ = load(run.require(f"calibrate_{energy}"))
    return CalibratedEnergy(network, settings, arrays, slow)
