"""Systems that can only be watched: the law from snapshots, and what it predicts, against the truth.

    python benchmarks/unknown.py [--cases NAME ...] [--into FILE] [--aquila FILE] [--figure FILE]
        [--ranks N] [--quick] [--json]

Snapshots go through `run --from` of jobs whose Hamiltonian is unknown, as a user's do. Those of j1j2, field
and triangular are made by mcising, another program (`pip install mcising`, here or anywhere on the PATH);
without it these cases are left out. The others are made by chains of the true energy. Predictions are
compared with mcising's own runs, or with sweeps of the true energy. With --into FILE each case is written as
it ends, and those that FILE has are left out, so that a long run can be done piece by piece. --figure
draws all that is done.
"""

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from foreign import Mcising
from outcome import add_arguments, changed, finish
from work import Work, compared, explained, laws, perform, swept, unknown

import dcl_hpc
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

# Temperatures of predictions, in units of that of the snapshots.
SPREAD = (0.5, 0.7, 1.0, 1.4, 2.0)
# Words of the report that the seam between open edges is warned of with.
SEAM = "neighbours across the edges"
NEAREST, SECOND = "nearest neighbours", "second neighbours (distance 1.41)"
# Chains and sweeps, and repetitions, that speeds are measured with.
SPEED_CHAINS, SPEED_SWEEPS, SPEED_REPEATS = 512, 20, 5
# The periodic demo, whose accuracy networks should keep on open lattices and in fields.
DEMO = Path(__file__).resolve().parents[1] / "jobs" / "demo.toml"
DEMO_RESULT = Path(__file__).parent / "results" / "demo.json"
NETWORKS = {"open": ['lattice.boundary="open"'], "field": ["hamiltonian.field=0.15"]}


def foreign(work: Work, lattice: dict, options: str, temperature: float, true: dict, forbidden) -> dict:
    """A case of mcising: the law, its predictions, the test of it, and of one without a true interaction.

    Parameters
    ----------
    true : dict of str to float
        Couplings in J by what the interactions are in words.
    forbidden : list of list of int
        Offsets of the sites of the interaction that the second fit must do without.
    """
    data = Mcising(work, options, temperature)
    source, temperatures = data.snapshots(), [round(temperature * x, 9) for x in SPREAD]
    job = unknown("law", lattice, temperature, sweep=work.sweeps(temperatures))
    run, said = work.run(job, "--from", source)
    result = laws(run, true) | {"explains_p": explained(run)}
    (sweep,) = swept(run, "direct")
    result |= compared(sweep, data.u(temperatures))
    result["warnings"] = warnings(said)
    without, _ = work.run(job | {"name": "without", "direct": {"without": [forbidden]}}, "--from", source)
    return result | {"forbidden_p": explained(without)}


def warnings(said: str) -> list[str]:
    """Lines of warning among what a command said."""
    return [line.partition("warning: ")[2] for line in said.splitlines() if "warning: " in line]


def j1j2(work: Work) -> dict:
    """Nearest and second neighbours on the square lattice."""
    lattice, true = {"shape": [8, 8]}, {NEAREST: 1.0, SECOND: 0.3}
    return foreign(work, lattice, "-L 8 --j1 1 --j2 0.3", 4.0, true, [[0, 0], [1, 1]])


def field(work: Work) -> dict:
    """Nearest neighbours and a field on the square lattice."""
    lattice, true = {"shape": [8, 8]}, {NEAREST: 1.0, "field": 0.15}
    return foreign(work, lattice, "-L 8 --j1 1 --h 0.15", 4.0, true, [[0, 0]])


def triangular(work: Work) -> dict:
    """Nearest neighbours and a field on the triangular lattice, whose rows mcising shifts by turns."""
    lattice, true = {"shape": [8, 8], "kind": "triangular_rows"}, {NEAREST: 1.0, "field": 0.15}
    return foreign(work, lattice, "-L 8 --lattice triangular --j1 1 --h 0.15", 6.0, true, [[0, 0]])


