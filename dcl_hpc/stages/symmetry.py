"""Which symmetries the observations of a run have."""

import numpy as np

from ..cluster import mpi
from ..inference import invariance
from ..physics.operations import site_permutations, tile_permutations
from ..physics.tiles import Tiling
from ..storage import identity
from ..storage.complete import complete_rows

# Observations that tell, at most; and multiplications that counting pairs in them may cost.
TELLING, WORK = 100_000, 10**11


def of_run(context) -> invariance.Invariance:
    """The symmetries of a run's observations, on all ranks; looked for once in a process."""
    return mpi.on_root(context.comm, _found, context)


def _found(context) -> invariance.Invariance:
    key = "symmetry", identity.read(context.run.path("observe")).uuid
    if key not in context.found:
        context.found[key] = find(context.run)
    return context.found[key]


def find(run, operations: np.ndarray | None = None) -> invariance.Invariance:
    """The symmetries that the observations of a run do not contradict; not collective.

    Of a glass no operation of space is one.

    Parameters
    ----------
    operations : ndarray of int, shape (n, n_sites), optional
        Of the lattice, the identity first: those that come into question; all by default.
    """
    job = run.job
    lattice, n_states = job.build_lattice(), job.hamiltonian.n_states
    if job.is_glass:
        operations = np.arange(lattice.n_sites)[None]
    most = min(TELLING, WORK // (lattice.n_sites * n_states) ** 2)
    with complete_rows(run.require("observe"), job.observe.incomplete, job.held_out) as source:
        states = source.read(0, min(source.n, most))[0]
    return invariance.find(states, lattice, n_states, operations)


def of_tiles(run, tiling: Tiling) -> dict[str, list]:
    """Permutations of the places of a tile, and relabellings of the states, that leave the law as it is.

    Returns
    -------
    dict
        `places` and `states`, lists of permutations, the identity first.
    """
    every = site_permutations(tiling.lattice)
    moving = [row for row, places in zip(every, tile_permutations(tiling, every), strict=True) if places]
    symmetry = find(run, np.array(moving))
    places = {tuple(row): row for row in tile_permutations(tiling, symmetry.sites)}
    return {"places": list(places.values()), "states": symmetry.states.tolist()}
