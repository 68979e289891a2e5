"""Speed of Monte Carlo with the EDNN's tables, beside the true Ising kernels in the same run.

    python benchmarks/ednn.py [--quick] [--json]

A flip is one proposed change of one site; rates are flips per nanosecond on one core, the median of timings
taken in turn, in CPU time. Tables are random: all their states occur, which is the hardest case for caches.
The second part is a learned law of nearest neighbours and an EDNN of balls, a site and its neighbours, beside
the true energy; the third the cost of a flip against the size of the lattice, in calls of the same number of
sweeps.
"""

import argparse
import os
import resource
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from outcome import add_arguments, finish

from dcl_hpc.energy.ednn import EdnnEnergy, TileNetworkEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tile_tables import BLOCK, TileTables

CHAINS = 4096
TEMPERATURE = 4.0
REPEATS = 7
# Seconds that one timing should last.
DURATION = 0.15
SIDES = (16, 32, 64, 128, 256, 512, 1024)
BALLS = ((16, 16, 16), (64, 64))
# Sweeps of a call in the third part.
SWEEPS = 4
# Units of the hidden layers of the network of tiles that have no table.
HIDDEN = (32, 64)


def tiles(shape, focus: int, n_states: int) -> EdnnEnergy:
    """An EDNN with context 1 and a random table."""
    size = n_states ** ((focus + 2) ** len(shape))
    return EdnnEnergy(Lattice(shape), focus, 1, n_states, np.random.default_rng(1).normal(size=size))


def cubic_network() -> TileNetworkEnergy:
    """Tiles of 64 sites, f = 2 and c = 1 on a cubic lattice, by a random network."""
    random, sizes, arrays = np.random.default_rng(1), (64, *HIDDEN, 1), {}
    for k in range(len(sizes) - 1):
        arrays[f"weights_{k}"] = random.normal(0, (2 / sizes[k]) ** 0.5, sizes[k : k + 2])
        arrays[f"biases_{k}"] = np.zeros(sizes[k + 1])
    return TileNetworkEnergy(Lattice((4, 4, 4)), 2, 1, 2, arrays, 1.0)


def models() -> dict:
    """Energy models by name, with the number of chains."""
    ising = hamiltonian.ising(Lattice((8, 8)))
    return {
        "ising_vector": (TrueEnergy(ising, n_chains=1), CHAINS),
        "ising_bit_parallel": (TrueEnergy(ising), CHAINS),
        "ednn_f2_c1": (tiles((8, 8), 2, 2), CHAINS),
        "ednn_f1_c1": (tiles((8, 8), 1, 2), CHAINS),
        "ednn_f1_c1_q3": (tiles((8, 8), 1, 3), CHAINS),
        "network_cubic_f2_c1": (cubic_network(), 256),
    }


def sweeper(model, n_chains: int):
    """A function that sweeps n times in one call, and the flips of one sweep."""
    chains = Chains.start(model, np.full(n_chains, 1 / TEMPERATURE), range(n_chains), 1, Purpose.OBSERVE)
    return lambda n: chains.sweep(model, n), model.lattice.n_sites * n_chains


def caller(sweep, flips: int):
    """A function that makes n calls of `SWEEPS` sweeps, and the flips of one call."""

    def call(n):
        for _ in range(n):
            sweep(SWEEPS)

    return call, flips * SWEEPS


def measure(sweepers: dict, most: int | None = None) -> dict[str, float]:
    """Flips per nanosecond of each, the median of timings taken in turn."""
    lengths = {}
    for name, (sweep, _) in sweepers.items():
        sweep(1)  # compiled and warm
        seconds, n = 0.0, 0
        while seconds < DURATION / 5:
            n = max(1, 2 * n)
            seconds = timed(sweep, n)
        lengths[name] = max(1, round(n * DURATION / seconds))
    rates = {name: [] for name in sweepers}
    for _ in range(min(most or REPEATS, REPEATS)):
        for name, (sweep, flips) in sweepers.items():
            rates[name].append(flips * lengths[name] / timed(sweep, lengths[name]) / 1e9)
    return {name: float(np.median(values)) for name, values in rates.items()}


