"""The file of a test of an energy against snapshots: both sides, and what came of it."""

import json
from dataclasses import dataclass

import numpy as np

from .layout import Field, array_field
from .reading import reading

# Bins of the energy's distribution.
BINS = 40


@dataclass(frozen=True)
class Check:
    """A test of an energy against snapshots.

    Attributes
    ----------
    energy : str
    temperature : float
        Of the snapshots, in J/k_B.
    names : list of str
        Of the observables.
    distances : list of float
        Of the correlations among them.
    data, data_error, model, model_error, z : float64 (n_observables,)
        Means with their standard errors; the model's contain those of what was learned. z is their
        difference in the standard errors that it has if the energy is right.
    numbers : dict
        `p`, `components`, `snapshots`, `data_tau` (snapshots), `model_samples`, `learning` (whether errors
        of what was learned are known), `lost` (share of sites), `source`, `stuck`.
    histogram : dict of str to ndarray, or None
        `edges` (n + 1,) in J per site, and the densities `data` and `model` (n,).
    """

    energy: str
    temperature: float
    names: list[str]
    distances: list[float]
    data: np.ndarray
    data_error: np.ndarray
    model: np.ndarray
    model_error: np.ndarray
    z: np.ndarray
    numbers: dict
    histogram: dict | None


COLUMNS = {
    "data": "mean over the snapshots",
    "data_error": "its standard error",
    "model": "mean by the energy",
    "model_error": "its standard error, with that of what was learned",
    "z": "difference in the standard errors that it has if the energy is right",
}


def check_fields(check: Check) -> dict[str, Field]:
    """Data sets of the file."""
    fields = {
        f"observables/{name}": array_field(getattr(check, name), ("observable",), about)
        for name, about in COLUMNS.items()
    }
    fields["correlations/distance"] = array_field(
        np.array(check.distances), ("distance",), "of the correlations, nearest neighbours have 1"
    )
    for name, values in (check.histogram or {}).items():
        about = "energy per site, J" if name == "edges" else "density, 1/J"
        fields[f"energy/{name}"] = array_field(values, ("bin",), about)
    return fields


def check_attributes(check: Check) -> dict:
    """Root attributes of the file."""
    return {
        "energy": check.energy,
        "temperature": check.temperature,
        "observables": json.dumps(check.names),
        "numbers": json.dumps(check.numbers),
    }


def read_check(path) -> Check:
    """A complete test."""
    with reading(path) as file:
        return Check(
            energy=file.attrs["energy"],
            temperature=float(file.attrs["temperature"]),
            names=json.loads(file.attrs["observables"]),
            distances=file["correlations/distance"][()].tolist(),
            numbers=json.loads(file.attrs["numbers"]),
            histogram={name: x[()] for name, x in file["energy"].items()} if "energy" in file else None,
            **{name: file[f"observables/{name}"][()] for name in COLUMNS},
        )
