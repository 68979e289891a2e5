"""What the benchmarks share: work on several ranks, and the JSON object that ends a run."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from dcl_hpc.cluster.launch import SETTINGS
from dcl_hpc.pipeline.provenance import git_commit, machine


def on_ranks(script: str, ranks: int, *options: str, arguments=(), **environment: str) -> float:
    """Last number that `script --rank-work ARGUMENTS` prints under mpiexec with these options."""
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [
        "mpiexec",
        *options,
        "-n",
        str(ranks),
        sys.executable,
        str(Path(script).resolve()),
        "--rank-work",
        *arguments,
    ]
    answer = subprocess.run(
        command, env=os.environ | allowed | environment, capture_output=True, text=True, check=True
    )
    return float(answer.stdout.split()[-1])


def call(module: str, job, runs, *arguments, ranks: int = 1, **how) -> subprocess.CompletedProcess:
    """Run a command of the program about a job; `how` as `subprocess.run` takes it."""
    front = ["mpiexec", "-n", ranks] if ranks > 1 else []
    line = [*front, sys.executable, "-m", f"dcl_hpc.{module}", job, "--runs", runs, *arguments]
    return subprocess.run([*map(str, line)], env={**SETTINGS, **os.environ}, **how)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all benchmarks take."""
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, in seconds: shows that it works, measures nothing"
    )


def changed(settings) -> list[str]:
    """Arguments of a command that change values of the job file."""
    return [argument for setting in settings for argument in ("--set", setting)]


def reference(summary: dict, sweep: dict) -> tuple[list[float], list[float] | None]:
    """What u(T) of a sweep in summary.json is held against: exact values, or the true sweep's with errors."""
    exact = sweep.get("u_exact") or []
    if exact and None not in exact:
        return exact, None
    true = next(s for s in summary["sweeps"] if (s["energy"], s["shape"]) == ("true", sweep["shape"]))
    return true["u"], true["u_error"]


def finish(result: dict, command: str, as_json: bool) -> None:
    """Print the result with its command, commit and machine as one line, if asked for."""
    if as_json:
        origin = {"command": f"python benchmarks/{command} --json", "git_commit": git_commit()}
        print(json.dumps({**result, **origin, "machine": machine()}))
