"""The Python interface: open a run, ask for its results as arrays, make its stages.

What the commands write, and the functions that the report is made with. Energies are in J, temperatures in
J/k_B. Mistakes raise `UserError`, one line each. Messages go to Python's logging as "dcl_hpc".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..cluster import mpi
from ..cluster.log import LoggingLog
from ..cluster.signals import StopRequest
from ..energy.checked import CheckedEnergy
from ..errors import UserError
from ..job import file as job_file
from ..job import toml
from ..job.base import AnyJob
from ..job.study import Job
from ..physics.shape import Shape
from ..pipeline import opening
from ..pipeline.context import Context
from ..pipeline.realizations import Work, perform
from ..pipeline.run import Run
from ..storage.observations import Observations
from .curves import SweepCurves, read_curves
from .energy import energy_of
from .interactions import InteractionTable, read_interactions


class OpenedRun:
    """A run: results of its stages, and the stages themselves; see `open_run` and `start`.

    Of an ensemble, `realizations` have the results.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run):
        self._run = run

    @property
    def job(self) -> AnyJob:
        """The job; of a realization that of a single glass."""
        return self._run.job

    @property
    def folder(self) -> Path:
        """Where the results are."""
        return self._run.root

    @property
    def realization(self) -> int | None:
        """Which realization of an ensemble this is; None for a single system, and for an ensemble."""
        return self._run.realization

    @cached_property
    def realizations(self) -> tuple["OpenedRun", ...]:
        """Runs of an ensemble's realizations, in the order of the job's list; empty for a single system."""
        return tuple(OpenedRun(run) for run in self._run.realizations)

    @property
    def observations(self) -> Observations:
        """The observed configurations, which stay in their file until they are indexed.

        Raises
        ------
        UserError
            If they are not there, or not complete.
        """
        return Observations(self._single().require("observe"))

    def energy(
        self, name: str | None = None, shape: Sequence[int] | None = None, boundary: str | None = None
    ) -> CheckedEnergy:
        """An energy of the run, for configurations of any of the accepted shapes and encodings.

        Parameters
        ----------
        name : str, optional
            "true", "rnn", "ednn", "direct", or a method of the estimates that the job compares with:
            "clusters", "pairwise", "table". By default "ednn", or else "direct", if the job has it.
        shape : tuple of int, optional
            Of the lattice, by default the observed one. The RNN knows that one only, and a glass exists on
            its own. Absent sites are those of the observed lattice; others have none.
        boundary : {"periodic", "open"}, optional
            Other edges than those of the observed lattice.

        Raises
        ------
        UserError
            If the run has no such energy, it is not learned yet, or does not hold on the shape.
        """
        run = self._single()
        return energy_of(run, name or self._usual, _shape(shape, boundary, run.job))

    def interactions(self, source: str | None = None) -> InteractionTable:
        """The interactions that were found, strongest first, with couplings and errors in J.

        Parameters
        ----------
        source : str, optional
            "direct"; "ednn" for an EDNN that is no network, or of a glass; "rnn" of a glass; or a method of
            the estimates that the job compares with. By default the first that the job has.

        Raises
        ------
        UserError
            If the job finds none in this way, or the stage that does is not complete.
        """
        return read_interactions(self._single(), source)

    def sweep(
        self, energy: str | None = None, shape: Sequence[int] | None = None, boundary: str | None = None
    ) -> SweepCurves:
        """Thermodynamics that a sweep gave, the numbers of the report.

        Parameters
        ----------
        energy : {"true", "rnn", "ednn", "direct"}, optional
            By default as in `energy`.
        shape : tuple of int, optional
            By default that of the observed lattice.
        boundary : {"periodic", "open"}, optional
            As sweep.shapes of the job names it.

        Raises
        ------
        UserError
            If the job has no such sweep, or it is not complete.
        """
        run = self._single()
        return read_curves(run, energy or self._usual, _shape(shape, boundary, run.job))

    def make(
        self, *stages: str, snapshots: ArrayLike | Path | None = None, update: bool = False
    ) -> "OpenedRun":
        """Make stages of the run in this process, as the commands do; what is complete is left.

        Of an ensemble, realizations are made one after the other. A stage that is interrupted goes on from
        its last saved state.

        Parameters
        ----------
        stages : str
            Of those of the job, as `status` tells them: "observe", "direct", "rnn", "label", "ednn",
            "calibrate", "committee", "evaluate", "check", "sweep", "report"; by default all in order.
        snapshots : array_like or path, optional
            Configurations of your own in place of observed ones; see `CheckedEnergy` for what an array may
            be, and the command observe for files. Atoms that are lost in some of them are masked in a masked
            array, nan, or 255.
        update : bool
            Whether what is out of date is moved aside and made anew.

        Returns
        -------
        OpenedRun
            This one.

        Raises
        ------
        UserError
            If a stage cannot be made.
        """
        known = self._run.study.names
        if unknown := [name for name in stages if name not in known]:
            raise UserError(f"there is no stage {unknown[0]!r}; there are {', '.join(map(repr, known))}")
        if snapshots is not None and self.realizations:
            raise UserError(
                "snapshots: every realization has its own; give them to realizations[k].make('observe', ...)"
            )
        chosen = [name for name in known if name in stages or not stages]
        imported = self._run.study.imported
        if snapshots is not None and imported not in chosen:
            raise UserError("snapshots: they stand for observations, make('observe', snapshots=...)")
        if isinstance(snapshots, (str, Path)):
            snapshots = str(snapshots)
        elif snapshots is not None:
            snapshots = np.asanyarray(snapshots)
        elif imported in chosen:
            snapshots = self.job.source
        opening.save(self._run)
        _perform(replace(self._run, snapshots=snapshots), chosen, update)
        return self

    @property
    def _usual(self) -> str:
        """The energy that is meant where none is named."""
        return "direct" if self.job.uses_direct and not self.job.uses_ednn else "ednn"

    def _single(self) -> Run:
        if not isinstance(self.job, Job):
            raise UserError(
                f"{self.folder} is a study of the kind '{self.job.study}', which has no such results"
            )
        if self._run.realizations:
            raise UserError(f"{self.folder} is an ensemble: ask one of its realizations, realizations[k]")
        return self._run

    def __repr__(self) -> str:
        number = "" if self.realization is None else f", realization {self.realization}"
        return f"<run {self.job.name!r}{number} in {self.folder}: {self.job.about}>"


