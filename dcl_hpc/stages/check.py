"""Do the learned energies explain the snapshots? Their chains against snapshots that no learner saw."""

import time
import zlib
from contextlib import closing
from functools import partial

import numpy as np

from ..cluster import mpi
from ..energy.factory import ENERGIES, energy_model
from ..errors import UserError
from ..physics.structure import Structure
from ..pipeline.context import Context
from ..pipeline.lattice_study import check_of
from ..sampling.comparison import Mean, compare, mean_of_batches
from ..sampling.ladder import adapt
from ..sampling.statistics import autocorrelation_time, chains_in_turn, too_short
from ..sampling.streams import Purpose
from ..sampling.tempering import Ladders, Replicas
from ..storage.checks import BINS, Check, check_attributes, check_fields
from ..storage.layout import write_file
from ..storage.observations import held_out_rows

# Measurements of each chain at most, and at how many of them errors of what was learned are propagated.
MEASUREMENTS, PROPAGATED = 400, 40
# Fewer snapshots tell nothing; rows that are read together.
FEWEST, CHUNK = 10, 10_000


def check(context: Context, output: str) -> None:
    """Test one learned energy against the observations held out, or against other snapshots of the job."""
    run, comm, log = context.run, context.comm, context.log
    started, (energy, number) = time.monotonic(), check_of(output)
    settings = run.job.check
    if comm.size > settings.chains:
        raise UserError.everywhere(
            f"{comm.size} ranks for check.chains = {settings.chains}: start at most as many ranks as chains"
        )
    temperature = settings.sets[number - 1].temperature if number else run.job.observe.temperature
    model = energy_model(run, energy)
    simulated = _Simulation(context, output, energy, model, temperature)
    simulated.run()
    found = mpi.on_root(comm, _compare, context, energy, number, temperature, model, simulated)
    worst, title = np.abs(found.z).argmax(), ENERGIES[energy].title
    log(
        f"{output}: p = {found.numbers['p']:.3g} if the {title} explains the snapshots; largest z "
        f"{found.z[worst]:+.1f}: {found.names[worst]}"
    )
    if found.numbers["stuck"]:
        key = "sweep.rnn_sweeps" if ENERGIES[energy].slow else "check.sweeps"
        log(f"{output}: warning: chains hardly move at T = {temperature:g}; raise {key}")
    attributes = {**run.attributes(output), **check_attributes(found)} if comm.rank == 0 else {}
    mpi.on_root(
        comm, write_file, run.path(output), check_fields(found), attributes, 1, 1, time.monotonic() - started
    )


