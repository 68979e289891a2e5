"""Steps per second of the thermal machine, beside its matrix products alone in the same run.

    python benchmarks/thermal_speed.py [--quick] [--json]

The bound is one step's products of the same sizes, all 784 pixels among them, compiled in the same way.
Both are timed in turn, on one core, by the processor's time, and the median ratio counts. The images are
random but for as many constant pixels as 2000 zeros and ones of MNIST have. Ranks share trajectories out;
the two-rank rows run the same work under mpiexec on one rank and on two.
"""

import argparse
import os
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"

import numpy as np
import tensorflow as tf
from outcome import add_arguments, finish, on_ranks

from dcl_hpc.thermal.dynamics import Dynamics
from dcl_hpc.thermal.machine import Machine, start

WIDTH, DEPTH, CONSTANT = 10, 10, 259
IMAGES = [250, 500, 1000, 2000, 4000]
FULL = 2000
REPEATS = 7
# Seconds that one timing should last.
DURATION = 0.5
RANK_STEPS, RANK_PAIRS = 500, 5


def walker(images: int, trajectories: int = 1, clock=time.process_time):
    """A function that makes n steps and returns the seconds of one, without what a call costs."""
    machine = Machine(DEPTH, WIDTH, images)
    dynamics = Dynamics(machine, 1e-5, 1e-2, 1e-3)
    random = np.random.default_rng(1)
    inputs = random.choice(np.array([-1, 1], np.int8), (1, images, 784))
    inputs[:, :, :CONSTANT] = -1
    labels = random.choice(np.array([-1, 1], np.int8), (1, images, 2))
    inputs, labels = (np.repeat(part, trajectories, axis=0) for part in (inputs, labels))
    keys = np.array([[1, n] for n in range(trajectories)], np.uint64)
    state = start(machine, keys, "single", 1e-5)

    def seconds(n):
        times = []
        for steps in (1, n + 1):
            started = clock()
            dynamics.advance(state, inputs, labels, keys, 0, steps)
            times.append(clock() - started)
        return (times[1] - times[0]) / n

    return seconds


def products(images: int, clock=time.process_time):
    """The same function for the products of a step alone."""
    random = np.random.default_rng(2)
    machine = Machine(DEPTH, WIDTH, images)
    weights = [random.normal(size=shape).astype(np.float32) for shape in machine.weight_shapes]
    neurons = [random.normal(size=(WIDTH, images)).astype(np.float32) for _ in range(DEPTH - 1)]
    rows = random.choice(np.array([-1, 1], np.float32), (images, 784))
    columns = np.ascontiguousarray(rows.T)

    @tf.function(jit_compile=True)
    def loop(n, rows, columns, weights, neurons):
        def step(i, weights, neurons, _):
            layers = [columns, *neurons]
            fields = [tf.matmul(part, layer) for part, layer in zip(weights, layers, strict=True)]
            back = [tf.matmul(weights[k], fields[k], transpose_a=True) for k in range(1, DEPTH)]
            on_weights = [tf.matmul(fields[k], neurons[k - 1], transpose_b=True) for k in range(1, DEPTH)]
            return i + 1, [tf.matmul(fields[0], rows), *on_weights], back, fields[-1]

        begin = (0, weights, neurons, tf.zeros((2, images)))
        return tf.while_loop(lambda i, *_: i < n, step, begin)[1:]

    def seconds(n):
        times = []
        for steps in (1, n + 1):
            started = clock()
            loop(tf.constant(steps), rows, columns, weights, neurons)[-1].numpy()
            times.append(clock() - started)
        return (times[1] - times[0]) / n

    return seconds


def measure(timed: dict) -> dict[str, np.ndarray]:
    """Milliseconds of a step, several timings taken in turn."""
    lengths = {}
    for name, seconds in timed.items():
        seconds(1)  # compiled
        lengths[name] = max(5, int(DURATION / max(seconds(5), 1e-5)))
    found = {name: [] for name in timed}
    for _ in range(REPEATS):
        for name, seconds in timed.items():
            found[name].append(1e3 * seconds(lengths[name]))
    return {name: np.array(values) for name, values in found.items()}


def shorten() -> None:
    """Sizes and times of --quick."""
    global DEPTH, IMAGES, FULL, REPEATS, DURATION
    DEPTH, IMAGES, FULL, REPEATS, DURATION = 2, [40], 40, 1, 0.05


def rank_work(bound: bool) -> None:
    """Run one rank's share of two trajectories, or of the products of two; rank 0 prints the seconds."""
    from dcl_hpc.cluster import mpi

    comm = mpi.world()
    share = mpi.share(comm, 2)
    mine = share.stop - share.start
    clock = time.perf_counter
    seconds = products(FULL, clock) if bound else walker(FULL, mine, clock)
    seconds(1)  # compiled
    comm.Barrier()
    taken = seconds(RANK_STEPS) * (mine if bound else 1)
    slowest = max(comm.allgather(taken))
    if comm.rank == 0:
        print(slowest)


def ranks() -> tuple[float, float]:
    """Time of one rank over that of two; time of products over that of steps on two; medians."""
    found = []
    for _ in range(RANK_PAIRS):
        one, two = (on_ranks(__file__, n) for n in (1, 2))
        bound = on_ranks(__file__, 2, arguments=("--bound",))
        found.append((one / two, bound / two))
    return tuple(map(float, np.median(found, axis=0)))


def speeds(quick: bool = False) -> dict:
    """All rows; the quick form starts no ranks."""
    result = {"width": WIDTH, "depth": DEPTH, "sizes": []}
    print(f"{'images':>8}{'ms/step':>10}{'products':>10}{'fraction':>10}{'us/image':>10}")
    for images in IMAGES:
        times = measure({"step": walker(images), "products": products(images)})
        entry = {"images": images} | {name: float(np.median(values)) for name, values in times.items()}
        entry["fraction_of_products"] = float(np.median(times["products"] / times["step"]))
        result["sizes"].append(entry)
        print(
            f"{images:>8}{entry['step']:>10.3f}{entry['products']:>10.3f}"
            f"{entry['fraction_of_products']:>10.2f}{1e3 * entry['step'] / images:>10.2f}"
        )
        if images == FULL:
            result["fraction_of_products"] = entry["fraction_of_products"]
    times = measure({str(n): walker(FULL // 8, n) for n in (1, 4)})
    result["four_trajectories_over_one"] = float(np.median(times["4"] / times["1"]))
    print(f"four trajectories take {result['four_trajectories_over_one']:.2f} times as long as one")
    if not quick:  # several starts of TensorFlow
        speedup, fraction = ranks()
        result |= {"two_ranks_speedup": speedup, "fraction_on_two_ranks": fraction}
        print(f"two ranks on two cores: {speedup:.2f} times one rank, {fraction:.2f} of the products' speed")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--rank-work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bound", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        shorten()
    if options.rank_work:
        rank_work(options.bound)
        return
    finish(speeds(options.quick), "thermal_speed.py", options.json)


if __name__ == "__main__":
    main()
