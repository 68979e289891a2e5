"""Speed and memory of the RNN: training, log P, Monte Carlo; beside matrix products, Keras and PyTorch.

    python benchmarks/rnn.py [--quick] [--json]
    python benchmarks/rnn.py --backends    training on two ranks by Horovod and by MPI itself alone
    python benchmarks/rnn.py --sweeps      Monte Carlo alone

8x8 Ising, one thread unless said otherwise. Timings are taken in turn with each other and the median of
ratios counts. PyTorch is compared with where it is installed (pip install torch). Fractions are those of
the speed that the same matrix products alone reach in float32, in TensorFlow on the same core; Keras and
PyTorch train in float32 too. The two-rank row trains under mpiexec; the memory row is the peak of whole
trainings.
"""

import argparse
import os
import time
from types import SimpleNamespace

if __name__ == "__main__":
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from dcl_hpc import networks

    networks.start()  # imports TensorFlow quietly

import numpy as np
from gru_peers import keras_step, products, torch_step
from outcome import add_arguments, finish, on_ranks
from training_memory import peaks

from dcl_hpc.cluster import mpi
from dcl_hpc.energy import guided
from dcl_hpc.energy.rnn import RnnEnergy
from dcl_hpc.networks.hardware import has_bfloat16
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.networks.transformer import Transformer
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.unwrap import spiral, tied
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.training.batches import Batches
from dcl_hpc.training.data_parallel import SingleProcess, connect
from dcl_hpc.training.loop import Trainer

import tensorflow as tf  # isort: skip

LATTICE = Lattice((8, 8))
SITES, BATCH, REPEATS = 64, 500, 7
# Units of the networks that train, chains of the sweeps, pairs of runs under mpiexec, and numbers of
# configurations whose memory is compared.
HIDDEN, CHAINS, EACH, PAIRS, DATA = (256, 512), 512, (1, 16, 64, 256, 1024), 3, (200_000, 2_000_000)
# Whether work of several ranks is done by processes of their own, and the stages whose memory is compared.
PROCESSES, STAGES = True, ("observe", "train")
STATES = np.random.default_rng(1).integers(0, 2, (100_000, SITES)).astype(np.uint8)
SETTINGS = SimpleNamespace(
    epochs=1, validations=1, learning_rate=2e-3, warmup=0.05, clip=1.0, decay="cosine", patience=None,
    average=0.0,
)  # fmt: skip


class Source:
    """Configurations in memory."""

    n = len(STATES)

    def read(self, start, stop):
        """Rows start ... stop - 1."""
        return [STATES[start:stop]]


def shorten() -> None:
    """Sizes of --quick."""
    global LATTICE, SITES, STATES, BATCH, REPEATS, HIDDEN, CHAINS, EACH, PAIRS, DATA, PROCESSES, STAGES
    LATTICE, SITES, STATES = Lattice((3, 3)), 9, np.ascontiguousarray(STATES[:, :9])
    BATCH, REPEATS, HIDDEN, CHAINS, EACH, PAIRS, DATA = 20, 1, (8,), 4, (1,), 1, (4000,)
    PROCESSES, STAGES = False, ("observe",)


def network(
    hidden: int | None = None, architecture: str = "gru", neighbours: bool = True, precision: str = "float32"
):
    hidden = hidden or HIDDEN[0]
    order = spiral(LATTICE)
    common = {
        "generator": np.random.default_rng(2), "n_states": 2, "order": order, "positional": True,
        "neighbours": tied(LATTICE, order, 3) if neighbours else None, "precision": precision,
    }  # fmt: skip
    if architecture == "gru":
        return Gru(hidden=hidden, **common)
    return Transformer(hidden=hidden, heads=4, layers=2, **common)


def trainer(net, parallel=None):
    parallel = parallel or SingleProcess()
    batches = Batches(Source(), BATCH, 0.1, 1, parallel.rank, parallel.size)
    return Trainer(
        net.trainable_variables, lambda s, seed=None: -net.log_prob(s, seed), batches, parallel, SETTINGS
    )


def training_step(net):
    """One step on a global batch."""
    step, batch = trainer(net)._step, tf.constant(STATES[:BATCH])
    return lambda: float(step(batch))