class _Simulation:
    """Chains of an energy at one temperature, with hotter replicas if that is colder than the observed one.

    Attributes
    ----------
    chains : float64 (n_chains, n_observables)
        Means of each chain; the last two observables are the energy per site and N times its square, the
        energy counted from `origin`.
    spread : float64 (n_observables, n_observables)
        Covariance of single configurations.
    learning : float64 (n_observables, n_observables), or None
        Covariance of the means due to errors of what was learned, by linear response.
    energies : float64 (n_measurements, n_chains)
        In J.
    origin : float
        Energy in J about which fluctuations are taken.
    """

    def __init__(self, context, output: str, energy: str, model, temperature: float):
        job, comm, key = context.run.job, context.comm, zlib.crc32(output.encode())
        self.context, self.output, self.model, self.temperature = context, output, model, temperature
        self.structure = Structure(model.lattice, model.n_states)
        # independent errors of what was learned, where they are known: of direct estimates
        self._modes = getattr(model, "modes", None)
        settings = job.check
        self.lengths = settings.thermalization, settings.sweeps
        if ENERGIES[energy].slow:
            self.lengths = job.sweep.lengths(energy)
        self.every = max(1, self.lengths[1] // MEASUREMENTS)
        temperatures = _ladder(context, model, temperature, self.lengths[0], key)
        own = mpi.share(comm, settings.chains)
        ladders = Ladders(1 / temperatures, range(own.start, own.stop), job.stream_seed, key)
        rungs = len(temperatures)
        self.replicas = Replicas(
            model, ladders, slice(0, ladders.slot.size), job.stream_seed, Purpose.CHECK, key,
            first=own.start * rungs,
        )  # fmt: skip

    def _observed(self) -> np.ndarray:
        """Configurations of the own chains at the temperature of the snapshots, (n_sites, n_chains)."""
        states, slot = self.replicas.chains.states, self.replicas.ladders.slot
        rungs = slot.shape[1]
        return states[:, np.arange(0, states.shape[1], rungs) + np.argmin(slot, axis=1)]

    def run(self) -> None:
        """Run the chains; collective."""
        context, (thermalization, sweeps) = self.context, self.lengths
        comm = context.comm
        context.log(f"{self.output}: {context.run.job.check.chains} chains at T = {self.temperature:g}")
        with context.log.progress(self.output, thermalization + sweeps, unit="sweeps") as progress:
            for _ in range(thermalization):
                self.replicas.advance()
                progress.step(1)
                context.stop.check(comm)
            self.origin = float(mpi.gather(comm, self.model.energies(self._observed())).mean())
            count = sweeps // self.every
            energies, responses, total, squares = [], [], 0.0, 0.0
            for k in range(count):
                self.replicas.advance(self.every)
                states = self._observed()
                energy = self.model.energies(states)
                values = observables(self.structure, states, energy, self.origin)
                energies.append(energy)
                total = total + values
                squares = squares + values[:, :, None] * values[:, None, :]
                if self._modes is not None and k % max(1, count // PROPAGATED) == 0:
                    errors = self._modes(states).T
                    joint = values[:, :, None] * errors[:, None, :]
                    responses.append(np.column_stack([values, errors, joint.reshape(len(values), -1)]))
                progress.step(self.every)
                context.stop.check(comm)
        self.chains = self._of_all(total / count)
        mean = self.chains.mean(axis=0)
        self.spread = self._of_all(squares / count).mean(axis=0) - np.outer(mean, mean)
        self.energies = self._of_all(np.array(energies).T).T
        self.learning = None
        if responses:
            self.learning = self._propagated(self._of_all(np.mean(responses, axis=0)).mean(axis=0))

    def _of_all(self, values: np.ndarray) -> np.ndarray:
        """Values of all chains; in one order in memory, so that sums do not depend on the number of ranks."""
        return mpi.gather(self.context.comm, np.ascontiguousarray(values))

    def _propagated(self, means: np.ndarray) -> np.ndarray:
        """Covariance beta^2 sum_m cov(A, E_m) cov(B, E_m) over the modes of error E_m of unit variance.

        Parameters
        ----------
        means : ndarray
            Of all observables A, of the modes, and of their products.
        """
        n = self.chains.shape[1]
        modes = len(means[n:]) // (n + 1)
        joint = means[n + modes :].reshape(n, modes) - np.outer(means[:n], means[n : n + modes])
        slope = joint / self.temperature
        return slope @ slope.T


def _ladder(context, model, temperature: float, sweeps: int, key: int) -> np.ndarray:
    """Temperatures of each chain's replicas, that of the snapshots first."""
    job, comm = context.run.job, context.comm
    exchange = job.observe.exchange
    hottest = max(job.observe.temperature, exchange.hottest if exchange else 0)
    if hottest <= temperature:
        return np.array([temperature])
    return adapt(
        model, np.array([temperature, hottest]), "auto", max(sweeps // 2, 20), job.stream_seed, key,
        partial(mpi.share, comm), partial(mpi.gather, comm), lambda: context.stop.check(comm),
    )  # fmt: skip


def observables(structure: Structure, states: np.ndarray, energy: np.ndarray, origin: float) -> np.ndarray:
    """Observables of configurations (n_sites, n), with the energy and its fluctuation, (n, n_observables)."""
    n_sites, moved = len(states), energy - origin
    return np.column_stack([structure.of(states), energy / n_sites, moved**2 / n_sites])


def _compare(context, energy: str, number: int, temperature: float, model, simulated) -> Check:
    """Read the snapshots and compare; on one process."""
    run, structure = context.run, simulated.structure
    source, blocks, leading = _snapshots(context, number)
    with closing(source):
        parts = [_of_snapshots(structure, model, block, simulated.origin) for block in blocks]
    values, energies = (np.concatenate(column) for column in zip(*parts, strict=True))
    names = [*structure.names, "energy per site", "fluctuation of the energy"]
    whole = not np.isnan(energies).any()
    used = np.arange(len(names) if whole else len(names) - 2)
    kept = ~np.isnan(values[:, used]).any(axis=1)
    values = values[np.ix_(kept, used)]
    if len(values) < FEWEST:
        raise UserError(
            f"check: {len(values)} snapshots are too few to test an energy with; give at least {FEWEST}, or "
            "raise check.held_out"
        )
    chains = mean_of_batches(simulated.chains[:, used])
    square = np.ix_(used, used)
    learning = None if simulated.learning is None else simulated.learning[square]
    axes, spread = _axes(values, leading), simulated.spread[square]
    result = compare(values, axes, chains, spread, learning, whole)
    error = Mean(chains.value, chains.covariance + (0 if learning is None else learning), np.inf).error
    own_tau = autocorrelation_time(simulated.energies)
    return Check(
        energy, temperature, [names[k] for k in used], [length for length, _ in structure.shells],
        result.data.value, result.data.error, chains.value, error, result.z,
        {
            "p": result.p, "components": result.components, "snapshots": len(values),
            "data_tau": result.data.tau, "model_samples": simulated.energies.size,
            "learning": learning is not None, "lost": not whole,
            "source": run.job.check.sets[number - 1].source if number else "",
            "stuck": too_short(len(simulated.energies), own_tau),
        },
        _histogram(energies, simulated.energies, model.lattice.n_sites)
        if whole else None,
    )  # fmt: skip


def _axes(values: np.ndarray, leading: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that count values (n, n_observables): those given, or else chains that take turns."""
    if len(leading) > 1 and len(values) == np.prod(leading):
        return leading
    chains = chains_in_turn(values)
    return (len(values),) if len(values) % chains else (len(values) // chains, chains)


def _of_snapshots(structure, model, states, origin: float) -> tuple[np.ndarray, np.ndarray]:
    """Observables of a block of snapshots (n, n_sites), and their energies; nan where a site was lost."""
    columns = np.ascontiguousarray(states.T)
    whole = (columns < model.n_states).all(axis=0)
    energy = np.full(len(states), np.nan)
    if whole.any():
        energy[whole] = model.energies(np.ascontiguousarray(columns[:, whole]))
    return observables(structure, columns, energy, origin), energy


def _snapshots(context, number: int):
    """What is to be closed, blocks of states (n, n_sites), and the axes that count them; the last ones."""
    run, most = context.run, context.run.job.check.samples
    if number:
        source = run.configurations(run.job.check.sets[number - 1].source)
        source.check(lambda n: context.stop.check(mpi.alone()))
        read, first, stop, leading = source.read, 0, source.n, source.leading
    else:
        source, first, leading = held_out_rows(run.path("observe"), run.job.held_out)
        read, stop = lambda k, end: source.read(k, end)[0], source.n
    if stop - first > most:
        inner = int(np.prod(leading[1:]))
        leading = (most // inner, *leading[1:]) if inner <= most else (most,)
        first = stop - int(np.prod(leading))
    return source, (read(k, min(k + CHUNK, stop)) for k in range(first, stop, CHUNK)), leading


def _histogram(data: np.ndarray, model: np.ndarray, n_sites: int) -> dict:
    """Densities of the energy per site on both sides."""
    both = np.concatenate([data, model.ravel()]) / n_sites
    edges = np.linspace(both.min() - 1e-9, both.max() + 1e-9, BINS + 1)
    density = {
        name: np.histogram(values.ravel() / n_sites, edges, density=True)[0]
        for name, values in (("data", data), ("model", model))
    }
    return {"edges": edges} | density
