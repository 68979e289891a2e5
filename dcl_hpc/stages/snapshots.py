"""Observations from a file of the user's own configurations."""

import shutil
import time
from functools import partial

import numpy as np

from ..cluster import mpi
from ..energy.true import TrueEnergy
from ..errors import UserError, shown
from ..physics.configurations import ABSENT
from ..physics.observables import like_neighbours
from ..pipeline.context import Context
from ..pipeline.diagnosis import warnings
from ..sampling.statistics import autocorrelation_time, chains_in_turn
from ..storage.layout import write_file
from ..storage.observations import ENERGY, observation_fields
from ..storage.store import Store

# Bytes beside the states of a configuration: step, time, energy.
BESIDE = 24
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
    path, job = run.path("observe"), run.job
    true = TrueEnergy(job.build_hamiltonian()) if job.has_truth else None
    if not path.exists():
        _require_room(source, path)
        log(f"observe: {source.n} configurations in {shown(source.identity, 300)}, checking")
        incomplete = _check(context, source)
        energies = true.energies if true else partial(like_neighbours, lattice=job.build_lattice())
        tau, leading = _correlation(source, energies, job.order_parameter)
        source.require_unchanged()
        _create(run, source, tau, leading, incomplete)
        if leading != source.leading:
            turns = leading[1]
            log(f"observe: snapshots {turns} apart are alike, neighbours not: taken for {turns} chains")
        log(f"observe: integrated autocorrelation time {tau:.2f} configurations")
    with Store(path, mpi.alone(), write=True) as store:
        _copy(context, store, source, true, started)
    log(f"observe: {source.n} configurations imported from {shown(source.identity, 300)}")
    for text in warnings(run):
        log(f"observe: warning: {text}")


def _require_room(source, path) -> None:
    """Raise UserError if the disk has none for the states and what stands beside each configuration."""
    needed = source.n * (source.lattice.n_array + BESIDE)
    folder = next(one for one in path.parents if one.is_dir())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"observe: {source.n} configurations take {needed / 2**30:.3g} GiB, {folder} has "
            f"{free / 2**30:.3g} GiB left; make room, choose another folder with --runs, or import a part"
        )


def _check(context, source) -> int:
    """Number of configurations in which atoms are lost; raises if there is anything but states."""
    with context.log.progress("check", source.n, unit="cfg") as progress:

        def on_block(n):
            progress.step(n)
            context.stop.check(mpi.alone())

        incomplete = source.check(on_block)
    if incomplete:
        context.log(f"observe: in {incomplete} of {source.n} configurations atoms are lost")
    if source.varying:
        context.log(
            f"observe: warning: configurations differ at {list(source.varying)}, which lattice.absent names; "
            "if there is a site, take it out of the list"
        )
    return incomplete


def _filled(states: np.ndarray, n_states: int, start: int) -> np.ndarray:
    """States with random ones at lost atoms."""
    lost = states == ABSENT
    random = np.random.default_rng(start).integers(0, n_states, states.shape, np.uint8)
    return np.where(lost, random, states) if lost.any() else states


def _correlation(source, energies, order_parameter) -> tuple[float, tuple[int, ...]]:
    """Larger autocorrelation time of energy and order parameter, in configurations; and the leading axes.

    Of an unknown energy the share of like neighbours takes the place.

    It is measured along each leading axis of the source, since neighbours along one of them, such as
    chains, may be independent while those along another, such as records, are not. Where there is one axis,
    and chains take turns along it, it is parted into records and chains.
    """
    n, leading = min(source.n, MEASURED), source.leading
    series = []
    step = max(1, BUFFER // source.n_sites)
    for start in range(0, n, step):
        states = _filled(source.read(start, min(start + step, n)), source.n_states, start)
        states = np.ascontiguousarray(states.T)
        series.append([energies(states), order_parameter(states)])
    series = np.concatenate(series, axis=1)
    if len(leading) == 1 and (chains := chains_in_turn(series.T)) > 1:
        if source.n % chains:
            tau = max(autocorrelation_time(x[: n // chains * chains].reshape(-1, chains)) for x in series)
            return chains * tau, leading  # too long, as stretches of all chains
        leading = source.n // chains, chains
    inner = int(np.prod(leading[1:]))
    if n < inner:
        return max(autocorrelation_time(x[:, None]) for x in series), leading
    rows = n // inner
    series = series[:, : rows * inner].reshape(2, rows, *leading[1:])
    return max(
        autocorrelation_time(np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1))
        for x in series
        for axis in range(x.ndim)
    ), leading


def _create(run, source, tau: float, leading: tuple[int, ...], incomplete: int) -> None:
    job, n = run.job, source.n
    steps, about = np.arange(1, n + 1), "number in the source, from 1"
    layout = observation_fields(n, 1, job.build_lattice(), steps, about, job.has_truth)
    attributes = {
        **run.attributes("observe", imported=True),
        "temperature": job.observe.temperature,
        "n_states": job.hamiltonian.n_states,
        "thin": 1,
        "autocorrelation_time": tau,
        "incomplete": incomplete,
        "source": source.identity,
        "leading": leading,
        "source_digest": source.digest,
    }
    write_file(run.path("observe"), layout, attributes, total=n)


def _copy(context, store, source, true, started: float) -> None:
    """Fill the file from where it is committed; `true` is the true energy, None if nobody knows it."""
    done, spent = store.committed, store.wall_seconds
    step = max(1, BUFFER // source.n_sites)
    with context.log.progress("observe", source.n, done, "cfg") as progress:
        while done < store.total:
            n = min(step, store.total - done)
            states = source.read(done, done + n)
            source.require_unchanged()
            rows = slice(done, done + n)
            store.write("observations/states/value", rows, source.lattice.array(states, ABSENT)[:, None])
            if true:
                energy = true.energies(np.ascontiguousarray(_filled(states, source.n_states, done).T))
                energy[(states == ABSENT).any(axis=1)] = np.nan
                store.write(ENERGY, rows, energy[:, None])
            done += n
            store.commit(done, 0, spent + time.monotonic() - started)
            progress.step(n)
            if done < store.total:
                context.stop.check(mpi.alone())
