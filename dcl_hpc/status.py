"""Show how far each stage of a job is, its jobs in Slurm, and what went wrong."""

import re

from . import cli
from .cluster import slurm
from .errors import UserError
from .report import stages
from .storage.runs import Run
from .submit import logs, submitted

# Reasons of a job that waits which need no telling.
USUAL = ("None", "Dependency", "Priority", "Resources", "BeginTime")
WRONG = re.compile(r"error:|Error\b|CANCELLED|Killed|No space left|Segmentation fault")


def status(run: Run, options=None) -> None:
    """Print a table of stages; reads files only, also while they are being written."""
    jobs = submitted(run)
    states = _states(jobs.values())
    print(run.root)
    head = f"  {'stage':<24}{'state':<12}{'progress':>10}{'seconds':>10}{'rate':>12}{'left':>10}"
    print(head + ("  Slurm" if jobs else ""))
    for stage in [*stages(run), "report"]:
        job, line = jobs.get(stage), _report(run) if stage == "report" else ""
        complete = line == "complete"
        if stage != "report":
            complete, line = _progress(run, stage, states.get(job, "").startswith("RUNNING"))
        shown = f"  {job} {states.get(job, '').lower()}" if job and not complete else ""
        print(f"  {stage:<24}{line:<54}{shown}".rstrip())
        if job and not complete and (reason := last_error(run, job)):
            print(f"    {reason}")


def _progress(run: Run, stage: str, running: bool) -> tuple[bool, str]:
    """Whether a stage is complete, and its columns; the rate is the mean over all its time."""
    try:
        progress = run.progress(stage)
    except UserError as error:
        return False, f"{'error':<12}{error}"
    done, total, seconds = progress or (0, 1, 0.0)
    state = "complete" if done >= total else "running" if running else "begun" if progress else "-"
    rate = left = ""
    if done and seconds:
        rate = f"{done / seconds:.4g}/s"
        left = duration((total - done) * seconds / done) if done < total else ""
    return done >= total, f"{state:<12}{100 * done / total:>9.0f}%{seconds:>10.1f}{rate:>12}{left:>10}"


def _report(run: Run) -> str:
    return "complete" if (run.root / "report" / "index.html").exists() else "-"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _states(jobs) -> dict[str, str]:
    """State of each job, with the reason if it waits for something unusual; "" if nobody knows."""
    if not jobs:
        return {}
    waiting = slurm.listed() or {}
    result = {
        job: state + (f" ({reason})" if state == "PENDING" and reason not in USUAL else "")
        for job, (state, reason, _) in waiting.items()
    }
    return slurm.accounted(job for job in jobs if job not in result) | result


def last_error(run: Run, job: str) -> str:
    """What a job's log says of its end: the program's last error, or else Slurm's first."""
    for path in logs(run).glob(f"*-{job}.out"):
        lines = path.read_text(errors="replace").splitlines()
        found = [line.strip() for line in lines if WRONG.search(line)]
        own = [line for line in found if not re.match(r"(srun|slurmstepd)[:-]", line)]
        return own[-1] if own else found[0] if found else ""
    return ""


if __name__ == "__main__":
    cli.main_alone(cli.parser("status", __doc__), status)
