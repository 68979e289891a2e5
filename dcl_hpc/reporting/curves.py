"""One sweep as arrays over its temperatures: the numbers of the report."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..physics.hamiltonian import Hamiltonian
from ..physics.shape import Shape
from ..pipeline.lattice_study import sweep_name
from ..pipeline.run import Run
from ..sampling.peaks import Peak
from ..storage.results import read_sweep
from . import tables, uncertainty
from .frames import data_frame
from .novelty import Novelty
from .sweeps import turns_over, zero_error

if TYPE_CHECKING:
    import pandas

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class SweepCurves:
    """Thermodynamics per site at the temperatures of a sweep.

    Errors `NAME_error` are standard errors of the Monte Carlo, by the jackknife over blocks longer than the
    autocorrelation time; `NAME_data_error` those by the finite observations that the energy was fitted to,
    `NAME_training_error` those by the seeds of its training, of a committee; `NAME_low` ... `NAME_high` are
    intervals of 68 % that contain all. They are nan where such errors of the energy are not known.
    The additive constant of learned energies is fixed at infinite temperature.

    Attributes
    ----------
    energy : str
        By which the sweep was made.
    shape : Shape
        Of the lattice: a tuple of int, with its `boundary` (None: as observed).
    temperature : float64 (n,)
        Those that the job lists, ascending, in J/k_B.
    u, u_error, u_data_error, u_training_error, u_low, u_high : float64 (n,)
        Energy per site, in J.
    c, c_error, c_data_error, c_training_error, c_low, c_high : float64 (n,)
        Specific heat per site, in k_B.
    m, m_error, m_data_error, m_training_error, m_low, m_high : float64 (n,)
        Order parameter per site.
    chi, chi_error, chi_data_error, chi_training_error, chi_low, chi_high : float64 (n,)
        Its susceptibility, N (<m^2> - <m>^2)/T, in 1/J.
    autocorrelation_time : float64 (n,)
        Integrated, of the energy, in sweeps; 1/2 for independent ones.
    effective_samples : float64 (n,)
        Independent configurations that would be worth as much.
    too_short : bool (n,)
        Whether chains are too short for their autocorrelation time: errors are too small then.
    band_holds : bool (n,)
        Whether the intervals can be trusted; False where they are not known.
    overlap : dict of str to float64 ndarray, optional
        Of glasses, see `tables.overlap_table`; None for others.
    """

    energy: str
    shape: Shape
    temperature: FloatArray
    u: FloatArray
    u_error: FloatArray
    u_data_error: FloatArray
    u_training_error: FloatArray
    u_low: FloatArray
    u_high: FloatArray
    c: FloatArray
    c_error: FloatArray
    c_data_error: FloatArray
    c_training_error: FloatArray
    c_low: FloatArray
    c_high: FloatArray
    m: FloatArray
    m_error: FloatArray
    m_data_error: FloatArray
    m_training_error: FloatArray
    m_low: FloatArray
    m_high: FloatArray
    chi: FloatArray
    chi_error: FloatArray
    chi_data_error: FloatArray
    chi_training_error: FloatArray
    chi_low: FloatArray
    chi_high: FloatArray
    autocorrelation_time: FloatArray
    effective_samples: FloatArray
    too_short: NDArray[np.bool_]
    band_holds: NDArray[np.bool_]
    overlap: dict[str, FloatArray] | None = None
    hamiltonian: Hamiltonian | None = field(default=None, compare=False)
    novelty: Callable[[], dict] = field(default=dict, compare=False)
    found_peaks: Callable[[], dict[str, Peak]] = field(default=dict, compare=False)

    @cached_property
    def _exact(self) -> dict[str, FloatArray]:
        values = tables.exact_table(self.hamiltonian, self.temperature)
        return {name: np.array(column, float) for name, column in values.items()}

    @property
    def u_exact(self) -> FloatArray:
        """Exact u, float64 (n,), in J; nan where no method fits. Computed when first asked for."""
        return self._exact["u"]

    @property
    def c_exact(self) -> FloatArray:
        """Exact c, float64 (n,), in k_B; nan where no method fits."""
        return self._exact["c"]

    @property
    def m_exact(self) -> FloatArray:
        """Exact m, float64 (n,); nan where no method fits."""
        return self._exact["m"]

    @property
    def chi_exact(self) -> FloatArray:
        """Exact chi, float64 (n,), in 1/J; nan where no method fits."""
        return self._exact["chi"]

    @cached_property
    def peaks(self) -> dict[str, Peak]:
        """The largest "c" and "chi", each with `temperature`, `height` and the standard errors of both.

        These are `error` by the Monte Carlo and `errors`, by what else is known ("data_error" by the
        observations, "training_error" of a committee). Empty where temperatures are too far apart or the
        peak is not between them. Computed when first asked for, by reweighting between the temperatures.
        """
        return self.found_peaks()

    @cached_property
    def rare_share(self) -> FloatArray:
        """Share of tiles in states that were seen fewer than 100 times in the observations, float64 (n,).

        Where it is not small, the answer rests on the form of the law. Computed from the observations when
        first asked for; nan for the true energy and for glasses.
        """
        found = self.novelty().get("rare_share")
        return np.full(len(self), np.nan) if found is None else np.array(found)

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each temperature, all quantities as columns; raises UserError without pandas."""
        named = {name: getattr(self, name) for name in (*COLUMNS, *FLAGS)}
        return data_frame(named | {f"{name}_exact": self._exact[name] for name in ("u", "c", "m", "chi")})

    def __len__(self) -> int:
        return len(self.temperature)

    def __repr__(self) -> str:
        t, about = self.temperature, f"{self.shape} with energy {self.energy!r}"
        return f"<sweep of {about}, {len(t)} temperatures {t[0]:g} ... {t[-1]:g}>"


