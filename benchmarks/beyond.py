"""Beyond the paper: cubic lattices and Potts models of more states, without an RNN, against true sweeps.

    python benchmarks/beyond.py [--cases NAME ...] [--into FILE] [--ranks N] [--quick] [--json]

Each system is observed on a small lattice far above its transition; the interactions that the observations
call for (direct) and an EDNN by pseudo-likelihood predict larger lattices around the transition, where
sweeps of the true energy at the same temperatures tell the truth. With --into FILE each case is written as it
ends, and those that FILE has are left out.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from outcome import add_arguments, finish
from work import Work, compared, perform, swept

from dcl_hpc.physics.shape import Shape
from dcl_hpc.reporting.opened import OpenedRun
from dcl_hpc.reporting.sweeps import rounded
from dcl_hpc.storage import results

# Critical temperature of cubic Ising, Ferrenberg, Xu and Landau, Phys. Rev. E 97, 043301 (2018), in J/k_B.
CUBIC = 4.511523
ENERGIES, QUICK_ENERGIES = ("direct", "ednn"), ("direct",)
# Of sweeps, by whether the form is the quick one, which has its own.
LADDERS = {False: {"ladders": 8, "thermalization": 2000, "sweeps": 8000}, True: {}}
EDNN = {"fit": "pseudolikelihood", "tile": "ball", "focus": 1, "context": 1, "batch": 100, "epochs": 6}


def studied(work: Work, job: dict) -> tuple[OpenedRun, dict]:
    """The run of a job that sweeps the true energy, too, and how far the others are from that."""
    energies = QUICK_ENERGIES if work.quick else ENERGIES
    job["sweep"] |= {"energies": ["true", *energies]}
    job["observe"] |= {"samples": work.samples, "chains": work.samples // 100}
    run, _ = work.run(job)
    true, found = swept(run, "true"), {}
    for energy in energies:
        rows = [compared(*pair) for pair in zip(swept(run, energy), true, strict=True)]
        found[energy] = rows
        for row in rows:
            peak = ""
            if row["c_peak_error"] is not None:
                peak = (
                    f", peak of c off by {row['c_peak_error']:.2%}, its height by {row['c_height_error']:.2%}"
                )
            print(
                f"{'':12}{energy} {Shape(row['shape'])}: largest |du| {row['max_abs_du']:.4f}{peak}",
                flush=True,
            )
    return run, {"observed": list(job["lattice"]["shape"]), "energies": found}


def crossing(run: OpenedRun, energy: str, shapes, near) -> tuple[float, float] | None:
    """Where the cumulants of two sizes cross, with its error by the jackknife over ladders; Binder (1981)."""
    series = [results.read_sweep(run.folder / "sweeps" / f"{energy}_{Shape(shape)}.h5") for shape in shapes]
    ladders = np.arange(series[0].order.shape[1])
    left_out = [_crossing(series, ladders != k, near) for k in ladders]
    if None in left_out or (all_of_them := _crossing(series, ladders >= 0, near)) is None:
        return None
    return all_of_them, float(np.std(left_out) * np.sqrt(len(ladders) - 1))


def _crossing(series: list, ladders: np.ndarray, near) -> float | None:
    """Highest temperature below which 1 - <m^4> / (3 <m^2>^2) is larger on the larger lattice."""
    fine = np.linspace(near[0], near[-1], 2001)
    curves = []
    for one in series:
        squares = one.order[:, ladders].reshape(len(one.temperature), -1) ** 2
        curves.append(np.interp(fine, one.temperature, (squares**2).mean(1) / (3 * squares.mean(1) ** 2)))
    (below,) = np.nonzero(curves[1] < curves[0])
    return float(fine[below[-1]]) if len(below) else None


def cubic(work: Work) -> dict:
    """Ising from 6x6x6 at T = 7: 16x16x16 and 32x32x32, the peaks of c and the crossing of cumulants."""
    small, shapes = [6] * 3, [[16] * 3, [32] * 3]
    if work.quick:
        small, shapes = [5] * 3, [[5] * 3, [6] * 3]
    near = [4.4, 4.6] if work.quick else np.arange(4.45, 4.591, 0.02).round(9).tolist()
    run, result = studied(
        work,
        {
            "name": "cubic", "lattice": {"shape": small}, "hamiltonian": {"kind": "ising"},
            "observe": {"temperature": 7.0},
            "ednn": EDNN,
            "sweep": work.sweeps([4.0, 4.3, *near, 4.8, 5.5, 7.0], shapes) | LADDERS[work.quick],
        },
    )  # fmt: skip
    crossings = {}
    for energy in ("true", *result["energies"]):
        if found := crossing(run, energy, shapes, near):
            crossings[energy] = found
            print(f"{'':12}{energy}: cumulants cross at {rounded(*found)}", flush=True)
    return result | {"crossing": crossings, "critical": CUBIC}


def potts(work: Work, states: int) -> dict:
    """Potts models from 8x8 at T = 2: 16x16 and 32x32; T_c = 1 / ln(1 + sqrt Q), Baxter (1973)."""
    critical = 1 / np.log(1 + np.sqrt(states))
    factors = [0.9, 1.0, 1.1] if work.quick else np.arange(0.9, 1.1001, 0.01)
    around = (critical * np.array(factors)).round(6).tolist()
    side = 6 if work.quick else 8
    shapes = [[side, side], [2 * side] * 2] + [[4 * side] * 2] * (not work.quick)
    _, result = studied(
        work,
        {
            "name": f"potts_{states}", "lattice": {"shape": [side, side]},
            "hamiltonian": {"kind": "potts", "form": "delta", "states": states},
            "observe": {"temperature": 2.0},
            "ednn": EDNN,
            "sweep": work.sweeps([*around, 1.2, 1.5, 2.0], shapes) | LADDERS[work.quick],
        },
    )  # fmt: skip
    return result | {"critical": critical}


CASES = {"cubic": cubic, "potts_4": partial(potts, states=4), "potts_5": partial(potts, states=5)}
QUICK = ("cubic",)


def main() -> None:
    """Do the cases and tell their errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--into", type=Path, help="JSON file that keeps what is done")
    parser.add_argument("--ranks", type=int, default=2)
    add_arguments(parser)
    options = parser.parse_args()
    chosen = options.cases or (QUICK if options.quick else CASES)
    result = perform({name: CASES[name] for name in chosen}, options, {})
    finish(result, "beyond.py", options.json)


if __name__ == "__main__":
    main()
