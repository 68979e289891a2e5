"""Averages over samples of all that the stages measured at one point of the scan, with jackknife errors."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from . import analysis
from .correlations import FORMS

EDGES = np.linspace(-1, 1, 41)
LAYERS = {"neurons": "hidden layer", "weights": "layer"}


@dataclass(frozen=True)
class Quantity:
    """An array that the page draws.

    Attributes
    ----------
    axes : tuple of str
    about : str
        What it is, with its unit.
    value : ndarray
    error : ndarray, optional
        Jackknife error over samples; nan for a single one.
    """

    axes: tuple[str, ...]
    about: str
    value: np.ndarray
    error: np.ndarray | None = None


def of_trajectories(machine, measured: dict[str, np.ndarray], waiting, steps: int) -> dict[str, Quantity]:
    """Energies, kinetic temperatures, accuracy, autocorrelations and their times.

    Parameters
    ----------
    machine : Machine
    measured : dict of str to ndarray
        Data sets of the trajectories' file, time first and then samples.
    waiting : sequence of int
        Waiting times t_w in steps.
    steps : int
        t*, at which final values are taken.
    """
    times = measured["time/value"]
    last = int(np.flatnonzero(times <= steps)[-1])
    found = {
        "time": Quantity(("time",), "steps", times),
        "waiting": Quantity(("waiting time",), "t_w, steps", np.array(waiting)),
        "final/time": Quantity((), "t*, steps", times[last]),
    }

    add = partial(_add, found)
    energy = _samples_first(measured["energy/potential"])
    total = energy.sum(axis=2)
    add("energy/layers", ("time", "layer"), "potential energy E_l", energy)
    add("energy/total", ("time",), "potential energy", total)
    add("energy/regimes", ("time",), "tau_0 and tau_th, steps", total, lambda e: analysis.regimes(times, e))
    add("final/log10_energy_ratio", (), "log10 E*/E(0)", total, lambda e: np.log10(e[last] / e[0]))
    freedoms = {
        "neurons": machine.images * np.array(machine.widths[1:-1]),
        "weights": np.array([np.prod(shape) for shape in machine.weight_shapes]),
    }
    for name, count in freedoms.items():
        kinetic = _samples_first(measured[f"energy/kinetic_{name}"])
        add(f"temperature/{name}", ("time", LAYERS[name]), "kinetic temperature", 2 * kinetic / count)
    kinetic = [_samples_first(measured[f"energy/kinetic_{name}"])[:, last].sum(axis=1) for name in freedoms]
    count = np.array([freedoms[name].sum() for name in freedoms])
    about = "kinetic temperature of neurons and of weights"
    add("final/temperature", ("kind",), about, 2 * np.stack(kinetic, axis=1) / count)
    accuracy = measured["accuracy/value"].T
    add("accuracy", ("time",), "share of test images told right", accuracy)
    add("final/accuracy", (), "accuracy A*", accuracy[:, last])
    for name, layer in LAYERS.items():
        values = _samples_first(measured[f"correlation/{name}"])
        axes = ("time", "waiting time", layer, "form")
        add(f"correlation/{name}", axes, f"autocorrelation; forms: {', '.join(FORMS)}", values)

        def relaxation(correlation):
            columns = [
                analysis.relaxation_times(times - t_w, correlation[:, k]) for k, t_w in enumerate(waiting)
            ]
            return np.array(columns)

        add(f"relaxation/{name}", axes[1:], "tau_l: autocorrelation = 1/e, steps", values, relaxation)
    return found


def of_replicas(measured: dict[str, np.ndarray]) -> dict[str, Quantity]:
    """Overlaps of replicas against time, their final values, distributions, and the thickness of the solid.

    Parameters
    ----------
    measured : dict of str to ndarray
        Data sets of the replicas' file, time first and then samples.
    """
    times = measured["time/value"]
    found = {"replicas/time": Quantity(("time",), "steps since the replicas parted", times)}

    add = partial(_add, found)
    accuracy = measured["accuracy/value"]
    add("replicas/accuracy", ("time",), "share of test images told right", accuracy.mean(axis=2).T)
    energy = measured["energy/potential"].sum(axis=3)
    add("replicas/energy", ("time",), "potential energy", energy.mean(axis=2).T)
    for name, layer in LAYERS.items():
        overlaps = measured[f"overlap/{name}"]
        pairs = _samples_first(analysis.off_diagonal(overlaps))
        add(f"replicas/{name}", ("time", layer, "form"), "overlap of replicas", pairs)
        add(f"final/{name}", (layer, "form"), "overlap of replicas at the last time", pairs[:, -1])
        raw = overlaps[-1, ..., 0]
        axes = ("sample", "replica", "replica", layer)
        found[f"overlap/{name}"] = Quantity(axes, "raw overlaps at the last time", raw)
        first, second = np.triu_indices(raw.shape[1], 1)
        flat = raw[:, first, second].reshape(-1, raw.shape[-1])
        density = analysis.histogram(flat, EDGES)
        found[f"distribution/{name}"] = Quantity(("bin", layer), "density of raw overlaps", density)
    found["distribution/edges"] = Quantity(("edge",), "raw overlap", EDGES)
    neurons = _samples_first(analysis.off_diagonal(measured["overlap/neurons"][-1:]))[:, 0]
    for name, about, estimator in (
        ("solid", "xi_s, layers", analysis.solid_thickness),
        ("boundaries", "where q* falls below 1/e from both ends, layers", analysis.boundaries),
        ("u_shape", "q* of the first and the last hidden layer above the lowest", analysis.u_shape),
    ):
        axes = ("form",) if name == "solid" else ("form", "end")

        def by_form(q, estimator=estimator):
            return np.array([estimator(q[:, form]) for form in range(len(FORMS))])

        add(f"final/{name}", axes, about, neurons, by_form)
    return found


def of_training(measured: dict[str, np.ndarray]) -> dict[str, Quantity]:
    """Loss and accuracy of ordinary training.

    Parameters
    ----------
    measured : dict of str to ndarray
        Data sets of the perceptrons' file, epoch first and then samples.
    """
    found = {"training/epoch": Quantity(("epoch",), "epochs", measured["epoch/value"])}
    for name, about in (
        ("loss", "squared misfit of an output, mean"),
        ("accuracy", "share of test images told right, feed-forward of signs"),
        ("accuracy_tanh", "share of test images told right, feed-forward of tanh"),
    ):
        value, error = analysis.over_samples(measured[f"{name}/value"].T)
        found[f"training/{name}"] = Quantity(("epoch",), about, value, error)
    return found


def _add(found, name, axes, about, values, estimator=lambda mean: mean) -> None:
    """Add an estimate from means over samples, which come first in the values, with its jackknife error."""
    found[name] = Quantity(axes, about, *analysis.over_samples(values, estimator))


def _samples_first(values: np.ndarray) -> np.ndarray:
    return np.moveaxis(values, 1, 0)
