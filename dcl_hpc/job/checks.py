"""What must agree between the sections of a job."""

from collections.abc import Iterator

import numpy as np

from ..energy.factory import ENERGIES
from ..physics.tiles import MAX_BONDS
from . import needs
from .defaults import MOST_STATES, tile_states


def mistakes(job) -> list[str]:
    """Everything that does not agree, one line each."""
    return [line for check in CHECKS for line in check(job)]


def _rnn(job) -> Iterator[str]:
    if job.rnn.order == "spiral" and len(job.lattice.shape) != 2:
        yield "rnn.order = 'spiral' needs a two-dimensional lattice; take 'snake'"
    if not job.sweeps:
        title = ENERGIES[job.sweep.energies[0]].title
        others = ", ".join(repr(name) for name, energy in ENERGIES.items() if energy.any_shape)
        yield f"sweep.shapes: the {title} knows the observed shape only; add it, or {others}"


def _unknown(job) -> Iterator[str]:
    if job.has_truth:
        return
    if "true" in job.sweep.energies:
        names = ", ".join(repr(name) for name, energy in ENERGIES.items() if energy.learned)
        yield f"sweep.energies: no 'true' energy is known of hamiltonian.kind = 'unknown'; take of {names}"
    if job.observe.exchange:
        yield "observe.exchange: there is nothing to simulate of hamiltonian.kind = 'unknown'; leave it out"


def _source(job) -> Iterator[str]:
    if job.observe.source and job.realizations:
        yield "observe.source: every realization has snapshots of its own; give them with --from and --index"
    if job.check.sets and job.realizations:
        yield "check: one set of snapshots cannot be of all realizations; leave it out"


def _hamiltonian(job) -> Iterator[str]:
    shape = job.lattice.shape
    if job.hamiltonian.kind == "interactions":
        yield from _interactions(job)
        return
    if not job.has_truth:
        return
    if not job.is_glass:
        if job.hamiltonian.coupling == 0:
            yield "hamiltonian.coupling = 0 has no energy to learn"
        return
    field, lattice = job.hamiltonian.field, job.build_lattice()
    if isinstance(field, tuple) and len(field) != lattice.n_sites:
        yield f"hamiltonian.field has {len(field)} numbers, the lattice has {lattice.n_sites} sites"
    if job.hamiltonian.couplings == "published":
        if len(shape) != 2:
            yield "hamiltonian.couplings = 'published' needs a two-dimensional lattice"
    elif not isinstance(job.hamiltonian.couplings, str):
        couplings, (sites, steps) = job.hamiltonian.couplings, lattice.forward.shape
        rows = {len(row) for row in couplings}
        if len(couplings) != sites or rows != {steps}:
            yield (
                f"hamiltonian.couplings has {len(couplings)} rows of {sorted(rows)} "
                f"numbers; lattice.shape = {list(shape)} needs {sites} rows of {steps}"
            )


def _interactions(job) -> Iterator[str]:
    found = []
    for shape in dict.fromkeys((job.lattice.shape, *job.shapes)):
        try:
            scale = job.build_hamiltonian(shape).scale
        except ValueError as error:
            found.append(f"hamiltonian.interactions: {error}")
        else:
            if scale == 0:
                found.append("hamiltonian.interactions: all couplings are 0, there is no energy to learn")
    yield from dict.fromkeys(found)


def _direct(job) -> Iterator[str]:
    if job.direct and job.is_glass:
        given = job.direct.model_dump(exclude_defaults=True)
        ignored = [key for key in ("side", "tile", "radius", "without") if key in given]
        if job.direct.methods or job.direct.method != "bonds":
            yield (
                "direct: clusters and tables take the energy to be the same everywhere; where it differs "
                "take method = 'bonds', and leave methods out"
            )
        elif ignored:
            yield f"direct.{ignored[0]}: bonds join nearest neighbours and have no tile; leave it out"
        lattice = job.build_lattice()
        if job.uses_direct and (n := lattice.n_sites + len(lattice.bonds)) > MAX_BONDS:
            yield (
                f"lattice.shape: {n} couplings and fields are more than the {MAX_BONDS} that 'direct' can "
                "fit; take a part of the lattice with open edges, or other sweep.energies"
            )
    elif job.direct:
        if job.direct.method == "bonds":
            yield (
                "direct.method: 'bonds' gives each its own coupling, for edwards_anderson and unknown laws "
                "with hamiltonian.disorder = true; take 'clusters'"
            )
            return
        if not (job.uses_direct or job.direct.methods):
            yield "direct.methods: name one, or add 'direct' to sweep.energies"
        key = "direct.radius" if job.direct.tile == "ball" else "direct.side"
        offsets = job.direct.offsets(job.build_lattice())
        if job.uses_direct:
            yield from _fits(job, key, offsets, (job.direct.method,), "direct.method")
            yield from _too_small(job, key, offsets)
        yield from _fits(job, key, offsets, job.direct.methods, "direct.methods")
        yield from _without(job, "direct.without", job.direct.without)
    if job.uses_ednn and not job.ednn.is_network:
        if job.is_glass:
            yield (
                f"ednn.fit = '{job.ednn.fit}' takes the energy to be the same everywhere; where it differs "
                "take 'labels' or 'pseudolikelihood' with ednn.shared = false"
            )
        else:
            offsets = job.ednn.offsets(job.build_lattice())
            yield from _fits(job, "ednn.context", offsets, (job.ednn.fit,), "ednn.fit")
            yield from _without(job, "ednn.without", job.ednn.without)


