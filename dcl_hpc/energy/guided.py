"""Sweeps of a slow energy by those of a cheap one that is near it: delayed acceptance."""

from functools import cached_property

import numpy as np

from ..inference.local_energy import tile_model
from ..physics.lattice import Lattice
from ..sampling import generator
from ..sampling.chains import Chains
from ..sampling.streams import Purpose

# Chains and their sweeps by which a guide is judged, and the share of effective samples that it needs.
TRIED, TRIALS, ENOUGH = 256, 30, 0.3
# Random configurations on which a guide and its mirror image are compared.
COMPARED = 16


class Guide:
    """A local energy that can be swept in the order of the sites and back.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    offsets : int (n_places, dimension)
    table : float (n_states ** n_places,)
        See `tile_model`.

    Raises
    ------
    ValueError
        If the lattice is not its own image when its sites are numbered from the last to the first.
    """

    def __init__(self, lattice: Lattice, n_states: int, offsets: np.ndarray, table: np.ndarray):
        offsets, n_places = np.asarray(offsets), len(offsets)
        self.lattice, self.n_states = lattice, n_states
        self._ahead = tile_model(lattice, n_states, offsets, table)
        mirrored = table.reshape([n_states] * n_places).transpose(range(n_places)[::-1]).ravel()
        # in raster order again
        self._back = tile_model(lattice, n_states, -offsets[::-1], mirrored)
        shape = (lattice.n_sites, COMPARED)
        states = np.random.default_rng(0).integers(0, n_states, shape, np.uint8)
        images = self._back.energies(np.ascontiguousarray(states[::-1]))
        if not np.allclose(images, self._ahead.energies(states), rtol=1e-5, atol=1e-4 * np.ptp(table)):
            raise ValueError(f"the {lattice} lattice is not its own mirror image")

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        return self._ahead.energies(states)

    def sweep(self, states: np.ndarray, beta: np.ndarray, streams: np.ndarray) -> None:
        """A sweep in the order of the sites and one back, in place; together they are reversible."""
        self._ahead.sweep(states, beta, streams, 1)
        mirrored = np.ascontiguousarray(states[::-1])
        self._back.sweep(mirrored, beta, streams, 1)
        states[:] = mirrored[::-1]


class GuidedEnergy:
    """An energy model whose sweeps cost one evaluation instead of one for each site.

    A guide with energy E_g proposes by sweeps that are reversible for exp(-beta E_g); the proposal is
    accepted with probability min(1, exp(-beta [(E - E_g)(new) - (E - E_g)(old)])), after which the chain is
    one of exp(-beta E) whatever the guide (Christen and Fox, J. Comput. Graph. Stat. 14, 795, 2005, Eq. 2).
    A guide that is too far from the model is left alone.

    Parameters
    ----------
    model : EnergyModel
        The slow one.
    guide : Guide
    temperature : float
        At which the guide is judged, in J/k_B.
    """

    def __init__(self, model, guide: Guide, temperature: float):
        self.lattice, self.n_states = model.lattice, model.n_states
        self._model, self._guide, self._temperature = model, guide, temperature
        self._last = np.empty((0, 0), np.uint8), np.empty(0)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`; of the same states as last time without computing them again."""
        known, energies = self._last
        if not np.array_equal(known, states):
            energies = self._model.energies(states)
            self._last = states.copy(), energies
        return energies.copy()

    @cached_property
    def is_guided(self) -> bool:
        """Whether the guide is near enough: share of effective samples if its own are reweighted (Kish)."""
        beta = np.full(TRIED, 1 / self._temperature)
        chains = Chains.start(self._guide, beta, range(TRIED), 0, Purpose.GUIDE)
        for _ in range(TRIALS):
            self._guide.sweep(chains.states, beta, chains.streams)
        excess = self._model.energies(chains.states) - self._guide.energies(chains.states)
        weight = np.exp(-beta * (excess - excess.min()))
        return bool(weight.sum() ** 2 > ENOUGH * TRIED * (weight**2).sum())

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        if not self.is_guided:
            self._model.sweep(states, beta, streams, n_sweeps)
            return
        random = np.empty((1, states.shape[1]), np.float32)
        for _ in range(n_sweeps):
            before, proposal = self.energies(states), states.copy()
            self._guide.sweep(proposal, beta, streams)
            after = self._model.energies(proposal)
            excess = after - self._guide.energies(proposal) - (before - self._guide.energies(states))
            generator.uniforms(streams, random)
            taken = random[0] < np.exp(-np.maximum(beta * excess, 0))
            states[:, taken] = proposal[:, taken]
            self._last = states.copy(), np.where(taken, after, before)
