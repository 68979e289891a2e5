"""Submit all stages of a job to Slurm, each after those that it needs; finished ones are left out."""

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..cluster import slurm
from ..cluster.lock import Lock
from ..errors import UserError
from ..reporting.single import is_current
from .run import Run, stage_name

# Batch script of each stage, with its own arguments.
SCRIPTS = {
    "observe": ["observe.sh"],
    "first": ["train.sh", "--network=rnn"],
    "rnn": ["train.sh", "--network=rnn"],
    "label": ["label.sh"],
    "ednn": ["train.sh", "--network=ednn"],
    "evaluate": ["evaluate.sh"],
    "sweep": ["sweep.sh"],
    "report": ["report.sh"],
}
# Stages that each waits for; "first" is the RNN that those of other realizations start from.
NEEDS = {
    "observe": (),
    "first": ("observe",),
    "rnn": ("observe", "first"),
    "label": ("rnn",),
    "ednn": ("observe", "label"),
    "evaluate": ("observe", "rnn", "ednn"),
    "sweep": ("rnn", "ednn"),
    "report": ("observe", "rnn", "label", "ednn", "evaluate", "sweep"),
}
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Batch:
    """One batch job.

    Attributes
    ----------
    stage : str
        Of all sweeps together "sweep".
    makes : dict of str to int or None
        What it makes, as in the record of submissions, and by which element of its array.
    indices : tuple of int
        Elements of its array; empty if it is none.
    """

    stage: str
    makes: dict[str, int | None]
    indices: tuple[int, ...] = ()


def submit(run: Run, options) -> None:
    """Submit what is missing, unless something of an earlier submission still waits or runs."""
    if not (REPOSITORY / "slurm" / "env.sh").exists():
        raise UserError(f"{REPOSITORY} has no folder slurm: submit from a clone that install.sh has set up")
    batches = plan(run)
    if not batches:
        print(f"{run.root}: all stages are complete")
    elif options.dry_run:
        before: list[tuple[Batch, str]] = []
        for batch in batches:
            print(shlex.join(["sbatch", *arguments(run, options, batch, before)]))
            before.append((batch, f"${batch.stage.upper()}"))
    else:
        slurm.require()
        with Lock(run.root / ".submit.lock", f"submission of {run.job.name}"):
            _refuse_second(run)
            _submit_all(run, options, batches)


def plan(run: Run) -> list[Batch]:
    """Batch jobs that make what is missing, in order; of an ensemble arrays over its realizations."""
    systems = run.realizations or (run,)
    absent = {k: names for k, system in enumerate(systems) if (names := missing(system))}
    if not absent and is_current(run):
        return []
    result = []
    for stage in SCRIPTS:
        if run.realizations:
            makes = {
                record(systems[k], name): k for k in absent for name in absent[k] if _stage(name) == stage
            }
            indices = tuple(absent)
        elif stage == "sweep":
            sweeps = [stage_name(*sweep) for sweep in run.sweeps]
            makes = {name: sweeps.index(name) for name in absent.get(0, ()) if _stage(name) == stage}
            indices = tuple(makes.values())
        else:
            makes, indices = {name: None for name in absent.get(0, ()) if _stage(name) == stage}, ()
        if stage == "rnn" and run.job.rnn.warm_start and 0 in makes.values() and len(indices) > 1:
            result.append(Batch("first", {}, (0,)))
        if makes:
            result.append(Batch(stage, makes, indices))
    return [*result, Batch("report", {"report": None})]


def missing(run: Run) -> list[str]:
    """Stages of a single system that are not complete."""
    if run.source() and not run.done("observe"):
        run.require("observe")  # tells how to go on with an import
    return [name for name in run.stages if not run.done(name)]


def record(run: Run, name: str) -> str:
    """Name of a stage in the record of submissions."""
    return name if run.realization is None else f"{run.root.name}/{name}"


def _stage(name: str) -> str:
    return name.partition("_")[0]


