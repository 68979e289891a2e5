"""The thermal machine: checks that need no paper, and the rows of finished studies beside the published ones.

    python benchmarks/thermal.py [--scan RUN] [--widths RUN] [--column RUN] [--forms RUN ...] [--speeds FILE]
                                 [--quick] [--json]

RUN is the folder of a finished study of jobs/thermal_scan.toml or jobs/thermal.toml; those of --forms have
other temperatures or factors of tanh, and need the stage `thermalize` only. FILE has the JSON object of
thermal_speed.py. The checks take a minute.
"""

import argparse
import json
import os
import re
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"

import h5py
import numpy as np
import tensorflow as tf
from outcome import add_arguments, finish

from dcl_hpc.job import file as jobs
from dcl_hpc.thermal import published
from dcl_hpc.thermal.analysis import off_diagonal, solid_thickness
from dcl_hpc.thermal.dynamics import Dynamics
from dcl_hpc.thermal.machine import Machine, State, energies, start

KEYS = np.array([[1, 1], [1, 2]], np.uint64)
# Images, and steps until equilibrium and in it, of the check of temperatures.
IMAGES, STEPS = 40, (100_000, 200_000)
SCALES = ("fan_in", "width", "none")
# What is kept of a point of a study; errors too.
KEPT = (
    "q_star",
    "q_star_cosine",
    "xi_s",
    "accuracy",
    "log10_energy_ratio",
    "training_accuracy",
    "training_accuracy_tanh",
)


def images(machine: Machine) -> tuple[np.ndarray, np.ndarray]:
    """Random images and labels."""
    random = np.random.default_rng(1)
    shapes = ((len(KEYS), machine.images, n) for n in (machine.inputs, machine.outputs))
    return tuple(random.choice(np.array([-1, 1], np.int8), shape) for shape in shapes)


def gradient_error(scale: str) -> float:
    """Largest difference of forces and automatic derivatives, over the largest force."""
    machine = Machine(10, 10, 20, scale=scale)
    inputs, labels = images(machine)
    state = start(machine, KEYS, "double", 1.0)
    found = Dynamics(machine, 1.0, 1e-2, 1e-3, precision="double").forces(state, inputs, labels)
    neurons, weights = (
        tf.constant(state.neurons),
        [tf.constant(part) for part in machine.split(state.weights)],
    )
    with tf.GradientTape() as tape:
        tape.watch([neurons, weights])
        layers = [tf.cast(inputs, tf.float64), *tf.unstack(neurons, axis=1), tf.cast(labels, tf.float64)]
        energy = 0.0
        for factor, part, before, after in zip(machine.scales, weights, layers, layers[1:], strict=False):
            misfit = after - tf.tanh(factor * tf.matmul(before, part, transpose_b=True))
            energy += tf.sqrt(tf.reduce_sum(misfit**2, axis=(1, 2)))
    on_neurons, on_weights = tape.gradient(energy, [neurons, weights])
    flat = np.concatenate([part.numpy().reshape(len(KEYS), -1) for part in on_weights], axis=1)
    pairs = zip(found, (on_neurons.numpy(), flat), strict=True)
    return max(np.max(np.abs(force + slope)) / np.max(np.abs(force)) for force, slope in pairs)


def turned(dynamics, state, data, dt: float) -> State:
    """State with the velocities dt later (a kick)."""
    kicks = dynamics.forces(state, *data)
    velocities = (state.neuron_velocities, state.weight_velocities)
    return State(state.neurons, state.weights, *(v + dt * k for v, k in zip(velocities, kicks, strict=True)))


def reversal_error() -> float:
    """Largest distance from the start after 500 steps without noise, walls among them, and back."""
    machine = Machine(3, 6, 8, 12)
    data, dynamics = images(machine), Dynamics(machine, 0.0, 0.01, 0.0, precision="double")
    state = start(machine, KEYS, "double", 0.1)
    there = turned(dynamics, dynamics.advance(state, *data, KEYS, 0, 500), data, dynamics.dt)
    there.neuron_velocities *= -1
    there.weight_velocities *= -1
    back = dynamics.advance(there, *data, KEYS, 0, 500)
    return float(
        max(np.max(np.abs(back.neurons - state.neurons)), np.max(np.abs(back.weights - state.weights)))
    )


