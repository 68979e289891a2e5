"""What tests of inference share: interactions by their sites, and samples of an energy."""

import numpy as np
import pytest

from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.window import Window
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

# Interactions of the plane by the names that tests call them.
RIGHT, DOWN = ((0, 0), (0, 1)), ((0, 0), (1, 0))
DIAGONAL, ANTIDIAGONAL = ((0, 0), (1, 1)), ((0, 1), (1, 0))
PLAQUETTE = ((0, 0), (0, 1), (1, 0), (1, 1))


class Maker:
    """Makes local energies and observations of them."""

    right, down, diagonal, antidiagonal, plaquette = RIGHT, DOWN, DIAGONAL, ANTIDIAGONAL, PLAQUETTE

    @staticmethod
    def energy(couplings, n_states=2, charges=(1, 1, 1, 1), sine=False, side=2) -> LocalEnergy:
        """Energy with a coupling (J) for each tuple of sites; all have the same charges."""
        window = Window.box(len(next(iter(couplings))[0]), side, n_states)
        rows = np.zeros((len(couplings), window.n_places), np.uint8)
        for row, sites in zip(rows, couplings, strict=True):
            for site, charge in zip(sites, charges, strict=False):
                row[np.ravel_multi_index(site, [side] * window.dimension)] = charge
        words = Words(window, rows, np.full(len(rows), sine))
        values = np.array(list(couplings.values()))
        return LocalEnergy(Interactions.single(words), values, np.eye(len(rows)))

    @staticmethod
    def sample(model, temperature, n_samples, seed=1, chains=500):
        """Nearly independent configurations, uint8 (n_samples, n_sites)."""
        walk = Chains.start(model, np.full(chains, 1 / temperature), range(chains), seed, Purpose.OBSERVE)
        walk.sweep(model, 100)
        kept = []
        for _ in range(-(-n_samples // chains)):
            walk.sweep(model, 10)
            kept.append(walk.states.T.copy())
        return np.concatenate(kept)[:n_samples]

    def observe(self, model, temperature, n_samples, side=3, seed=1) -> Samples:
        """Samples of an energy model."""
        states = self.sample(model, temperature, n_samples, seed)
        window = Window.box(model.lattice.dimension, side, model.n_states)
        return Samples(states, model.lattice, temperature, window)


@pytest.fixture(scope="session")
def make():
    """The maker."""
    return Maker()
