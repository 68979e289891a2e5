"""A network's energy, calibrated by the observations: weighed beside a local energy, with standard errors."""

import numpy as np

from ..inference.local_energy import tile_model
from ..storage.weights import load
from .direct import Spread

# Configurations whose differences are found together, and those of a network at a time.
BLOCK = 4096


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

    Parameters
    ----------
    network : EnergyModel
        With a method `plus`, on any lattice.
    settings, arrays : dict
        What the file of the calibration has.
    """

    def __init__(self, network, settings: dict, arrays: dict):
        self.lattice, self.n_states, self.network = network.lattice, network.n_states, network
        self.weight = settings["weight"]
        beside = tile_model(self.lattice, self.n_states, settings["offsets"], arrays["table"])
        self._sum = network.plus(beside, self.weight)
        self._projection, self._covariance = arrays["projection"], arrays["covariance"]
        self._spread = Spread(self.lattice, self.n_states, settings["functions"], self._covariance[1:, 1:])

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return self._sum.energies(states)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        self._sum.sweep(states, beta, streams, n_sweeps)

    def modes(self, states: np.ndarray) -> np.ndarray:
        """Independent errors of unit weight, energies in J, float64 (n_modes, n_chains)."""
        sums = self._spread.sums(states)
        rest = self.network.energies(states) + self._projection @ sums
        values, vectors = np.linalg.eigh(self._covariance)
        return (vectors * np.sqrt(np.maximum(values, 0))).T @ np.concatenate([rest[None], -sums])

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors of energies in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        return np.sqrt((self.modes(states) ** 2).sum(axis=0))


def of_run(run, energy: str, network) -> CalibratedEnergy:
    """A run's network energy, calibrated."""
    settings, arrays, _ = load(run.require(f"calibrate_{energy}"))
    return CalibratedEnergy(network, settings, arrays)
