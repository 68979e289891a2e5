"""Speed of the Metropolis kernels in flips per nanosecond and core, beside two peers in the same run.

    python benchmarks/metropolis.py [--quick] [--json]

A flip is one proposed change of one site. Each kernel is timed several times in turn with the others,
on one core, and the median counts. `draw` is the time that the random numbers alone take: the share of it
is how close a kernel is to the limit that its generator sets. The two-rank row runs the same work under
mpiexec on one and on two ranks.
"""

import argparse
import os
import time

os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np
from outcome import add_arguments, finish, on_ranks

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling import generator, multispin
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

CHAINS = 4096
TEMPERATURE = 4.0
REPEATS = 7
# Sides of single square lattices with one chain.
LARGE = (64, 512, 1024)
# Chains and side of another.
FEW = (64, 128)
# Seconds that one timing should last.
DURATION = 0.3
RANK_FLIPS, RANK_PAIRS = 1.5e10, 5


def models() -> dict:
    """Energy models by name, with the number of random words that a flip takes."""
    square, cubic = Lattice((8, 8)), Lattice((8, 8, 8))
    random = np.random.default_rng(1)
    glass = {
        kind: hamiltonian.ising(square, hamiltonian.random_couplings(square, kind, random))
        for kind in ("gaussian", "bimodal")
    }
    ising = hamiltonian.ising(square)
    table = random.normal(size=2**16).astype(np.float32)
    return {
        "ising_vector": (TrueEnergy(ising, n_chains=1), 1),
        "gaussian_glass": (TrueEnergy(glass["gaussian"]), 1),
        "bit_parallel": (TrueEnergy(ising), None),
        "bimodal_glass": (TrueEnergy(glass["bimodal"]), None),
        "cubic_ising": (TrueEnergy(hamiltonian.ising(cubic)), None),
        "potts_clock_q3": (TrueEnergy(hamiltonian.clock(square, 3)), 2),
        "potts_delta_q5": (TrueEnergy(hamiltonian.potts(square, 5)), 2),
        "potts_clock_q6": (TrueEnergy(hamiltonian.clock(square, 6)), 2),
        "ednn_table": (EdnnEnergy(square, 2, 1, 2, table), 1),
    }


def sweeper(model, n_chains: int | None = None):
    """A function that sweeps n times, and the flips of one sweep."""
    n_chains = n_chains or CHAINS
    chains = Chains.start(model, np.full(n_chains, 1 / TEMPERATURE), range(n_chains), 1, Purpose.OBSERVE)
    return lambda n: chains.sweep(model, n), model.lattice.n_sites * n_chains


def peapods_sweeper(couplings: str):
    """The same for peapods, which measures nothing while it warms up, or None without it."""
    try:
        import peapods
    except ImportError:
        return None
    system = peapods.Ising((8, 8), couplings=couplings, temperatures=np.full(64, TEMPERATURE), n_replicas=4)

    def sweep(n):
        with np.errstate(all="ignore"):
            system.sample(n, sweep_mode="metropolis", sequential=True, warmup_ratio=1.0)

    return sweep, 64 * 64 * 4


def single_lattices() -> dict:
    """Sweepers of one and of few chains of large lattices, and of mcising for one and 8x8, if it is there."""
    ours = {
        f"L = {side}": sweeper(TrueEnergy(hamiltonian.ising(Lattice((side, side))), 1), 1) for side in LARGE
    }
    n, side = FEW
    some = TrueEnergy(hamiltonian.ising(Lattice((side, side))), n)
    ours[f"{n} chains of L = {side}"] = sweeper(some, n)
    try:
        from mcising import IsingSimulation
    except ImportError:  # or an earlier version
        return ours

    def peer(side):
        lattice = IsingSimulation(side, 1.0, 0.0, 0.0, 0.0, 1, algorithm="metropolis")
        return lambda n: lattice.sweep(n, temperature=TEMPERATURE), side**2

    return ours | {f"mcising L = {side}": peer(side) for side in (8, *LARGE)}


def drawers() -> dict:
    """Nanoseconds for the random numbers of one flip: a word by itself, a transposed third of a word."""
    streams, out = np.ones((4, 256), np.uint32), np.empty((64, 256), np.float32)
    random = np.ones((4, multispin.LANES), np.uint32)
    rows = np.zeros(multispin.SPINS, np.uint32)

    def words(n):
        for _ in range(n):
            generator.uniforms(streams, out)

    def transposed(n):
        for _ in range(n):
            multispin.draw(random, rows)

    return {"word": (words, out.size), "third": (transposed, multispin.LANES * multispin.PER_WORD)}


