"""Compare the learned energies with the true ones on configurations of every energy level.

Where there is no true one they are compared with each other, on the last observations.
"""

import json
import time
from functools import partial

import numpy as np

from ..cluster import mpi
from ..energy import couplings
from ..energy.factory import energy_model
from ..energy.true import TrueEnergy
from ..inference.estimate import described, estimate
from ..pipeline.context import Context
from ..sampling.levels import BETAS, collect
from ..sampling.streams import Purpose, generator
from ..storage.complete import complete_rows
from ..storage.evaluation import coupling_fields, plain, table_fields
from ..storage.layout import array_field, write_file
from .direct import observed

# Interactions of a direct estimate that are kept, strongest first.
DESCRIBED = 50
# Observations on which energies are compared with each other.
COMPARED = 2000


def evaluate(context: Context, output: str) -> None:
    """Make the test set and the energies that each model gives it."""
    run, comm, log = context.run, context.comm, context.log
    job = run.job
    started = time.monotonic()
    if job.has_truth:
        true = TrueEnergy(job.build_hamiltonian(), job.levels.ladders * len(BETAS))
        states, ladder = _test_set(context, true)
        columns = {"true": true.energies(states.T.copy())}
    else:
        states, columns = mpi.on_root(comm, _last_observations, run), {}
        ladder = np.zeros(len(states), np.int64)
    mine = mpi.share(comm, len(states))
    errors, recovered = {}, {}
    for name in job.learned:
        model = energy_model(run, name)
        part = np.ascontiguousarray(states[mine].T)
        # a network is slow, and is asked once
        own = [model.network.energies(part)] if job.calibrates(name) else []
        columns[name] = mpi.gather(comm, model.energies(part, *own))
        if own:
            columns[plain(name)] = mpi.gather(comm, *own)
        if hasattr(model, "errors"):
            errors[name] = mpi.gather(comm, model.errors(part, *own))
        if job.is_glass:
            recovered[name] = _recover(context, model, name)
    if job.has_truth:
        levels, counts = np.unique(np.round(columns["true"] / level_width(job)), return_counts=True)
        log(f"evaluate: {len(states)} configurations of {len(levels)} levels")
        if scarce := int((counts < job.levels.per_level).sum()):
            log(f"evaluate: {scarce} levels have fewer than {job.levels.per_level}; raise levels.max_sweeps")
    mpi.on_root(comm, _finish, context, states, ladder, columns, errors, recovered, started)


def _last_observations(run) -> np.ndarray:
    """The last observations in which no atom is lost, uint8 (n, n_sites)."""
    with complete_rows(run.require("observe"), "skip") as source:
        return source.read(source.n - min(source.n, COMPARED), source.n)[0]


def level_width(job) -> float:
    """Spacing of the test set's energy levels in J, see `Hamiltonian.level_spacing`."""
    return job.levels.width or job.build_hamiltonian().level_spacing


def _test_set(context, true) -> tuple[np.ndarray, np.ndarray]:
    """Configurations of every level, uint8 (n, n_sites), and the ladder of each; see `collect`."""
    job, comm = context.run.job, context.comm
    with context.log.progress("evaluate", job.levels.max_sweeps, unit="sweeps") as progress:

        def on_stretch(sweeps):
            progress.step(sweeps)
            context.stop.check(comm)

        scale = job.build_hamiltonian().scale
        return collect(
            true, job.stream_seed, job.levels, level_width(job), scale, on_stretch,
            partial(mpi.share, comm), partial(mpi.gather, comm),
        )  # fmt: skip


def _pairs(job):
    """Pairs of sites whose couplings are recovered, and which of them are bonds; see `choose_pairs`."""
    return couplings.choose_pairs(job.build_lattice(), generator(job.stream_seed, Purpose.FLIPS, 0))


def _recover(context, model, name: str) -> couplings.Recovered:
    """Couplings that a learned energy has, from random configurations shared among the ranks."""
    job, comm, started = context.run.job, context.comm, time.monotonic()
    pairs, _ = _pairs(job)
    random = generator(job.stream_seed, Purpose.FLIPS, 1)
    states = random.integers(0, 2, (couplings.CONFIGURATIONS, model.lattice.n_sites), np.uint8)
    mine, found = states[mpi.share(comm, len(states))], []
    for k in range(-(-len(states) // comm.size)):
        found.append(couplings.estimates(model, mine[k : k + 1], pairs))
        context.stop.check(comm)
    every = couplings.Estimates(
        mpi.gather(comm, np.concatenate([one.couplings for one in found])),
        mpi.gather(comm, np.concatenate([one.fields for one in found])),
    )
    context.log(f"evaluate: couplings of {len(pairs)} pairs by {name}: {time.monotonic() - started:.1f} s")
    found = couplings.mean(every)
    return couplings.with_errors(found, pairs, *model.bond_errors) if hasattr(model, "bond_errors") else found


def _direct_estimates(context) -> dict:
    """Local energies that each method finds in the first observations."""
    run, settings = context.run, context.run.job.direct
    states, blocks = observed(run, settings.samples)
    result, offsets = {}, settings.offsets(run.job.build_lattice())
    for method in settings.methods:
        started = time.monotonic()
        result[method] = estimate(run.job, method, states, offsets, settings.without, blocks)
        seconds = time.monotonic() - started
        context.log(
            f"evaluate: direct estimate by {method} from {len(states)} configurations: {seconds:.1f} s"
        )
    return result


def _finish(context, states, ladder, columns, errors, recovered, started: float) -> None:
    """Add the direct estimates and write the file."""
    run = context.run
    estimates = _direct_estimates(context) if run.job.direct and run.job.direct.methods else {}
    for name, found in estimates.items():
        energy = found.energy(states, run.job.build_lattice())
        columns[f"direct_{name}"], errors[f"direct_{name}"] = energy
    layout = {
        "test/states/value": array_field(states, ("sample", "site"), "states 0..Q-1"),
        "test/ladder": array_field(ladder, ("sample",), "independent ladder that it was drawn by"),
    }
    for name, energy in columns.items():
        layout[f"test/energy/{name}"] = array_field(energy, ("sample",), f"energy by {name}, J")
    for name, error in errors.items():
        layout[f"test/error/{name}"] = array_field(error, ("sample",), "standard error of the energy, J")
    if recovered:
        pairs, bond = _pairs(run.job)
        true = None
        if run.job.has_truth:
            hamiltonian = run.job.build_hamiltonian()
            true = couplings.true_couplings(hamiltonian, pairs), couplings.true_fields(hamiltonian)
        layout |= coupling_fields(pairs, bond, true, recovered)
    layout |= table_fields({name: local.table() for name, local in estimates.items()})
    found = {name: described(local)[:DESCRIBED] for name, local in estimates.items()}
    attributes = {
        **run.attributes("evaluate"),
        "direct": json.dumps(found),
        "direct_offsets": json.dumps(
            {name: local.window.offsets.tolist() for name, local in estimates.items()}
        ),
    }
    if run.job.has_truth:
        attributes["level_width"] = level_width(run.job)
    write_file(run.path("evaluate"), layout, attributes, total=1, done=1, wall=time.monotonic() - started)
