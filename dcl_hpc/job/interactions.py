"""A Hamiltonian that a job file gives as a list of interactions."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..physics.clusters import ClusterHamiltonian, Term, images
from ..physics.lattice import Lattice
from .section import ENERGY, Coupling, Many, Section, Sites


class Interaction(Section):
    """One interaction: -J times a function of the states of its sites, wherever all of them are.

    Of two states the function is the product of the spins +-1, of Q states the cosine or sine of 2 pi / Q
    times the sum of charge x (q - floor(Q/2)). Sites are offsets on the grid, as reports print them.
    """

    sites: Sites = Field(
        description="offsets of the sites, each with one number an axis, such as [[0, 0], [1, 0]]"
    )
    coupling: Coupling = Field(description="J", json_schema_extra=ENERGY)
    charges: Many[Annotated[int, Field(ge=1, le=253)]] = Field(
        (), description="charges of the sites, 1 ... Q-1; all 1 if left out"
    )
    phase: Literal["cos", "sin"] = Field("cos", description="the function")
    symmetric: bool = Field(
        True,
        description="with all images by rotations and reflections of the lattice, each distinct one once",
    )

    @model_validator(mode="after")
    def _makes_a_term(self):
        self.term  # noqa: B018  raises ValueError
        return self

    @property
    def term(self) -> Term:
        """The interaction itself, without images."""
        return Term(self.sites, self.coupling, self.charges, self.phase)


class Interactions(Section):
    """Any interactions of clusters of sites, the same everywhere: several ranges, plaquettes, fields."""

    kind: Literal["interactions"] = Field(description="a list of interactions")
    states: int = Field(2, ge=2, le=254, description="number of states Q of a site")
    interactions: Annotated[Many[Interaction], Field(min_length=1, max_length=10_000)] = Field(
        description="the interactions"
    )

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return self.states

    def build(self, lattice: Lattice, seed: int) -> ClusterHamiltonian:
        """The Hamiltonian on a lattice; raises ValueError if it does not fit."""
        terms: list[Term] = []
        for one in self.interactions:
            if one.symmetric and len(one.sites[0]) == lattice.dimension:
                terms += images(one.term, lattice.geometry, self.states)
            else:
                terms.append(one.term)
        return ClusterHamiltonian(lattice, self.states, tuple(terms))
