"""Whether error bands hold: the share of exact values inside them, over many independent data sets.

    python benchmarks/coverage.py [--cases NAME ...] [--sets N] [--into FILE] [--quick] [--json]

Each data set is a run of its own, with a seed of its own: observations at one temperature, the energy that a
route learns from them, and a sweep with it. Counted are exact u and c per site at all temperatures that lie
inside the intervals of 68 % and of 95 %, and true couplings inside those of their standard errors;
temperatures near the transition are counted apart. With --into FILE each set is written as it ends, and those
that FILE has are left out, so that a long run can be done piece by piece.
"""

if __name__ == "coverage":  # numba looks for the package of this name, and beside a script finds this file
    raise ImportError("a benchmark, not the package coverage")

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from outcome import add_arguments, finish
from scipy.stats import norm

import dcl_hpc
from dcl_hpc.physics.codes import all_states
from dcl_hpc.physics.exact import kaufman
from dcl_hpc.reporting import tables, uncertainty
from dcl_hpc.reporting.opened import OpenedRun
from dcl_hpc.storage.documents import write_text
from dcl_hpc.storage.results import read_sweep

SETS = 100
LEVELS = (0.68, 0.95)
# As far from the transition values are counted apart.
NEAR = 0.15
TEMPERATURES = (1.5, 2.0, 2.2, 2.35, 2.6, 3.0, 3.5, 4.0, 5.0)
NEAREST, SECOND, FIELD = "nearest neighbours", "second neighbours (distance 1.41)", "field"
# Step of beta in 1/J for derivatives of ln Z.
STEP = 1e-3


def torus(shape, j1: float, j2: float, h: float, temperature: float) -> tuple[float, float]:
    """u (J) and c (k_B) per site of a two-state model with first and second neighbours and a field.

    By its row-to-row transfer matrix: ln Z at five inverse temperatures gives both derivatives.
    """
    rows, width = shape
    spins = 2.0 * all_states(2, width) - 1
    within = -j1 * (spins * np.roll(spins, 1, 1)).sum(axis=1) - h * spins.sum(axis=1)
    diagonal = np.roll(spins, 1, 1) + np.roll(spins, -1, 1)
    energy = (within[:, None] + within) / 2 - spins @ (j1 * spins + j2 * diagonal).T
    beta = 1 / temperature + STEP * np.arange(-2, 3)
    low = energy.min()
    values = [np.linalg.eigvalsh(np.exp(-b * (energy - low))) for b in beta]
    ln_z = [np.log((v**rows).sum()) - b * rows * low for v, b in zip(values, beta, strict=True)]
    n = rows * width
    first = np.dot([1, -8, 0, 8, -1], ln_z) / (12 * STEP)
    second = np.dot([-1, 16, -30, 16, -1], ln_z) / (12 * STEP**2)
    return -first / n, second / (n * temperature**2)


@dataclass(frozen=True)
class Case:
    """One kind of data sets.

    Attributes
    ----------
    hamiltonian : dict
        The section of the job.
    exact : callable (shape, temperature) -> (u, c)
    couplings : dict of str to float
        True ones in J, by what interactions are in words.
    transition : float
        Near which bands are counted apart, in J/k_B.
    samples : int
    shape : tuple of int
    temperature : float
        Of the observations.
    temperatures : tuple of float
        Of the sweep.
    """

    hamiltonian: dict
    exact: Callable
    couplings: dict[str, float]
    transition: float
    samples: int
    shape: tuple[int, int] = (8, 8)
    temperature: float = 4.0
    temperatures: tuple[float, ...] = field(default=TEMPERATURES)

    @cached_property
    def reference(self) -> np.ndarray:
        """Exact u and c at all temperatures, float64 (2, n)."""
        return np.transpose([self.exact(self.shape, t) for t in self.temperatures])

    def job(self, name: str, seed: int, quick: bool, **sections) -> dict:
        """The job of one data set."""
        samples = min(self.samples, 3000) if quick else self.samples
        length = {"ladders": 4, "sweeps": 300} if quick else {"ladders": 16, "sweeps": 10_000}
        return {
            "name": name,
            "seed": seed,
            "lattice": {"shape": self.shape},
            "hamiltonian": self.hamiltonian,
            "observe": {"temperature": self.temperature, "samples": samples, "chains": 1000, "thin": 10},
            "sweep": {"temperatures": self.temperatures, **length},
            **sections,
        }


