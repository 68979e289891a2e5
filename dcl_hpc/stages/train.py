"""Train the networks: the RNN on observations, then the EDNN on the RNN's labels (data-parallel)."""

import numpy as np

from ..cluster import mpi
from ..energy import reference
from ..energy.ednn import has_table, references, sums_of_patterns
from ..inference.invariance import Invariance, none
from ..physics import exact
from ..pipeline.context import Context
from ..pipeline.lattice_study import candidate
from ..sampling.streams import Purpose, generator
from ..storage import weights
from ..storage.rows import Rows
from . import direct, symmetry
from .fit import Fit
from .members import ITSELF, Member

# Configurations for the zero of learned energies: the error of an 8x8 RNN's zero is then 2e-5 J per site.
REFERENCE_BLOCKS, REFERENCE_BLOCK = 16, 2048
# rows that are read together outside the training loop
CHUNK = 10_000


def train_rnn(context: Context, output: str, member: Member = ITSELF) -> None:
    """Train the RNN of a job, or a member of its committee, or go on with it."""
    run, job = context.run, context.run.job
    seed = member.seed(job)
    network = job.build_rnn(seed)
    if job.rnn.warm_start and run.first is not None:
        mpi.on_root(context.comm, run.first.require, "rnn")
        from ..energy.rnn import load_best

        load_best(network, run.first)
    _precision(context, network)

    def loss(states, seed=None):
        return -network.log_prob(states, seed)

    with member.observations(run) as source:
        turns = _turns(context)
        # as many passes as the network itself makes
        section = member.section(job, "rnn", source.n).settled(round(source.n / member.share), len(turns))
        baseline = _exact_surprise(job, source, int(np.ceil(section.validation * source.n)))
        fit = Fit(context, output, section, network, loss, source, {"images": len(turns)}, seed, turns)
        fit.run(baseline)
    log_p, error = _mean_over_random(job, network.log_prob, network.n_states, context.parallel)
    fit.settings["reference"] = -job.observe.temperature * float(log_p)
    fit.settings["reference_error"] = job.observe.temperature * float(error)
    fit.save(finished=True)
    if baseline is not None:
        context.log(f"train rnn: KL divergence to the exact distribution {fit.result['excess']:.4f} nats")


def _turns(context) -> Invariance:
    """Symmetries under which the RNN is shown the observations, on all ranks."""
    job = context.run.job
    if not job.rnn.symmetric:
        return none(job.build_lattice().n_sites, job.hamiltonian.n_states)
    found = symmetry.of_run(context)
    if len(found) > 1:
        context.log(
            f"train rnn: the observations are shown under {len(found.sites)} operations of space and "
            f"{len(found.states)} relabellings of states, which they allow"
        )
    return found


def train_ednn(context: Context, output: str) -> None:
    """Find the local energy of a job as `ednn.fit` says, or go on with it."""
    run = context.run
    if not run.job.ednn.is_network:
        section, number = run.job.ednn, run.job.ednn.contexts[0]
        offsets = section.offsets(run.job.build_lattice())
        mpi.on_root(
            context.comm, direct.fit, context, output, section.fit, offsets, section, {"context": number}
        )
    elif len(contexts := run.job.ednn.contexts) > 1:
        for number in contexts:
            if not mpi.on_root(context.comm, run.done, candidate(number)):
                train_tiles(context, candidate(number), number)
        context.log(mpi.on_root(context.comm, _choose, run))
    else:
        train_tiles(context, output, contexts[0])


def train_tiles(context: Context, stage: str, tile_context: int, member: Member = ITSELF) -> None:
    """Train the network of tiles with one context, or a member of its committee, or go on with it."""
    run, job, parallel = context.run, context.run.job, context.parallel
    seed = member.seed(job)
    if job.uses_labels:
        with Rows(run.path("label"), ["labels/energy/value"]) as energies:
            mean, scale = _mean_and_deviation(energies)
            weigh = _weights(energies) if job.ednn.flat else lambda energies: 1.0
        rows = member.labels(run)
    else:
        rows = member.observations(run)
        mean, scale = 0.0, job.observe.temperature
    network = job.build_ednn(tile_context, mean, scale, seed)
    tiling = job.ednn.tiling(job.build_lattice(), tile_context)

    def label_loss(states, energies, seed=None):
        return weigh(energies) * ((network.energy(states) - energies) / scale) ** 2

    def pseudo_loss(states, seed=None):
        return -network.pseudo_log_likelihood(states, job.observe.temperature)

    loss = label_loss if job.uses_labels else pseudo_loss
    settings = {"scale": scale, "context": tile_context}
    with rows as source:
        section = member.section(job, "ednn", source.n)
        fit = Fit(context, stage, section, network, loss, source, settings, seed)
        fit.run()
        held_out = fit.trainer.held_out_losses()
    fit.settings |= _zero(job, tiling, network, parallel)
    if job.ednn.symmetric and job.ednn.shared and has_table(tiling, network.n_states, True):
        fit.settings["symmetry"] = mpi.on_root(context.comm, _symmetry, context, tiling)
    fit.save(finished=True, held_out=held_out.astype(np.float32))
    error, what = fit.result["validation"], f"train ednn, context {tile_context}: validation"
    if job.uses_labels:
        context.log(f"{what} RMSE {np.sqrt(error) * scale:.3f} {job.units.energy}")
    else:
        context.log(f"{what}, minus ln pseudo-likelihood {error:.4f} nats")


