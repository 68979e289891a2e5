"""An ensemble of realizations: what a user finds at its end, from the same command as for a single system."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

NUMBERS = [4, 0]
# Realizations of a glass that the whole chain takes seconds for, with ladders of given length.
GLASS = f"""\
name = "glass"
seed = 7

[lattice]
shape = [4, 4]

[hamiltonian]
kind = "edwards_anderson"
realizations = {NUMBERS}

[observe]
temperature = 2.0
samples = 2000
chains = 100
thermalization = 10

[rnn]
hidden = 8
epochs = 2
batch = 100

[labels]
count = 2000

[ednn]
focus = 1
context = 1
shared = false
hidden = [8]
epochs = 2
batch = 100

[levels]
per_level = 5

[sweep]
energies = ["true", "rnn", "ednn", "direct"]
temperatures = [2.0, 3.0, 4.0, 5.0]
ladders = 2
thermalization = 10
sweeps = 30
rnn_thermalization = 10
rnn_sweeps = 10
rungs = 4
"""
FILES = {
    "observations.h5",
    "rnn/network.h5",
    "rnn/network.previous.h5",
    "labels.h5",
    "ednn/network.h5",
    "ednn/network.previous.h5",
    "calibration/rnn.h5",
    "calibration/ednn.h5",
    "evaluation.h5",
    "sweeps/true_4x4.h5",
    "sweeps/rnn_4x4.h5",
    "sweeps/ednn_4x4.h5",
    "direct.h5",
    "sweeps/direct_4x4.h5",
}
pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def glass_job(tmp_path_factory):
    """The job file of the ensemble."""
    path = tmp_path_factory.mktemp("job") / "glass.toml"
    path.write_text(GLASS)
    return path


@pytest.fixture(scope="module")
def chain(python, glass_job, tmp_path_factory):
    """Folder of a run of all stages on two ranks, and what the command said."""
    runs = tmp_path_factory.mktemp("ensemble")
    done = python("-m", "dcl_hpc.run", glass_job, "--runs", runs, "--ranks", 2, timeout=400)
    return runs, done


@pytest.fixture(scope="module")
def folder(chain):
    """Folder of the ensemble."""
    return chain[0] / "glass"


@pytest.fixture(scope="module")
def summary(folder) -> dict:
    """Numbers of the ensemble's report."""
    return json.loads((folder / "report" / "summary.json").read_text())


@pytest.fixture(scope="module")
def members(folder) -> list[dict]:
    """Numbers of each realization's report."""
    return [json.loads((folder / f"realization_{k}/report/summary.json").read_text()) for k in NUMBERS]


@pytest.fixture(scope="module")
def page(folder) -> str:
    """The ensemble's page."""
    return (folder / "report" / "index.html").read_text(encoding="utf-8")


def is_average(found: dict, values) -> bool:
    """Whether an entry is the average over realizations, with its standard error."""
    values = np.array(values, float)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.array(found["value"]) == pytest.approx(values.mean(axis=0), abs=1e-12)
    assert np.array(found["error"]) == pytest.approx(error, abs=1e-12)
    return True


def test_chain_ends_well(chain, folder):
    """Every realization has all files of a single system; no temporary file is left."""
    assert chain[1].returncode == 0, chain[1].stderr
    assert "Traceback" not in chain[1].stderr and "Warning" not in chain[1].stderr
    expected = {f"realization_{k}/{name}" for k in NUMBERS for name in FILES}
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.h5")} == {*expected, "ensemble.h5"}
    assert not list(folder.rglob("*.tmp.*"))


def test_averages_are_those_of_the_realizations(summary, members):
    """Energies, specific heat, exact values, errors of the networks: means over the realizations' numbers."""
    assert summary["realizations"] == NUMBERS
    assert [sweep["energy"] for sweep in summary["sweeps"]] == ["true", "rnn", "ednn", "direct"]
    for k, sweep in enumerate(summary["sweeps"]):
        assert sweep["temperature"] == [2.0, 3.0, 4.0, 5.0] and sweep["shape"] == [4, 4]
        for name in ("u", "c"):
            assert is_average(sweep[name], [member["sweeps"][k][name] for member in members])
    for name in ("u", "c"):
        exact = [member["sweeps"][0][f"{name}_exact"] for member in members]
        assert is_average(summary["exact"][name], exact)
    assert is_average(summary["u_ground"], [member["sweeps"][0]["u_ground"] for member in members])
    for network, keys in (("rnn", ("kl", "rmse", "slope")), ("ednn", ("rmse", "slope"))):
        for key in keys:
            assert is_average(summary[network][key], [member[network][key] for member in members])
        for key in ("correlation", "slope", "rmse"):
            found = summary["couplings"][network][key]
            assert is_average(found, [member["couplings"][network][key] for member in members])


