"""Train the networks: the RNN on observations, then the EDNN on the RNN's labels (data-parallel)."""

import json
from dataclasses import asdict

import numpy as np

from . import cli, models
from .cluster import mpi
from .cluster.signals import Stopped
from .errors import UserError
from .physics import exact
from .sampling.streams import Purpose, generator
from .storage import weights
from .storage.store import Rows

# of 2048 configurations each, for the zero of the RNN's energy
REFERENCE_BLOCKS = 16
# rows that are read together outside the training loop
CHUNK = 10_000


def train_rnn(context: cli.Context, options=None) -> None:
    """Train the RNN of a job, or go on with it."""
    run = context.run
    if _nothing_to_do(context, "rnn", run.job.uses_rnn):
        return
    path = mpi.on_root(context.comm, run.require, "observe")
    network = models.build_rnn(run.job)
    _precision(context, network)
    source = Rows(path, ["observations/states/value"], leading=2)
    n_validation = int(np.ceil(run.job.rnn.validation * source.n))
    baseline = _exact_surprise(run.job, source, n_validation)

    def loss(states, seed=None):
        return -network.log_prob(states, seed)

    _train(context, "rnn", network, loss, source, baseline)


def train_ednn(context: cli.Context, options=None) -> None:
    """Train the EDNN of a job, or go on with it."""
    run = context.run
    if _nothing_to_do(context, "ednn", run.job.uses_ednn):
        return
    path = mpi.on_root(context.comm, run.require, "label")
    source = Rows(path, ["labels/states/value", "labels/energy/value"])
    network = models.build_ednn(run.job, *_mean_and_deviation(Rows(path, ["labels/energy/value"])))

    def loss(states, energies, seed=None):
        return ((network.energy(states) - energies) / network.scale) ** 2

    _train(context, "ednn", network, loss, source, None, scale=network.scale)


def _mean_and_deviation(energies) -> tuple[float, float]:
    """Of all labels, in J."""
    sums = np.zeros(2)
    for k in range(0, energies.n, CHUNK):
        part = energies.read(k, min(energies.n, k + CHUNK))[0].astype(float)
        sums += part.sum(), (part**2).sum()
    mean, square = sums / energies.n
    return mean, np.sqrt(square - mean**2)


def _nothing_to_do(context, stage: str, wanted: bool) -> bool:
    if not wanted:
        context.log(f"train {stage}: sweep.energies does not ask for it")
    elif mpi.on_root(context.comm, context.run.done, stage):
        context.log(f"train {stage}: {context.run.path(stage)} is complete")
    else:
        return False
    return True


def _precision(context, network) -> None:
    """Products in float32 where some rank's hardware has no bfloat16."""
    from .networks.hardware import has_bfloat16

    lacking = context.parallel.sum(np.array([not has_bfloat16()], float))[0]
    if lacking and network.precision != "float32":
        context.log("train rnn: no bfloat16 in this hardware, all products in float32")
        network.precision = "float32"


def _exact_surprise(job, source, n_validation: int):
    """-ln P of each held-out configuration by the true Hamiltonian, for the KL divergence; or None.

    A diagnostic that is recorded beside the loss; nothing is chosen by it.
    """
    hamiltonian, temperature = job.build_hamiltonian(), job.observe.temperature
    solution = exact.solve(hamiltonian, temperature)
    if solution is None:
        return None
    result = np.empty(n_validation)
    for k in range(0, n_validation, CHUNK):
        row, stop = source.n - n_validation + k, min(n_validation, k + CHUNK)
        result[k:stop] = hamiltonian.energy(source.read(row, row + stop - k)[0])
    return result / temperature + solution.ln_z


def _train(context, stage, network, loss, source, baseline, **settings) -> None:
    from .networks import curves
    from .networks.batches import Batches
    from .networks.training import State, Trainer

    run, comm = context.run, context.comm
    section = getattr(run.job, stage)
    path, parallel = run.path(stage), context.parallel
    try:
        batches = Batches(
            source, section.batch, section.validation, run.job.seed, parallel.rank, parallel.size
        )
    except ValueError as error:
        raise UserError.everywhere(f"{stage}: {error}") from None
    trainer = Trainer(network.trainable_variables, loss, batches, parallel, section)
    if mpi.on_root(comm, path.exists):
        saved, arrays, history = weights.load(path)
        trainer.restore(State(**saved["state"]), arrays, history)
    attributes = run.attributes(stage)
    done = trainer.steps
    context.log(
        f"train {stage}: {batches.n_training} configurations, {section.epochs} epochs, global batch "
        f"{section.batch} on {parallel.size} ranks" + (f", from step {done}" if done else "")
    )

    def save(finished=False):
        if parallel.rank == 0:
            state = asdict(trainer.state)
            described = {**settings, "state": state, "section": json.loads(section.model_dump_json())}
            total = trainer.total + 1  # the last is the reference
            weights.save(
                path, attributes, described, trainer.arrays(), trainer.history,
                total if finished else trainer.steps, total, state["wall"],
            )  # fmt: skip

    total = trainer.total * section.batch
    with context.log.progress(f"train {stage}", total, done * section.batch, "cfg") as progress:
        record = (
            curves.recorder(run.path(stage).parent / "tensorboard" / stage) if parallel.rank == 0 else None
        )
        finished = trainer.run(save, progress, lambda: context.stop.agreed(comm), baseline, record)
    if not finished:
        raise Stopped
    trainer.use_best()
    if stage == "rnn":
        settings["reference"] = _reference(run.job, network, parallel)
    save(finished=True)
    best = int(np.argmin(trainer.history["validation"]))
    final = {name: values[best] for name, values in trainer.history.items()}
    if stage == "rnn" and "excess" in final:
        context.log(f"train rnn: KL divergence to the exact distribution {final['excess']:.4f} nats")
    if stage == "ednn":
        context.log(f"train ednn: validation RMSE {np.sqrt(final['validation']) * network.scale:.3f} J")
    comm.Barrier()


def _reference(job, network, parallel) -> float:
    """Mean of -T_o ln P over uniformly random configurations, the zero of the RNN's energy, in J."""
    sums = np.zeros(2)
    for block in range(parallel.rank, REFERENCE_BLOCKS, parallel.size):
        random = generator(job.seed, Purpose.REFERENCE, block)
        states = random.integers(0, network.n_states, (2048, len(network.order)), np.uint8)
        sums += -job.observe.temperature * network.log_prob(states).numpy().sum(dtype=float), len(states)
    total, n = parallel.sum(sums)
    return float(total / n)


def train(context: cli.Context, options) -> None:
    """Train what the command line asks for."""
    if options.network in ("rnn", "all"):
        train_rnn(context)
    if options.network == "ednn" or (
        options.network == "all" and mpi.on_root(context.comm, context.run.path("label").exists)
    ):
        train_ednn(context)


if __name__ == "__main__":
    parser = cli.parser("train", __doc__)
    parser.add_argument(
        "--network", choices=("rnn", "ednn", "all"), default="all",
        help="which network; 'all' trains the RNN and, once labels exist, the EDNN (default)",
    )  # fmt: skip
    cli.main(parser, train)
