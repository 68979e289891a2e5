"""What a stage needs at least, in memory and in work: what no machine has is refused before anything starts.

Only what is certain is counted, the states of chains, series in memory, weights and their gradients. So
nothing is refused that could run, and some of what is let through will not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from ..errors import UserError

# Bytes that all nodes of a job have together at most; updates of a site that thousands of cores do in years.
MEMORY, WORK = 2**46, 10**19
RATE, YEAR = 1e9, 3.2e7
# Bytes of a number of single and of double precision; a weight has those of Adam and the best one beside it.
SINGLE, DOUBLE, WEIGHT = 4, 8, 5 * 4
# Smallest and largest temperature in units of the strongest coupling: below, nothing ever goes up in energy;
# above, 1e12 observations hold no energy that could be seen.
COLDEST, HOTTEST = 1e-6, 1e6
# Rungs between the temperatures of levels.
LEVELS = 24


@dataclass(frozen=True)
class Need:
    """What a stage needs, all ranks together.

    Attributes
    ----------
    keys : str
        Keys of the job file that it depends on most.
    memory : float
        Bytes.
    work : float
        Updates of a site.
    """

    keys: str
    memory: float = 0.0
    work: float = 0.0


def mistakes(needs: dict[str, Need]) -> Iterator[str]:
    """What is more than any machine has, a line each."""
    for stage, need in needs.items():
        if need.memory > MEMORY:
            yield f"{need.keys}: {stage} needs {size(need.memory)} of memory; {size(MEMORY)} are the most"
        if need.work > WORK:
            yield f"{need.keys}: {stage} takes {need.work / RATE / YEAR:.2g} years of a core; take fewer"


def refuse(need: Need, stage: str, share: float, machine: float) -> None:
    """Raise UserError if a machine has not the memory for its share of what a stage needs."""
    if need.memory * share > machine:
        raise UserError(
            f"{stage} needs {size(need.memory * share)} of memory here, this machine has {size(machine)}; "
            f"lower {need.keys}, or start ranks on more nodes"
        )


def size(memory: float) -> str:
    """Bytes in words."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    power = next((k for k in range(len(units)) if memory < 1024 ** (k + 1)), len(units) - 1)
    return f"{memory / 1024**power:.3g} {units[power]}"


def of_lattice(job) -> dict[str, Need]:
    """Needs of the stages of a lattice study, by their names."""
    sites, q = job.build_lattice().n_sites, job.hamiltonian.n_states
    needs = {}
    if not job.source and job.has_truth:
        needs["observe"] = _observe(job.observe, sites)
    if job.uses_rnn:
        needs["rnn"] = _rnn(job, sites, q)
    if job.uses_labels:
        labels = job.labels
        needs["label"] = Need("labels.count, labels.images", 0, labels.count * labels.images * sites)
    if job.uses_ednn and job.ednn.is_network:
        needs["ednn"] = _ednn(job, q)
    if job.has_truth and job.compares:
        replicas = job.levels.ladders * LEVELS
        sweeps = job.levels.max_sweeps
        needs["evaluate"] = Need(
            "levels.ladders, levels.max_sweeps", replicas * sites, replicas * sites * sweeps
        )
    if job.checks:
        chains, check = job.check.chains, job.check
        work = chains * sites * (check.thermalization + check.sweeps)
        needs["check"] = Need("check.chains, check.sweeps", chains * sites + DOUBLE * check.sweeps, work)
    sweep, largest = job.sweep, max(job.build_lattice(shape).n_sites for shape in job.shapes)
    rungs = len(sweep.listed) if sweep.rungs == "auto" else sweep.rungs
    replicas, sweeps = sweep.ladders * rungs, sum(max(sweep.lengths(name) for name in sweep.energies))
    keys = "sweep.shapes, sweep.ladders, sweep.temperatures, sweep.sweeps"
    needs["sweep"] = Need(keys, replicas * largest + DOUBLE * sweeps, replicas * largest * sweeps)
    return needs


def _observe(observe, sites: int) -> Need:
    rungs = 1
    if observe.exchange:
        rungs = 2 if observe.exchange.rungs == "auto" else observe.exchange.rungs
    records, replicas = observe.samples // observe.chains, observe.chains * rungs
    thin = 1 if observe.thin == "auto" else observe.thin
    work = replicas * sites * (observe.thermalization + thin * records)
    keys = "observe.chains, observe.samples, observe.thin, observe.thermalization"
    return Need(keys, replicas * sites + DOUBLE * records, work)


def _rnn(job, sites: int, n_states: int) -> Need:
    rnn = job.rnn.settled(job.observe.samples)
    weights = rnn.layers * rnn.hidden**2 + rnn.hidden * n_states * (sites if rnn.positional else 1)
    batch = min(rnn.batch, job.observe.samples) * (sites * rnn.hidden)
    return Need("rnn.hidden, rnn.batch", WEIGHT * weights + SINGLE * batch, rnn.epochs * batch)


def _ednn(job, n_states: int) -> Need:
    ednn, tiling = job.ednn, job.ednn.tiling(job.build_lattice(), max(job.ednn.contexts))
    places, tiles = (
        len(tiling.offsets),
        job.build_lattice().n_sites // tiling.focus ** job.build_lattice().dimension,
    )
    widths = (places * n_states, *ednn.hidden, 1)
    weights = sum(rows * columns for rows, columns in pairwise(widths))
    batch = min(ednn.batch, job.labels.count if job.uses_labels else job.observe.samples)
    values = batch * tiles * sum(ednn.hidden)
    memory = WEIGHT * weights * (1 if ednn.shared else tiles) + SINGLE * values
    return Need("ednn.hidden, ednn.batch", memory, ednn.epochs * values)


def of_thermal(job) -> dict[str, Need]:
    """Needs of the stages of a thermal study, of the largest of its machines, by their names."""
    number = SINGLE if job.dynamics.precision == "single" else DOUBLE
    machines = [
        (prod((m.depth - 1, m.width, m.images)) + m.n_weights, m.images * m.n_weights) for m in job.points
    ]
    values, work = (max(one) for one in zip(*machines, strict=True))
    samples, steps = job.samples.samples, job.dynamics.steps
    kept = 2 * number * values * samples  # positions and velocities
    keys = "samples.samples, machine.images, machine.width, machine.depth"
    needs = {"thermalize": Need(f"dynamics.steps, {keys}", kept, steps * samples * work / 100)}
    replicas = job.samples.replicas
    needs["replicate"] = Need(
        f"samples.replicas, {keys}", kept * replicas, steps * samples * replicas * work / 100
    )
    return needs


def temperatures(job) -> Iterator[str]:
    """Temperatures at which the couplings of a lattice study are as good as nothing or as infinite."""
    found = {"observe.temperature": [job.observe.temperature], "sweep.temperatures": job.sweep.listed}
    if job.observe.exchange:
        found["observe.exchange.hottest"] = [job.observe.exchange.hottest]
    strongest = job.hamiltonian.strongest
    for key, listed in found.items():
        for t in (min(listed), max(listed)) if strongest else ():
            if not COLDEST <= t / strongest <= HOTTEST:
                yield (
                    f"{key}: {t:g} is not between {COLDEST:g} and {HOTTEST:g} times the strongest "
                    f"coupling or field, {strongest:g}"
                )
                break