def arguments(run: Run, options, batch: Batch, before: list[tuple[Batch, str]]) -> list[str]:
    """Arguments of sbatch; nothing in them passes through a shell.

    Parameters
    ----------
    before : list of (Batch, id)
        What has been submitted already.
    """
    script, *own = SCRIPTS[batch.stage]
    folder = str(logs(run))
    if "\\" in folder:
        raise UserError(f"Slurm cannot write logs into {folder}: choose --runs without a backslash")
    log = f"{folder.replace('%', '%%')}/%x"
    result = [
        f"--job-name={run.job.name}-{batch.stage}",
        f"--comment={comment(run)}",
        f"--output={log}-{'%A_%a' if batch.indices else '%j'}.out",
        "--kill-on-invalid-dep=yes",
    ]
    if batch.indices:
        result.append(f"--array={_ranges(batch.indices)}")
    after = [_dependency(batch, other, job) for other, job in before if other.stage in NEEDS[batch.stage]]
    if after:
        result.append(f"--dependency={','.join(after)}")
    result += [f"--{key}={value}" for key in ("account", "partition") if (value := getattr(options, key))]
    result += [*options.sbatch, str(REPOSITORY / "slurm" / script)]
    result += [str(Path(run.job_path).resolve()), f"--runs={run.folder.resolve()}", *own]
    return result + [f"--set={change}" for change in run.overrides]


def _dependency(batch: Batch, other: Batch, job: str) -> str:
    if batch.indices and other.indices == batch.indices:
        return f"aftercorr:{job}"  # element for element
    if batch.stage == "first":
        return f"afterok:{job}_{batch.indices[0]}"
    return f"afterok:{job}"


def _ranges(indices: tuple[int, ...]) -> str:
    """Elements of an array as Slurm takes them, 0-3,7."""
    parts: list[list[int]] = []
    for k in indices:
        if parts and k == parts[-1][1] + 1:
            parts[-1][1] = k
        else:
            parts.append([k, k])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def comment(run: Run) -> str:
    """What marks the jobs of a run folder in Slurm's list."""
    return f"dcl_hpc:{quote(str(run.root.resolve()))}"


def logs(run: Run) -> Path:
    """Folder of the logs of batch jobs."""
    return run.root.resolve() / "logs"


def submitted(run: Run) -> dict[str, str]:
    """Latest job id of each stage, ID_INDEX for elements of arrays."""
    try:
        return json.loads((run.root / "submitted.json").read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{run.root / 'submitted.json'} cannot be read ({error}); remove it") from None


def _refuse_second(run: Run) -> None:
    jobs, known, mark = slurm.listed() or {}, submitted(run).values(), comment(run)
    for job, (state, _, said) in jobs.items():
        if state not in slurm.ENDED and (job in known or said == mark):
            raise UserError(
                f"{run.root} has been submitted already, job {job} is {state.lower()}; wait for it, or "
                f"scancel {job.partition('_')[0]}"
            )


def _submit_all(run: Run, options, batches: list[Batch]) -> None:
    done: list[tuple[Batch, str]] = []
    jobs = submitted(run)
    try:
        logs(run).mkdir(parents=True, exist_ok=True)
        for batch in batches:
            command = arguments(run, options, batch, done)
            job = slurm.submit(command, REPOSITORY, {"DCL_PYTHON": sys.executable})
            done.append((batch, job))
            jobs |= {name: job if k is None else f"{job}_{k}" for name, k in batch.makes.items()}
        _write(run.root / "submitted.json", jobs)
    except BaseException as error:
        if done:
            slurm.cancel(job for _, job in done)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {error.filename or run.root}: {error.strerror}") from None
        raise
    for batch, job in done:
        print(f"{job:>10}  {batch.stage}" + (f" ({len(batch.indices)})" if batch.indices else ""))
    print(f"logs in {logs(run)}; how far they are: python -m dcl_hpc.status {shlex.quote(run.job_path)}")


def _write(path: Path, record: dict) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(temporary, path)
