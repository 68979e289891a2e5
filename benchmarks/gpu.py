"""What a GPU reaches: training and evaluation of the RNN, its Monte Carlo, and two ranks on one device.

    python benchmarks/gpu.py [--quick] [--json]

Run it where `GPU=1 ./install.sh` has set up; without a GPU it measures the processor, and says so. Training
steps of 8x8 Ising are timed with their batch at hand and as the program feeds them, and their arithmetic is
compared with what one large matrix product reaches in the same precision.
"""

import argparse
import itertools
import time

if __name__ == "__main__":
    from dcl_hpc import networks

    networks.start()  # imports TensorFlow quietly, and chooses the GPU

import numpy as np
import rnn
from outcome import add_arguments, finish, on_ranks

from dcl_hpc.cluster import mpi
from dcl_hpc.networks.hardware import has_bfloat16

import tensorflow as tf  # isort: skip

# Units, configurations of a batch, and length of the square matrices whose product is the peak.
HIDDEN, BATCHES, LENGTH, STEPS = (256, 512), (500, 4000), 8192, 20
CHAINS = 4096


def device() -> str:
    """What TensorFlow computes on."""
    gpus = tf.config.get_visible_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "no GPU"


def peak(precision: str) -> float:
    """Floating-point operations per second of a large matrix product."""
    a = tf.cast(tf.random.normal([LENGTH, LENGTH]), precision)

    @tf.function(autograph=False)
    def product():
        return tf.matmul(a, a)[0, 0]

    seconds = np.median(rnn.in_turn({"product": lambda: float(product())}, 5)["product"])
    return 2 * LENGTH**3 / float(seconds)


def operations(hidden: int) -> float:
    """Of the recurrence's matrix products in training, per configuration: one forward, two backward."""
    return 3 * 2 * 3 * hidden**2 * rnn.SITES


def fed(training) -> float:
    """Mean seconds of a step whose batches come as in the program."""
    batches = itertools.chain.from_iterable(map(training.batches.epoch, itertools.count()))
    for k, columns in enumerate(itertools.islice(batches, STEPS + 1)):
        float(training._step(*[tf.constant(column) for column in columns]))
        if k == 0:  # compiled
            started = time.perf_counter()
    return (time.perf_counter() - started) / STEPS


def training() -> list[dict]:
    """Configurations per second of training steps."""
    rows, precision = [], "bfloat16" if has_bfloat16() else "float32"
    reached = peak(precision)
    print(f"{device()}: {reached / 1e12:.2f} TFLOP/s in {precision}")
    for hidden, batch in itertools.product(HIDDEN, BATCHES):
        rnn.BATCH = batch
        net = rnn.network(hidden, precision=precision)
        rate = batch / np.median(rnn.in_turn({"step": rnn.training_step(net)}, STEPS)["step"])
        whole = batch / fed(rnn.trainer(net))
        labels = batch / np.median(rnn.in_turn({"log_prob": rnn.log_prob(net)}, STEPS)["log_prob"])
        rows.append(
            {
                "hidden": hidden, "batch": batch, "precision": precision, "per_s": float(rate),
                "fed_per_s": float(whole), "labels_per_s": float(labels),
                "fraction_of_peak": float(rate * operations(hidden) / reached),
            }
        )  # fmt: skip
        print(
            f"hidden {hidden}, batches of {batch}: {rate:.0f} configurations/s, fed {whole:.0f}, "
            f"{rows[-1]['fraction_of_peak']:.1%} of the peak; log P {labels:.0f}",
            flush=True,
        )
    return rows


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rank-work", action="store_true", help=argparse.SUPPRESS)
    add_arguments(parser)
    options = parser.parse_args()
    if options.rank_work:
        reached = rnn.rank_work("mpi")  # NCCL takes one rank a device
        if mpi.world().rank == 0:
            print(reached)
        return
    if options.quick:
        shorten()
    result = {"device": device(), "training": training()}
    seconds = np.median(rnn.in_turn({"sweep": rnn.sweeps(CHAINS)}, 3)["sweep"])
    result["flips_per_s"] = float(CHAINS * rnn.SITES / seconds)
    print(f"Monte Carlo with the RNN's energy, {CHAINS} chains: {result['flips_per_s']:.0f} flips/s")
    if not options.quick:
        one, two = (on_ranks(__file__, ranks) for ranks in (1, 2))
        result["two_ranks_on_one_device"] = two / one
        print(f"two ranks on one device: {two / one:.2f} times one")
    finish(result, "gpu.py", options.json)


def shorten() -> None:
    """Sizes of --quick."""
    global HIDDEN, BATCHES, LENGTH, STEPS, CHAINS
    rnn.shorten()
    HIDDEN, BATCHES, LENGTH, STEPS, CHAINS = (8,), (20,), 64, 2, 4


if __name__ == "__main__":
    main()
