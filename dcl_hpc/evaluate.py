"""Compare the learned energies with the true ones on configurations of every energy level."""

import time

import numpy as np

from . import cli, models
from .cluster import mpi
from .energy.true import TrueEnergy
from .sampling.levels import BETAS, collect
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
    true = TrueEnergy(job.build_hamiltonian(), job.levels.ladders * len(BETAS))
    states = mpi.on_root(comm, _test_set, context, true)
    mine = mpi.share(comm, len(states))
    columns = {"true": true.energies(states.T.copy())}
    for name in wanted:
        model = models.energy_model(run, name)
        part = model.energies(np.ascontiguousarray(states[mine].T))
        columns[name] = mpi.gather(comm, part)
    levels, counts = np.unique(np.round(columns["true"] / level_width(job)), return_counts=True)
    log(f"evaluate: {len(states)} configurations of {len(levels)} levels")
    if scarce := int((counts < job.levels.per_level).sum()):
        log(f"evaluate: {scarce} levels have fewer than {job.levels.per_level}; raise levels.max_sweeps")
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


def _test_set(context, true) -> np.ndarray:
    """Configurations of every level, uint8 (n, n_sites), drawn by rank 0 alone."""
    job = context.run.job
    with context.log.progress("evaluate", job.levels.max_sweeps, unit="sweeps") as progress:

        def on_block(sweeps):
            progress.step(sweeps)
            context.stop.check(mpi.alone())

        scale = float(np.abs(job.build_hamiltonian().couplings).mean())
        return collect(true, job.seed, job.levels, level_width(job), scale, on_block)


def _write(run, states, columns, wall: float) -> None:
    layout = {"test/states/value": array_field(states, ("sample", "site"), "states 0..Q-1")}
    for name, energy in columns.items():
        layout[f"test/energy/{name}"] = array_field(energy, ("sample",), f"energy by {name}, J")
    attributes = {**run.attributes("evaluate"), "level_width": level_width(run.job)}
    write_file(run.path("evaluate"), layout, attributes, total=1, done=1, wall=wall)


if __name__ == "__main__":
    cli.main(cli.parser("evaluate", __doc__), evaluate)