def own(work: Work, lattice: dict, truth: dict, temperature: float, sweep: dict, **sections) -> tuple:
    """Snapshots by the true energy; runs of the unknown system and of the truth with the same sweeps."""
    source = work.snapshots(lattice, truth, temperature)
    run, _ = work.run(unknown("law", lattice, temperature, sweep=sweep, **sections), "--from", source)
    job = {"name": "truth", "lattice": lattice, "hamiltonian": truth, "observe": {"temperature": temperature}}
    true, _ = work.run(
        job | {"observe": {"temperature": temperature, "samples": 1000}}
        | {"sweep": {**sweep, "energies": ["true"]}}
    )  # fmt: skip
    return source, run, true


def open_edges(work: Work) -> dict:
    """Open 8x8 Ising: open 16x16 and periodic 32x32 predicted; and the same snapshots taken as periodic."""
    side, lattice = (5 if work.quick else 8), {"boundary": "open"}
    lattice["shape"] = [side, side]
    shapes = [[side, side], [2 * side] * 2, {"shape": [4 * side] * 2, "boundary": "periodic"}]
    sweep = work.sweeps([4.0 * x for x in SPREAD], shapes)
    source, run, true = own(work, lattice, {"kind": "ising"}, 4.0, sweep)
    result = laws(run, {NEAREST: 1.0}) | {"explains_p": explained(run)}
    rows = [compared(*pair) for pair in zip(swept(run, "direct"), swept(true, "true"), strict=True)]
    result["sizes"] = rows
    result["max_abs_du"] = max(row["max_abs_du"] for row in rows[:2])
    result["max_abs_du_periodic_32"] = rows[2]["max_abs_du"]
    taken = unknown("periodic", {"shape": [side, side]}, 4.0, sweep=work.sweeps([4.0, 5.0]))
    _, said = work.run(taken, "--from", source, module="observe")
    return result | {"seam_warning": any(SEAM in text for text in warnings(said))}


def holes(work: Work) -> dict:
    """8x8 Ising of which 10 % of the sites are absent; the same lattice and a whole 16x16 predicted."""
    side = 6 if work.quick else 8
    absent = np.random.default_rng(5).choice(side**2, round(0.1 * side**2), replace=False)
    lattice = {"shape": [side, side], "absent": [divmod(int(k), side) for k in sorted(absent)]}
    sweep = work.sweeps([4.0 * x for x in SPREAD], [[side, side], [2 * side] * 2])
    _, run, true = own(work, lattice, {"kind": "ising"}, 4.0, sweep)
    rows = [compared(*pair) for pair in zip(swept(run, "direct"), swept(true, "true"), strict=True)]
    result = laws(run, {NEAREST: 1.0}) | {"explains_p": explained(run), "sizes": rows}
    return result | {"max_abs_du": max(row["max_abs_du"] for row in rows)}


