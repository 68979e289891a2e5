"""What an analysis holds of one point of the scan, and its numbers for summary.json and the page."""

from dataclasses import dataclass

import numpy as np

from ..storage.store import Store
from . import published
from .averages import Quantity
from .correlations import FORMS
from .machine import Machine

RAW = FORMS.index("raw")
# Why a number may be missing, by what its key begins with.
REASONS = {
    "tau_neurons": "the autocorrelation does not fall to 1/e in the measured time, or begins below",
    "tau_weights": "the autocorrelation does not fall to 1/e in the measured time, or begins below",
    "regimes": "E(t) has no fall like -ln t that is followed by a crash, or too few times were measured",
    "boundaries": "no layer is liquid",
    "training": "the job has no section [training]",
    "published": "nothing is published of this network",
    "difference": "nothing is published of it, or it has no error",
}
NO_ERROR = "a single sample has no error"
UNDEFINED = "it cannot be told without each of the samples"


@dataclass(frozen=True)
class Point:
    """Results at one point of the scan.

    Attributes
    ----------
    machine : Machine
    quantities : dict of str to Quantity
        As `averages` names them.
    """

    machine: Machine
    quantities: dict[str, Quantity]

    def __getitem__(self, name: str) -> np.ndarray:
        """Value of a quantity."""
        return self.quantities[name].value

    def __contains__(self, name: str) -> bool:
        return name in self.quantities

    def error(self, name: str) -> np.ndarray:
        """Jackknife error of a quantity."""
        return self.quantities[name].error

    @property
    def ln_alpha(self) -> float:
        """Logarithm of the data storage ratio M / N."""
        return float(np.log(self.machine.alpha))

    @property
    def published(self) -> published.Values:
        """What is published of this network."""
        m = self.machine
        return published.of(m.images, m.width, m.depth, self.ln_alpha)


def read_point(path, machine: Machine, comm) -> Point:
    """Results of an analysis file."""
    suffix, found = "/value", {}
    with Store(path, comm) as store:
        for name in store.names:
            if name.endswith(suffix):
                error = name.removesuffix(suffix) + "/error"
                values = store.read(name), store.read(error) if error in store else None
                found[name.removesuffix(suffix)] = Quantity((), "", *values)
    return Point(machine, found)


def numbers(point: Point) -> dict:
    """All numbers of a point, plain: no nan, but None and, under `reasons`, why.

    Errors are under the same keys with "_error" behind. Overlaps and xi_s are of raw sums, those of the
    other forms have its name in their key.
    """
    m, overlap = point.machine, point["overlap/neurons"]
    row = {"name": m.name, "M": m.images, "N": m.width, "L": m.depth, "ln_alpha": point.ln_alpha}
    row |= {"samples": overlap.shape[0], "replicas": overlap.shape[1], "steps": point["final/time"]}
    row["replica_steps"] = point["replicas/time"][-1]

    def add(key, name, index=()):
        row[key] = point[name][index]
        row[f"{key}_error"] = point.error(name)[index]

    for form, title in enumerate(FORMS):
        mark = "" if form == RAW else f"_{title}"
        add(f"q_star{mark}", "final/neurons", np.s_[:, form])
        add(f"Q_star{mark}", "final/weights", np.s_[:, form])
        add(f"xi_s{mark}", "final/solid", form)
    add("boundaries", "final/boundaries", RAW)
    add("u_depth", "final/u_shape", RAW)
    row["u_shaped"] = bool((row["u_depth"] > np.nan_to_num(2 * row["u_depth_error"])).all())
    add("accuracy", "final/accuracy")
    add("log10_energy_ratio", "final/log10_energy_ratio")
    add("temperature", "final/temperature")
    add("regimes", "energy/regimes")
    row["waiting"] = point["waiting"]
    add("tau_neurons", "relaxation/neurons", np.s_[..., RAW])
    add("tau_weights", "relaxation/weights", np.s_[..., RAW])
    for key in ("accuracy", "accuracy_tanh"):
        known = f"training/{key}" in point
        row[f"training_{key}"] = point[f"training/{key}"][-1] if known else None
        row[f"training_{key}_error"] = point.error(f"training/{key}")[-1] if known else None
    _compare(row, point.published)
    row["curves"] = {
        "time": point["time"],
        **{name: point[key] for name, key in (("energy", "energy/total"), ("accuracy", "accuracy"))},
        **{f"{n}_error": point.error(k) for n, k in (("energy", "energy/total"), ("accuracy", "accuracy"))},
    }
    row = {key: plain(value) for key, value in row.items()}
    row["reasons"] = {key: _reason(key, row) for key, value in row.items() if _has_none(value)}
    return row


def _compare(row: dict, known: published.Values) -> None:
    """Add published values, and the differences in units of the own errors."""
    values = {
        "q_star": known.overlap,
        "accuracy": known.accuracy,
        "log10_energy_ratio": known.log10_energy_ratio,
        "regimes": known.regimes,
    }
    for key, value in values.items():
        row[f"published_{key}"] = value
        row[f"difference_{key}"] = None
        error = row[f"{key}_error"]
        if value is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                row[f"difference_{key}"] = (row[key] - np.array(value)) / error


def plain(value):
    """Lists and numbers of Python; None for what is not finite."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _has_none(value) -> bool:
    if isinstance(value, dict):
        return any(map(_has_none, value.values()))
    return any(map(_has_none, value)) if isinstance(value, list) else value is None


def _reason(key: str, row: dict) -> str:
    of = key.removesuffix("_error")
    if key == "curves" or (key != of and row["samples"] < 2 and row[of] is not None):
        return NO_ERROR
    reasons = (text for start, text in REASONS.items() if key.startswith(start))
    return next(reasons, UNDEFINED)
