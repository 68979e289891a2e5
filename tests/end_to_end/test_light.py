"""The wheel in an environment without MPI and TensorFlow: snapshots in, report out, in one process."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "dcl_hpc: error: "
JOB = """\
name = "light"
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe.temperature = 4.0
ednn = { fit = "clusters", focus = 1, context = 1 }
levels.per_level = 20

[sweep]
energies = ["true", "ednn"]
temperatures = [3.0, 4.0, 5.0]
ladders = 8
thermalization = 100
sweeps = 500
"""


def pip(*arguments, **options):
    """Pip of this environment, which knows nothing of this folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PIP_CONSTRAINT"] = str(ROOT / "constraints.txt")
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "dcl_hpc", source / "dcl_hpc", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    done = pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def light(wheel, tmp_path_factory):
    """Python in a new environment that has the wheel: `light("-m", "dcl_hpc.run", ..., VAR="value")`."""
    folder = tmp_path_factory.mktemp("light")
    probe = pip("download", "--no-deps", "--timeout=10", "--retries=1", "-d", folder, "threadpoolctl")
    if probe.returncode:
        pytest.skip("no package index can be reached")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    done = pip("--python", python, "install", "--no-compile", "--only-binary=:all:", wheel)
    assert done.returncode == 0, done.stderr

    def start(*arguments, **variables):
        environment = {"PATH": str(folder), "HOME": str(folder), **variables}
        command = [str(python), *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)

    return start


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Path:
    """A job that needs no network."""
    path = tmp_path_factory.mktemp("job") / "light.toml"
    path.write_text(JOB)
    return path


def test_wheel_has_all_that_is_needed(wheel):
    """Templates and the licence are in the wheel, tests and benchmarks are not."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {"base.html", "page.html", "realizations.html"} <= {Path(name).name for name in names}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"dcl_hpc"}


def test_environment_is_light(light):
    """Neither MPI nor TensorFlow came with the wheel, and h5py is the ordinary one."""
    done = light(
        "-c",
        "import h5py; from importlib.util import find_spec\n"
        "print(h5py.get_config().mpi, *map(find_spec, ('mpi4py', 'tensorflow', 'tensorboard', 'horovod')))",
    )
    assert done.stdout.split() == ["False", "None", "None", "None", "None"], done.stderr


def test_snapshots_to_report(light, job, tmp_path):
    """Snapshots give the coupling within its error, and the energy at other temperatures that is exact."""
    model, n = TrueEnergy(ising(Lattice((6, 6)))), 20_000
    chains = Chains.start(model, np.full(n, 1 / 4.0), range(n), 1, Purpose.OBSERVE)
    chains.sweep(model, 50)
    np.save(tmp_path / "snapshots.npy", 2 * chains.states.T.astype(np.int8) - 1)
    runs = tmp_path / "runs"
    for module, *source in (("observe", "--from", tmp_path / "snapshots.npy"), ("run",)):
        done = light("-m", f"dcl_hpc.{module}", job, "--runs", runs, *source)
        assert done.returncode == 0 and not done.stderr, done.stderr
    assert "<html" in (runs / "light" / "report" / "index.html").read_text()
    summary = json.loads((runs / "light" / "report" / "summary.json").read_text())
    (found,) = summary["ednn"]["interactions"]
    assert found["interaction"] == "[(0,0) (1,0)]" and 0 < found["error"] < 0.01
    assert abs(found["coupling"] - 1) < 5 * found["error"]
    assert [sweep["energy"] for sweep in summary["sweeps"]] == ["true", "ednn"]
    for sweep in summary["sweeps"]:
        difference = np.subtract(sweep["u"], sweep["u_exact"])
        # the coupling's own error moves u, too
        assert np.all(np.abs(difference) < 5 * np.hypot(sweep["u_error"], 0.005))
    done = light(
        "-c",
        "import json, sys, dcl_hpc, numpy as np\n"
        "run = dcl_hpc.open_run(sys.argv[1])\n"
        "energies = run.energy('ednn', shape=(12, 12)).energies(np.zeros((1, 12, 12), np.uint8))\n"
        "print(json.dumps([*run.sweep('ednn', (6, 6)).u, *energies]))",
        runs / "light",
    )
    assert done.returncode == 0, done.stderr
    *u, ground = json.loads(done.stdout)
    assert u == pytest.approx(summary["sweeps"][1]["u"]) and ground == pytest.approx(-288, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("--ranks", "2"), {}, "--ranks 2 needs mpi4py; pip install '.[mpi]'"),
        ((), {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}, "2 ranks need mpi4py"),
        ((), {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"}, "4 ranks need mpi4py"),
        (
            ("--set", "ednn.fit=labels"),
            {},
            "need TensorFlow and TensorBoard; pip install '.[networks]'",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(light, job, tmp_path, arguments, variables, said):
    """Ranks and networks are refused before any work, with the extra that has what they need."""
    done = light("-m", "dcl_hpc.run", job, "--runs", tmp_path / "runs", *arguments, **variables)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith(PREFIX) and said in line
    assert not (tmp_path / "runs").exists()


def test_other_ranks_are_silent(light, job, tmp_path):
    """What is missing everywhere is said by the first rank alone."""
    variables = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
    done = light("-m", "dcl_hpc.run", job, "--runs", tmp_path / "runs", **variables)
    assert done.returncode == 2 and not done.stderr
