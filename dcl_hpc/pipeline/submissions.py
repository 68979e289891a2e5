"""Submitting a run to Slurm, and the record of what was submitted."""

import shlex
import sys
import tomllib
from pathlib import Path

from ..cluster import slurm
from ..cluster.lock import Lock
from ..errors import UserError
from ..files import read_regular
from ..job.file import LARGEST
from ..job.section import FILES, NAMED
from ..storage.documents import read_json, write_bytes, write_json, write_text
from .batches import REPOSITORY, SCRIPT, Batch, arguments, logs, mark, plan
from .run import Run


def submit(run: Run, options) -> None:
    """Submit what is missing, unless something of an earlier submission still waits or runs."""
    if not SCRIPT.exists():
        raise UserError(f"{REPOSITORY} has no folder slurm: submit from a clone that install.sh has set up")
    batches = plan(run, options.update)
    if not batches:
        print(f"{run.root}: all stages are complete")
    elif options.dry_run:
        before: list[tuple[Batch, str]] = []
        for batch in batches:
            print(shlex.join(["sbatch", *arguments(run, kept_job(run), options, batch, before)]))
            before.append((batch, f"${batch.name.upper()}"))
    else:
        slurm.require()
        with Lock(run.root / ".submit.lock", f"submission of {run.job.name}"):
            _refuse_second(run)
            _submit_all(run, options, batches)


def submitted(run: Run) -> dict[str, str]:
    """Latest job id of each output, ID_INDEX for elements of arrays."""
    try:
        return read_json(run.root / "submitted.json")
    except FileNotFoundError:
        return {}
    except UserError as error:
        raise UserError(f"{error}; remove it") from None


def kept_job(run: Run) -> Path:
    """Where the job file is kept as it was submitted, for all its batch jobs."""
    return run.root.resolve() / "submitted.toml"


def _keep_job(run: Run) -> None:
    """Keep the job file, and files of numbers that it names, under the names that it has there."""
    text, document = run.job_text, tomllib.loads(run.job_text)
    for key in NAMED:
        section, _, what = key.partition(".")
        named = document.get(section, {}).get(what)
        if isinstance(named, str) and named.endswith(FILES):
            source = Path(run.job_path).parent / named
            kept = run.root / f"submitted_{what}{source.suffix}"
            text = text.replace(named, kept.name)
            try:
                data = read_regular(source, LARGEST)
            except OSError as error:
                raise UserError(f"{key}: {source} cannot be kept: {error.strerror}") from None
            write_bytes(kept, data)
    write_text(kept_job(run), text)


def _refuse_second(run: Run) -> None:
    jobs, known, own = slurm.listed() or {}, submitted(run).values(), mark(run)
    for job, (state, _, said) in jobs.items():
        if state not in slurm.ENDED and (job in known or said == own):
            raise UserError(
                f"{run.root} has been submitted already, job {job} is {state.lower()}; wait for it, or "
                f"scancel {job.partition('_')[0]}"
            )


def _submit_all(run: Run, options, batches: list[Batch]) -> None:
    done: list[tuple[Batch, str]] = []
    jobs = submitted(run)
    try:
        logs(run).mkdir(parents=True, exist_ok=True)
        _keep_job(run)
        for batch in batches:
            command = arguments(run, kept_job(run), options, batch, done)
            job = slurm.submit(command, REPOSITORY, {"DCL_PYTHON": sys.executable})
            done.append((batch, job))
            jobs |= {name: job if k is None else f"{job}_{k}" for name, k in batch.makes.items()}
        write_json(run.root / "submitted.json", jobs)
    except BaseException as error:
        if done:
            slurm.cancel(job for _, job in done)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {error.filename or run.root}: {error.strerror}") from None
        raise
    for batch, job in done:
        print(f"{job:>10}  {batch.name}" + (f" ({len(batch.indices)})" if batch.indices else ""))
    print(f"logs in {logs(run)}; how far they are: {run.command('status')}")