def timed(sweep, n: int) -> float:
    """CPU seconds of n sweeps."""
    started = time.process_time()
    sweep(n)
    return time.process_time() - started


def shorten() -> None:
    """Sizes and times of --quick."""
    global CHAINS, REPEATS, DURATION, SIDES, BALLS
    CHAINS, REPEATS, DURATION, SIDES, BALLS = 256, 1, 0.002, (16, 32), ((4, 4, 4), (8, 8))


def balls() -> dict[str, dict[str, float]]:
    """Rates of the true energy, of a law of neighbours and of an EDNN, both tables of balls, by lattice."""
    found = {}
    for shape in BALLS:
        lattice, d = Lattice(shape), len(shape)
        offsets = np.concatenate([np.zeros((1, d), int), np.eye(d, dtype=int), -np.eye(d, dtype=int)])
        spins = 2.0 * all_states(2, len(offsets)) - 1
        # as a fit gives it: the couplings are not quite those of the truth
        law = -1.0003 * (spins[:, :1] * spins[:, 1 : d + 1]).sum(axis=1)
        table = np.random.default_rng(1).normal(size=len(spins))
        work = {
            "true": TrueEnergy(hamiltonian.ising(lattice), n_chains=1),
            "law": TileTables(lattice, 2, offsets, law),
            "ednn": TileTables(lattice, 2, offsets, table),
        }
        rates = measure({name: sweeper(model, CHAINS) for name, model in work.items()})
        found[str(lattice)] = rates | {
            "law_vs_true": rates["law"] / rates["true"],
            "ednn_vs_true": rates["ednn"] / rates["true"],
        }
        print(
            f"{lattice!s:<22}"
            + "".join(f"{name:>14} {rate:.3f}" for name, rate in found[str(lattice)].items())
        )
    return found


def scaling() -> dict[str, dict[str, float]]:
    """Nanoseconds per flip of the paper's tiles and of the true energy against the side, on one block."""
    cost = {"ednn": {}, "ising_vector": {}}
    for side in SIDES:
        lattice = Lattice((side, side))
        pair = {"ednn": tiles((side, side), 2, 2), "ising_vector": TrueEnergy(hamiltonian.ising(lattice), 1)}
        rates = measure({name: caller(*sweeper(model, BLOCK)) for name, model in pair.items()}, 3)
        for name, rate in rates.items():
            cost[name][str(side)] = 1 / rate
        print(f"{side:>6}{1 / rates['ednn']:>12.2f}{1 / rates['ising_vector']:>14.2f}", flush=True)
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        shorten()
    rates = measure({name: sweeper(*work) for name, work in models().items()})
    true, bits = rates["ising_vector"], rates["ising_bit_parallel"]
    print(f"{'kernel':<22}{'flips/ns':>10}{'ns/flip':>10}{'x vector':>10}{'x bits':>8}")
    for name, rate in rates.items():
        print(f"{name:<22}{rate:>10.4f}{1 / rate:>10.2f}{rate / true:>10.3f}{rate / bits:>8.3f}")
    print("balls of a site and its neighbours: flips/ns, and as a multiple of the true energy's")
    by_balls = balls()
    print(f"{'side':>6}{'EDNN':>12}{'true':>14}   ns/flip, {BLOCK} chains, {SWEEPS} sweeps a call")
    cost = scaling()
    values = list(cost["ednn"].values())
    result = {
        "ednn_vs_true": rates["ednn_f2_c1"] / true,
        "ednn_vs_multispin": rates["ednn_f2_c1"] / bits,
        "ednn_f1_vs_true": rates["ednn_f1_c1"] / true,
        "balls": by_balls,
        "ns_per_flip": cost["ednn"],
        "largest_over_smallest": max(values) / min(values),
        "details": {
            "flips_per_ns": rates,
            "ns_per_flip_true": cost["ising_vector"],
            "chains": BLOCK,
            "sweeps_per_call": SWEEPS,
            "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        },
    }
    finish(result, "ednn.py", options.json)


if __name__ == "__main__":
    main()
