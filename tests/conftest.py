"""What tests share: a tiny job, ways to start commands with and without mpiexec, a chi-square test."""

import io
import os
import runpy
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import settings
from scipy.stats import chi2

from dcl_hpc.cluster.interruption import SIGNALS
from dcl_hpc.cluster.launch import SETTINGS
from dcl_hpc.cluster.log import LOGGER

# The same cases in every run; others by `pytest --hypothesis-profile other`.
for profile, same in (("other", False), ("same", True)):
    settings.register_profile(profile, derandomize=same, deadline=None, database=None, print_blob=True)
settings.load_profile("same")

TINY = """\
name = "tiny"
seed = 7

[lattice]
shape = [6, 6]

[hamiltonian]
kind = "ising"

[observe]
temperature = 4.0
samples = 2000
chains = 100
thermalization = 10

[rnn]
hidden = 8
epochs = 2
batch = 100
calibrate = false

[labels]
count = 2000

[ednn]
focus = 2
context = 1
hidden = [8]
epochs = 2
batch = 100

[levels]
per_level = 5

[sweep]
energies = ["true", "rnn", "ednn"]
temperatures = [2.0, 3.0, 4.0, 5.0]
ladders = 2
thermalization = 10
sweeps = 30
rnn_thermalization = 10
rnn_sweeps = 5
"""
# Variables of the caller that would change what a command does.
FOREIGN = ("DCL_JOB", "DCL_RUNS", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


class Launcher:
    """Starts Python programs on one or several ranks."""

    def start(self, *arguments, ranks: int = 1, environment=None) -> subprocess.Popen:
        """A running `python ARGUMENTS`, its outputs in pipes."""
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        settings = {**inherited, **SETTINGS, "TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})}
        front = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
        return subprocess.Popen(
            [*front, sys.executable, *map(str, arguments)],
            env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, *arguments, ranks: int = 1, timeout: float = 120, environment=None):
        """The CompletedProcess of `python ARGUMENTS`."""
        process = self.start(*arguments, ranks=ranks, environment=environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _call(program, *arguments, environment=None) -> subprocess.CompletedProcess:
    """What `python -m dcl_hpc.PROGRAM ARGUMENTS` does, in this process, and leaves nothing of it here."""
    argv = [*map(str, (program, *arguments))]
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    log = mock.patch.multiple(LOGGER, handlers=[], level=LOGGER.level, propagate=LOGGER.propagate)
    changes = {**SETTINGS, **(environment or {})}
    with mock.patch.dict(os.environ, changes), mock.patch.object(sys, "argv", argv), log:
        for name in set(FOREIGN) - set(changes):
            os.environ.pop(name, None)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                if isinstance(program, Path):
                    runpy.run_path(program, run_name="__main__")
                else:
                    runpy.run_module(f"dcl_hpc.{program}", run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def command():
    """Run a command, or a script, in this process: `command("observe", job, "--runs", here)`.

    The result is that of a process: exit code and outputs.
    """
    return _call


@pytest.fixture(scope="session")
def python():
    """Start Python programs: `python(script, ..., ranks=2)` waits, `python.start(...)` does not."""
    return Launcher()


@pytest.fixture(scope="session")
def tiny_job(tmp_path_factory) -> Path:
    """A job file that the whole chain takes seconds for."""
    path = tmp_path_factory.mktemp("job") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def job_file(tmp_path) -> Path:
    """A copy of the tiny job file that a test may change."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def glass_file(tmp_path) -> Path:
    """A job of two realizations of a glass, numbers 5 and 3, that takes seconds."""
    path = tmp_path / "glass.toml"
    text = TINY.replace('name = "tiny"', 'name = "glass"').replace("[6, 6]", "[4, 4]")
    text = text.replace('kind = "ising"', 'kind = "edwards_anderson"\nrealizations = [5, 3]')
    path.write_text(text.replace("focus = 2", "focus = 1\nshared = false"))
    return path


@pytest.fixture
def runs(tmp_path) -> Path:
    """Folder of this test's results."""
    return tmp_path / "runs"


@pytest.fixture
def dcl(python, command, job_file, runs):
    """Run a command on the tiny job: `dcl("observe", "--set", "seed=3", ranks=2)`.

    On one rank it runs in this process.
    """

    def run(module, *arguments, ranks=1, environment=None, job=job_file, folder=runs):
        arguments = (job, "--runs", folder, *arguments)
        if ranks == 1:
            return command(module, *arguments, environment=environment)
        return python("-m", f"dcl_hpc.{module}", *arguments, ranks=ranks, environment=environment)

    return run


def _chi_square(counts, expected):
    """Statistic and degrees of freedom, rare outcomes put together until about 10 are expected."""
    order = np.argsort(expected)
    total = np.cumsum(expected[order])
    bins = np.minimum(total // 10, max(total[-1] // 10 - 1, 0)).astype(int)
    observed, predicted = np.bincount(bins, counts[order]), np.bincount(bins, expected[order])
    used = predicted > 0
    statistic = ((observed[used] - predicted[used]) ** 2 / predicted[used]).sum()
    return statistic, used.sum() - 1


@pytest.fixture(scope="session")
def p_value():
    """Chi-square probability of counts: `p_value(counts, expected)`, one distribution or one per row."""

    def probability(counts, expected):
        rows = zip(np.atleast_2d(counts), np.atleast_2d(expected), strict=True)
        statistic, freedom = np.sum([_chi_square(*row) for row in rows], axis=0)
        return chi2.sf(statistic, freedom)

    return probability