COLUMNS = tuple(item.name for item in fields(SweepCurves) if item.type is FloatArray)
FLAGS = ("too_short", "band_holds")


def read_curves(run: Run, energy: str, shape: Shape) -> SweepCurves:
    """The curves of one sweep of a single system or of one realization.

    Raises
    ------
    UserError
        If the job has no such sweep, or it is not complete.
    """
    if (energy, shape) not in run.job.sweeps:
        there = ", ".join(f"({name!r}, {other})" for name, other in run.job.sweeps)
        raise UserError(f"the job has no sweep ({energy!r}, {shape}); it has {there}")
    series = read_sweep(run.require(sweep_name(energy, shape)))
    hamiltonian = run.job.build_hamiltonian(shape) if run.job.has_truth else None
    n_sites = run.job.build_lattice(shape).n_sites
    columns = tables.sweep_table(series, n_sites, tables.zero(energy, hamiltonian), zero_error(run, energy))
    columns |= _bands(series, columns, n_sites)
    overlap = tables.overlap_table(series, n_sites, turns_over(run, energy, hamiltonian))
    return SweepCurves(
        energy, shape, **{name: np.array(columns[name]) for name in (*COLUMNS, *FLAGS)},
        overlap=None if overlap is None else {name: np.array(values) for name, values in overlap.items()},
        hamiltonian=hamiltonian, novelty=partial(Novelty(run).of, energy, shape),
        found_peaks=partial(uncertainty.peaks_of, series, n_sites),
    )  # fmt: skip


def _bands(series, columns: dict, n_sites: int) -> dict:
    """Errors by the observations, and ends of intervals; nan where they are not known."""
    found, n = uncertainty.bands(series, columns, n_sites), len(columns["temperature"])
    result = {"band_holds": found["band_holds"] or [False] * n}
    for name in tables.QUANTITIES:
        band = found[f"{name}_band_68"] or np.full((n, 2), np.nan)
        for kind in uncertainty.KINDS:
            result[f"{name}_{kind}"] = found[f"{name}_{kind}"] or np.full(n, np.nan)
        result[f"{name}_low"], result[f"{name}_high"] = np.transpose(band)
    return result