def test_errors_are_those_of_the_realizations(summary, members):
    """u - u_exact of each realization, and its mean, root mean square and largest value."""
    for k, sweep in enumerate(summary["sweeps"]):
        rows = [member["sweeps"][k] for member in members]
        exact = np.array([row["u_exact"] for row in rows])
        each = np.array([row["u"] for row in rows]) - exact
        errors = sweep["errors"]
        assert np.array(errors["each"]) == pytest.approx(each)
        assert is_average(errors["mean"], each) and is_average(errors["percent"]["mean"], -100 * each / exact)
        assert errors["rms"]["value"] == pytest.approx(np.sqrt((each**2).mean(axis=0)))
        assert errors["largest"] == pytest.approx(np.abs(each).max(axis=0))
        for at, who in enumerate(errors["largest_of"]):
            assert abs(each[who, at]) == np.abs(each[:, at]).max()


def test_samples_are_those_of_the_realizations(chain, summary, members):
    """Effective samples: averages and the fewest; short chains are counted, and told in words."""
    for position, sweep in enumerate(summary["sweeps"]):
        each = [member["sweeps"][position] for member in members]
        samples = np.array([row["effective_samples"] for row in each])
        assert is_average(sweep["effective_samples"], samples)
        assert sweep["fewest_effective_samples"] == samples.min(axis=0).tolist()
        assert sweep["too_short"] == np.sum([row["too_short"] for row in each], axis=0).tolist()
        assert max(sweep["too_short"]) > 0
    assert f"of {len(members)} realizations: error bars are too small" in chain[1].stdout


def test_overlaps_are_averaged(folder, summary, members):
    """Overlaps per realization as measured; their averages, and the Binder parameter of averages."""
    for k, sweep in enumerate(summary["sweeps"]):
        tables = [member["sweeps"][k]["overlap"] for member in members]
        for name in ("abs_q", "q2", "q4", "distribution"):
            assert is_average(sweep["overlap"][name], [table[name] for table in tables])
        q2, q4 = (np.mean([table[name] for table in tables], axis=0) for name in ("q2", "q4"))
        assert sweep["overlap"]["binder"]["value"] == pytest.approx((3 - q4 / q2**2) / 2)
        bins = np.array(sweep["overlap"]["q"])
        assert np.array(sweep["overlap"]["distribution"]["value"]).sum(axis=1) * (bins[1] - bins[0]) == (
            pytest.approx(1)
        )
        for number, table in zip(NUMBERS, tables, strict=True):
            path = folder / f"realization_{number}/sweeps/{sweep['energy']}_4x4.h5"
            with h5py.File(path, "r") as file:
                q = file["series/overlap/value"][()].astype(float)
            assert table["q2"] == pytest.approx((q**2).mean(axis=(0, 1)))


def test_rows_of_the_realizations(summary, members):
    """Every realization has its ground state, errors and couplings in the ensemble's summary."""
    assert [row["realization"] for row in summary["members"]] == NUMBERS
    for row, member in zip(summary["members"], members, strict=True):
        assert row["rnn"] == member["rnn"] and row["u_ground"] == member["sweeps"][0]["u_ground"]
        assert row["couplings"]["rnn"]["correlation"] == member["couplings"]["rnn"]["correlation"]
        for sweep in member["sweeps"]:
            assert row["worst"][sweep["energy"]]["du"] == sweep["max_abs_du"]


def test_ground_states(summary, members):
    """A ground state lies below the energies at all temperatures, and realizations differ."""
    ground = [member["sweeps"][0]["u_ground"] for member in members]
    assert len(set(ground)) == 2
    for energy, member in zip(ground, members, strict=True):
        assert all(sweep["u_ground"] == energy for sweep in member["sweeps"])
        assert energy < min(member["sweeps"][0]["u_exact"]) and energy > -2


def test_couplings_of_all_realizations(folder, summary):
    """All bonds of all realizations together."""
    true, found = [], []
    for number in NUMBERS:
        with h5py.File(folder / f"realization_{number}/evaluation.h5", "r") as file:
            bond = file["couplings/bond"][()]
            true.append(file["couplings/true"][bond])
            found.append(file["couplings/rnn/value"][bond])
    true, found = np.concatenate(true), np.concatenate(found)
    pooled = summary["couplings"]["rnn"]["all"]
    assert pooled["bonds"] == len(true) == 2 * 32
    assert pooled["correlation"] == pytest.approx(np.corrcoef(true, found)[0, 1])
    assert pooled["slope"] == pytest.approx(np.polyfit(true, found, 1)[0])
    assert pooled["rmse"] == pytest.approx(np.sqrt(((true - found) ** 2).mean()))


