"""Print the exact thermodynamics of a job's lattices, without any simulation."""

import json

import numpy as np

from ..cluster import mpi
from ..errors import UserError
from ..physics import exact, strip
from ..physics.lattice import MOST_SITES
from ..physics.shape import Shape
from ..pipeline.context import Context

TITLES = {"temperature": "T", "u": "u", "c": "c", "ln_z": "ln Z/N", "s": "s", "m": "<|m|>", "chi": "chi"}


def show(context: Context, options) -> None:
    """Print a table for each shape; rank 0 works, the others wait."""
    mpi.on_root(context.comm, _show, context.run.job, options, context.log)


def _show(job, options, log) -> None:
    if not job.has_truth:
        raise UserError("hamiltonian.kind = 'unknown' has no exact values: nobody knows its energy")
    t = _temperatures(options.temperatures, job)
    tables = []
    for shape in [parse_shape(options.shape, job)] if options.shape else job.shapes:
        hamiltonian = job.build_hamiltonian(shape)
        seconds = 1e-8 * strip.work(hamiltonian) * len(t)
        if exact.method(hamiltonian) == "strip transfer matrix" and seconds > 10 and not options.json:
            log(f"{hamiltonian.lattice}: {len(t)} temperatures take some {seconds:.0f} s")
        tables.append({"name": str(shape)} | table(hamiltonian, t))
        if not options.json:
            log(as_text(tables[-1]))
    if options.json:
        about = {
            "name": job.name,
            "hamiltonian": job.hamiltonian.model_dump(mode="json", context={"digest": True}),
        }
        # a line in one piece, also where several ranks write
        print(json.dumps(about | {"shapes": tables}) + "\n", end="", flush=True)


def table(hamiltonian, temperatures: np.ndarray) -> dict:
    """Exact values per site at each temperature (s in k_B); None where no method fits."""
    ln_z, energy, heat, m, chi = exact.curve(hamiltonian, temperatures).T
    n = hamiltonian.lattice.n_sites
    entropy = (energy / temperatures + ln_z) / n
    columns = zip(TITLES, (temperatures, energy / n, heat / n, ln_z / n, entropy, m, chi), strict=True)
    return {
        "shape": list(hamiltonian.lattice.shape),
        "n_sites": n,
        "method": exact.method(hamiltonian),
        "ground_state_energy": exact.ground_state_energy(hamiltonian),
        **{name: [None if np.isnan(x) else float(x) for x in column] for name, column in columns},
    }


def as_text(values: dict) -> str:
    """One shape's table, with what is known."""
    lines, lowest = [values["name"]], values["ground_state_energy"]
    if values["method"]:
        names = [name for name in TITLES if values[name][0] is not None]
        lines.append("".join(f" {TITLES[name]:>11}" for name in names))
        for t, *row in zip(*(values[name] for name in names), strict=True):
            lines.append(f" {t:>11.6g}" + "".join(f" {x:>11.7f}" for x in row))
        lines.append(f"  method: {values['method']}")
    elif len(values["shape"]) == 2:
        lines.append(
            "  no exact method: too wide for the transfer matrix, or no nearest-neighbour law on squares"
        )
    else:
        lines.append("  no exact method: not two-dimensional, and more than 65536 states to enumerate")
    if lowest is not None:
        lines.append(f"  ground-state energy: {lowest:.6f}, per site {lowest / values['n_sites']:.6f}")
    return "\n".join(lines)


def _temperatures(text: str | None, job) -> np.ndarray:
    if text is None:
        return np.union1d(job.sweep.listed, job.observe.temperature)
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise UserError(f"--temperatures {text}: write numbers with commas, e.g. 0.5,1,2") from None
    if not np.all((values >= 1e-6) & (values <= 1e6)):
        raise UserError(f"--temperatures {text}: each must be between 1e-6 and 1e6")
    return values


def parse_shape(text: str, job) -> Shape:
    """The shape that --shape names; raises UserError if the job's system does not exist on it."""
    observed = Shape(job.lattice.shape)
    try:
        shape = Shape.parse(text)
    except ValueError:
        shape = ()
    if len(shape) != len(observed):
        raise UserError(f"--shape {text}: write it like the job's lattice, {observed}, or {observed}-open")
    if min(shape) < 2 or np.prod(shape, dtype=float) > MOST_SITES:
        raise UserError(f"--shape {text}: every side must be at least 2, and sites at most {MOST_SITES}")
    if job.hamiltonian.kind == "edwards_anderson" and shape != observed:
        raise UserError(f"--shape {text}: a glass realization exists on its own lattice, {observed}, only")
    try:
        job.build_lattice(shape)
    except ValueError as error:
        raise UserError(f"--shape {text}: {error}") from None
    return shape