def log_prob(net):
    function, batch = tf.function(net.log_prob, autograph=False), tf.constant(STATES[:BATCH])
    return lambda: function(batch).numpy()


def sweeps(chains: int, kind: str = "suffix"):
    """A sweep with the RNN's energy, by itself or guided by interactions, or all energies that it spares."""
    net = network()
    energy = RnnEnergy(LATTICE, net, 4.0)
    if kind == "full":
        states = STATES[:chains].T.copy()

        def recompute():
            for _ in range(SITES):
                energy.energies(states)

        return recompute
    if kind == "guided":  # weights are random: how near the guide is does not change the time
        guided.ENOUGH = 0
        spins = 2.0 * all_states(2, 3) - 1
        ising = -spins[:, 0] * (spins[:, 1] + spins[:, 2])
        guide = guided.Guide.of_tiles(LATTICE, 2, np.array([(0, 0), (0, 1), (1, 0)]), ising)
        energy = guided.GuidedEnergy(energy, lambda: guide)
    walkers = Chains.start(energy, np.full(chains, 0.25), range(chains), 1, Purpose.SWEEP)
    return lambda: walkers.sweep(energy)


def in_turn(work: dict, repeats: int | None = None) -> dict[str, np.ndarray]:
    """Seconds of each, measured in turn after one call for compilation."""
    work = {name: function for name, function in work.items() if function}
    for function in work.values():
        function()
    times = {name: [] for name in work}
    for _ in range(1 if REPEATS == 1 else repeats or REPEATS):
        for name, function in work.items():
            started = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in times.items()}


def ratio(times, a: str, b: str) -> float | None:
    """Median of time of a over time of b."""
    return float(np.median(times[a] / times[b])) if a in times and b in times else None


def training_table() -> dict:
    result = {}
    for hidden in HIDDEN:
        times = in_turn(
            {
                "products": products(SITES, BATCH, hidden, training=True),
                "train": training_step(network(hidden)),
                "train_bfloat16": has_bfloat16() and training_step(network(hidden, precision="bfloat16")),
                "forward_products": products(SITES, BATCH, hidden, training=False),
                "log_prob": log_prob(network(hidden)),
                "keras": keras_step(STATES[:BATCH], hidden),
                "torch": torch_step(STATES[:BATCH], hidden),
            }
        )
        row = {f"{name}_per_s": BATCH / float(np.median(t)) for name, t in times.items()}
        row["train_fraction_of_gemm"] = ratio(times, "products", "train")
        row["bfloat16_fraction_of_gemm"] = ratio(times, "products", "train_bfloat16")
        row["log_prob_fraction_of_gemm"] = ratio(times, "forward_products", "log_prob")
        row["train_vs_keras"] = ratio(times, "keras", "train")
        row["train_vs_torch"] = ratio(times, "torch", "train")
        result[str(hidden)] = row
        print(f"hidden {hidden}: configurations/s of training steps with {BATCH}, one thread")
        for name in times:
            print(f"  {name:<18}{row[f'{name}_per_s']:>10.0f}")
        for name, value in row.items():
            if not name.endswith("per_s") and value is not None:
                print(f"  {name:<28}{value:>6.2f}")
    return result


