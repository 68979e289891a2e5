"""Sweeps of a slow energy by those of a cheap one that is near it: delayed acceptance."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ..inference.local_energy import tile_model
from ..physics.hamiltonian import ising
from ..physics.lattice import Lattice
from ..sampling import generator
from ..sampling.chains import Chains
from ..sampling.streams import Purpose
from .couplings import CONFIGURATIONS, recover
from .model import EnergyModel
from .true import TrueEnergy

# Chains and their sweeps by which a guide is judged, and the share of effective samples that it needs: with
# that share some of its proposals are accepted, and a network's own sweep costs as much as tens of them.
TRIED, TRIALS, ENOUGH = 256, 30, 0.1
# Random configurations on which a guide and its mirror image are compared.
COMPARED = 16


class Guide:
    """A cheap energy that can be swept in the order of the sites and back.

    Parameters
    ----------
    ahead, back : EnergyModel
        The energy, and the same one where the sites are numbered from the last to the first.

    Raises
    ------
    ValueError
        If they are not the same: not every lattice is its own image.
    """

    def __init__(self, ahead: EnergyModel, back: EnergyModel):
        self.lattice, self.n_states = ahead.lattice, ahead.n_states
        self._ahead, self._back = ahead, back
        shape = (self.lattice.n_sites, COMPARED)
        states = np.random.default_rng(0).integers(0, self.n_states, shape, np.uint8)
        images, energies = back.energies(np.ascontiguousarray(states[::-1])), ahead.energies(states)
        if not np.allclose(images, energies, rtol=1e-5, atol=1e-4 * np.std(energies)):
            raise ValueError(f"the {self.lattice} lattice is not its own mirror image")

    @classmethod
    def of_tiles(cls, lattice: Lattice, n_states: int, offsets: np.ndarray, table: np.ndarray) -> "Guide":
        """Of a local energy; parameters as of `tile_model`, raises ValueError as the class."""
        offsets, n_places = np.asarray(offsets), len(offsets)
        mirrored = table.reshape([n_states] * n_places).transpose(range(n_places)[::-1]).ravel()
        # in raster order again
        back = tile_model(lattice, n_states, -offsets[::-1], mirrored)
        return cls(tile_model(lattice, n_states, offsets, table), back)

    @classmethod
    def of_pairs(cls, model: EnergyModel) -> "Guide":
        """What single bonds and sites have of an energy of two states, each of its own.

        These are the means over random configurations (`couplings.recover`), which is the nearest energy of
        that kind. It is meant for glasses; raises ValueError as the class.
        """
        lattice, random = model.lattice, np.random.default_rng(0)
        states = random.integers(0, 2, (CONFIGURATIONS, lattice.n_sites), np.uint8)
        ends, place, times = np.unique(
            np.sort(lattice.bonds), axis=0, return_inverse=True, return_counts=True
        )
        found = recover(model, states, ends)
        forward = lattice.forward
        bonds, mirrored = np.zeros(forward.shape), np.zeros(forward.shape)
        bonds[forward >= 0] = (found.value / times)[place.ravel()]  # two sites may have two bonds
        site, step = np.nonzero(forward >= 0)
        mirrored[lattice.n_sites - 1 - forward[site, step], step] = bonds[site, step]
        return cls(
            TrueEnergy(ising(lattice, bonds, found.field)),
            TrueEnergy(ising(lattice, mirrored, found.field[::-1])),
        )

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
    At temperatures where the guide is too far from the model it is left alone.

    Parameters
    ----------
    model : EnergyModel
        The slow one.
    make : callable
        The guide, when it is first needed; raises ValueError if there is none for this lattice.
    """

    def __init__(self, model: EnergyModel, make: Callable[[], Guide]):
        self.lattice, self.n_states = model.lattice, model.n_states
        self._model, self._make = model, make
        self._shares: dict[float, float] = {}
        self._last = np.empty((0, 0), np.uint8), np.empty(0)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`; of the same states as last time without computing them again."""
        known, energies = self._last
        if not np.array_equal(known, states):
            energies = self._model.energies(states)
            self._last = states.copy(), energies
        return energies.copy()

    @cached_property
    def _guide(self) -> Guide | None:
        try:
            return self._make()
        except ValueError:
            return None

    def _share(self, beta: float) -> float:
        """Share of a guide's samples that are effective if they are reweighted to the model (Kish)."""
        if self._guide is None:
            return 0.0
        if beta not in self._shares:
            chains = Chains.start(self._guide, np.full(TRIED, beta), range(TRIED), 0, Purpose.GUIDE)
            for _ in range(TRIALS):
                self._guide.sweep(chains.states, chains.beta, chains.streams)
            excess = beta * (self._model.energies(chains.states) - self._guide.energies(chains.states))
            weight = np.exp(excess.min() - excess)
            self._shares[beta] = weight.sum() ** 2 / (weight**2).sum() / TRIED
        return self._shares[beta]

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        values, number = np.unique(beta, return_inverse=True)
        near = np.array([self._share(float(value)) > ENOUGH for value in values])[number]
        for how, which in ((self._guided, near), (self._model.sweep, ~near)):
            if which.all():
                how(states, beta, streams, n_sweeps)
            elif which.any():
                some, own = np.ascontiguousarray(states[:, which]), np.ascontiguousarray(streams[:, which])
                how(some, beta[which], own, n_sweeps)
                states[:, which], streams[:, which] = some, own

    def _guided(self, states, beta, streams, n_sweeps: int) -> None:
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