def _symmetry(context, tiling) -> dict:
    """Symmetries of tiles, see `symmetry.of_tiles`; none where the observations are not there any more."""
    if not context.run.path("observe").exists():
        return {}
    found = symmetry.of_tiles(context.run, tiling)
    context.log(
        f"train ednn: the table is averaged over {len(found['places'])} rotations and reflections of tiles "
        f"and {len(found['states'])} relabellings of states, which the observations allow"
    )
    return found


def _choose(run) -> str:
    """Take the smallest context that is good enough: the interaction range.

    One is good enough if its held-out loss exceeds the lowest by no more than three standard errors of
    the difference, or, with labels, by no more than the tolerated share.
    """
    job, found = run.job, {}
    for number in job.ednn.contexts:
        found[number] = weights.load(run.path(candidate(number)))
    losses = {number: arrays["held_out"].astype(float) for number, (_, arrays, _) in found.items()}
    best = min(losses, key=lambda number: losses[number].mean())
    tolerated = ((1 + job.ednn.tolerance) ** 2 - 1) * losses[best].mean() if job.uses_labels else 0.0
    curve = []
    for number, loss in losses.items():
        excess = loss - losses[best]
        error = float(excess.std() / np.sqrt(len(excess)))
        enough = bool(excess.mean() <= max(3 * error, tolerated))
        row = {"context": number, "loss": float(loss.mean())}
        row["loss_error"] = float(loss.std() / np.sqrt(len(loss)))
        curve.append(row | {"excess": float(excess.mean()), "excess_error": error, "enough": enough})
    chosen = next(row["context"] for row in curve if row["enough"])
    settings, arrays, history = found[chosen]
    settings |= {"search": curve}
    wall = sum(settings["state"]["wall"] for settings, _, _ in found.values())
    weights.save(run.path("ednn"), run.attributes("ednn"), settings, arrays, history, 1, 1, wall)
    n_places = len(job.ednn.tiling(job.build_lattice(), chosen).offsets)
    return f"train ednn: context {chosen} is enough of {list(found)}; tiles of {n_places} sites"


def _weights(energies):
    """With which all energies count the same; see `training.levels`."""
    from ..training.levels import level_weights

    parts = (energies.read(k, min(energies.n, k + CHUNK))[0] for k in range(0, energies.n, CHUNK))
    return level_weights(np.concatenate(list(parts)))


def _mean_and_deviation(energies) -> tuple[float, float]:
    """Of all labels, in J."""
    sums = np.zeros(2)
    for k in range(0, energies.n, CHUNK):
        part = energies.read(k, min(energies.n, k + CHUNK))[0].astype(float)
        sums += part.sum(), (part**2).sum()
    mean, square = sums / energies.n
    return mean, np.sqrt(square - mean**2)


def _precision(context, network) -> None:
    """Products in float32 where some rank's hardware has no bfloat16."""
    from ..networks.hardware import has_bfloat16

    lacking = context.parallel.sum(np.array([not has_bfloat16()], float))[0]
    if lacking and network.precision != "float32":
        context.log("train rnn: no bfloat16 in this hardware, all products in float32")
        network.precision = "float32"


def _exact_surprise(job, source, n_validation: int):
    """-ln P of each held-out configuration by the true Hamiltonian, for the KL divergence; or None.

    A diagnostic that is recorded beside the loss; nothing is chosen by it.
    """
    if not job.has_truth:
        return None
    hamiltonian, temperature = job.build_hamiltonian(), job.observe.temperature
    solution = exact.solve(hamiltonian, temperature)
    if solution is None:
        return None
    result = np.empty(n_validation)
    for k in range(0, n_validation, CHUNK):
        row, stop = source.n - n_validation + k, min(n_validation, k + CHUNK)
        result[k:stop] = hamiltonian.energy(source.read(row, row + stop - k)[0])
    return result / temperature + solution.ln_z


def _zero(job, tiling, network, parallel) -> dict:
    """What is known of the mean over uniformly random configurations, for the file of an EDNN."""
    energy, error = _mean_over_random(job, network.energy, network.n_states, parallel)
    found = {"reference_per_tile": float(energy) / len(network.tiles), "reference_error": float(error)}
    if has_table(tiling, network.n_states, job.ednn.shared):
        return found | {"reference_error": 0.0}  # the mean over a table is exact
    if len(tiling.patterns[0]) == 1:
        return found

    def by_pattern(states):
        return sums_of_patterns(tiling, network.tile_energies(states).numpy())

    n_patterns = len(tiling.patterns[0])
    sums, _ = _mean_over_random(job, by_pattern, network.n_states, parallel, (n_patterns,))
    return found | {"references": references(tiling, sums)}


def _mean_over_random(job, function, n_states: int, parallel, n_energies=()):
    """Means over uniformly random configurations and their standard errors; see `energy.reference`.

    Parameters
    ----------
    function : callable
        Gives energies, float32 (*n_energies, n), of states, uint8 (n, n_sites).

    Returns
    -------
    mean, error : float64 (*n_energies)
    """
    sums, lattice = np.zeros((3, *n_energies)), job.build_lattice()
    group = len(reference.shifts(lattice, n_states))
    for block in range(parallel.rank, REFERENCE_BLOCKS, parallel.size):
        random = generator(job.stream_seed, Purpose.REFERENCE, block)
        states = reference.random_groups(lattice, n_states, REFERENCE_BLOCK // group, random)
        sums += reference.sums_of_groups(function(states), group)
    return reference.mean_and_error(parallel.sum(sums))
