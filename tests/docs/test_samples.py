"""What the docs say of adding things: the samples apply to the package, in so many files, and work."""

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from numba.core.caching import UserProvidedCacheLocator

import dcl_hpc

ROOT = Path(__file__).parents[2]
JOB = """\
name = "extended"
lattice.shape = [6, 6]
observe = { temperature = 6.0, samples = 4000, chains = 100, thermalization = 50 }
levels.per_level = 5
sweep = { energies = ["true", ENERGY], temperatures = [4.0, 8.0], ladders = 2, sweeps = 100 }
ednn.fit = "clusters"
"""
# ln P of all configurations of 2x2 sites sums up to one, and Monte Carlo sees the same P as training does.
NETWORK = """\
import numpy as np
from dcl_hpc.job.study import Job
job = Job.from_dict({
    "name": "belief", "lattice": {"shape": [2, 2]}, "hamiltonian": {"kind": "ising"},
    "observe": {"temperature": 4.0}, "rnn": {"architecture": "belief"},
    "sweep": {"energies": ["true", "rnn"], "temperatures": [3.0, 4.0]},
})
network = job.build_rnn()
import tensorflow as tf
for variable in network.trainable_variables:
    variable.assign(np.random.default_rng(1).normal(size=variable.shape))
states = np.array(list(np.ndindex(2, 2, 2, 2)), np.uint8)
log_p = network.log_prob(states).numpy()
assert abs(np.exp(log_p).sum() - 1) < 1e-5 and np.ptp(log_p) > 0.1
sequence = tf.constant(states.T[job.build_rnn().order].astype(np.int32))
rest = network.rest(tf.constant(0), sequence, network.start(16))
np.testing.assert_allclose(rest, log_p, rtol=1e-5)
first, memory = network.advance(tf.constant(0), sequence, network.start(16))
chosen = np.take_along_axis(first.numpy(), sequence[0].numpy()[:, None], 1)[:, 0]
np.testing.assert_allclose(chosen + network.rest(tf.constant(1), sequence, memory), log_p, rtol=1e-5)
"""


def kernels(package: Path) -> str:
    """Where numba keeps the kernels of a package, which it names after the package's place."""
    return UserProvidedCacheLocator.get_suitable_cache_subpath(str(package / "module.py"))


@pytest.fixture
def extended(tmp_path):
    """A copy of the package with a sample applied: `extended(name, most_files)`, the folder it is in."""

    def apply(name: str, most_files: int) -> Path:
        # with what is compiled, but for files that other tests are writing now
        passing = shutil.ignore_patterns("*.pyc.*", "*.tmp*")
        shutil.copytree(ROOT / "dcl_hpc", tmp_path / "dcl_hpc", ignore=passing)
        for folder in (tmp_path / "dcl_hpc").glob("*/__pycache__/kernels-*"):
            for part in ("inference", "physics", "sampling"):
                before, now = (kernels(place / "dcl_hpc" / part) for place in (ROOT, tmp_path))
                if (folder / before).exists():
                    (folder / before).rename(folder / now)
        sample = ROOT / "docs" / "samples" / f"{name}.diff"
        changed = re.findall(r"^\+\+\+ b/(\S+)", sample.read_text(), re.MULTILINE)
        assert len(changed) <= most_files
        done = subprocess.run(["git", "apply", sample], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return tmp_path

    return apply


@pytest.fixture
def run(python):
    """Run a command of the extended package on a job: `run(folder, "run", hamiltonian)`, the run's folder."""

    def make(folder: Path, command: str = "run", hamiltonian: str = 'kind = "ising"', energy: str = "ednn"):
        text = f"hamiltonian = {{ {hamiltonian} }}\n" + JOB.replace("ENERGY", f'"{energy}"')
        (folder / "job.toml").write_text(text)
        done = python(
            "-P", "-m", f"dcl_hpc.{command}", folder / "job.toml", "--runs", folder / "runs",
            environment={"PYTHONPATH": str(folder)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return folder / "runs" / "extended"

    return make


def test_model(extended, run):
    """An Ashkin-Teller model, whose energies are those of its two spins and their product."""
    root = run(extended("model", 3), "observe", 'kind = "ashkin_teller", product = 0.5')
    with h5py.File(root / "observations.h5") as file:
        states = file["observations/states/value"][:, 0]
        energy = file["validation/energy/value"][:, 0]
    s, t = states // 2 * 2.0 - 1, states % 2 * 2.0 - 1
    exact = sum(
        -z * (one * np.roll(one, 1, axis)).sum(axis=(1, 2))
        for axis in (1, 2)
        for one, z in ((s, 1), (t, 1), (s * t, 0.5))
    )
    np.testing.assert_allclose(energy, exact, atol=1e-4)


def test_network(extended, python):
    """A belief network, normalised, with the same conditionals one by one as all at once."""
    done = python("-P", "-c", NETWORK, environment={"PYTHONPATH": str(extended("network", 2))})
    assert done.returncode == 0, done.stderr


def test_energy(extended, run):
    """Pairs of sites, learned, evaluated and swept like the other energies."""
    root = run(extended("energy", 2), energy="pairs")
    summary = (root / "report" / "summary.json").read_text()
    assert '"pairs"' in summary and "<td>pairs</td>" in (root / "report" / "index.html").read_text()
    with h5py.File(root / "evaluation.h5") as file:
        true, pairs = (file[f"test/energy/{name}"][()] for name in ("true", "pairs"))
    assert np.corrcoef(true, pairs)[0, 1] > 0.99
    assert (root / "sweeps" / "pairs_6x6.h5").exists()


def test_stage(extended, run):
    """Correlations along both axes, as one computes them from the observations."""
    root = run(extended("stage", 3))
    spins = 2.0 * dcl_hpc.Observations(root / "observations.h5")[:] - 1
    with h5py.File(root / "correlations.h5") as file:
        for axis in (0, 1):
            found = file[f"axis_{axis}/value"][()]
            expected = [(spins * np.roll(spins, r, axis + 1)).mean() for r in range(6)]
            np.testing.assert_allclose(found, expected, atol=1e-12)