def cubic(work: Work) -> dict:
    """Cubic Ising from 6x6x6: direct, and an EDNN whose tiles are balls; 16x16x16 predicted, and speeds."""
    lattice, large = {"shape": [5] * 3 if work.quick else [6] * 3}, [6 if work.quick else 16] * 3
    near = np.arange(4.3, 4.81, 0.1)
    temperatures = sorted({3.5, 4.0, *np.round(near, 9).tolist(), 5.5, 7.0, 10.0, 14.0})
    sweep = work.sweeps(temperatures, [lattice["shape"], large]) | {"energies": ["direct", "ednn"]}
    if not work.quick:
        sweep |= {"ladders": 8, "sweeps": 8000}
    ednn = {
        "fit": "pseudolikelihood",
        "tile": "ball",
        "focus": 1,
        "context": 1,
        "batch": 100,
        "epochs": 2 if work.quick else 6,
    }
    _, run, true = own(
        work, lattice, {"kind": "ising"}, 7.0, sweep, ednn=ednn
    )  # fmt: skip
    result = {"energies": {}}
    for energy in ("direct", "ednn"):
        pairs = zip(swept(run, energy), swept(true, "true"), strict=True)
        small, big = (compared(*pair) for pair in pairs)
        result["energies"][energy] = {"6": small, "16": big, "explains_p": explained(run, energy)}
    found = result["energies"].values()
    peaks = [one["16"]["c_peak_error"] for one in found]
    models = {name: run.energy(name, large).model for name in ("ednn", "direct")}
    truth = true.job.build_hamiltonian(tuple(large))
    models |= {"true": TrueEnergy(truth, 1), "true_bit_parallel": TrueEnergy(truth)}
    rates = {name: rate(model, 7.0) for name, model in models.items()}
    return laws(run, {NEAREST: 1.0}) | result | {
        "max_abs_du_6": max(one["6"]["max_abs_du"] for one in found),
        "max_abs_du_16": max(one["16"]["max_abs_du"] for one in found),
        "c_peak_error": None if None in peaks else max(peaks),
        "flips_per_ns": rates, "rate_vs_true": rates["ednn"] / rates["true"],
    }  # fmt: skip


def rate(model, temperature: float) -> float:
    """Proposed flips per nanosecond of one core with an energy."""
    beta = np.full(SPEED_CHAINS, 1 / temperature)
    chains = Chains.start(model, beta, range(SPEED_CHAINS), 1, Purpose.OBSERVE)
    chains.sweep(model, 1)  # compiled and warm
    seconds = []
    for _ in range(SPEED_REPEATS):
        started = time.process_time()
        chains.sweep(model, SPEED_SWEEPS)
        seconds.append(time.process_time() - started)
    return model.lattice.n_sites * SPEED_CHAINS * SPEED_SWEEPS / float(np.median(seconds)) / 1e9


def peak(work: Work, kind: str, temperature: float, critical: float) -> dict:
    """Ising on a lattice with several sites a cell: the law from 6x6 cells, the peak of c of 16x16 cells."""
    cells, large = (4, 5) if work.quick else (6, 16)
    near = critical * np.arange(0.9, 1.1601, 0.02)
    sweep = work.sweeps(sorted({*near.round(3), 1.4 * critical, temperature}), [[large, large]])
    lattice = {"shape": [cells, cells], "kind": kind}
    _, run, true = own(work, lattice, {"kind": "ising"}, temperature, sweep)
    (found,), (there,) = swept(run, "direct"), swept(true, "true")
    return laws(run, {NEAREST: 1.0}) | {"explains_p": explained(run)} | compared(found, there)


def honeycomb(work: Work) -> dict:
    """Honeycomb Ising; T_c = 2 / ln(2 + sqrt 3), Houtappel, Physica 16, 425 (1950)."""
    return peak(work, "honeycomb", 3.0, 2 / np.log(2 + np.sqrt(3)))


def kagome(work: Work) -> dict:
    """Kagome Ising; T_c = 4 / ln(3 + 2 sqrt 3), Kano and Naya, Prog. Theor. Phys. 10, 158 (1953)."""
    return peak(work, "kagome", 4.0, 4 / np.log(3 + 2 * np.sqrt(3)))


