"""Energies of whole configurations in a user's file, by an energy of a run."""

import json
import os
import re
from pathlib import Path

import numpy as np

from ..cluster import mpi
from ..errors import UserError
from ..pipeline.context import Context
from ..pipeline.provenance import provenance
from ..storage.columns import KINDS, write_columns
from ..storage.foreign import ADDRESS, ForeignConfigurations
from .opened import OpenedRun

# Configurations that one rank takes at a time.
BLOCK = 10_000


def write_energies(context: Context, options) -> None:
    """Compute the energies of the configurations in a file, shared among the ranks, and write them.

    Parameters
    ----------
    options : object with configurations, energy, to and index
        Address of the configurations, name of the energy, and the file to write; where the last two are None
        the run's usual energy, and a file in its folder energies.

    Raises
    ------
    UserError
        If the run has no such energy, or the files cannot be read or written.
    """
    run, comm = context.run, context.comm
    n, path = mpi.on_root(comm, _prepare, run, options)
    energy = OpenedRun(run).energy(options.energy)
    functions = {"energy": energy.model.energies}
    if energy.has_errors:
        functions["error"] = energy.model.errors
    found = [np.empty((0, len(functions)))]
    with _open(run, options) as source, context.log.progress("label", n, unit="cfg") as progress:
        for start in range(0, n, BLOCK * comm.size):
            rows = min(n - start, BLOCK * comm.size)
            mine = mpi.share(comm, rows)
            part = np.empty((0, len(functions)))
            if mine.stop > mine.start:
                states = np.ascontiguousarray(source.read(start + mine.start, start + mine.stop).T)
                part = np.stack([function(states) for function in functions.values()], axis=1)
            found.append(mpi.gather(comm, part))
            progress.step(rows)
            context.stop.check(comm)
    columns = dict(zip(functions, np.concatenate(found).T, strict=True))
    mpi.on_root(comm, _write, run, options, path, columns, energy.name)
    context.log(f"label: energies of {n} configurations by {energy.name}: {path}")


def _open(run, options) -> ForeignConfigurations:
    return ForeignConfigurations(
        options.configurations, run.job.build_lattice(), run.job.hamiltonian.n_states
    )


def _prepare(run, options) -> tuple[int, Path]:
    """Check everything before the work; how many configurations there are, and the file to write."""
    if run.realization is not None and options.index is None:
        raise UserError("--from: every realization has an energy of its own; choose one with --index")
    with _open(run, options) as source:
        name = OpenedRun(run).energy(options.energy).name
        if incomplete := source.check():
            raise UserError(
                f"--from: in {incomplete} of {source.n} configurations atoms are lost; energies are those of "
                "complete ones"
            )
        n = source.n
    file = Path(ADDRESS.fullmatch(options.configurations)[1])
    if options.to is None:
        stem = re.sub(r"\W+", "_", file.stem)
        return n, run.root / "energies" / f"{stem}_{name}.h5"
    path = Path(options.to)
    if path.suffix not in KINDS:
        raise UserError(f"--to {path}: the format is told by the extension, {', '.join(KINDS)}")
    if path.exists() and os.path.samefile(path, file):
        raise UserError(f"--to {path}: these are the configurations; name another file")
    return n, path


def _write(run, options, path: Path, columns: dict, name: str) -> None:
    unit = run.job.units.energy
    zero = "" if name == "true" else "; 0 is the mean over uniformly random configurations"
    about = {"energy": f"energy of each configuration, {unit}{zero}", "error": f"its standard error, {unit}"}
    with _open(run, options) as source:
        origin = {"source": source.identity, "source_digest": source.digest}
    described = provenance()
    attributes = {
        "about": f"energies of configurations by {name!r} of the run {run.job.name!r}",
        **origin,
        "temperature": f"{run.job.observe.temperature:g} {run.job.units.temperature}, of the observations",
        "creator": described["creator"],
        "git_commit": described["git_commit"],
        "job": json.dumps(run.job.model_dump(mode="json", context={"digest": True})),
    }
    write_columns(path, columns, about, attributes)
