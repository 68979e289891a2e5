"""Direct estimators of a job: local energies straight from the observations, without a network."""

import numpy as np

from ..errors import UserError
from . import clusters, free_table, pairwise
from .local_energy import LocalEnergy
from .samples import Samples
from .window import Window

METHODS = {"pairwise": pairwise.fit, "clusters": clusters.fit, "table": free_table.fit}


def estimate(job, method: str, states: np.ndarray, side: int) -> LocalEnergy:
    """The local energy that a method finds.

    Parameters
    ----------
    job : Job
    method : {"pairwise", "clusters", "table"}
    states : ndarray of uint8, shape (n_samples, n_sites)
    side : int
        Of the tile, which limits the range.

    Raises
    ------
    UserError
        If the lattice, the tile or the observations do not allow it.
    """
    lattice = job.build_lattice()
    try:
        window = Window(lattice.dimension, side, job.hamiltonian.n_states)
        return METHODS[method](Samples(states, lattice, job.observe.temperature, window))
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