def measure(sweepers: dict) -> dict[str, float]:
    """Units of work per nanosecond of each, the median of timings taken in turn."""
    lengths = {}
    for name, (sweep, _) in sweepers.items():
        sweep(1)
        n = 1
        while True:  # compiled and warm: how many sweeps last long enough?
            started = time.perf_counter()
            sweep(n)
            seconds = time.perf_counter() - started
            if seconds > DURATION / 10:
                break
            n *= 2
        lengths[name] = max(1, int(n * DURATION / seconds))
    rates = {name: [] for name in sweepers}
    for _ in range(REPEATS):
        for name, (sweep, flips) in sweepers.items():
            started = time.perf_counter()
            sweep(lengths[name])
            rates[name].append(flips * lengths[name] / (time.perf_counter() - started) / 1e9)
    return {name: float(np.median(values)) for name, values in rates.items()}


def shorten() -> None:
    """Sizes and times of --quick."""
    global CHAINS, LARGE, FEW, REPEATS, DURATION, RANK_FLIPS, RANK_PAIRS
    CHAINS, LARGE, FEW, REPEATS, DURATION, RANK_FLIPS, RANK_PAIRS = 256, (64,), (2, 64), 1, 0.002, 1e7, 1


def rank_work() -> None:
    """Run one rank's share of a fixed amount of work; rank 0 prints the seconds of the slowest."""
    from dcl_hpc.cluster import mpi

    comm = mpi.world()
    model = TrueEnergy(hamiltonian.ising(Lattice((8, 8))))
    mine = mpi.share(comm, 2 * CHAINS)
    numbers = range(mine.start, mine.stop)
    chains = Chains.start(model, np.full(len(numbers), 1 / TEMPERATURE), numbers, 1, Purpose.OBSERVE)
    chains.sweep(model, 10)
    comm.Barrier()
    started = time.perf_counter()
    chains.sweep(model, int(RANK_FLIPS / (2 * CHAINS * model.lattice.n_sites)))
    seconds = max(comm.allgather(time.perf_counter() - started))
    if comm.rank == 0:
        print(seconds)


def two_ranks_speedup(arguments) -> float:
    """Time of one rank over the time of two for the same work, the median of pairs taken in turn."""
    pairs = [[on_ranks(__file__, ranks, arguments=arguments) for ranks in (1, 2)] for _ in range(RANK_PAIRS)]
    return float(np.median([one / two for one, two in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--rank-work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        shorten()
    if options.rank_work:
        rank_work()
        return
    known = models()
    work = {name: sweeper(model) for name, (model, _) in known.items()}
    peers = {f"peapods {kind}": peapods_sweeper(kind) for kind in ("ferro", "gaussian")}
    if None in peers.values():
        print("peapods is not installed (pip install peapods): no comparison")
        peers = {}
    drawn = drawers()
    single = single_lattices()
    rates = measure({**work, **peers, **drawn, **single})
    result = {}
    print(f"{'kernel':<16}{'flips/ns':>10}{'x peapods':>11}{'ns/flip':>9}{'of it draw':>12}")
    for name, (_, words) in known.items():
        peer = rates.get("peapods gaussian" if "glass" in name else "peapods ferro")
        draw = words / rates["word"] if words else 1 / rates["third"]
        entry = {"flips_per_ns": rates[name], "vs_peapods": rates[name] / peer if peer else None}
        entry["share_of_draw"] = draw * rates[name]
        result[name] = entry
        ratio = f"{entry['vs_peapods']:.1f}" if peer else "-"
        share = f"{100 * entry['share_of_draw']:.0f} %"
        print(f"{name:<16}{rates[name]:>10.3f}{ratio:>11}{1 / rates[name]:>9.3f}{share:>12}")
    for name in peers:
        print(f"{name:<16}{rates[name]:>10.3f}")
        result[name.replace(" ", "_")] = {"flips_per_ns": rates[name]}
    for name in single:
        print(f"{name:<16}{rates[name]:>10.3f}")
    result["single_lattices"] = {name: rates[name] for name in single}
    if "mcising L = 8" in rates:
        many = rates["bit_parallel"] / rates["mcising L = 8"]
        large = {str(side): rates[f"L = {side}"] / rates[f"mcising L = {side}"] for side in LARGE}
        result["vs_mcising"] = {"many_chains": many, **large}
        print("times mcising:", ", ".join(f"{name} {x:.1f}" for name, x in result["vs_mcising"].items()))
    else:
        print("mcising 1.1 is not installed (pip install --no-deps mcising==1.1.0): no comparison")
    result["two_ranks_speedup"] = two_ranks_speedup(("--quick",) if options.quick else ())
    print(f"two ranks on two cores: {result['two_ranks_speedup']:.2f} times one rank")
    finish(result, "metropolis.py", options.json)


if __name__ == "__main__":
    main()
