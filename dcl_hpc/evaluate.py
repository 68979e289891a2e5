"""Compare the learned energies with the true ones on configurations of every energy level."""

import time

import numpy as np

from . import cli, models
from .cluster import mpi
from .cluster.signals import Stopped
from .energy.true import TrueEnergy
from .sampling.levels import collect
from .storage.store import array_field, write_file


def evaluate(context: cli.Context, options=None) -> None:
    """Make the test set and the energies that each model gives it."""
    run, comm, log = context.run, context.comm, context.log
    job, path = run.job, run.path("evaluate")
    wanted = [name for name in ("rnn", "ednn") if getattr(job, f"uses_{name}")]
    if not wanted:
        log("evaluate: sweep.energies names no learned energy")
        return
    if mpi.on_root(comm, run.done, "evaluate"):
        log(f"evaluate: {path} is complete")
        return
    for name in wanted:
        mpi.on_root(comm, run.require, name)
    started = time.monotonic()
    true = TrueEnergy(job.build_hamiltonian())
    with log.progress("evaluate", job.levels.max_sweeps, unit="sweeps") as progress:

        def on_block(sweeps):
            progress.step(sweeps)
            if context.stop.agreed(comm):
                raise Stopped

        # the same seed gives every rank the same test set
        states = collect(true, job.seed, job.levels, level_width(job), on_block)
    mine = mpi.share(comm, len(states))
    columns = {"true": true.energies(states.T.copy())}
    for name in wanted:
        model = models.energy_model(run, name)
        part = model.energies(np.ascontiguousarray(states[mine].T))
        columns[name] = np.concatenate(comm.allgather(part))
    log(f"evaluate: {len(states)} configurations of {len(np.unique(_levels(job, columns)))} levels")
    mpi.on_root(comm, _write, run, states, columns, time.monotonic() - started)


def level_width(job) -> float:
    """Spacing of the test set's energy levels in J; 1/50 of the couplings' sum where it is continuous."""
    if job.levels.width is not None:
        return job.levels.width
    hamiltonian = job.build_hamiltonian()
    couplings, pair = np.abs(hamiltonian.couplings), np.unique(np.round(hamiltonian.pair, 9))
    if np.all(couplings == couplings.flat[0]):
        return float(couplings.flat[0] * np.diff(pair).min())
    return float(couplings.sum() * (pair[-1] - pair[0]) / 50)


def _levels(job, columns) -> np.ndarray:
    return np.round(columns["true"] / level_width(job))


def _write(run, states, columns, wall: float) -> None:
    layout = {"test/states/value": array_field(states, ("sample", "site"), "states 0..Q-1")}
    for name, energy in columns.items():
        layout[f"test/energy/{name}"] = array_field(energy, ("sample",), f"energy by {name}, J")
    attributes = {**run.attributes("evaluate"), "level_width": level_width(run.job)}
    write_file(run.path("evaluate"), layout, attributes, total=1, done=1, wall=wall)


if __name__ == "__main__":
    cli.main(cli.parser("evaluate", __doc__), evaluate)