def open_run(folder: str | Path) -> OpenedRun:
    """Open the folder of a run, wherever it was moved or copied to; the job file is not needed.

    Parameters
    ----------
    folder : path
        runs/NAME, or runs/NAME/realization_K of an ensemble.

    Raises
    ------
    UserError
        If it is not the folder of a run.
    """
    return OpenedRun(opening.open_run(folder))


def start(
    job: AnyJob | Mapping | str | Path, folder: str | Path = "runs", overrides: Mapping | None = None
) -> OpenedRun:
    """Begin a run, or go on with it: its folder is `folder`/NAME.

    Parameters
    ----------
    job : Job, dict or path
        A job, nested dictionaries with the keys of a job file, or the path of a job file.
    folder : path
    overrides : dict, optional
        Values of a job file to change, such as {"rnn.epochs": 3}.

    Returns
    -------
    OpenedRun

    Raises
    ------
    UserError
        If the job is not valid, or the folder cannot be written.
    """
    if isinstance(job, (str, Path)):
        changes = tuple(toml.override(key, value) for key, value in (overrides or {}).items())
        path, (job, text) = str(job), job_file.load(job, changes)
    else:
        if overrides:
            raise UserError("overrides change a job file: give its path, or change the job itself")
        job = job if isinstance(job, AnyJob) else AnyJob.from_dict(dict(job))
        path = str(Path(folder) / job.name / opening.JOB_FILE)
        text, changes = toml.document(job.model_dump(mode="json", exclude_unset=True)), ()
    run = Run(job, text, path, Path(folder), 1, changes)
    opening.save(run)
    return OpenedRun(run)


def _perform(run: Run, names: list[str], update: bool) -> None:
    """Make stages of a run by this process alone."""
    context = Context(run, mpi.alone(), LoggingLog(), StopRequest(listen=False), update)
    works = [Work(name, lambda one, name=name: one.study.stage(name).wanted(one.job)) for name in names]
    perform(context, works, together="report" in names)


def _shape(cells, boundary: str | None, job: Job) -> Shape:
    """A shape, by default the observed one; a boundary that is given takes the place of its own."""
    cells = job.lattice.shape if cells is None else cells
    try:
        found = Shape((int(side) for side in cells), boundary or getattr(cells, "boundary", None))
    except (TypeError, ValueError) as error:
        if "boundary" in str(error):
            raise UserError(str(error)) from None
        found = ()
    if len(found) != len(job.lattice.shape) or min(found) < 2:
        raise UserError(f"shape {cells}: give sides of at least 2, as many as in {job.lattice.shape}")
    return found