def ising(shape, temperature: float) -> tuple[float, float]:
    """Exact u (J) and c (k_B) per site."""
    found, n = kaufman(shape, temperature), np.prod(shape)
    return found.energy / n, found.variance / (n * temperature**2)


def _image(*sites, coupling: float) -> dict:
    return {"sites": sites, "coupling": coupling}


ISING = {"hamiltonian": {"kind": "ising"}, "exact": ising, "couplings": {NEAREST: 1.0}, "transition": 2.269}
J1J2 = {
    "hamiltonian": {
        "kind": "interactions",
        "interactions": [
            _image([0, 0], [1, 0], coupling=1.0),
            _image([0, 0], [1, 1], coupling=0.3),
            _image([0, 0], coupling=0.15),
        ],
    },
    "exact": lambda shape, t: torus(shape, 1.0, 0.3, 0.15, t),
    "couplings": {NEAREST: 1.0, SECOND: 0.3, FIELD: 0.15},
    "transition": 3.5,  # where c of this size is largest; no singularity in a field
}


def glass(shape, temperature: float) -> tuple[float, float]:
    """Exact u (J) and c (k_B) per site of the paper's glass, by the transfer matrix of a strip."""
    found = tables.exact_table(_glass(tuple(shape)), np.array([temperature]))
    return found["u"][0], found["c"][0]


@cache
def _glass(shape: tuple[int, int]):
    """Its Hamiltonian."""
    job = Case(**GLASS, samples=1000, shape=shape).job("glass", 1, True)
    job["sweep"]["energies"] = ["true"]
    return dcl_hpc.Job(**job).build_hamiltonian()


GLASS = {
    "hamiltonian": {"kind": "edwards_anderson", "couplings": "published", "instance": 69},
    "exact": glass,
    "couplings": {},  # the run knows those of its bonds
    "transition": 0.0,
    "temperatures": (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0),
}


def direct(case: Case, folder: Path, seed: int, quick: bool) -> tuple[OpenedRun, str]:
    """A run with the direct estimate, and the name of the energy."""
    job = case.job(f"set_{seed}", seed, quick, direct={"methods": []})
    job["sweep"]["energies"] = ["direct"]
    return dcl_hpc.start(job, folder).make("observe", "direct", "sweep"), "direct"


def network(case: Case, folder: Path, seed: int, quick: bool) -> tuple[OpenedRun, str]:
    """A run with a small RNN and an EDNN that learns from its labels, both calibrated."""
    count = 2000 if quick else 100_000
    job = case.job(
        f"set_{seed}", seed, quick,
        rnn={"hidden": 8 if quick else 32, "epochs": 2, "batch": 200, "calibrate": False},
        labels={"count": count, "random": 0.75, "observed": 0.25}, ednn={"epochs": 1 if quick else 10},
    )  # fmt: skip
    job["sweep"]["energies"] = ["ednn"]
    made = dcl_hpc.start(job, folder).make("observe", "rnn", "label", "ednn", "calibrate", "sweep")
    return made, "ednn"


# What learns the energy: a function as `direct`, and its cases.
ROUTES = {
    "direct": (
        direct,
        {
            "ising_1e4": Case(**ISING, samples=10_000),
            "ising_1e5": Case(**ISING, samples=100_000),
            "j1j2_field_1e5": Case(**J1J2, samples=100_000),
            "glass_1e4": Case(**GLASS, samples=10_000),
        },
    ),
    "network": (network, {"ising_6x6": Case(**ISING, samples=100_000, shape=(6, 6))}),
}


