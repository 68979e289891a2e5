"""How often the test whether an energy explains the snapshots is wrong, of a true law and of another one.

    python benchmarks/explained.py [--series N] [--quick] [--json]

Series of Ising configurations, some sweeps apart, are held against long chains of the true energy. Of series
at the temperature of these chains the share with p < 0.001 and p < 0.05 should be no more than that; of
series that are 5 % colder, whose law is 5 % stronger, it should be large.
"""

import argparse

import numpy as np
from outcome import add_arguments, finish

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.structure import Structure
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.comparison import compare, mean_of_batches, mean_of_series
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.stages.check import observables

SHAPE, SERIES = (8, 8), 300
# Temperature in J/k_B, sweeps between snapshots, snapshots.
CASES = ((3.0, 100, 40), (3.0, 100, 200), (3.0, 100, 600), (3.0, 5, 600), (3.0, 1, 600), (2.5, 1, 600))
LIMITS, OFF = (0.001, 0.05), 1.05
CHAINS, MEASUREMENTS, APART, THERMALIZATION = 256, 100, 20, 300


def series(temperature: float, apart: int, n: int, chains: int, seed: int, origin: float) -> np.ndarray:
    """Observables of independent series, float64 (chains, n, n_observables)."""
    energy = hamiltonian.ising(Lattice(SHAPE))
    model, structure = TrueEnergy(energy, n_chains=1), Structure(energy.lattice, 2)
    moving = Chains.start(model, np.full(chains, 1 / temperature), range(chains), seed, Purpose.OBSERVE)
    moving.sweep(model, THERMALIZATION)
    found = []
    for _ in range(n):
        moving.sweep(model, apart)
        found.append(observables(structure, moving.states, energy.energy(moving.states.T), origin))
    return np.stack(found, axis=1)


def measure(temperature: float, apart: int, n: int, number: int) -> dict:
    """Shares of series with small p, and their median autocorrelation time in snapshots."""
    first = series(temperature, APART, 1, CHAINS, 1, 0.0)
    origin = first[..., -2].mean() * np.prod(SHAPE)
    model = series(temperature, APART, MEASUREMENTS, CHAINS, 2, origin)
    spread, chains = np.cov(model.reshape(-1, model.shape[2]).T), mean_of_batches(model.mean(axis=1))
    result = {"temperature": temperature, "sweeps_apart": apart, "snapshots": n}
    for name, t in (("true", temperature), ("off", temperature / OFF)):
        rows = series(t, apart, n, number, 3, origin)
        p = np.array([compare(own, (n,), chains, spread).p for own in rows])
        result[name] = {str(limit): float((p < limit).mean()) for limit in LIMITS}
        if name == "true":
            result["tau"] = float(np.median([mean_of_series(own, (n,)).tau for own in rows]))
    return result


def main() -> None:
    """Measure all cases and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=SERIES)
    add_arguments(parser)
    options = parser.parse_args()
    rows = []
    print("   T  apart  snapshots   tau   true law: p < 0.001  p < 0.05   5 % off: p < 0.001  p < 0.05")
    for case in CASES[:1] if options.quick else CASES:
        row = measure(*case, 4 if options.quick else options.series)
        rows.append(row)
        shares = [row[law][str(limit)] for law in ("true", "off") for limit in LIMITS]
        print(
            f"{row['temperature']:>4g}{row['sweeps_apart']:>7}{row['snapshots']:>11}{row['tau']:>6.2f}"
            + "".join(f"{share:>{width}.3f}" for share, width in zip(shares, (22, 10, 21, 10), strict=True)),
            flush=True,
        )
    finish({"series": options.series, "cases": rows}, "explained.py", options.json)


if __name__ == "__main__":
    main()
