"""Find the energy straight from the observations, without a network."""

import time

import numpy as np

from ..cluster import mpi
from ..energy.direct import convention, spread
from ..errors import UserError
from ..inference import glass
from ..inference.bonds import Spins
from ..inference.estimate import described, estimate
from ..pipeline.context import Context
from ..storage import weights
from ..storage.observations import correlated_blocks, observed_rows

# Interactions that the log shows, strongest first.
SHOWN = 20


def direct(context: Context, output: str) -> None:
    """Make the direct estimate of a job; rank 0 works, the others wait."""
    settings = context.run.job.direct
    if context.run.job.is_glass:
        mpi.on_root(context.comm, _fit_bonds, context, output, settings.samples)
        return
    offsets = settings.offsets(context.run.job.build_lattice())
    mpi.on_root(context.comm, fit, context, output, settings.method, offsets, settings)


def observed(run, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The first observations, at most so many, and the block of correlated ones that each is in."""
    path = run.require("observe")
    with observed_rows(path, run.job.held_out) as source:
        states = source.read(0, min(source.n, most))[0]
    return states, correlated_blocks(path, len(states))


def _fit_bonds(context: Context, output: str, most: int) -> None:
    """Fit a coupling to each bond of a glass, and write them; not collective."""
    run, job, started, title = context.run, context.run.job, time.monotonic(), f"train {output}"
    states, blocks = observed(run, most)
    try:
        found = glass.fit(Spins.of(states, job.observe.temperature, blocks), job.build_lattice())
    except ValueError as error:
        raise UserError(f"direct estimate by bonds: {error}") from None
    bonds = found.interactions
    settings = {"method": "bonds", "samples": len(states), "interactions": [], "fields": found.symmetry}
    arrays = {
        "pairs": bonds.pairs, "sites": bonds.sites,
        "coupling": found.coupling, "covariance": found.covariance,
    }  # fmt: skip
    wall = time.monotonic() - started
    weights.save(run.path(output), run.attributes(output), settings, arrays, {}, 1, 1, wall)
    error = np.sqrt((found.error[: len(bonds.pairs)] ** 2).mean())
    context.log(
        f"{title}: {len(bonds.pairs)} couplings of bonds from {len(states)} configurations, "
        f"error {error:.4f} J, {wall:.1f} s; {found.symmetry}"
    )


def fit(context: Context, output: str, method: str, offsets, section, settings=None) -> None:
    """Fit a local energy to the first observations and write it; not collective.

    Parameters
    ----------
    output : str
        Names the file.
    method : {"pairwise", "clusters", "table"}
    offsets : ndarray of int, shape (n_places, dimension)
        Of a tile's sites.
    section : job.Direct or job.Ednn
        With the number of `samples`, at most, and what to go `without`.
    settings : dict of plain values, optional
        More to keep in the file.
    """
    run, job, started = context.run, context.run.job, time.monotonic()
    states, blocks = observed(run, section.samples)
    found = estimate(job, method, states, offsets, section.without, blocks)
    title = f"train {output}"
    if not len(found.coupling):
        context.log(f"{title}: no interaction is called for, the energy is 0; observe more, or colder")
    functions, covariance = spread(found)
    settings = (settings or {}) | {"method": method, "samples": len(states)}
    settings["offsets"] = found.window.offsets.tolist()
    settings |= {"interactions": described(found), "functions": functions}
    arrays = {"table": found.table(), "covariance": covariance}
    wall = time.monotonic() - started
    weights.save(run.path(output), run.attributes(output), settings, arrays, {}, 1, 1, wall)
    context.log(
        f"{title}: {len(found.coupling)} interactions from {len(states)} configurations by {method}, "
        f"{wall:.1f} s"
    )
    context.log(f"{title}: symmetry: {found.symmetry}")
    context.log(f"{title}: {convention(job.hamiltonian.n_states)}")
    for row in described(found)[:SHOWN]:
        coupling = f"{row['coupling']:+.5f} +- {row['error']:.5f} {job.units.energy}"
        context.log(f"{title}: {coupling}  {row['tied']} x {row['interaction']}")
