"""Slurm's commands: submitting jobs and asking about them, with and without Slurm on the machine."""

import os
import shutil
import subprocess

from ..errors import UserError

TIMEOUT = 60
# A job in any other state may still write.
ENDED = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
    "REVOKED", "TIMEOUT",
)  # fmt: skip


def call(*command: str, **options) -> subprocess.CompletedProcess | None:
    """Run one of Slurm's commands; None if it is not there or does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, **options)
    except (OSError, subprocess.TimeoutExpired):
        return None


def require() -> None:
    """Make sure that jobs can be submitted from here.

    Raises
    ------
    UserError
        If there is no sbatch.
    """
    if shutil.which("sbatch") is None:
        raise UserError(
            "sbatch is not in PATH: submit on a login node of a Slurm cluster, or run all stages here with "
            "python -m dcl_hpc.run"
        )


def submit(arguments: list[str], folder, environment: dict[str, str]) -> str:
    """Submit a batch script from a folder; the id of the job.

    Raises
    ------
    UserError
        If Slurm refuses the job or does not answer.
    """
    command = ["sbatch", "--parsable", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment},
            capture_output=True, text=True, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(f"sbatch gave no answer in {TIMEOUT} s; try again later") from None
    job = done.stdout.strip().partition(";")[0]
    if done.returncode or not job.isdigit():
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise UserError(f"Slurm refuses the job: {said.replace('sbatch: error: ', '') or 'no reason given'}")
    return job


def cancel(jobs) -> None:
    """Cancel jobs."""
    call("scancel", *jobs)


def listed() -> dict[str, tuple[str, str, str]] | None:
    """State, reason and comment of this user's jobs, elements of arrays by ARRAY_INDEX.

    Jobs that ended a while ago are missing; None if there is no Slurm or it does not answer.
    """
    form = "%i|%T|%r|%k"
    done = call(
        "squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--format={form}"
    )
    if done is None or done.returncode:
        return None
    rows = (line.split("|", 3) for line in done.stdout.splitlines())
    return {row[0]: (row[1], row[2], row[3]) for row in rows if len(row) == 4}


def accounted(jobs) -> dict[str, str]:
    """States of jobs in Slurm's accounting, as far as there is any."""
    jobs = list(jobs)
    if not jobs:
        return {}
    done = call("sacct", "-n", "-X", "-P", f"--jobs={','.join(jobs)}", "--format=JobID,State")
    if done is None or done.returncode:
        return {}
    rows = (line.split("|") for line in done.stdout.splitlines())
    return {row[0]: row[1].partition(" ")[0] for row in rows if len(row) == 2}


def is_active(job: str) -> bool | None:
    """Whether anybody's job waits or runs; None if Slurm does not tell."""
    done = call("squeue", "--noheader", f"--jobs={job}", "--format=%T")
    if done is None:
        return None
    if done.returncode:
        return False if "Invalid job id" in done.stderr else None
    return any(state not in ENDED for state in done.stdout.split())


def is_running_step(step: str) -> bool | None:
    """Whether the step JOB.STEP is at work; None if Slurm does not tell."""
    done = call("squeue", "--noheader", f"--steps={step}", "--format=%i")
    if done is None or done.returncode:
        return False if done is not None and "Invalid job id" in done.stderr else None
    return bool(done.stdout.strip())  # of an array's element the id shown is another
