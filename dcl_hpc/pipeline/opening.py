"""The record of a run, which opens its folder without the job file."""

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..job import file as job_file
from ..job.base import AnyJob
from ..storage.documents import read_json, write_json, write_text
from ..storage.identity import Damaged
from ..storage.results import read_job
from .run import Run
from .stages import STUDIES

RECORD = "job.json"
# Beside it where the job is not from a file, for the commands.
JOB_FILE = "job.toml"


@dataclass(frozen=True)
class MovedRun(Run):
    """A run in a folder that does not have its name, such as a copy.

    Parameters
    ----------
    at : Path
        The folder.
    """

    at: Path = Path()

    @property
    def root(self) -> Path:
        """See `Run.root`."""
        return self.at if self.realization is None else self.at / f"realization_{self.realization}"


def save(run: Run) -> None:
    """Write the record of a run into its folder, unless it is there already.

    Parameters
    ----------
    run : Run
        Of a single system or an ensemble; its realizations have no record of their own.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    if run.realization is not None:
        return
    record = {
        "job": run.job.model_dump(mode="json"),
        "job_file": run.job_text,
        "job_path": run.job_path,
        "overrides": list(run.overrides),
    }
    path = run.root / RECORD
    with contextlib.suppress(FileNotFoundError, Damaged):
        if read_json(path) == record:
            return
    write_json(path, record)
    if Path(run.job_path) == run.root / JOB_FILE:
        write_text(run.root / JOB_FILE, run.job_text)


def keep(run: Run) -> None:
    """Write the record of a run if there is none, as after a disk that was full; see `save`."""
    if not (run.root / RECORD).exists():
        save(run)


def open_run(folder: str | Path) -> Run:
    """The run in a folder, wherever that was moved or copied to.

    The job is that of the folder's record; without one, that of the newest result.

    Parameters
    ----------
    folder : path
        runs/NAME, or runs/NAME/realization_K of an ensemble.

    Raises
    ------
    UserError
        If it is not the folder of a run, or its job is damaged.
    """
    root = Path(os.path.abspath(folder))
    if not root.is_dir():
        raise UserError(f"{folder} is not a folder; give that of a run, such as runs/NAME")
    number = re.fullmatch(r"realization_(\d+)", root.name)
    if number and not (root / RECORD).exists():
        for run in open_run(root.parent).realizations:
            if run.realization == int(number[1]):
                return run
    if (found := _recorded(root) or _of_results(root)) is None:
        raise UserError(f"{folder} is not the folder of a run: it has no {RECORD} and no results")
    job, text, job_path, overrides = found
    if root.name == job.name:
        return Run(job, text, job_path, root.parent, 1, overrides)
    return MovedRun(job, text, job_path, root.parent, 1, overrides, at=root)


def _recorded(root: Path) -> tuple[AnyJob, str, str, tuple[str, ...]] | None:
    path = root / RECORD
    try:
        record = read_json(path)
        values, text, job_path = record["job"], record["job_file"], record["job_path"]
        overrides = tuple(record["overrides"])
    except FileNotFoundError:
        return None
    except (Damaged, KeyError, TypeError) as error:
        reason = error if isinstance(error, Damaged) else f"{path} is damaged ({error})"
        raise UserError(f"{reason}; remove it: any command of the job writes it again") from None
    return job_file.from_dict(values, what=str(path)), text, job_path, overrides


def _of_results(root: Path) -> tuple[AnyJob, str, str, tuple[str, ...]] | None:
    """The job that the newest result was made with."""
    files = {stage.file.format("*") for study in STUDIES.values() for stage in study.stages}
    paths = {path for above in ("", "realization_*/") for file in files for path in root.glob(above + file)}
    for path in sorted(paths, key=lambda path: (-path.stat().st_mtime, path)):
        if (found := read_job(path)) is None:
            continue
        values, text, overrides = found
        if path.relative_to(root).parts[0].startswith("realization_"):  # whose own job the values are
            job = job_file.parse(text, overrides, f"the job in {path}", root)
        else:
            job = job_file.from_dict(values, what=f"the job in {path}")
        return job, text, f"{values['name']}.toml", overrides
    return None
