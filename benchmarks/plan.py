"""Errors that a plan predicts from a small pilot against those that independent sets of snapshots then have.

    python benchmarks/plan.py [--sets N] [--quick] [--json]

Ising 8x8 observed at T = 4: a pilot of 1e4 snapshots predicts the error of u(2.5) from 1e5 at the same
temperature, and from 1e4 at T = 2.5, where nothing has been observed. Then the interaction of the pilot is
fitted to independent sets of as many, each coupling gives u exactly (Kaufman), and the root mean square of
its deviation from that of the true coupling is what is found; it is uncertain by 1 / sqrt(2 sets).
"""

import argparse

import numpy as np
from outcome import add_arguments, finish

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference import clusters, likelihood
from dcl_hpc.inference.planning import Predictions, error, simulate, snapshot_covariance
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.window import Window
from dcl_hpc.physics import exact
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

LATTICE, OBSERVED, WANTED = Lattice((8, 8)), 4.0, 2.5
TEMPERATURES = (1.5, 2.0, WANTED, 3.0, 4.0)
# Sweeps of each chain, which gives one snapshot: many autocorrelation times at either temperature.
SWEEPS = {OBSERVED: 50, WANTED: 500}


def snapshots(n: int, temperature: float, seed: int) -> np.ndarray:
    """Independent configurations, uint8 (n, n_sites)."""
    model = TrueEnergy(ising(LATTICE), n)
    chains = Chains.start(model, np.full(n, 1 / temperature), range(n), seed, Purpose.OBSERVE)
    chains.sweep(model, SWEEPS[temperature])
    return chains.states.T.copy()


def u(coupling: float) -> float:
    """Exact energy per site at the temperature of the prediction, in J."""
    return exact.kaufman(LATTICE.shape, WANTED, coupling).energy / LATTICE.n_sites


def found(law, n: int, temperature: float, sets: int) -> float:
    """Root mean square error of u from independent sets of n snapshots."""
    deviations = []
    for seed in range(1, sets + 1):
        samples = Samples(snapshots(n, temperature, seed), LATTICE, temperature, law.window)
        (k,) = likelihood.fit(samples, law.interactions).parameters
        deviations.append(u(temperature * k) - u(1.0))
    return float(np.sqrt(np.mean(np.square(deviations))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=40)
    add_arguments(parser)
    options = parser.parse_args()
    pilot, many = 10_000, 100_000
    if options.quick:
        options.sets, pilot, many = 3, 2000, 4000
    observed = Samples(snapshots(pilot, OBSERVED, 0), LATTICE, OBSERVED, Window.box(2, 3, 2))
    law = clusters.fit(observed)
    if len(law.coupling) != 1:
        raise SystemExit(f"the pilot calls for {len(law.coupling)} interactions, not for one alone")
    slope = Predictions(law, LATTICE, TEMPERATURES, 1, 1).slope_of_u(WANTED)
    ladder, states = simulate(law.model(LATTICE), TEMPERATURES, 1, 2, lambda states: states.T.copy())
    elsewhere = snapshot_covariance(law, LATTICE, WANTED, states[np.argmin(np.abs(ladder - WANTED))])
    rows = [
        (OBSERVED, many, error(slope, law.covariance * pilot / many)),
        (WANTED, pilot, error(slope, elsewhere / pilot)),
    ]
    details = []
    for temperature, n, predicted in rows:
        then = found(law, n, temperature, options.sets)
        print(f"{n} snapshots at T = {temperature:g}: error of u({WANTED:g}) predicted {predicted:.5f} J, "
              f"found {then:.5f} J", flush=True)  # fmt: skip
        details.append(
            {"observed_at": temperature, "snapshots": n, "predicted": predicted, "found": then,
             "ratio": predicted / then}
        )  # fmt: skip
    result = {name: details[0][name] for name in ("predicted", "found", "ratio")}
    result |= {"unit": "J per site", "pilot": pilot, "sets": options.sets, "details": details}
    finish(result, f"plan.py --sets {options.sets}", options.json)


if __name__ == "__main__":
    main()
