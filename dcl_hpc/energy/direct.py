"""The energy that a direct estimate found, on a lattice of any size, with its standard errors."""

import numpy as np

from ..inference.local_energy import LocalEnergy
from ..physics.lattice import Lattice
from ..physics.tiles import box
from ..sampling.tile_tables import TileTables
from ..storage.weights import load
from .tile_networks import averaged

# What stands beside couplings wherever they are shown.
CONVENTION = "E = - sum J f over all interactions, those tied by symmetry, and the lattice"
FUNCTIONS = {
    2: "f = product of the spins +-1 of the sites",
    3: "f = cos or sin of (2 pi / Q) sum of charge x (q - floor(Q/2)) over the sites",
}
# Values of functions that `Spread.errors` holds at a time.
CHUNK = 2**22


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
    order = np.argsort(-np.abs(found.coupling), kind="stable")  # that of the terms
    interactions = [
        [
            {"sites": one.sites, "charges": one.charges, "phase": one.phase, "sign": one.sign}
            for one in term.members
        ]
        for term in found.terms
    ]
    return interactions, found.covariance[np.ix_(order, order)]


class Spread:
    """Standard errors of the energies of configurations, from the covariance of couplings.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    interactions : list of list of dict
    covariance : float64 (n, n)
        See `spread`.
    """

    def __init__(self, lattice: Lattice, n_states: int, interactions, covariance: np.ndarray):
        angle = 2 * np.pi * np.arange(n_states) / n_states
        self._values = {"cos": np.cos(angle), "sin": np.sin(angle)}
        self._n_states, self._covariance = n_states, np.asarray(covariance, float)
        self._sums = [[self._function(lattice, one) for one in members] for members in interactions]

    def _function(self, lattice: Lattice, one: dict):
        windows = lattice.windows(np.array(one["sites"]))
        whole = windows[(windows >= 0).all(axis=1)]
        return whole, np.array(one["charges"], np.int64), one["sign"] * self._values[one["phase"]]

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        result, step = np.empty(states.shape[1]), max(1, CHUNK // len(states))
        for start in range(0, len(result), step):
            block = states[:, start : start + step].astype(np.int64) - self._n_states // 2
            sums = np.zeros((len(self._sums), block.shape[1]))
            for k, members in enumerate(self._sums):
                for windows, charges, values in members:
                    turns = sum(c * block[sites] for c, sites in zip(charges, windows.T, strict=True))
                    sums[k] += values[turns % self._n_states].sum(axis=0)
            variance = np.einsum("kc,kc->c", self._covariance @ sums, sums)
            result[start : start + step] = np.sqrt(np.maximum(variance, 0))
        return result


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
        table, offsets = arrays["table"], box(lattice.dimension, settings["side"], 0)
        super().__init__(lattice, n_states, offsets, lambda present: averaged(table, n_states, present))
        self._spread = Spread(lattice, n_states, settings["functions"], arrays["covariance"])

    def errors(self, states: np.ndarray) -> np.ndarray:
        """Standard errors of energies in J, float64 (n_chains,), of states, uint8 (n_sites, n_chains)."""
        return self._spread.errors(states)


def of_run(run, shape: tuple[int, ...]) -> DirectEnergy:
    """The direct estimate of a run on any shape; raises UserError if it is not there."""
    settings, arrays, _ = load(run.require("direct"))
    return DirectEnergy(run.job.build_lattice(shape), run.job.hamiltonian.n_states, settings, arrays)
