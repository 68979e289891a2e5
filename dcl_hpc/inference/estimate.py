"""Direct estimators of a job: local energies straight from the observations, without a network."""

import numpy as np

from ..errors import UserError
from . import clusters, free_table, pairwise
from .local_energy import LocalEnergy
from .samples import Samples
from .window import Window

METHODS = {"pairwise": pairwise.fit, "clusters": clusters.fit, "table": free_table.fit}


def estimate(
    job, method: str, states: np.ndarray, offsets, without=(), blocks: np.ndarray | None = None
) -> LocalEnergy:
    """The local energy that a method finds.

    Parameters
    ----------
    job : Job
    method : {"pairwise", "clusters", "table"}
    states : ndarray of uint8, shape (n_samples, n_sites)
        `ABSENT` where an atom is lost.
    offsets : array_like of int, shape (n_places, dimension)
        Of a tile's sites, which limits the range.
    without : sequence of array_like of int, shape (n_sites, dimension)
        Interactions that "clusters" may not find, by the offsets of their sites.
    blocks : ndarray of int, shape (n_samples,), optional
        See `Samples`.

    Raises
    ------
    UserError
        If the lattice, the tile or the observations do not allow it.
    """
    lattice, n_states = job.build_lattice(), job.hamiltonian.n_states
    try:
        samples = Samples(states, lattice, job.observe.temperature, Window(offsets, n_states), blocks=blocks)
        if method == "clusters":
            return clusters.fit(samples, forbidden=without)
        return METHODS[method](samples)
    except ValueError as error:
        raise UserError(f"direct estimate by {method}: {error}") from None


def described(energy: LocalEnergy) -> list[dict]:
    """The interactions, strongest first: sites, coupling and its standard error in J.

    Sites are offsets, of one of the functions that are tied by symmetry.
    """
    return [
        {"interaction": str(term.members[0]), "sites": term.members[0].sites, "tied": len(term.members),
         "coupling": term.coupling, "error": term.error}
        for term in energy.terms
    ]  # fmt: skip
