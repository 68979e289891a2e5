r"""Hamiltonians of discrete spins with nearest-neighbour interactions and fields.

Every model here has the form

.. math:: E(q) = -\sum_{i,\mu} J_{i\mu}\, g(q_i, q_{i+\mu}) + \sum_i f_i(q_i)

with states q = 0 .. Q-1, one coupling for the bond from each site to its neighbour along each of the
lattice's steps, a symmetric table g, and energies f of single sites, which a field makes. Energies are in
units of J and extensive.
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
    couplings : ndarray of float64, shape (n_sites, n_steps)
        Coupling of each site with its neighbours in the order of `Lattice.forward`, in J; kept as 0 where
        there is no neighbour.
    pair : ndarray of float64, shape (Q, Q)
        The symmetric table g.
    order : {"vector", "majority"}
        Which order parameter is the model's own, see `observables`.
    site_field : ndarray of float64, shape (n_sites, Q), optional
        Energy of each state of each site, in J; 0 by default.

    Raises
    ------
    ValueError
        If the arrays do not fit the lattice or each other, or the table is not symmetric.
    """

    lattice: Lattice
    couplings: np.ndarray
    pair: np.ndarray
    order: Literal["vector", "majority"] = "vector"
    site_field: np.ndarray | None = None

    def __post_init__(self):
        forward = self.lattice.forward
        if self.couplings.shape != forward.shape:
            raise ValueError(f"couplings have shape {self.couplings.shape}, expected {forward.shape}")
        if not np.array_equal(self.pair, self.pair.T):
            raise ValueError("the pair table is not symmetric")
        object.__setattr__(self, "couplings", np.where(forward >= 0, self.couplings, 0.0))
        expected = (self.lattice.n_sites, self.n_states)
        field = np.zeros(expected) if self.site_field is None else np.asarray(self.site_field, float)
        if field.shape != expected:
            raise ValueError(f"energies of single sites have shape {field.shape}, expected {expected}")
        object.__setattr__(self, "site_field", field)

    @property
    def n_states(self) -> int:
        """Number of states Q of a site."""
        return len(self.pair)

    @cached_property
    def bond_couplings(self) -> np.ndarray:
        """Couplings in the order of `Lattice.bonds`, float64 (n_bonds,), in J."""
        return self.couplings[self.lattice.forward >= 0]

    @cached_property
    def uniform(self) -> bool:
        """Whether all bonds have the same coupling, and all sites the same field."""
        same = np.all(self.bond_couplings == self.bond_couplings[:1])
        return bool(same and np.all(self.site_field == self.site_field[0]))

    @cached_property
    def neighbour_couplings(self) -> np.ndarray:
        """Couplings in the order of `Lattice.neighbours`, shape (n_sites, 2 n_steps), float64."""
        behind = self.lattice.backward
        backward = self.couplings[behind, np.arange(behind.shape[1])]
        return np.concatenate([self.couplings, np.where(behind >= 0, backward, 0.0)], axis=1)

    @cached_property
    def symmetries(self) -> tuple[tuple[int, ...], ...]:
        """Relabellings of the states that leave the energy as it is, with all couplings and fields.

        The identity, q -> q + 1 and q -> -q (all that the clock form has) and the exchange of two states
        (with q -> q + 1, all permutations), as far as they are symmetries; they generate the group. Spin
        inversion of two states is (1, 0).
        """
        return kept_relabellings(
            self.n_states,
            lambda p: (
                np.allclose(self.pair[np.ix_(p, p)], self.pair, rtol=0, atol=1e-12)
                and np.allclose(self.site_field[:, p], self.site_field, rtol=0, atol=1e-12)
            ),
        )

    @property
    def field(self) -> np.ndarray:
        """Energy of each state of each site with all others uniformly random, shape (n_sites, Q), in J.

        Relative to `mean_energy`: the part of the energy that is a sum over sites. Zero for the Ising,
        clock and Potts models without a field.
        """
        alone = self.pair.mean(axis=1) - self.pair.mean(axis=1).mean()
        alone[np.abs(alone) < 1e-12] = 0
        own = self.site_field - self.site_field.mean(axis=1, keepdims=True)
        return own - np.multiply.outer(self.neighbour_couplings.sum(axis=1), alone)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of sites, int64 (n, 2), and couplings J_ij of their spins, float64 (n,), for two states.

        Two sites may be there more than once; their couplings add up.

        Raises
        ------
        ValueError
            If the Hamiltonian has more than two states.
        """
        if self.n_states != 2:
            raise ValueError(f"couplings of spins need 2 states, the Hamiltonian has {self.n_states}")
        g = self.pair
        return self.lattice.bonds, self.bond_couplings * (g[0, 0] - 2 * g[0, 1] + g[1, 1]) / 4

    @property
    def scale(self) -> float:
        """Mean size of the couplings, in J."""
        return float(np.abs(self.bond_couplings).mean())

    @property
    def level_spacing(self) -> float:
        """Spacing of the energy levels in J; 1/50 of their range at most where they are continuous."""
        sizes, values = np.abs(self.bond_couplings), np.unique(np.round(self.pair, 9))
        if np.all(sizes == sizes[0]) and not self.site_field.any():
            return float(sizes[0] * np.diff(values).min())
        field = np.ptp(self.site_field, axis=1).sum()
        return float((sizes.sum() * (values[-1] - values[0]) + field) / 50)

    def order_parameter(self, states: np.ndarray) -> np.ndarray:
        """Order parameter per site, float64 (n_chains,), of states, integers (n_sites, n_chains)."""
        from .observables import ORDER_PARAMETERS  # compiled; not all who build a Hamiltonian need it

        return ORDER_PARAMETERS[self.order](states, self.n_states)

    @property
    def mean_energy(self) -> float:
        """Mean energy of uniformly random configurations (infinite temperature), in J."""
        return float(-self.couplings.sum() * self.pair.mean() + self.site_field.mean(axis=1).sum())

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
        for there, couplings in zip(self.lattice.forward.T, self.couplings.T, strict=True):
            total -= self.pair[states, states[..., there]] @ couplings  # 0 where there is no neighbour
        if self.site_field.any():
            total += self.site_field[np.arange(self.lattice.n_sites), states].sum(axis=-1)
        return total


def kept_relabellings(n_states: int, leaves) -> tuple[tuple[int, ...], ...]:
    """Those of the relabellings that `Hamiltonian.symmetries` names for which `leaves(permutation)` holds."""
    q = np.arange(n_states)
    candidates = [q, np.roll(q, -1), -q % len(q), np.r_[1, 0, q[2:]]]
    return tuple(dict.fromkeys(tuple(p.tolist()) for p in candidates if leaves(p)))


def ising(lattice: Lattice, couplings: np.ndarray | float = 1.0, field: np.ndarray | float = 0.0):
    """Ising model, E = -sum J_ij s_i s_j - sum h_i s_i with s = 2 q - 1; also Edwards-Anderson with random J.

    Parameters
    ----------
    lattice : Lattice
    couplings : float, or ndarray of shape (n_sites, n_steps)
        J.
    field : float, or ndarray of shape (n_sites,)
        h, in J.

    Returns
    -------
    Hamiltonian
    """
    h = np.broadcast_to(np.asarray(field, float), lattice.n_sites)
    pair = np.array([[1.0, -1.0], [-1.0, 1.0]])
    return Hamiltonian(
        lattice,
        _broadcast(lattice, couplings),
        pair,
        site_field=np.stack([h, -h], axis=1) if h.any() else None,
    )


def clock(lattice: Lattice, states: int, coupling: float = 1.0, field=()) -> Hamiltonian:
    """Clock (planar) Potts model, E = -J sum cos(2 pi (q_i - q_j) / Q) - sum h(q_i)."""
    angle = 2 * np.pi * np.arange(states) / states
    pair = np.cos(np.subtract.outer(angle, angle))
    field = _of_states(lattice, states, field)
    return Hamiltonian(lattice, _broadcast(lattice, coupling), (pair + pair.T) / 2, site_field=field)


def potts(lattice: Lattice, states: int, coupling: float = 1.0, field=()) -> Hamiltonian:
    """Standard Potts model, E = -J sum delta(q_i, q_j) - sum h(q_i)."""
    # of two states both order parameters are |m|
    order = "majority" if states > 2 else "vector"
    field = _of_states(lattice, states, field)
    return Hamiltonian(lattice, _broadcast(lattice, coupling), np.eye(states), order, field)


def _of_states(lattice: Lattice, states: int, field) -> np.ndarray | None:
    """Energies of single sites in a field that has a value for each state, or none."""
    if not np.any(field):
        return None
    if len(field) != states:
        raise ValueError(f"the field has {len(field)} values, for {states} states")
    return np.tile(-np.asarray(field, float), (lattice.n_sites, 1))


def _broadcast(lattice: Lattice, couplings) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(couplings, float), lattice.forward.shape))


def random_couplings(lattice: Lattice, kind: str, generator: np.random.Generator) -> np.ndarray:
    """Couplings of one Edwards-Anderson realization, shape (n_sites, n_steps), float64, in J.

    They are drawn for the whole array, so that bonds keep their couplings where other sites are absent.

    Parameters
    ----------
    kind : {"gaussian", "bimodal"}
        Normal with mean 0 and variance 1, or +1 and -1 with equal probability.
    """
    shape = (lattice.n_array, lattice.forward.shape[1])
    drawn = _drawn(kind, shape, generator, "coupling")[lattice.present]
    return np.where(lattice.forward >= 0, drawn, 0.0)


def random_field(lattice: Lattice, kind: str, strength: float, generator) -> np.ndarray:
    """Fields of all sites, shape (n_sites,), float64, in J.

    Parameters
    ----------
    kind : {"gaussian", "bimodal", "constant"}
        Normal with mean 0 and variance 1, or +1 and -1 with equal probability, or 1, times the strength.
    strength : float
        In J.
    generator : numpy Generator
    """
    if kind == "constant":
        return np.full(lattice.n_sites, float(strength))
    return strength * _drawn(kind, lattice.n_array, generator, "field")[lattice.present]


def _drawn(kind: str, shape, generator, what: str) -> np.ndarray:
    if kind == "gaussian":
        return generator.standard_normal(shape)
    if kind == "bimodal":
        return generator.choice([-1.0, 1.0], size=shape)
    raise ValueError(f"unknown {what} distribution {kind!r}")


def published_couplings(lattice: Lattice, seed: int) -> np.ndarray:
    """Couplings of a square-lattice glass instance published with the paper (e.g. seed 69, 8x8).

    The authors draw, from numpy's legacy generator, first h[i, j] for the bond (i, j)-(i, j-1),
    then v[i, j] for the bond (i, j)-(i-1, j).

    Returns
    -------
    ndarray of float64, shape (n_sites, 2)
    """
    if lattice.dimension != 2 or lattice.kind != "hypercubic":
        raise ValueError("the published instances are square lattices")
    legacy = np.random.RandomState(seed)
    h = legacy.normal(0, 1, lattice.shape)
    v = legacy.normal(0, 1, lattice.shape)
    drawn = np.stack([np.roll(v, -1, axis=0).ravel(), np.roll(h, -1, axis=1).ravel()], axis=1)
    return np.where(lattice.forward >= 0, drawn[lattice.present], 0.0)