def networks(work: Work) -> dict:
    """RNN and EDNN on open edges and in a field, beside the periodic demo's: KL in nats, RMSE in J."""
    demo, result = json.loads(DEMO_RESULT.read_text()), {}
    shown = [
        "sweep.shapes=[[6, 6]]",
        'sweep.energies=["true", "ednn"]',
    ]  # of both networks the test set counts
    small = [
        "observe.samples=2000",
        "observe.chains=100",
        "rnn.hidden=8",
        "labels.count=2000",
        "ednn.epochs=1",
    ]
    for name, settings in NETWORKS.items():
        changes = [f"name={name}", *shown, *settings, *(small if work.quick else ())]
        work.command("run", DEMO, *changed(changes))
        found = json.loads((work.folder / "runs" / name / "report" / "summary.json").read_text())
        row = {"kl": found["rnn"]["kl"], "rnn_rmse": found["rnn"]["rmse"], "ednn_rmse": found["ednn"]["rmse"]}
        before = {"kl": demo["rnn"]["kl"], "rnn_rmse": demo["rnn"]["rmse"], "ednn_rmse": demo["ednn"]["rmse"]}
        result[name] = row | {f"{key}_vs_demo": row[key] / before[key] for key in row}
    return result


def aquila(work: Work, source: Path) -> dict:
    """Snapshots of a real quantum annealer, with lost atoms, through the direct route to a page."""
    examples = Path(__file__).resolve().parents[1] / "examples"
    snapshots = work.folder / "aquila.npz"
    subprocess.run(
        [sys.executable, examples / "aquila.py", source, snapshots], check=True, capture_output=True
    )
    said = work.command("run", examples / "aquila.toml", "--from", snapshots)
    run = dcl_hpc.open_run(work.folder / "runs" / "aquila")
    return laws(run, {}) | {"explains_p": explained(run), "warnings": warnings(said)}


CASES = {
    "j1j2": j1j2, "field": field, "triangular": triangular, "open": open_edges, "holes": holes,
    "cubic": cubic, "honeycomb": honeycomb, "kagome": kagome, "networks": networks, "aquila": aquila,
}  # fmt: skip
FOREIGN, QUICK = ("j1j2", "field", "triangular"), ("open",)


def draw(result: dict, path: Path) -> None:
    """Predicted energies against temperature, and how far they are from the truth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    (left, right) = figure.subplots(1, 2)
    for number, (label, row) in enumerate(_predictions(result)):
        style = {"color": f"C{number % 10}", "marker": "os^vDP<>"[number % 8]}
        left.plot(row["temperature"], row["u_true"], "-", lw=0.8, color=style["color"])
        left.plot(row["temperature"], row["u"], ls="", ms=4, mfc="none", label=label, **style)
        right.errorbar(row["temperature"], row["du"], row["du_error"], ls="", ms=4, mfc="none", **style)
    right.axhspan(-0.01, 0.01, color="#dddddd", zorder=0)
    left.set(xlabel="temperature / (J/k$_B$)", ylabel="energy per site / J")
    right.set(xlabel="temperature / (J/k$_B$)", ylabel="predicted - true energy per site / J")
    left.legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=110)


def _predictions(result: dict):
    """Each comparison of two sweeps with a name."""
    for name in CASES:
        found = result.get(name, {})
        rows = [(name, row) for row in found.get("sizes", [found])]
        rows += [(f"{name} by {energy}", one["16"]) for energy, one in found.get("energies", {}).items()]
        for label, row in rows:
            if "du" in row:
                yield f"{label}, {'x'.join(map(str, row['shape']))}", row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--into", type=Path, help="JSON file that keeps what is done")
    parser.add_argument("--aquila", type=Path, help="the file of the case aquila, see examples/aquila.py")
    parser.add_argument("--figure", type=Path, help="PNG to draw")
    parser.add_argument("--ranks", type=int, default=2)
    add_arguments(parser)
    options = parser.parse_args()
    chosen = options.cases or (QUICK if options.quick else CASES)
    left_out = {} if Mcising.command() else dict.fromkeys(FOREIGN, "pip install mcising")
    if not options.aquila:
        left_out["aquila"] = "it needs --aquila FILE"
    cases = CASES | {"aquila": partial(aquila, source=options.aquila)}
    result = perform({name: cases[name] for name in chosen}, options, left_out)
    if options.figure:
        draw(result, options.figure)
    finish(result, "unknown.py", options.json)


if __name__ == "__main__":
    main()
