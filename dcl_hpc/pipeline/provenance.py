"""Which program, libraries and machine are at work."""

import functools
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__

LIBRARIES = ("numpy", "numba", "h5py", "mpi4py", "tensorflow", "tensorflow-cpu", "horovod")


@functools.cache
def provenance() -> dict[str, str]:
    """Program, its commit, versions of libraries, and the machine; asked for once a process."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "creator": f"dcl_hpc {__version__}",
        "git_commit": git_commit(),
        "library_versions": json.dumps(versions),
        "machine": machine(),
    }


def machine() -> str:
    """Processor and number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def git_commit() -> str:
    """Commit of this program, with a mark if files differ from it."""
    here = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()