def test_chain_ends_with_the_averages(chain, summary):
    """The last lines tell the averages, as in summary.json."""
    out = chain[1].stdout.partition("\nreport: ")[2]
    assert "2 realizations, ground-state energy per site " in out
    for name in ("rnn", "ednn"):
        rmse = summary[name]["rmse"]
        assert f"{rmse['value']:.3f} +- {rmse['error']:.3f} J" in out
        assert f"RMSE {summary['couplings'][name]['all']['rmse']:.3f} J" in out
    for sweep in summary["sweeps"]:
        worst = max(sweep["errors"]["largest"])
        assert re.search(rf"{sweep['energy']} .* largest {worst:.4f} at T = ", out)


def test_pages(folder, page):
    """The ensemble's page holds its figures and leads to each realization's, which holds its own."""
    pictures = {path.name for path in (folder / "report").glob("*.png")}
    assert pictures == {"thermodynamics.png", "errors.png", "overlaps.png", "couplings.png"}
    sources = re.findall(r"\bsrc\s*=\s*[\"']?([^\"'>\s]{0,30})", page)
    assert len(sources) == 4 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "<script" not in page and "<link" not in page
    links = re.findall(r'href="([^"]+)"', page)
    assert links == [f"../realization_{k}/report/index.html" for k in NUMBERS]
    for link in links:
        one = (folder / "report" / link).resolve()
        assert "Overlaps of replicas" in one.read_text(encoding="utf-8")
        assert (one.parent / "overlaps_4x4.png").exists()
    assert "realizations = [4, 0]" in page


def test_page_shows_the_summary(page, summary):
    """Averages and errors in the tables are those of summary.json."""
    for found, form in ((summary["rnn"]["rmse"], "%.3f"), (summary["sweeps"][2]["u"], "%.4f")):
        value, error = (np.ravel(found[name])[0] for name in ("value", "error"))
        assert f"{form % value} &plusmn; {form % error}" in page


def test_joined_file(folder):
    """ensemble.h5 holds every realization's observations and series."""
    with h5py.File(folder / "ensemble.h5", "r") as whole:
        assert whole.attrs["realizations"].tolist() == NUMBERS
        for k, number in enumerate(NUMBERS):
            root = folder / f"realization_{number}"
            with h5py.File(root / "observations.h5", "r") as one:
                name = "observations/states/value"
                np.testing.assert_array_equal(whole[name][k], one[name][()])
            with h5py.File(root / "sweeps/ednn_4x4.h5", "r") as one:
                for name in ("temperature", "series/energy/value", "series/overlap/value"):
                    np.testing.assert_array_equal(whole[f"sweeps/ednn_4x4/{name}"][k], one[name][()])


def test_unfinished_realization(command, glass_job, folder, tmp_path):
    """One line names what is missing; the report of before stays as it was."""
    copy = tmp_path / "runs" / "glass"
    shutil.copytree(folder, copy)
    (copy / "realization_0" / "sweeps" / "rnn_4x4.h5").unlink()
    before = (copy / "report" / "summary.json").read_bytes()
    done = command("report", glass_job, "--runs", copy.parent)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert line.startswith("dcl_hpc: error: ") and "realization_0/sweeps/rnn_4x4.h5 does not exist" in line
    assert "(1 of 2 failed)" in line and "Traceback" not in done.stderr
    assert (copy / "report" / "summary.json").read_bytes() == before


def test_a_single_realization_is_an_ensemble_too(command, glass_job, chain, tmp_path):
    """The page of one realization stands without errors over realizations; others need not be in the list."""
    shutil.copytree(chain[0], tmp_path / "runs")
    done = command("report", glass_job, "--runs", tmp_path / "runs", "--set=hamiltonian.realizations=[0]")
    assert done.returncode == 0, done.stderr
    page = Path("glass", "realization_0", "report", "index.html")
    assert (tmp_path / "runs" / page).read_bytes() == (chain[0] / page).read_bytes()
    summary = json.loads((tmp_path / "runs" / "glass" / "report" / "summary.json").read_text())
    assert summary["realizations"] == [0] and summary["u_ground"]["error"] is None
