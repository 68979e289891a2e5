"""A file of configurations, and its import, whole or interrupted."""

from pathlib import Path

import numpy as np
import pytest

from .imports import STATES

# Imports one configuration at a time and does something after the given number of commits.
INTERRUPTED = """\
import os
import signal
import sys

from dcl_hpc.pipeline import command
from dcl_hpc.stages import snapshots
from dcl_hpc.storage.store import Store

snapshots.BUFFER = 1
after, how, address, *arguments = sys.argv[1:]
commit, count = Store.commit, 0


def counted(*positional):
    global count
    commit(*positional)
    count += 1
    if count == int(after):
        if how == "touch":
            os.utime(address, ns=(1, 1))
        else:
            os.kill(os.getpid(), getattr(signal, how))


Store.commit = counted
parser = command.parser("observe", "")
command.accept_snapshots(parser)
command.main(parser, "observe", argv=[*arguments, "--from", address])
"""


@pytest.fixture
def source(tmp_path) -> Path:
    """A file of configurations with the values -1 and 1."""
    path = tmp_path / "mine.npy"
    np.save(path, 2.0 * STATES - 1)
    return path


@pytest.fixture
def observations(runs) -> Path:
    """Where the observations go."""
    return runs / "tiny" / "observations.h5"


@pytest.fixture
def interrupted(python, tmp_path, job_file, runs):
    """Start an import that is interrupted: `interrupted(address, after=10, how="SIGKILL", ranks=2)`."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)

    def start(address, after, how, ranks=1):
        return python(script, after, how, address, job_file, "--runs", runs, ranks=ranks)

    return start
