"""Observations from a file of the user's own configurations."""

import time

import numpy as np

from ..cluster import mpi
from ..energy.true import TrueEnergy
from ..pipeline.context import Context
from ..pipeline.diagnosis import warnings
from ..sampling.statistics import autocorrelation_time
from ..storage.layout import write_file
from ..storage.observations import observation_fields
from ..storage.store import Store

# Bytes of states between two commits.
BUFFER = 2**25
# Configurations, from the first one on, whose correlation is measured.
MEASURED = 20_000


def import_observations(context: Context) -> None:
    """Make the observation set of a run from its snapshots, or go on with it; rank 0 works, the others wait.

    Raises
    ------
    UserError
        If the file does not hold configurations of the job's lattice.
    """
    mpi.on_root(context.comm, _import, context)


def _import(context) -> None:
    with context.run.foreign as source:
        _import_from(context, source)


def _import_from(context, source) -> None:
    run, log, started = context.run, context.log, time.monotonic()
    path, hamiltonian = run.path("observe"), run.job.build_hamiltonian()
    if not path.exists():
        log(f"observe: {source.n} configurations in {source.identity}, checking")
        _check(context, source)
        tau = _correlation(source, TrueEnergy(hamiltonian), hamiltonian.order_parameter)
        source.require_unchanged()
        _create(run, source, hamiltonian.n_states, tau)
        log(f"observe: integrated autocorrelation time {tau:.2f} configurations")
    with Store(path, mpi.alone(), write=True) as store:
        _copy(context, store, source, TrueEnergy(hamiltonian), started)
    log(f"observe: {source.n} configurations imported from {source.identity}")
    for text in warnings(run):
        log(f"observe: warning: {text}")


def _check(context, source) -> None:
    with context.log.progress("check", source.n, unit="cfg") as progress:

        def on_block(n):
            progress.step(n)
            context.stop.check(mpi.alone())

        source.check(on_block)


def _correlation(source, model, order_parameter) -> float:
    """Larger autocorrelation time of energy and order parameter, in configurations.

    It is measured along each leading axis of the source, since neighbours along one of them, such as
    chains, may be independent while those along another, such as records, are not.
    """
    n = min(source.n, MEASURED)
    inner = int(np.prod(source.leading[1:]))
    series = []
    step = max(1, BUFFER // source.n_sites)
    for start in range(0, n, step):
        states = np.ascontiguousarray(source.read(start, min(start + step, n)).T)
        series.append([model.energies(states), order_parameter(states)])
    series = np.concatenate(series, axis=1)
    if n < inner:
        return max(autocorrelation_time(x[:, None]) for x in series)
    rows = n // inner
    series = series[:, : rows * inner].reshape(2, rows, *source.leading[1:])
    return max(
        autocorrelation_time(np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1))
        for x in series
        for axis in range(x.ndim)
    )


def _create(run, source, n_states: int, tau: float) -> None:
    job, n = run.job, source.n
    layout = observation_fields(n, 1, job.lattice.shape, np.arange(1, n + 1), "number in the source, from 1")
    attributes = {
        **run.attributes("observe", imported=True),
        "temperature": job.observe.temperature,
        "n_states": n_states,
        "thin": 1,
        "autocorrelation_time": tau,
        "source": source.identity,
        "leading": source.leading,
        "source_digest": source.digest,
    }
    write_file(run.path("observe"), layout, attributes, total=n)


def _copy(context, store, source, model, started: float) -> None:
    """Fill the file from where it is committed."""
    shape = context.run.job.lattice.shape
    done, spent = store.committed, store.wall_seconds
    step = max(1, BUFFER // source.n_sites)
    with context.log.progress("observe", source.n, done, "cfg") as progress:
        while done < store.total:
            n = min(step, store.total - done)
            states = source.read(done, done + n)
            source.require_unchanged()
            rows = slice(done, done + n)
            store.write("observations/states/value", rows, states.reshape(n, 1, *shape))
            energy = model.energies(np.ascontiguousarray(states.T))
            store.write("validation/energy/value", rows, energy[:, None])
            done += n
            store.commit(done, 0, spent + time.monotonic() - started)
            progress.step(n)
            if done < store.total:
                context.stop.check(mpi.alone())