def drift_ratio() -> float:
    """Energy's error at dt = 0.04 over that at 0.01, away from walls: 16 if it falls as dt^2."""
    machine, errors = Machine(3, 6, 8, 12), []
    data, state = images(machine), start(machine, KEYS, "double", 0.02)
    state.neurons *= 0.3
    state.weights *= 0.3
    for dt in (0.04, 0.01):
        dynamics, totals = Dynamics(machine, 0.0, dt, 0.0, precision="double"), []
        for one in (state, dynamics.advance(state, *data, KEYS, 0, round(1 / dt))):
            parts = energies(machine, turned(dynamics, one, data, dt / 2), *data)
            totals.append(sum(part.sum(axis=1) for part in parts))
        errors.append(np.sqrt(np.mean((totals[1] - totals[0]) ** 2)))
    return float(errors[0] / errors[1])


def equilibrium(temperature: float = 1e-5) -> dict:
    """Kinetic temperature over T, of neurons and weights, and E_l / (T M N_l) of the hidden layers."""
    machine = Machine(10, 10, IMAGES)
    data, dynamics = images(machine), Dynamics(machine, temperature, 1e-2, 1e-3)
    state = dynamics.advance(start(machine, KEYS, "single", temperature), *data, KEYS, 0, STEPS[0])
    rows = []
    for step in range(*STEPS, 500):
        state = dynamics.advance(state, *data, KEYS, step, 500)
        u, k_neurons, k_weights = (part.sum(axis=0) / len(KEYS) for part in energies(machine, state, *data))
        rows.append([*u[:-1], k_neurons.sum(), k_weights.sum()])
    mean = np.mean(rows, axis=0)
    freedoms = np.array([*[IMAGES * 10] * 9, IMAGES * 90 / 2, machine.n_weights / 2])
    return {
        "t_kin_over_t": float(mean[-2:].sum() / freedoms[-2:].sum() / temperature),
        "t_kin_over_t_of_neurons_and_weights": (mean[-2:] / freedoms[-2:] / temperature).tolist(),
        "energy_over_tmn": (mean[:-2] / freedoms[:-2] / temperature).tolist(),
    }


def rows(folder: Path) -> dict:
    """Rows of a finished study, with published values and differences in units of the errors."""
    summary = json.loads((folder / "report" / "summary.json").read_text())
    found = []
    for point in summary["scan"]:
        row = {key: point[key] for key in ("M", "N", "L", "ln_alpha", "samples", "replicas", "steps")}
        row |= {name: point[name] for key in KEPT for name in (key, f"{key}_error")}
        known = [key for key in KEPT if point.get(f"published_{key}") is not None]
        row |= {name: point[name] for key in known for name in (f"published_{key}", f"difference_{key}")}
        found.append(row)
    keys = ("provenance", "slopes")
    return {"rows": found, **{key: summary[key] for key in keys if key in summary}}


def overlaps(path: Path) -> np.ndarray | None:
    """Mean raw overlaps of replicas by layer at the last time; None if that is not reached."""
    with h5py.File(path, "r") as file:
        pairs = off_diagonal(file["overlap/neurons"][-1:])[..., 0]
        finished = file["progress/committed"][0] == file.attrs["total"]
    return pairs.reshape(-1, pairs.shape[-1]).mean(axis=0) if finished else None


