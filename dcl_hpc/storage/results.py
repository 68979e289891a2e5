"""Reading finished results for the report."""

import json
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .progress import require_intact
from .reading import reading


@dataclass(frozen=True)
class SweepSeries:
    """Series of one sweep, arranged by temperature.

    Attributes
    ----------
    temperature : float64 (n_temperatures,)
        All temperatures of the ladder.
    listed : bool (n_temperatures,)
        Which of them the job names.
    energy, order : float64 (n_temperatures, n_ladders, n_measurements)
        Energy in J (extensive) and order parameter per site.
    acceptance : float64 (n_temperatures - 1,)
        Exchange acceptance of each pair of neighbouring temperatures; nan without exchange.
    round_trips : int
        From the lowest temperature to the highest and back, all replicas together.
    overlap : float64 (n_temperatures, n_pairs, n_measurements), optional
        Overlap per site of two ladders' replicas at each temperature; None for models without.
    records : int64 (n_records,), optional
        Measurements at which modes were recorded; None where there are none.
    modes : float32 (n_temperatures, n_ladders, n_records, n_modes), optional
        What independent errors of the energy, each of unit weight, were at these, in J.
    training_modes : float32 (n_temperatures, n_ladders, n_records, n_members), optional
        The same of a committee's deviations.
    """

    temperature: np.ndarray
    listed: np.ndarray
    energy: np.ndarray
    order: np.ndarray
    acceptance: np.ndarray
    round_trips: int
    overlap: np.ndarray | None = None
    records: np.ndarray | None = None
    modes: np.ndarray | None = None
    training_modes: np.ndarray | None = None


def read_sweep(path) -> SweepSeries:
    """Read a complete sweep."""
    with reading(path) as file:
        temperature, listed = file["temperature"][()], file["listed"][()]
        slot, energy, order = (
            file[f"series/{name}/value"][()].reshape(len(file["series/step"]), -1, len(temperature))
            for name in ("slot", "energy", "order")
        )
        q = file["series/overlap/value"][()] if "series/overlap/value" in file else None
        records = file["series/modes/step"][()] - 1 if "series/modes/step" in file else None
        names = ("series/modes/value", "series/training_modes/value")
        modes = [file[name][()] if name in file else None for name in names]
    by_temperature = np.argsort(slot, axis=2)
    arranged = [
        np.ascontiguousarray(np.take_along_axis(x, by_temperature, axis=2).transpose(2, 1, 0), dtype=float)
        for x in (energy, order)
    ]
    overlap = None if q is None else np.ascontiguousarray(q.transpose(2, 1, 0), dtype=float)
    for k, found in enumerate(modes):
        if found is not None:
            found = found.reshape(*slot[records].shape, -1)
            found = np.take_along_axis(found, by_temperature[records][..., None], axis=2)
            modes[k] = found.transpose(2, 1, 0, 3)
    return SweepSeries(temperature, listed, *arranged, *read_exchange(path), overlap, records, *modes)


def read_exchange(path) -> tuple[np.ndarray, int] | None:
    """Acceptance of each pair of neighbouring temperatures and round trips of all replicas together.

    None for a file without ladders; nan for pairs that never tried.
    """
    with reading(path) as file:
        if "checkpoint/ladders" not in file:
            return None
        ladders, half = file["checkpoint/ladders"], int(file["progress/committed"][1])
        attempts, accepted = (ladders[name][half].sum(axis=0) for name in ("attempts", "accepted"))
        round_trips = int(ladders["round_trips"][half].sum())
    with np.errstate(invalid="ignore"):
        return accepted / attempts, round_trips


def read_evaluation(path) -> tuple[dict[str, np.ndarray], float | None]:
    """Energies of the test set by each model in J, and the spacing of its levels; None without true ones."""
    with reading(path) as file:
        energies = {name: data[()].astype(float) for name, data in file["test/energy"].items()}
        width = file.attrs.get("level_width")
        return energies, None if width is None else float(width)


def read_test_ladders(path) -> np.ndarray | None:
    """Ladder that drew each configuration of the test set; None in files of earlier versions."""
    with reading(path) as file:
        return file["test/ladder"][()] if "test/ladder" in file else None


def read_history(path) -> dict[str, np.ndarray]:
    """Learning curves of a network, one value per validation."""
    with reading(path) as file:
        return {name: data[()] for name, data in file["history"].items()}


def read_commit(path) -> str:
    """Commit of the program that made a file."""
    with reading(path) as file:
        return file.attrs["git_commit"]


def read_local_energy(path) -> dict:
    """Context of the tiles, and how it was found or which interactions there are."""
    with reading(path) as file:
        settings = json.loads(file.attrs["settings"])
    names = ("context", "search", "method", "samples", "interactions")
    return {name: settings[name] for name in names if name in settings}


def read_calibration(path) -> dict:
    """What a calibration found: scale, weight of the rest, interactions; no tables."""
    with reading(path) as file:
        settings = json.loads(file.attrs["settings"])
    return {name: value for name, value in settings.items() if name not in ("functions", "offsets")}


def read_reference_error(path) -> float:
    """Standard error of a learned zero of energy, in J for the observed lattice; 0 where it is exact."""
    with reading(path) as file:
        return float(json.loads(file.attrs.get("settings", "{}")).get("reference_error", 0.0))


def read_direct(path) -> dict[str, tuple[list, float]]:
    """Interactions that each direct estimate found, strongest first, and the RMS of its errors in J."""
    with reading(path) as file:
        return {
            name: (interactions, float(np.sqrt((file[f"test/error/direct_{name}"][()] ** 2).mean())))
            for name, interactions in json.loads(file.attrs["direct"]).items()
        }


def read_direct_error(path) -> float:
    """RMS over the test set of the standard errors of the energy "direct", in J."""
    with reading(path) as file:
        return float(np.sqrt((file["test/error/direct"][()] ** 2).mean()))


def read_observed(path) -> dict:
    """Attributes of an observation set that a reader wants to know."""
    with reading(path) as file:
        result = {name: file.attrs[name].item() for name in ("temperature", "thin", "autocorrelation_time")}
        records, chains = file["observations/states/value"].shape[:2]
        more = {"source": file.attrs.get("source", ""), "incomplete": int(file.attrs.get("incomplete", 0))}
        return result | {"samples": records * chains} | more


def read_job(path) -> tuple[dict, str, tuple[str, ...]] | None:
    """The job that a file was made with, the job file verbatim, and what --set changed.

    None if it is not a file of this program.
    """
    try:
        require_intact(path)
        with reading(path) as file:
            values = json.loads(file.attrs["job"])
            return values, file.attrs["job_file"], tuple(file.attrs["overrides"].splitlines())
    except UserError:
        return None
