"""Submit all stages of a job to Slurm, each after those that it needs; finished ones are left out."""

import json
import os
import shlex
import sys
from pathlib import Path
from urllib.parse import quote

from . import cli
from .cluster import slurm
from .cluster.lock import Lock
from .errors import UserError
from .report import stages
from .storage.runs import Run
from .sweep import stage_name

# Batch script of each stage, with its own arguments.
SCRIPTS = {
    "observe": ["observe.sh"],
    "rnn": ["train.sh", "--network=rnn"],
    "label": ["label.sh"],
    "ednn": ["train.sh", "--network=ednn"],
    "evaluate": ["evaluate.sh"],
    "sweep": ["sweep.sh"],
    "report": ["report.sh"],
}
# Stages that each waits for; all sweeps together are one array.
NEEDS = {
    "observe": (),
    "rnn": ("observe",),
    "label": ("rnn",),
    "ednn": ("observe", "label"),
    "evaluate": ("observe", "rnn", "ednn"),
    "sweep": ("rnn", "ednn"),
    "report": ("observe", "rnn", "label", "ednn", "evaluate", "sweep"),
}
REPOSITORY = Path(__file__).resolve().parents[1]


def submit(run: Run, options) -> None:
    """Submit what is missing, unless something of an earlier submission still waits or runs."""
    if not (REPOSITORY / "slurm" / "env.sh").exists():
        raise UserError(f"{REPOSITORY} has no folder slurm: submit from a clone that install.sh has set up")
    todo = missing(run)
    if not todo:
        print(f"{run.root}: all stages are complete")
    elif options.dry_run:
        for stage in todo:
            after = [f"${other.upper()}" for other in NEEDS[stage] if other in todo]
            print(shlex.join(["sbatch", *arguments(run, options, stage, todo[stage], after)]))
    else:
        slurm.require()
        with Lock(run.root / ".submit.lock", f"submission of {run.job.name}"):
            _refuse_second(run)
            _submit_all(run, options, todo)


def missing(run: Run) -> dict[str, list[str]]:
    """Stages that are not complete, in order, and the files of each; "sweep" stands for all sweeps."""
    if run.source() and not run.done("observe"):
        run.require("observe")  # tells how to go on with an import
    result: dict[str, list[str]] = {}
    for name in stages(run):
        if not run.done(name):
            result.setdefault(name.partition("_")[0], []).append(name)
    page = run.root / "report" / "index.html"
    if result or not page.exists() or page.stat().st_mtime < _newest(run):
        result["report"] = ["report"]
    return result


def _newest(run: Run) -> float:
    return max(run.path(name).stat().st_mtime for name in stages(run))


def arguments(run: Run, options, stage: str, names: list[str], after: list[str]) -> list[str]:
    """Arguments of sbatch; nothing in them passes through a shell."""
    script, *own = SCRIPTS[stage]
    folder = str(logs(run))
    if "\\" in folder:
        raise UserError(f"Slurm cannot write logs into {folder}: choose --runs without a backslash")
    log = f"{folder.replace('%', '%%')}/%x"
    result = [
        f"--job-name={run.job.name}-{stage}",
        f"--comment={comment(run)}",
        f"--output={log}-%j.out",
        "--kill-on-invalid-dep=yes",
    ]
    if stage == "sweep":
        indices = [k for k, sweep in enumerate(run.sweeps) if stage_name(*sweep) in names]
        result += [f"--array={','.join(map(str, indices))}", f"--output={log}-%A_%a.out"]
    if after:
        result.append(f"--dependency=afterok:{':'.join(after)}")
    result += [f"--{key}={value}" for key in ("account", "partition") if (value := getattr(options, key))]
    result += [*options.sbatch, str(REPOSITORY / "slurm" / script)]
    result += [str(Path(run.job_path).resolve()), f"--runs={run.folder.resolve()}", *own]
    return result + [f"--set={change}" for change in run.overrides]


def comment(run: Run) -> str:
    """What marks the jobs of a run folder in Slurm's list."""
    return f"dcl_hpc:{quote(str(run.root.resolve()))}"


def logs(run: Run) -> Path:
    """Folder of the logs of batch jobs."""
    return run.root.resolve() / "logs"


def submitted(run: Run) -> dict[str, str]:
    """Latest job id of each stage, ARRAY_INDEX for sweeps."""
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


def _submit_all(run: Run, options, todo: dict[str, list[str]]) -> None:
    ids: dict[str, str] = {}
    record = submitted(run)
    try:
        logs(run).mkdir(parents=True, exist_ok=True)
        for stage, names in todo.items():
            after = [ids[other] for other in NEEDS[stage] if other in ids]
            command = arguments(run, options, stage, names, after)
            ids[stage] = slurm.submit(command, REPOSITORY, {"DCL_PYTHON": sys.executable})
            for name in names:
                index = [stage_name(*sweep) for sweep in run.sweeps].index(name) if stage == "sweep" else None
                record[name] = ids[stage] if index is None else f"{ids[stage]}_{index}"
        _write(run.root / "submitted.json", record)
    except BaseException as error:
        if ids:
            slurm.cancel(ids.values())
        if isinstance(error, OSError):
            raise UserError(f"cannot write {error.filename or run.root}: {error.strerror}") from None
        raise
    for stage, job in ids.items():
        print(f"{job:>10}  {stage}" + (f" ({len(todo[stage])})" if stage == "sweep" else ""))
    print(f"logs in {logs(run)}; how far they are: python -m dcl_hpc.status {shlex.quote(run.job_path)}")


def _write(path: Path, record: dict) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(temporary, path)


if __name__ == "__main__":
    parser = cli.parser("submit", __doc__)
    parser.usage = "%(prog)s [options] [job] [-- options of sbatch]"
    parser.add_argument("--dry-run", action="store_true", help="show the commands only")
    parser.add_argument("--account", help="account to charge (else $SBATCH_ACCOUNT)")
    parser.add_argument("--partition", help="partition (else $SBATCH_PARTITION)")
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    parser.set_defaults(sbatch=given[end + 1 :])
    cli.main_alone(parser, submit, given[:end])
