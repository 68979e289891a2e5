"""Local energies by all fits, from the command line: what they find and report."""

import json

import numpy as np
import pytest

from dcl_hpc.job.file import load
from dcl_hpc.storage.evaluation import read_couplings

WITHOUT_RNN = ("--set", 'sweep.energies=["true", "ednn"]')


@pytest.fixture
def summary(python, command, job_file, tmp_path):
    """Run all stages with settings and read the report: `summary("ednn.focus=1", ranks=2)`."""

    def run(*settings, ranks=1):
        options = [argument for setting in settings for argument in ("--set", setting)]
        arguments = (job_file, "--runs", tmp_path, *options, *WITHOUT_RNN)
        if ranks == 1:
            done = command("run", *arguments)
        else:
            done = python("-m", "dcl_hpc.run", *arguments, "--ranks", ranks, timeout=300)
        assert done.returncode == 0, done.stderr
        result = json.loads((tmp_path / "tiny" / "report" / "summary.json").read_text())
        page = (tmp_path / "tiny" / "report" / "index.html").read_text(encoding="utf-8")
        return result, done.stdout, page

    return run


def test_clusters_find_the_interaction(summary):
    """Twenty thousand snapshots tell nearest neighbours and J = 1, and the energy of every level."""
    found, _, page = summary("ednn.fit=clusters", "ednn.focus=1", "observe.samples=20000")
    (term,) = found["ednn"]["interactions"]
    assert term["tied"] == 2
    assert abs(term["coupling"] - 1) < 4 * term["error"] < 0.1
    assert found["ednn"]["rmse"] < 1.5
    assert found["rnn"] is None and found["couplings"] is None
    assert "Recovered couplings" not in page
    assert "Interactions found" in page and f"{term['coupling']:+.5f}" in page


def test_table_and_comparison(summary):
    """The free table as the EDNN's energy; direct estimates beside it."""
    settings = (
        "ednn.fit=table", "ednn.focus=1", "ednn.tile=ball", "direct.tile=ball", "direct.radius=1",
        "observe.samples=20000", "direct.samples=10000",
    )  # fmt: skip
    found, out, page = summary(*settings)
    assert found["ednn"]["rmse"] < 8
    assert found["direct"]["samples"] == 10_000
    for name in ("pairwise", "clusters", "table"):
        assert f"RMSE {found['direct'][name]['rmse']:.3f} +- " in out
        assert f"{name}, directly from 10000 observations" in page
        assert 0.2 < found["direct"][name]["rmse"] / found["direct"][name]["predicted_error"] < 4
    assert found["direct"]["clusters"]["rmse"] < found["direct"]["table"]["rmse"]


@pytest.mark.mpi
def test_pseudolikelihood_and_range(summary):
    """An EDNN trained on snapshots alone; tiles without a neighbour are too small, one is enough."""
    settings = (
        "ednn.fit=pseudolikelihood", "ednn.focus=1", "ednn.context=[0, 1]", "observe.samples=10000",
        "ednn.epochs=4", "ednn.learning_rate=0.01", "ednn.hidden=[16]",
    )  # fmt: skip
    found, out, page = summary(*settings, ranks=2)
    assert found["ednn"]["context"] == 1
    small, enough = found["ednn"]["search"]
    assert not small["enough"] and enough["enough"]
    assert small["excess"] > 10 * small["excess_error"]
    assert found["ednn"]["rmse"] < 12 and found["ednn"]["slope"] == pytest.approx(1, abs=0.25)
    assert "context 1" in out and "Range of the interactions" in page


@pytest.mark.mpi
def test_glass_by_tiles_of_their_own(summary, python, job_file, tmp_path):
    """Quenched couplings need a network for each tile; it knows the energy and the couplings of a glass."""
    settings = (
        'hamiltonian={kind = "edwards_anderson"}', "ednn.fit=pseudolikelihood", "ednn.shared=false",
        "lattice.shape=[4, 4]", "observe.samples=20000", "observe.temperature=2.0", "ednn.epochs=10",
        "ednn.learning_rate=0.01",
    )  # fmt: skip
    found, out, page = summary(*settings)
    assert found["ednn"]["slope"] == pytest.approx(1, abs=0.2)
    assert found["ednn"]["rmse"] < 10
    numbers = found["couplings"]["ednn"]
    assert numbers["correlation"] > 0.98 and numbers["slope"] == pytest.approx(1, abs=0.2)
    assert (numbers["bonds"], numbers["others"]) == (32, 120 - 32)
    assert 0 < numbers["error"] < numbers["rmse"] < 0.4
    assert 0 < numbers["others_rms"] < numbers["rmse"]
    assert f"couplings recovered: correlation {numbers['correlation']:.4f}" in out
    assert "<h2>Recovered couplings</h2>" in page
    path = tmp_path / "tiny" / "evaluation.h5"
    one = read_couplings(path)
    true, value = one["true"][one["bond"]], one["recovered"]["ednn"]["value"][one["bond"]]
    assert numbers["correlation"] == pytest.approx(np.corrcoef(true, value)[0, 1])
    job, _ = load(str(job_file), settings)
    spins = 2.0 * np.random.default_rng(1).integers(0, 2, (10, 16)) - 1
    energy = -np.einsum("p,np,np->n", one["true"], *(spins[:, one["pairs"][:, k]] for k in (0, 1)))
    assert energy == pytest.approx(job.build_hamiltonian().energy(((1 + spins) / 2).astype(np.uint8)))
    path.unlink()
    options = [argument for setting in (*settings, WITHOUT_RNN[1]) for argument in ("--set", setting)]
    done = python("-m", "dcl_hpc.evaluate", job_file, "--runs", tmp_path, *options, ranks=2)
    assert done.returncode == 0, done.stderr
    two = read_couplings(path)
    assert np.array_equal(one["pairs"], two["pairs"])
    for what, data in one["recovered"]["ednn"].items():
        assert two["recovered"]["ednn"][what] == pytest.approx(data, abs=1e-9)
