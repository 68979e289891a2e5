"""The folder of a run: the file of each output, and whether it is what this job would make now."""

import contextlib
import json
import os
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..job.base import AnyJob
from ..storage import identity, sums, weights
from ..storage.documents import cannot_write, is_behind_link, sync_folder
from ..storage.foreign import ForeignConfigurations, GivenConfigurations
from ..storage.identity import Damaged
from ..storage.progress import progress
from . import lineage
from .provenance import provenance
from .stages import STUDIES
from .state import UPDATE, Outdated, State
from .study import Stage, Study


def default_folder() -> Path:
    """Where results go unless --runs says otherwise."""
    return Path(os.environ.get("DCL_RUNS", "runs"))


@dataclass(frozen=True)
class Run:
    """Files of one job under `folder`/`job.name`.

    Parameters
    ----------
    job : AnyJob
    job_text : str
        The job file verbatim, kept in every output.
    job_path : str
    folder : Path
    ranks : int
    overrides : tuple of str
        What --set changed.
    realization : int, optional
        Which realization of an ensemble this is, with a folder of its own in that of the ensemble.
    position : int, optional
        Its position in the list of realizations.
    first : Run, optional
        The ensemble's first realization, unless it is this one.
    snapshots : str or ndarray, optional
        The user's own configurations, by the address of their file, which the observations have to be of.
    """

    job: AnyJob
    job_text: str
    job_path: str
    folder: Path
    ranks: int
    overrides: tuple[str, ...] = ()
    realization: int | None = None
    position: int | None = None
    first: "Run | None" = None
    snapshots: str | np.ndarray | None = None

    @property
    def root(self) -> Path:
        """Folder of this job, or of this realization of it."""
        whole = self.folder / self.job.name
        return whole if self.realization is None else whole / f"realization_{self.realization}"

    @property
    def study(self) -> Study:
        """The table of stages."""
        return STUDIES[self.job.study]

    @cached_property
    def realizations(self) -> tuple["Run", ...]:
        """Runs of an ensemble's realizations; empty for a single system."""
        runs = [
            replace(self, job=self.job.of(k), realization=k, position=position)
            for position, k in enumerate(self.job.realizations)
        ]
        return tuple(runs[:1] + [replace(run, first=runs[0]) for run in runs[1:]])

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """All outputs that the job asks for, of a single system, in order."""
        return tuple(output for stage in self.study.stages for output in stage.wanted(self.job))

    @property
    def data(self) -> tuple[str, ...]:
        """The outputs but the report."""
        return tuple(output for output in self.outputs if output != "report")

    def stage(self, output: str) -> Stage:
        """The stage that makes an output."""
        return self.study.stage(output)

    def path(self, output: str) -> Path:
        """File of an output."""
        return self.root / self.stage(output).path(output)

    def attributes(self, output: str, imported: bool = False) -> dict:
        """Root attributes that say what a file is, what it depends on and where it came from.

        An unfinished file that is written anew keeps its identity.

        Parameters
        ----------
        imported : bool
            Whether the observations are the user's own: how chains would run does not matter to them.
        """
        path = self.path(output)
        if path.exists():
            found = identity.read(path)
            named = {"uuid": found.uuid, "inputs": json.dumps(found.inputs)}
        else:
            named = {"uuid": identity.Identity().uuid, "inputs": json.dumps(lineage.lineage(self, output))}
        values = lineage.dependencies(self, output, imported or lineage.is_imported(self))
        return named | {
            "format": "dcl_hpc",
            "format_version": identity.FORMAT_VERSION,
            "stage": output,
            "job_name": self.job.name,
            "job_file": self.job_text,
            "overrides": "\n".join(self.overrides),
            "job": self.job.model_dump_json(),
            "dependencies": json.dumps(values),
            "seed": self.job.seed,
            "ranks": self.ranks,
            **provenance(),
        }

    def state(self, output: str, content: bool = False) -> State:
        """How far an output is, and what is wrong with it; nothing is changed.

        Parameters
        ----------
        content : bool
            Whether a file that is complete is read, too, and compared with its checksum.
        """
        path, found = self.path(output), None
        try:
            if output == "report":
                return lineage.state_of_report(self)
            found = progress(path)
            lineage.compare(self, output)
            if content:
                identity.verify(path) if found.complete else sums.verify(path)
        except (FileNotFoundError, NotADirectoryError):
            return State()
        except Outdated as problem:
            return State(found, problem)
        except (Damaged, OSError) as error:
            return State(None, Outdated(f"{error}; {UPDATE}"))
        return State(found)

    @cached_property
    def foreign(self) -> ForeignConfigurations | GivenConfigurations:
        """The user's own configurations."""
        return self.configurations(self.snapshots)

    def configurations(self, snapshots: str | np.ndarray) -> ForeignConfigurations | GivenConfigurations:
        """Configurations of the job's system in a file of another program, by its address, or in an array."""
        form = ForeignConfigurations if isinstance(snapshots, str) else GivenConfigurations
        return form(snapshots, self.job.build_lattice(), self.job.hamiltonian.n_states)

    def prepare(self, output: str, update: bool = False) -> tuple[bool, list[str]]:
        """Make way for an output.

        Parameters
        ----------
        update : bool
            Whether what is out of date is moved aside.

        Returns
        -------
        complete : bool
            Whether nothing is left to do.
        said : list of str
            What was done, for the log.

        Raises
        ------
        Outdated
            If there is a file that cannot be used, and `update` was not asked for.
        """
        said = []
        steps = [name for name in self.stage(output).steps(self.job) if name.startswith(f"{output}_")]
        for name in (*steps, output):
            path = self.path(name)
            said += filter(None, [weights.recover(path)])
            state = self.state(name, content=True)
            if state.problem is None:
                continue
            if name == "report":
                continue  # it is written anew
            if not update:
                raise state.problem
            self._refuse_simulation(name)
            reason = str(state.problem).partition("; ")[0]
            said.append(f"{reason}; moved to {self.move_aside(path).relative_to(self.root)}")
        return self.state(output).current, said

    def _refuse_simulation(self, output: str) -> None:
        """Refuse to put configurations of the job's own chains in the place of imported ones."""
        with contextlib.suppress(Damaged):  # which cannot say where it is from
            if output == self.study.imported and self.snapshots is None and (source := self.source()):
                raise UserError(
                    f"{self.path(output)} was imported from {source}: say with --from which snapshots are to "
                    "take its place, or choose another name (--set name=NEW)"
                )

    def move_aside(self, path: Path) -> Path:
        """Move a file, with the checkpoint before it, to where it is in nobody's way.

        Raises
        ------
        UserError
            If that cannot be done, or the file is in a folder that is a link, and may be that of others.
        """
        if is_behind_link(path, self.root):
            raise UserError(f"{path} is behind a link and is not moved; move it yourself, or remove the link")
        relative, number = path.relative_to(self.root), 1
        while (aside := self.root / "old" / str(number) / relative).exists():
            number += 1
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            for source in (weights.previous(path), path):
                if source.exists():
                    source.rename(aside.with_name(source.name))
            sync_folder(path.parent)
        except OSError as error:
            raise cannot_write(aside, error) from None
        return aside

    def done(self, output: str) -> bool:
        """Whether an output is complete; raises `Outdated` if there is a file that cannot be used."""
        state = self.state(output, content=True)
        if state.problem is not None:
            raise state.problem
        return state.current

    def require(self, output: str) -> Path:
        """Path of a complete input file whose content has its checksum.

        Raises
        ------
        UserError
            If it is missing, unfinished, damaged, or out of date.
        """
        path = self.path(output)
        if not self.done(output):
            state = "is not finished" if path.exists() else "does not exist"
            needs_source = output == self.study.imported and not self.job.source
            source = self.source() if needs_source else None
            if needs_source and source is None and self.job.needs_snapshots:
                source = "FILE"
            origin = f"--from {shlex.quote(source)}" if source else ""
            raise UserError(f"{path} {state}; first run: {self.command(self.stage(output).command, origin)}")
        return path

    def command(self, module: str, more: str = "") -> str:
        """What a user types for a command on this run, with `--runs` and `--set` as they were given.

        Parameters
        ----------
        module : str
            What follows `python -m dcl_hpc.`.
        more : str
            Arguments of this command alone.
        """
        parts = [f"python -m dcl_hpc.{module}", shlex.quote(self.job_path), more]
        parts.append("" if self.position is None else f"--index {self.position}")
        parts.append("" if self.folder == default_folder() else f"--runs {shlex.quote(str(self.folder))}")
        parts += [f"--set {shlex.quote(change)}" for change in self.overrides]
        return " ".join(filter(None, parts))

    def require_source(self) -> None:
        """Raise UserError if there are neither snapshots nor a Hamiltonian to simulate."""
        if self.snapshots is not None or not self.job.needs_snapshots:
            return
        raise UserError(
            "hamiltonian.kind = 'unknown' has nothing to simulate, snapshots are needed: "
            f'{self.command("run", "--from FILE")}, or set observe.source = "FILE" in the job file'
        )

    def source(self) -> str | None:
        """File that the observations are imported from; None if they are the job's own, or if it has none."""
        path = self.path(self.study.imported) if self.study.imported else None
        return identity.read(path).about.get("source") if path and path.exists() else None
