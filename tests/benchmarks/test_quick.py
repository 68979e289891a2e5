"""Every benchmark runs: its --quick form ends well, and its JSON has what the long form writes."""

import json
import math
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# Keys of each script's JSON that others read, and one line that it prints.
SCRIPTS = {
    "beyond": ({"cubic", "command"}, "cubic "),
    "coverage": ({"direct", "command"}, "inside 68 %"),
    "direct": ({"samples", "ednn_rmse", "clusters_rmse", "pairwise_rmse", "data_sets"}, "median RMSE"),
    "ednn": ({"ednn_vs_true", "ednn_vs_multispin", "ns_per_flip", "details"}, "flips/ns"),
    "exact_checks": ({"command", "p_value", "largest_z", "ising_4x4"}, "largest |z| of u"),
    "explained": ({"series", "cases"}, "5 % off"),
    "gpu": ({"device", "training", "flips_per_s"}, "of the peak"),
    "hardening": ({"seed", "jobs", "hdf5", "imports", "special", "disk", "signals", "kills"}, "untidy"),
    "learning": ({"job", "rows"}, "1000 observations, RMSE / J"),
    "lengths": ({"samples", "lengths"}, "nats, "),
    "metropolis": (
        {"ising_vector", "bit_parallel", "ednn_table", "two_ranks_speedup", "single_lattices"},
        "flips/ns",
    ),
    "paper": ({"rows"}, "rows, "),
    "peers": ({"cases"}, "selected"),
    "plan": ({"predicted", "found", "pilot", "sets", "details"}, "error of u(2.5) predicted"),
    "rnn": ({"train_fraction_of_gemm", "sweep_vs_full_energies", "memory_growth_10x_data"}, "hidden 8"),
    "scaling": ({"disk", "check", "limits", "cost", "assumed"}, "2 ranks, observe: "),
    "stale": ({"count", "not_told", "ways"}, "0 not told or not mended"),
    "thermal": ({"gradient_error", "t_kin_over_t", "reversible", "energy_over_tmn"}, "t_kin_over_t"),
    "thermal_speed": ({"fraction_of_products", "sizes"}, "four trajectories take"),
    "transfer": ({"observed", "sizes"}, "largest error of u"),
    "unknown": ({"open", "command"}, "nearest neighbours"),
    "variants": ({"samples", "variants"}, "KL "),
    "warm_start": ({"samples", "realizations", "trainings"}, "warm start, 1 epochs: KL "),
}
# Without these packages there is nothing to compare with, and no number.
PEERS = {"vs_peapods", "train_vs_torch", "train_vs_keras", "bfloat16_fraction_of_gemm"}


def numbers(value, name=""):
    """All numbers of a JSON value with the keys that lead to them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item, name)
    elif value is None or isinstance(value, float):
        yield name, value


def test_all_scripts_are_here():
    """A new benchmark needs a quick form, too."""
    peers = {"j1j2_ednn"}  # which need another program's data
    shared = {
        "foreign", "gru_peers", "outcome", "scaling_model", "scaling_page", "scaling_ranks",
        "training_memory", "work",
    }  # fmt: skip
    assert {path.stem for path in FOLDER.glob("*.py")} == {*SCRIPTS, *peers, *shared}


@pytest.mark.mpi
@pytest.mark.parametrize("name", SCRIPTS)
def test_quick(python, tmp_path, name):
    """Exit code 0, a table for the reader, and finite numbers under the known keys; no result is changed."""
    before = {path: path.stat().st_mtime_ns for path in FOLDER.glob("results/*")}
    keys, line = SCRIPTS[name]
    file = tmp_path / "result.json"
    arguments = ["--json", file] if name == "exact_checks" else ["--json"]
    done = python(FOLDER / f"{name}.py", "--quick", *arguments, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert line in done.stdout
    result = json.loads(file.read_text() if file.exists() else done.stdout.splitlines()[-1])
    assert keys <= result.keys()
    for key, number in numbers(result):
        assert (number is None and key in PEERS) or math.isfinite(number), key
    assert {path: path.stat().st_mtime_ns for path in FOLDER.glob("results/*")} == before
