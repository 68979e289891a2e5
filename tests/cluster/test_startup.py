"""Importing changes nothing; commands set what they need, and need MPI only where there are ranks."""

import json
import sys
from types import SimpleNamespace

import pytest

from dcl_hpc import storage
from dcl_hpc.cluster import mpi, serial
from dcl_hpc.errors import UserError

# Prints which modules could not be imported and what the imports of the others have changed.
IMPORTS = """\
import importlib
import json
import os
import pkgutil
import signal
import sys

import numba

if sys.argv[1] == "with":
    import tensorflow  # its own settings are not ours
else:
    sys.modules["tensorflow"] = None


def state():
    return {
        "environment": dict(os.environ),
        "files": [os.fstat(k)[:3] for k in (0, 1, 2)],
        "streams": [id(sys.stdout), id(sys.stderr), id(sys.excepthook)],
        "cache": numba.config.CACHE_DIR,
        "signals": [str(signal.getsignal(k)) for k in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
    }


before, missing = state(), []
import dcl_hpc

for module in pkgutil.walk_packages(dcl_hpc.__path__, "dcl_hpc."):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        assert error.name == "tensorflow", error
        missing.append(module.name)
after = state()
MPI = sys.modules.get("mpi4py.MPI")
changed = [name for name in before if after[name] != before[name]]
print(json.dumps([changed, MPI is not None and MPI.Is_initialized(), missing]))
"""
THREADS = """\
import os
import sys

import numpy as np

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
from dcl_hpc.cluster import serial, startup
from threadpoolctl import threadpool_info

startup.prepare(serial.Communicator())
print(*[pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])
"""


@pytest.fixture
def script(python, tmp_path):
    """Output of a script: `script(TEXT, "argument", environment={})`."""

    def start(text, *arguments, environment=None):
        (tmp_path / "script.py").write_text(text)
        done = python(tmp_path / "script.py", *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return start


@pytest.fixture
def environment(monkeypatch):
    """An environment without a launcher's variables, to which a test may add some."""
    for name in [*mpi.SIZES, *mpi.RANKS]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize("tensorflow", ["with", "without"])
def test_imports_have_no_side_effects(script, tensorflow):
    """No import moves a file descriptor, a variable, a signal or numba's cache, or initialises MPI."""
    changed, initialized, missing = json.loads(script(IMPORTS, tensorflow))
    assert not changed and not initialized
    thermal = (f"dcl_hpc.thermal.{name}" for name in ("dynamics", "inputs", "noise", "perceptron", "threads"))
    needing = ("dcl_hpc.networks.", "dcl_hpc.training.", "dcl_hpc.energy.rnn", *thermal)
    assert all(name.startswith(needing) for name in missing)
    assert bool(missing) == (tensorflow == "without")


def test_kernels_are_kept_in_a_folder_of_their_own(script):
    """Our kernels are cached where all their sources are named, others where numba has them."""
    text = (
        "from dcl_hpc.sampling import compiled, generator\n"
        "import numba\n"
        "theirs = numba.njit(cache=True)(lambda x: x)\n"
        "print(compiled._FOLDER in generator.uniforms.stats.cache_path, 'kernels-' in compiled._FOLDER,\n"
        "      'kernels-' in theirs.stats.cache_path)"
    )
    assert script(text).split() == ["True", "True", "False"]


@pytest.mark.parametrize(("limit", "environment"), [(1, {}), (2, {"OPENBLAS_NUM_THREADS": "1"})])
def test_threads_of_blas(script, limit, environment):
    """Every BLAS has the threads of its rank, or fewer if the environment says so."""
    threads = script(THREADS, limit, environment=environment).split()
    assert len(threads) >= 2 and set(threads) == {"1"}


def test_one_process_has_no_mpi(python, tiny_job, tmp_path):
    """A command that no launcher started works where MPI_Init would end it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from mpi4py import rc\n"
        "rc.initialize = False\n"
        "from mpi4py import MPI\n"
        "from dcl_hpc.pipeline import command\n"
        "def look(context, options):\n"
        "    print('initialized', MPI.Is_initialized())\n"
        "command.main(command.parser('observe', ''), 'observe', look)\n"
    )
    done = python(script, tiny_job, "--runs", tmp_path / "runs")
    assert done.returncode == 0 and "initialized False" in done.stdout, done.stderr


def test_launcher_without_mpi4py(environment, monkeypatch):
    """Several tasks without mpi4py are refused; one task is alone."""
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    environment("PMI_SIZE", "1")
    assert isinstance(mpi.world(), serial.Communicator)
    environment("PMI_SIZE", "3")
    with pytest.raises(UserError, match="3 ranks need mpi4py"):
        mpi.world()


def test_ranks_need_parallel_hdf5(monkeypatch):
    """Several ranks are refused where h5py has no MPI; one is not."""
    monkeypatch.setattr(storage.h5py, "get_config", lambda: SimpleNamespace(mpi=False))
    storage.require_parallel(SimpleNamespace(size=1))
    with pytest.raises(UserError, match="2 ranks need an h5py built with MPI") as caught:
        storage.require_parallel(SimpleNamespace(size=2))
    assert caught.value.on_all_ranks
