"""Show how far each stage of a job is, its jobs in Slurm, and what went wrong."""

import re
from collections import Counter
from dataclasses import dataclass

from ..cluster import slurm
from ..files import read_regular
from ..storage.progress import Progress
from .batches import logs, record
from .run import Run
from .submissions import submitted

# Bytes of a job's log.
LONGEST_LOG = 2**26

# Reasons of a job that waits which need no telling.
USUAL = ("None", "Dependency", "Priority", "Resources", "BeginTime")
# Errors of realizations that are shown.
SHOWN = 5
WRONG = re.compile(r"error:|Error\b|CANCELLED|Killed|No space left|Segmentation fault")


def status(run: Run, options=None) -> None:
    """Print a table of stages; reads files only, also while they are being written."""
    jobs = submitted(run)
    states = _states(jobs.values())
    print(run.root)
    head = f"  {'stage':<24}{'state':<12}{'progress':>10}{'seconds':>10}{'rate':>12}{'left':>10}"
    print(head + ("  Slurm" if jobs else ""))
    systems = run.realizations or (run,)
    for stage in systems[0].data:
        parts = [_part(system, stage, jobs, states) for system in systems]
        if run.realizations:
            print(_together(stage, parts))
        else:
            print(f"  {stage:<23} {parts[0].line:<54}{parts[0].job}".rstrip())
        reasons = [part.reason for part in parts if part.reason]
        for reason in reasons[:SHOWN]:
            print(f"    {reason}")
        if len(reasons) > SHOWN:
            print(f"    and {len(reasons) - SHOWN} more")
    report, job = run.state("report"), jobs.get("report")
    complete = report.current
    state = "complete" if complete else "out of date" if report.problem else "-"
    shown = f"{job} {states.get(job, '').lower()}" if job and not complete else ""
    print(f"  {'report':<24}{state:<54}  {shown}".rstrip())
    if report.problem:
        print(f"    {report.problem}")
    if job and not complete and (reason := last_error(run, job)):
        print(f"    {reason}")


@dataclass
class Part:
    """How far a stage of one system is.

    Attributes
    ----------
    done : float
        Share of the work.
    seconds : float
        Spent so far.
    state : str
    line : str
        Its columns.
    job : str
        Its job in Slurm, and that one's state.
    reason : str
        What went wrong.
    """

    done: float = 0.0
    seconds: float = 0.0
    state: str = "-"
    line: str = ""
    job: str = ""
    reason: str = ""


def _part(run: Run, stage: str, jobs: dict, states: dict) -> Part:
    job = jobs.get(record(run, stage))
    state = states.get(job, "")
    part = _progress(run, stage, state.startswith("RUNNING"))
    if job and part.state != "complete":
        part.job = f"  {job} {state.lower()}"
        if reason := last_error(run, job):
            part.reason = reason if run.realization is None else f"realization {run.realization}: {reason}"
    return part


def _together(stage: str, parts: list[Part]) -> str:
    """One line for a stage of all realizations; the time left if they go on as they did."""
    complete = sum(part.state == "complete" for part in parts)
    share, seconds = sum(part.done for part in parts) / len(parts), sum(part.seconds for part in parts)
    rate = f"{3600 * share * len(parts) / seconds:.1f}/h" if seconds else ""
    at_work = max(1, sum(part.state in ("running", "begun") for part in parts))
    left = duration(seconds / share * (1 - share) / at_work) if 0 < share < 1 else ""
    line = f"{f'{complete} of {len(parts)}':<12}{100 * share:>9.0f}%{seconds:>10.1f}{rate:>12}{left:>10}"
    counts = Counter(part.job.split(maxsplit=1)[1] for part in parts if " " in part.job.strip())
    return (f"  {stage:<23} {line:<54}  " + ", ".join(f"{n} {state}" for state, n in counts.items())).rstrip()


def _progress(run: Run, stage: str, running: bool) -> Part:
    """A stage of one system; the rate is the mean over all its time."""
    found = run.state(stage)
    if found.problem is not None:
        state = "out of date" if found.progress else "damaged"
        reason = str(found.problem)
        if run.realization is not None:
            reason = f"realization {run.realization}: {reason}"
        return Part(state=state, line=f"{state:<12}", reason=reason)
    progress = found.progress or Progress()
    done, total, seconds = progress.done, progress.total, progress.seconds
    state = "complete" if found.current else "running" if running else "begun" if found.progress else "-"
    rate = left = ""
    if done and seconds:
        rate = per_time(done / seconds)
        left = duration((total - done) * seconds / done) if done < total else ""
    line = f"{state:<12}{100 * done / total:>9.0f}%{seconds:>10.1f}{rate:>12}{left:>10}"
    return Part(done / total, seconds, state, line)


def per_time(rate: float) -> str:
    """A number per second, told per minute or hour if it is small."""
    if rate >= 1:
        return f"{rate:.4g}/s"
    return f"{60 * rate:.4g}/min" if 60 * rate >= 1 else f"{3600 * rate:.4g}/h"


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
    folder = logs(run) if run.realization is None else logs(run).parents[1] / "logs"
    for path in folder.glob(f"*-{job}.out"):
        try:
            lines = read_regular(path, LONGEST_LOG).decode(errors="replace").splitlines()
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        found = [line.strip() for line in lines if WRONG.search(line)]
        own = [line for line in found if not re.match(r"(srun|slurmstepd)[:-]", line)]
        return own[-1] if own else found[0] if found else ""
    return ""