def variants() -> dict:
    """Cost of a training step relative to the GRU without sight of earlier neighbours."""
    work = {
        "gru": training_step(network(neighbours=False)),
        "gru_neighbours": training_step(network()),
        "transformer_128_2_layers": training_step(network(HIDDEN[0] // 2, "transformer")),
    }
    times = in_turn(work, 3)
    result = {name: ratio(times, name, "gru") for name in work}
    print("time of a step, relative: " + ", ".join(f"{name} {value:.2f}" for name, value in result.items()))
    return result


def monte_carlo() -> dict:
    times = in_turn({kind: sweeps(CHAINS, kind) for kind in ("suffix", "guided", "full")}, 3)
    result = {"suffix_speedup": ratio(times, "full", "suffix")}
    result["sweep_vs_full_energies"] = ratio(times, "full", "guided")
    print(
        f"a sweep of {CHAINS} chains: {result['suffix_speedup']:.2f} times faster than full energies, "
        f"guided by interactions {result['sweep_vs_full_energies']:.1f} times"
    )
    cost = in_turn({n: sweeps(n) for n in EACH}, 3)
    result["ms_per_sweep_and_chain"] = {str(n): 1e3 * float(np.median(t)) / n for n, t in cost.items()}
    text = ", ".join(f"{value:.1f} ({n})" for n, value in result["ms_per_sweep_and_chain"].items())
    print(f"ms per sweep and chain (chains): {text}")
    return result


def rank_work(backends: str) -> float:
    """Train a few steps on these ranks, by each backend in turn, and return what they reach.

    Of one backend these are configurations/s, of two the time of a step by the second over that by the first.
    """
    comm, steps = mpi.world(), {}
    precision = "bfloat16" if has_bfloat16() else "float32"
    for backend in backends.split(","):
        training = trainer(network(precision=precision), connect(comm, backend))
        batch = tf.constant(next(training.batches.epoch(0))[0])
        steps[backend] = lambda step=training._step, batch=batch: float(step(batch))
    times = in_turn(steps, 25)
    first, *others = steps
    return ratio(times, others[0], first) if others else float(BATCH / np.median(times[first]))


def backends() -> dict:
    """Time of a training step on two ranks of one thread by MPI itself, over that by Horovod."""
    both = "--backend", "horovod,mpi"
    runs = [
        on_ranks(__file__, 2, "--bind-to", "core", arguments=both, TF_NUM_INTRAOP_THREADS="1")
        for _ in range(3)
    ]
    print("a step of two ranks by MPI over one by Horovod: " + ", ".join(f"{value:.2f}" for value in runs))
    return {"step_mpi_vs_horovod": float(np.median(runs)), "runs": runs}


def two_ranks_vs_two_threads() -> float:
    """Training speed of two ranks of one thread over that of one process with two."""

    def rate(ranks: int, threads: int) -> float:
        if not PROCESSES:
            return rank_work("auto")
        bound = "--bind-to", "none" if threads > 1 else "core"
        return on_ranks(__file__, ranks, *bound, TF_NUM_INTRAOP_THREADS=str(threads))

    pairs = [(rate(2, 1), rate(1, 2)) for _ in range(PAIRS)]
    for two_ranks, two_threads in pairs:
        print(f"two ranks {two_ranks:.0f}, two threads {two_threads:.0f} configurations/s")
    return float(np.median([a / b for a, b in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--rank-work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--backend", default="auto", help=argparse.SUPPRESS)
    parser.add_argument("--backends", action="store_true", help="compare the backends of training only")
    parser.add_argument("--sweeps", action="store_true", help="time sweeps only")
    options = parser.parse_args()
    if options.quick:
        shorten()
    if options.rank_work:
        reached = rank_work(options.backend)
        if mpi.world().rank == 0:
            print(reached)
        return
    if options.backends:
        finish(backends(), "rnn.py --backends", options.json)
        return
    if options.sweeps:
        finish(monte_carlo(), "rnn.py --sweeps", options.json)
        return
    training = training_table()
    smallest = next(iter(training.values()))
    if smallest["train_vs_torch"] is None:
        print("PyTorch is not installed (pip install torch): no comparison with it")
    details = {"training": training, "variants": variants(), "monte_carlo": monte_carlo()}
    two_ranks = two_ranks_vs_two_threads()
    print(f"two ranks of one thread: {two_ranks:.2f} times one process with two threads")
    details["peak_memory_mib"] = memory = peaks(LATTICE.shape, DATA, STAGES)
    result = {
        "train_fraction_of_gemm": min(row["train_fraction_of_gemm"] for row in training.values()),
        "train_vs_keras": smallest["train_vs_keras"],
        "train_vs_torch": smallest["train_vs_torch"],
        "two_ranks_vs_two_threads": two_ranks,
        "suffix_speedup": details["monte_carlo"]["suffix_speedup"],
        "sweep_vs_full_energies": details["monte_carlo"]["sweep_vs_full_energies"],
        "memory_growth_10x_data": memory[str(DATA[-1])] / memory[str(DATA[0])],
        "details": details,
    }
    finish(result, "rnn.py", options.json)


if __name__ == "__main__":
    main()
