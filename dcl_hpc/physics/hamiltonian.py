r"""Hamiltonians of discrete spins with nearest-neighbour interactions.

Every model here has the form

.. math:: E(q) = -\sum_{i,\mu} J_{i\mu}\, g(q_i, q_{i+\mu})

with states q = 0 .. Q-1, one coupling for the bond from each site to its forward neighbour along
each axis, and a symmetric table g. Energies are in units of J and extensive.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from .lattice import Lattice


@dataclass(frozen=True)
class Hamiltonian:
    """A pair Hamiltonian on a lattice.

    Parameters
    ----------
    lattice : Lattice
    couplings : ndarray of float64, shape (n_sites, dimension)
        Coupling of each site with its forward neighbour along each axis, in J.
    pair : ndarray of float64, shape (Q, Q)
        The symmetric table g.
    order : {"vector", "majority"}
        Which order parameter is the model's own, see `observables`.
    """

    lattice: Lattice
    couplings: np.ndarray
    pair: np.ndarray
    order: Literal["vector", "majority"] = "vector"

    def __post_init__(self):
        expected = (self.lattice.n_sites, self.lattice.dimension)
        if self.couplings.shape != expected:
            raise ValueError(f"couplings have shape {self.couplings.shape}, expected {expected}")
        if not np.array_equal(self.pair, self.pair.T):
            raise ValueError("the pair table is not symmetric")

    @property
    def n_states(self) -> int:
        """Number of states Q of a site."""
        return len(self.pair)

    @cached_property
    def uniform(self) -> bool:
        """Whether all bonds have the same coupling."""
        return bool(np.all(self.couplings == self.couplings.flat[0]))

    @cached_property
    def neighbour_couplings(self) -> np.ndarray:
        """Couplings in the order of `Lattice.neighbours`, shape (n_sites, 2 dimension), float64."""
        backward = [
            self.couplings[self.lattice.backward[:, axis], axis] for axis in range(self.lattice.dimension)
        ]
        return np.concatenate([self.couplings, np.stack(backward, axis=1)], axis=1)

    @cached_property
    def symmetries(self) -> tuple[tuple[int, ...], ...]:
        """Relabellings of the states that leave the energy as it is, with all couplings.

        The identity, q -> q + 1 and q -> -q (all that the clock form has) and the exchange of two states
        (with q -> q + 1, all permutations), as far as they are symmetries; they generate the group. Spin
        inversion of two states is (1, 0).
        """
        q = np.arange(self.n_states)
        candidates = [q, np.roll(q, -1), -q % len(q), np.r_[1, 0, q[2:]]]
        kept = [p for p in candidates if np.allclose(self.pair[np.ix_(p, p)], self.pair, rtol=0, atol=1e-12)]
        return tuple(tuple(p.tolist()) for p in kept)

    @property
    def field(self) -> np.ndarray:
        """Energy of each state of each site with all others uniformly random, shape (n_sites, Q), in J.

        Relative to `mean_energy`: the part of the energy that is a sum over sites. Zero for the Ising,
        clock and Potts models.
        """
        alone = self.pair.mean(axis=1) - self.pair.mean(axis=1).mean()
        alone[np.abs(alone) < 1e-12] = 0
        return -np.multiply.outer(self.neighbour_couplings.sum(axis=1), alone)

    def order_parameter(self, states: np.ndarray) -> np.ndarray:
        """Order parameter per site, float64 (n_chains,), of states, integers (n_sites, n_chains)."""
        from .observables import ORDER_PARAMETERS  # compiled; not all who build a Hamiltonian need it

        return ORDER_PARAMETERS[self.order](states, self.n_states)

    @property
    def mean_energy(self) -> float:
        """Mean energy of uniformly random configurations (infinite temperature), in J."""
        return float(-self.couplings.sum() * self.pair.mean())

    def energy(self, states: np.ndarray) -> np.ndarray:
        """Energy of each configuration.

        Parameters
        ----------
        states : ndarray of integers, shape (..., n_sites)

        Returns
        -------
        ndarray of float64, shape (...)
            Energies in J.
        """
        total = np.zeros(states.shape[:-1])
        for axis in range(self.lattice.dimension):
            values = self.pair[states, states[..., self.lattice.forward[:, axis]]]
            total -= values @ self.couplings[:, axis]
        return total


def ising(lattice: Lattice, couplings: np.ndarray | float = 1.0) -> Hamiltonian:
    """Ising model, E = -sum J_ij s_i s_j with s = 2 q - 1; also Edwards-Anderson with random J."""
    return Hamiltonian(lattice, _broadcast(lattice, couplings), np.array([[1.0, -1.0], [-1.0, 1.0]]))


def clock(lattice: Lattice, states: int, coupling: float = 1.0) -> Hamiltonian:
    """Clock (planar) Potts model, E = -J sum cos(2 pi (q_i - q_j) / Q)."""
    angle = 2 * np.pi * np.arange(states) / states
    pair = np.cos(np.subtract.outer(angle, angle))
    return Hamiltonian(lattice, _broadcast(lattice, coupling), (pair + pair.T) / 2)


def potts(lattice: Lattice, states: int, coupling: float = 1.0) -> Hamiltonian:
    """Standard Potts model, E = -J sum delta(q_i, q_j)."""
    # of two states both order parameters are |m|
    order = "majority" if states > 2 else "vector"
    return Hamiltonian(lattice, _broadcast(lattice, coupling), np.eye(states), order)


def _broadcast(lattice: Lattice, couplings) -> np.ndarray:
    shape = (lattice.n_sites, lattice.dimension)
    return np.ascontiguousarray(np.broadcast_to(np.asarray(couplings, float), shape))


def random_couplings(lattice: Lattice, kind: str, generator: np.random.Generator) -> np.ndarray:
    """Couplings of one Edwards-Anderson realization, shape (n_sites, dimension), float64, in J.

    Parameters
    ----------
    kind : {"gaussian", "bimodal"}
        Normal with mean 0 and variance 1, or +1 and -1 with equal probability.
    """
    shape = (lattice.n_sites, lattice.dimension)
    if kind == "gaussian":
        return generator.standard_normal(shape)
    if kind == "bimodal":
        return generator.choice([-1.0, 1.0], size=shape)
    raise ValueError(f"unknown coupling distribution {kind!r}")


def published_couplings(lattice: Lattice, seed: int) -> np.ndarray:
    """Couplings of a square-lattice glass instance published with the paper (e.g. seed 69, 8x8).

    The authors draw, from numpy's legacy generator, first h[i, j] for the bond (i, j)-(i, j-1),
    then v[i, j] for the bond (i, j)-(i-1, j).

    Returns
    -------
    ndarray of float64, shape (n_sites, 2)
    """
    if lattice.dimension != 2:
        raise ValueError("the published instances are square lattices")
    legacy = np.random.RandomState(seed)
    h = legacy.normal(0, 1, lattice.shape)
    v = legacy.normal(0, 1, lattice.shape)
    return np.stack([np.roll(v, -1, axis=0).ravel(), np.roll(h, -1, axis=1).ravel()], axis=1)