def _too_small(job, key: str, offsets) -> Iterator[str]:
    """Refuse shapes on which a tile, and so what it may hold, meets itself."""
    for other in job.shapes:
        if other != job.lattice.shape and not job.build_lattice(other).separates(offsets):
            yield f"sweep.shapes: {list(other)} is too small for the {len(offsets)} sites of {key}"


def _without(job, key: str, clusters) -> Iterator[str]:
    axes = len(job.lattice.shape)
    for sites in clusters:
        if any(len(site) != axes for site in sites):
            yield f"{key}: every site of {[list(site) for site in sites]} needs {axes} coordinates"


def _fits(job, key: str, offsets, methods, key_of_methods: str) -> Iterator[str]:
    """Refuse tiles in which direct estimates cannot tell interactions apart, or that are too large."""
    lattice, n = job.build_lattice(), len(offsets)
    if not methods:
        return
    differences = np.unique((offsets[:, None] - offsets).reshape(-1, lattice.dimension), axis=0)
    if not lattice.separates(differences):
        box = n == (side := int(np.ptp(offsets, axis=0).max()) + 1) ** lattice.dimension
        enough = f"sides of at least {2 * side - 1}" if box else "a larger lattice"
        form = f"tiles of side {side}" if box else f"tiles of {n} sites"
        yield (
            f"{key}: {form} meet themselves round the lattice {list(job.lattice.shape)}; take smaller"
            f" tiles, or {enough}"
        )
        return
    sizes, largest = tile_states(lattice, offsets, job.hamiltonian.n_states), MOST_STATES
    for method in methods:
        if sizes[method] > largest[method]:
            yield (
                f"{key}: a tile of {n} sites has {sizes[method]} states, more than the {largest[method]} "
                f"that '{method}' allows; take smaller tiles or other {key_of_methods}"
            )


def _shapes(job) -> Iterator[str]:
    shape = job.lattice.shape
    for other in job.shapes:
        if len(other) != len(shape):
            yield f"sweep.shapes: {list(other)} has not the dimension of lattice.shape"
        elif job.is_glass and other != shape:
            yield "sweep.shapes: a glass realization exists on its own lattice only; leave it out"
        else:
            try:
                job.build_lattice(other)
            except ValueError as error:
                yield f"sweep.shapes: {error}"


def _ednn(job) -> Iterator[str]:
    if not job.uses_ednn:
        return
    shape = job.lattice.shape
    if job.is_glass and job.ednn.is_network and job.ednn.shared:
        yield (
            "sweep.energies: one EDNN shared by all tiles cannot represent quenched disorder; set "
            "ednn.shared = false, or leave 'ednn' out"
        )
    if not job.ednn.shared and not job.is_glass and job.shapes != (shape,):
        yield "sweep.shapes: with ednn.shared = false the EDNN knows the observed lattice only"
    observed = job.build_lattice()
    others = [other for other in job.shapes if other != shape and len(other) == len(shape)]
    for context in job.ednn.contexts:
        where = f"does not fit ednn.focus = {job.ednn.focus}, ednn.context = {context}"
        try:
            tiling = job.ednn.tiling(observed, context)
        except ValueError as error:
            yield f"lattice {list(shape)} {where}: {error}; change the shape, focus or context"
            continue
        for other in others:
            try:
                lattice = job.build_lattice(other)
                tiling.on(lattice) if job.ednn.is_network else job.ednn.tiling(lattice, context)
            except ValueError as error:
                edges = f" ({other.boundary})" if getattr(other, "boundary", None) else ""
                yield f"lattice {list(other)}{edges} {where}: {error}; change the shape, focus or context"


def _committee(job) -> Iterator[str]:
    members = job.uncertainty.members
    if members and not job.committees:
        yield f"uncertainty.members = {members}: there is no network in sweep.energies; leave it out"


def _temperatures(job) -> Iterator[str]:
    yield from needs.temperatures(job)


def _needs(job) -> Iterator[str]:
    try:
        found = job.needs
    except ValueError:  # lattices and tiles that are told of by other checks
        return
    yield from needs.mistakes(found)


CHECKS = (_rnn, _unknown, _source, _hamiltonian, _direct, _shapes, _ednn, _committee, _temperatures, _needs)
