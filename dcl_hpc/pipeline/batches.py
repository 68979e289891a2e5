"""Batch jobs that make what is missing of a run, each after those that it needs."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..errors import UserError
from ..job import toml
from ..job.resources import Resources
from ..job.section import FILES, NAMED
from .run import Run

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "slurm" / "stage.sh"
# What the first realization learns, with which the others begin.
FIRST = "first"


@dataclass(frozen=True)
class Batch:
    """One batch job.

    Attributes
    ----------
    name : str
        Of its stage, or `FIRST`.
    stage : str
        Name of its stage.
    makes : dict of str to int or None
        What it makes, as in the record of submissions, and by which element of its array.
    indices : tuple of int
        Elements of its array; empty if it is none.
    """

    name: str
    stage: str
    makes: dict[str, int | None]
    indices: tuple[int, ...] = ()


def plan(run: Run, update: bool = False) -> list[Batch]:
    """Batch jobs that make what is missing, in order; of an ensemble arrays over its realizations.

    Parameters
    ----------
    update : bool
        Whether what is out of date is made anew, too.

    Raises
    ------
    UserError
        If something is out of date and that is not asked for.
    """
    systems = run.realizations or (run,)
    absent = {k: names for k, system in enumerate(systems) if (names := missing(system, update))}
    if not absent and run.state("report").current:
        return []
    result = []
    for stage in run.study.stages:
        if stage.name == "report":
            continue
        made = {k: [name for name in names if run.stage(name) is stage] for k, names in absent.items()}
        if run.realizations:
            makes = {record(systems[k], name): k for k, names in made.items() for name in names}
            indices = tuple(absent)
        else:
            every = stage.wanted(run.job)
            makes = {name: every.index(name) if len(every) > 1 else None for name in made.get(0, ())}
            indices = tuple(makes.values()) if len(every) > 1 else ()
        leads = stage.name == run.study.leading and run.job.warm_start
        if leads and 0 in makes.values() and len(indices) > 1:
            result.append(Batch(FIRST, stage.name, {}, (0,)))
        if makes:
            result.append(Batch(stage.name, stage.name, makes, indices))
    return [*result, Batch("report", "report", {"report": None})]


def missing(run: Run, update: bool = False) -> list[str]:
    """Outputs of a single system, but the report, that are not complete."""
    states = {output: run.state(output, content=update) for output in run.data}
    for state in states.values():
        if state.problem is not None and not update:
            raise state.problem
    name = run.study.imported
    if name and not states[name].current and not run.job.source:
        if states[name].problem is None and run.source():
            run.require(name)  # tells how to go on with an import
        run.require_source()
    absent = [output for output, state in states.items() if not state.current]
    for output in run.data:  # what is made from something that is made anew will be out of date
        needs = run.stage(output).needs(run.job, output)
        if output not in absent and any(name in absent for name in needs):
            absent.append(output)
    return [output for output in run.data if output in absent]


def record(run: Run, output: str) -> str:
    """Name of an output in the record of submissions."""
    return output if run.realization is None else f"{run.root.name}/{output}"


def resources(run: Run, name: str) -> Resources:
    """What the batch jobs of a stage ask for: its own, unless the job file says otherwise."""
    stage, given = run.study.stage(name), run.job.resources.get(name, Resources())
    own, most = stage.resources, stage.most_ranks(run.job)
    own = own.model_copy(update={"ranks": min(own.ranks, most or own.ranks)})
    return own.model_copy(update=given.model_dump(exclude_none=True))


def arguments(run: Run, job_file: Path, options, batch: Batch, before: list[tuple[Batch, str]]) -> list[str]:
    """Arguments of sbatch; nothing in them passes through a shell.

    Parameters
    ----------
    job_file : Path
        The one that the batch job reads.
    options : object with account, partition, update and sbatch
    before : list of (Batch, id)
        What has been submitted already.
    """
    folder = str(logs(run))
    if "\\" in folder:
        raise UserError(f"Slurm cannot write logs into {folder}: choose --runs without a backslash")
    log = f"{folder.replace('%', '%%')}/%x"
    result = [
        f"--job-name={run.job.name}-{batch.name}",
        f"--comment={mark(run)}",
        f"--output={log}-{'%A_%a' if batch.indices else '%j'}.out",
        "--kill-on-invalid-dep=yes",
        *resources(run, batch.stage).sbatch,
    ]
    if batch.indices:
        result.append(f"--array={_ranges(batch.indices)}")
    needed = _needed(run, batch.stage)
    after = [
        _dependency(batch, other, job)
        for other, job in before
        if (other.stage in needed if other.name != FIRST else batch.name == other.stage)
    ]
    if after:
        result.append(f"--dependency={','.join(after)}")
    result += [f"--{key}={value}" for key in ("account", "partition") if (value := getattr(options, key))]
    result += [*options.sbatch, str(SCRIPT), *run.study.stage(batch.stage).command.split()]
    result += [str(job_file), f"--runs={run.folder.resolve()}"]
    result += ["--update"] * options.update
    result += [f"--set={_absolute(change, run)}" for change in run.overrides]
    # absolute paths, wherever the job file is kept
    return result + [f"--set={toml.override(key, value)}" for key, value in run.job.places.items()]


def _absolute(change: str, run: Run) -> str:
    """An override that names a file, which is found from the job file, wherever that is kept."""
    key, _, value = change.partition("=")
    if key.strip() not in NAMED or not value.endswith(FILES):
        return change
    return f"{key}={(Path(run.job_path).parent / value).resolve()}"


def _needed(run: Run, name: str) -> set[str]:
    """Names of the stages whose outputs a stage reads."""
    stage, job = run.study.stage(name), (run.realizations or (run,))[0].job
    return {run.stage(need).name for output in stage.wanted(job) for need in stage.needs(job, output)}


def _dependency(batch: Batch, other: Batch, job: str) -> str:
    if batch.indices and other.indices == batch.indices:
        return f"aftercorr:{job}"  # element for element
    if batch.name == FIRST:
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


def mark(run: Run) -> str:
    """What marks the jobs of a run folder in Slurm's list."""
    return f"dcl_hpc:{quote(str(run.root.resolve()))}"


def logs(run: Run) -> Path:
    """Folder of the logs of batch jobs."""
    return run.root.resolve() / "logs"