def forms(folder: Path) -> dict:
    """Accuracy and energy of all points of a study at the last time, from its trajectories alone."""
    job = jobs.from_dict(json.loads((folder / "job.json").read_text())["job"])
    files = {tuple(map(int, re.findall(r"\d+", path.stem))): path for path in folder.glob("thermalize/*.h5")}
    found = []
    for (n_images, width, depth), path in sorted(files.items()):
        machine = Machine(depth, width, n_images)
        with h5py.File(path, "r") as file:
            energy, accuracy = file["energy/potential"][()].sum(axis=2), file["accuracy/value"][()]
            per_layer = file["energy/potential"][-1].mean(axis=0)
        ratio, n = np.log10(energy[-1] / energy[0]), len(accuracy[0])
        expected = job.dynamics.temperature * machine.images * machine.width
        row = {"M": machine.images, "ln_alpha": float(np.log(machine.alpha)), "samples": n}
        for name, values in (("accuracy", accuracy[-1]), ("log10_energy_ratio", ratio)):
            row |= {name: float(values.mean()), f"{name}_error": float(values.std(ddof=1) / n**0.5)}
        row["energy_over_tmn"] = (per_layer[:-1] / expected).tolist()
        replicas = folder / "replicate" / path.name
        if replicas.exists() and (q := overlaps(replicas)) is not None:
            row |= {"q_star": q.tolist(), "xi_s": float(solid_thickness(q))}
        known = published.of(machine.images, machine.width, machine.depth, row["ln_alpha"])
        row["published_accuracy"] = known.accuracy
        row["published_log10_energy_ratio"] = known.log10_energy_ratio
        found.append(row)
    return {
        "tanh_scale": job.machine.tanh_scale, "temperature": job.dynamics.temperature,
        "steps": job.dynamics.steps, "rows": found,
    }  # fmt: skip


def main() -> None:
    """Check, gather, print."""
    global IMAGES, STEPS
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scan", type=Path, metavar="RUN", help="a finished phase diagram: several M")
    parser.add_argument("--widths", type=Path, metavar="RUN", help="the same of several N")
    parser.add_argument("--column", type=Path, metavar="RUN", help="a finished point of the paper's size")
    parser.add_argument("--forms", type=Path, nargs="+", default=[], metavar="RUN", help="other studies")
    parser.add_argument(
        "--speeds", type=Path, metavar="FILE", help="what thermal_speed.py --json printed last"
    )
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        IMAGES, STEPS = 5, (10, 1010)
    result = {"gradient_errors": {scale: gradient_error(scale) for scale in SCALES}}
    result["gradient_error"] = max(result["gradient_errors"].values())
    result["reversal_error"] = reversal_error()
    result["reversible"] = result["reversal_error"] < 1e-9
    result["energy_error_dt_4_over_1"] = drift_ratio()
    result |= equilibrium()
    for name in ("gradient_error", "reversal_error", "energy_error_dt_4_over_1", "t_kin_over_t"):
        print(f"{name:<26}{result[name]:>12.3g}")
    if options.speeds:
        result |= json.loads(options.speeds.read_text().splitlines()[-1])
    command = "thermal.py"
    for name, key in (("scan", "scan"), ("widths", "scan_of_widths"), ("column", "paper_column")):
        if folder := getattr(options, name):
            command += f" --{name} {folder.name}"
            found = rows(folder)
            result[key] = found["rows"][0] if name == "column" else found["rows"]
            result["slopes"] = [*result.get("slopes", []), *found.get("slopes", [])]
            for row in found["rows"]:
                q = " ".join(f"{x:.2f}" for x in row["q_star"])
                print(f"M {row['M']}, N {row['N']}: q* {q}, A* {row['accuracy']:.3f}")
    for study in map(forms, options.forms):
        result.setdefault("forms", []).append(study)
        print(f"{study['tanh_scale']}, T = {study['temperature']:g}")
        for row in study["rows"]:
            print(
                f"  M {row['M']:>4}: A* {row['accuracy']:.3f}({row['accuracy_error']:.3f}), published "
                f"{row['published_accuracy']}; log10 E*/E(0) {row['log10_energy_ratio']:.2f}, published "
                f"{row['published_log10_energy_ratio']}"
            )
    finish(result, command, options.json)


if __name__ == "__main__":
    main()
