r"""Hamiltonians made of interactions of any clusters of sites.

An interaction is a set of offsets on the lattice's grid, with a charge k = 1 ... Q-1 for each of its sites,
and stands for

.. math:: E = -J \sum_{\mathrm{grid}} \cos\phi, \qquad
   \phi = \frac{2\pi}{Q} \sum_j k_j (q_j - \lfloor Q/2 \rfloor),

or the sine; where one of its sites does not exist it is not there. For Q = 2 the cosine is the product of
the spins 2q - 1. These are the functions that direct estimates are made of, see `inference.interactions`.
All have mean 0 over uniformly random states.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from .codes import all_states
from .geometry import Geometry
from .hamiltonian import kept_relabellings
from .lattice import Lattice

# Most states of the window that holds all interactions.
MAX_STATES = 2**20


@dataclass(frozen=True)
class Term:
    """One interaction.

    Parameters
    ----------
    sites : tuple of tuple of int
        Offsets on the grid.
    coupling : float
        J.
    charges : tuple of int, optional
        Of the sites; all 1 by default.
    phase : {"cos", "sin"}

    Raises
    ------
    ValueError
        If it has no site, names one twice, or has not one charge for each.
    """

    sites: tuple[tuple[int, ...], ...]
    coupling: float
    charges: tuple[int, ...] = ()
    phase: Literal["cos", "sin"] = "cos"

    def __post_init__(self):
        if not self.sites or len(set(self.sites)) < len(self.sites):
            raise ValueError(f"sites {list(map(list, self.sites))} must be one or more, each named once")
        if len({len(site) for site in self.sites}) > 1:
            raise ValueError(f"sites {list(map(list, self.sites))} differ in their number of axes")
        if not self.charges:
            object.__setattr__(self, "charges", (1,) * len(self.sites))
        if len(self.charges) != len(self.sites):
            raise ValueError(f"{len(self.charges)} charges for {len(self.sites)} sites")
        if self.phase not in ("cos", "sin"):
            raise ValueError(f"the phase must be 'cos' or 'sin', not {self.phase!r}")

    @property
    def cornered(self) -> np.ndarray:
        """Its sites with 0 as the smallest number along each axis, int64 (n, dimension)."""
        sites = np.array(self.sites)
        return sites - sites.min(axis=0)

    def values(self, states: np.ndarray, n_states: int) -> np.ndarray:
        """The function, float64 (...), of the states of its sites, integers (n, ...)."""
        half, turns = n_states // 2, 0
        for charge, column in zip(self.charges, states, strict=True):
            turns = turns + charge * (column.astype(np.int32) - half)
        angles = 2 * np.pi * np.arange(n_states) / n_states
        return (np.cos if self.phase == "cos" else np.sin)(angles)[turns % n_states]

    def _moved(self, n_states: int, charges) -> tuple:
        """Sites and charges in ascending order, the first site at the origin."""
        order = sorted(zip(self.sites, charges, strict=True))
        origin = order[0][0]
        sites = tuple(tuple(x - o for x, o in zip(site, origin, strict=True)) for site, _ in order)
        return sites, tuple(charge % n_states for _, charge in order)

    def canonical(self, n_states: int) -> "Term":
        """The same interaction in one form: translated, sorted, with the smaller of opposite charges."""
        own = self._moved(n_states, self.charges)
        opposite = self._moved(n_states, [-charge for charge in self.charges])
        turned = opposite < own
        sites, charges = min(own, opposite)
        return Term(
            sites, -self.coupling if turned and self.phase == "sin" else self.coupling, charges, self.phase
        )


def images(term: Term, geometry: Geometry, n_states: int) -> tuple[Term, ...]:
    """All that the lattice's rotations and reflections make of an interaction, each once.

    Raises
    ------
    ValueError
        If one of them makes it minus itself, so that all cancel.
    """
    found: dict[tuple, Term] = {}
    for operation in geometry.operations:
        sites = tuple(tuple((operation @ site).tolist()) for site in np.array(term.sites))
        image = Term(sites, term.coupling, term.charges, term.phase).canonical(n_states)
        other = found.setdefault((image.sites, image.charges), image)
        if other.coupling != image.coupling:
            raise ValueError("the lattice's symmetry turns it into minus itself; take symmetric = false")
    return tuple(found.values())


@dataclass(frozen=True)
class ClusterHamiltonian:
    """A sum of interactions; where others use it, it is like a `Hamiltonian`.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    terms : tuple of Term

    Raises
    ------
    ValueError
        If interactions do not fit the lattice or the states.
    """

    lattice: Lattice
    n_states: int
    terms: tuple[Term, ...]

    def __post_init__(self):
        if not self.terms:
            raise ValueError("there are no interactions")
        q, d = self.n_states, self.lattice.dimension
        for term in self.terms:
            name = f"interaction of sites {list(map(list, term.sites))}"
            if len(term.sites[0]) != d:
                raise ValueError(f"{name}: a lattice of {d} axes needs {d} numbers a site")
            if not all(1 <= charge < q for charge in term.charges):
                raise ValueError(f"{name}: charges of {q} states must be 1 ... {q - 1}")
            if term.phase == "sin" and all(2 * charge == q for charge in term.charges):
                raise ValueError(f"{name}: its sine is 0 for all states")
            if not self.lattice.separates(np.array(term.sites)):
                raise ValueError(f"{name}: it meets itself around the {self.lattice} lattice")
        if not self.lattice.separates(self.offsets):
            raise ValueError(f"the interactions together meet themselves around the {self.lattice} lattice")
        if q ** len(self.offsets) > MAX_STATES:
            raise ValueError(
                f"the window that holds all interactions has {q}^{len(self.offsets)} states, more than "
                f"{MAX_STATES}; leave out those of longest range"
            )

    @property
    def uniform(self) -> bool:
        """Whether the law is the same everywhere: it is."""
        return True

    @cached_property
    def _windows(self) -> list[np.ndarray]:
        """Sites of each interaction wherever it is there, int64 (n_sites of it, n)."""
        return [self.lattice.placed(np.array(term.sites)).T for term in self.terms]

    @cached_property
    def offsets(self) -> np.ndarray:
        """Offsets of the smallest window that holds all interactions, int64 (n_places, dimension)."""
        return np.unique(np.concatenate([term.cornered for term in self.terms]), axis=0)

    def window_energies(self, present: np.ndarray) -> np.ndarray:
        """Energy of a window in every state of the places that are there.

        Parameters
        ----------
        present : ndarray of bool, shape (n_places,)
            Which of `offsets` are there.

        Returns
        -------
        ndarray of float64, shape (Q ** present.sum(),)
            In J; the first place is the most significant digit.
        """
        place = {tuple(offset): k for k, offset in enumerate(self.offsets[present].tolist())}
        states = all_states(self.n_states, len(place)).T
        energy = np.zeros(states.shape[1])
        for term in self.terms:
            places = [place.get(tuple(offset)) for offset in term.cornered.tolist()]
            if None not in places:
                energy -= term.coupling * term.values(states[places], self.n_states)
        return energy

    @cached_property
    def symmetries(self) -> tuple[tuple[int, ...], ...]:
        """Relabellings of the states that leave the energy as it is, see `Hamiltonian.symmetries`."""
        q = self.n_states
        whole = self.window_energies(np.ones(len(self.offsets), bool)).reshape([q] * len(self.offsets))

        def leaves(permutation):
            return np.allclose(whole[np.ix_(*[permutation] * whole.ndim)], whole, rtol=0, atol=1e-12)

        return kept_relabellings(q, leaves)

    @property
    def field(self) -> np.ndarray:
        """Energy of each state of each site with all others random, shape (n_sites, Q), in J."""
        q = self.n_states
        alone = [term for term in self.terms if len(term.sites) == 1]
        one = -sum((t.coupling * t.values(np.arange(q)[None], q) for t in alone), np.zeros(q))
        return np.tile(one, (self.lattice.n_sites, 1))

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Hamiltonian.pairs`."""
        if self.n_states != 2:
            raise ValueError(f"couplings of spins need 2 states, the Hamiltonian has {self.n_states}")
        both = zip(self.terms, self._windows, strict=True)
        found = [(sites.T, term.coupling) for term, sites in both if len(sites) == 2]
        sites = np.concatenate([np.empty((0, 2), int), *(sites for sites, _ in found)])
        return sites, np.repeat([coupling for _, coupling in found], [len(sites) for sites, _ in found])

    @property
    def scale(self) -> float:
        """Size of the strongest coupling, in J."""
        return max(abs(term.coupling) for term in self.terms)

    @property
    def level_spacing(self) -> float:
        """See `Hamiltonian.level_spacing`."""
        sizes = np.abs([term.coupling for term in self.terms])
        if self.n_states == 2 and np.all(sizes == sizes[0]):
            return float(2 * sizes[0])
        return float(2 * sizes @ [sites.shape[1] for sites in self._windows] / 50)

    def order_parameter(self, states: np.ndarray) -> np.ndarray:
        """Order parameter per site, float64 (n_chains,), of states, integers (n_sites, n_chains)."""
        from .observables import vector_order  # compiled; not all who build a Hamiltonian need it

        return vector_order(states, self.n_states)

    @property
    def mean_energy(self) -> float:
        """Mean energy of uniformly random configurations (infinite temperature), in J."""
        return 0.0

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
        columns = np.moveaxis(np.asarray(states), -1, 0)
        total = np.zeros(columns.shape[1:])
        for term, sites in zip(self.terms, self._windows, strict=True):
            values = term.values([columns[own] for own in sites], self.n_states)
            total -= term.coupling * values.sum(axis=0)
        return total
