"""Commands on one rank or several, each in a process group of its own."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from dcl_hpc.cluster.launch import SETTINGS

from .chain import HURRIED
from .trial import Answer


def start(folder: Path, ranks: int, stage: str, arguments: list[str]) -> subprocess.Popen:
    """Start a stage that commits as often as it can; what it writes comes into `folder/output`."""
    scratch = folder / "mpi"  # Open MPI cannot tidy up after SIGKILL
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    launcher = f"mpiexec -n {ranks}".split() if ranks > 1 else []
    places = {"TMPDIR": str(scratch), "OMPI_MCA_btl_vader_backing_directory": str(scratch)}
    with (folder / "output").open("wb") as out:
        return subprocess.Popen(
            [*launcher, sys.executable, HURRIED, stage, *arguments], env=os.environ | SETTINGS | places,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip


def wait(folder: Path, process: subprocess.Popen, seconds: float) -> Answer:
    """Its answer; it is ended if it takes too long. How much memory ranks have is not known."""
    begun, hung = time.monotonic(), False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        hung = True
        for one in (*children(process.pid), process.pid):  # Open MPI gives each rank a group of its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one, signal.SIGKILL)
        process.wait()
    said = (folder / "output").read_text(errors="backslashreplace")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Answer(process.returncode, said, time.monotonic() - begun, memory, hung)


def children(parent: int) -> list[int]:
    """Processes that a process has started."""
    with contextlib.suppress(OSError):
        texts = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
        return [int(child) for child in " ".join(texts).split()]
    return []