def one(route: Callable, case: Case, seed: int, quick: bool) -> dict:
    """What a data set gives: for each number how often its two intervals hold, and how far it is off.

    Returns
    -------
    dict
        `u`, `c` (at each temperature) and `coupling` (each, missing ones are never inside): rows of inside
        68 %, inside 95 %; `z_u`, `z_c`, `z_coupling`: deviations over standard errors; `holds`; `seconds`.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="coverage_") as folder:
        run, energy = route(case, Path(folder), seed, quick)
        series = read_sweep(run.folder / "sweeps" / f"{energy}_{'x'.join(map(str, case.shape))}.h5")
        n_sites = int(np.prod(case.shape))
        rows = tables.sweep_table(series, n_sites)
        bands = uncertainty.bands(series, rows, n_sites)
        result = {"seed": seed, "holds": bands["band_holds"]}
        for name, exact in zip(("u", "c"), case.reference, strict=True):
            ends = np.array([bands[f"{name}_band_68"], bands[f"{name}_band_95"]])
            inside = (ends[..., 0] <= exact) & (exact <= ends[..., 1])
            error = np.hypot(rows[f"{name}_error"], bands[f"{name}_data_error"])
            result |= {name: inside.T.tolist(), f"z_{name}": ((rows[name] - exact) / error).tolist()}
        if energy == "direct":
            interactions = run.interactions("direct")
            found = {row.about: (row.coupling, row.error) for row in interactions}
            z = [
                (found[name][0] - true) / found[name][1] if name in found else None
                for name, true in case.couplings.items()
            ] or [(row.coupling - row.true) / row.error for row in interactions]
            inside = [[x is not None and bool(abs(x) < norm.ppf((1 + p) / 2)) for p in LEVELS] for x in z]
            result |= {"coupling": inside, "z_coupling": z}
    return result | {"seconds": time.monotonic() - started}


def shares(case: Case, sets: list[dict]) -> dict:
    """Shares of numbers inside their intervals.

    Returns
    -------
    dict
        `inside_68`, `inside_95` over u and c away from the transition and couplings; `near` over u and c near
        it; `by_quantity`, `by_temperature` and `sets`.
    """
    t = np.array(case.temperatures)
    far = np.abs(t - case.transition) >= NEAR
    inside = {name: np.array([row[name] for row in sets], float) for name in ("u", "c")}
    parts = {name: values[:, far] for name, values in inside.items()}
    if "coupling" in sets[0]:
        parts["coupling"] = np.array([row["coupling"] for row in sets], float)
    curves = np.concatenate(list(inside.values()), axis=1)
    near = curves[:, np.tile(~far, 2)].reshape(-1, 2)
    every = np.concatenate([values.reshape(-1, 2) for values in parts.values()])
    return {
        **_named(every),
        "sets": len(sets),
        "seconds_per_set": float(np.median([row["seconds"] for row in sets])),
        "near": _named(near) if len(near) else None,
        "not_holding": float(1 - np.mean([row["holds"] for row in sets])),
        "by_quantity": {name: _named(values.reshape(-1, 2)) for name, values in parts.items()},
        "by_temperature": {
            name: {f"{at:g}": _named(values[:, k]) for k, at in enumerate(t)}
            for name, values in inside.items()
        },
    }


def _named(inside: np.ndarray) -> dict:
    return dict(zip(("inside_68", "inside_95"), map(float, inside.mean(axis=0)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [name for _, cases in ROUTES.values() for name in cases]
    parser.add_argument("--cases", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--sets", type=int, help=f"data sets of each case, {SETS} by default")
    parser.add_argument("--into", type=Path, help="JSON file that keeps what is done")
    add_arguments(parser)
    options = parser.parse_args()
    kept = json.loads(options.into.read_text()) if options.into and options.into.exists() else {}
    wanted = options.cases or (names[:1] if options.quick else names)
    result: dict[str, dict] = {}
    for name, (route, cases) in ROUTES.items():
        for label in [label for label in cases if label in wanted]:
            sets = kept.setdefault(name, {}).setdefault(label, [])
            for seed in range(len(sets) + 1, (options.sets or (1 if options.quick else SETS)) + 1):
                sets.append(one(route, cases[label], seed, options.quick))
                print(f"{name} {label} set {seed}: {sets[-1]['seconds']:.1f} s", flush=True)
                if options.into:
                    write_text(options.into, json.dumps(kept) + "\n")
            found = result.setdefault(name, {})[label] = shares(cases[label], sets)
            print(
                f"{name} {label}: {found['inside_68']:.3f} inside 68 %, {found['inside_95']:.3f} inside 95 % "
                f"of {found['sets']} sets",
                flush=True,
            )
    finish(result, "coverage.py", options.json)


if __name__ == "__main__":
    main()
