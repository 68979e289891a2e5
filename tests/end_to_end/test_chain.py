"""The whole chain on a tiny job: what a user finds at its end."""

import json
import re
import shutil

import h5py
import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.stages.calibrate import UNDECIDED

FILES = {
    "observations.h5",
    "rnn/network.h5",
    "rnn/network.previous.h5",
    "labels.h5",
    "ednn/network.h5",
    "ednn/network.previous.h5",
    "calibration/ednn.h5",
    "evaluation.h5",
    "sweeps/true_6x6.h5",
    "sweeps/rnn_6x6.h5",
    "sweeps/ednn_6x6.h5",
}
STAGES = [
    "observe", "rnn", "label", "ednn", "calibrate_ednn", "evaluate", "sweep_true_6x6", "sweep_rnn_6x6",
    "sweep_ednn_6x6",
]  # fmt: skip
COMMANDS = [
    "observe",
    "train",
    "label",
    "calibrate",
    "evaluate",
    "sweep",
    "report",
    "run",
    "status",
    "submit",
]


@pytest.fixture(scope="module")
def chain(python, tiny_job, tmp_path_factory):
    """Folder of a run of all stages on two ranks, and what the command said."""
    runs = tmp_path_factory.mktemp("chain")
    done = python("-m", "dcl_hpc.run", tiny_job, "--runs", runs, "--ranks", 2, timeout=200)
    return runs, done


@pytest.fixture(scope="module")
def folder(chain):
    """Folder of the job."""
    return chain[0] / "tiny"


@pytest.fixture(scope="module")
def summary(folder) -> dict:
    """The report's numbers."""
    return json.loads((folder / "report" / "summary.json").read_text())


@pytest.mark.mpi
def test_chain_ends_well(chain, folder):
    """All stages run; every file is there and no temporary one."""
    assert chain[1].returncode == 0, chain[1].stderr
    assert "Traceback" not in chain[1].stderr
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.h5")} == FILES
    assert not list(folder.rglob("*.tmp.*"))


@pytest.mark.mpi
def test_open_weights_are_told(chain, summary):
    """Where few held-out observations do not say how much of a network is noise, and only there."""
    assert summary["calibration"]
    for name, found in summary["calibration"].items():
        told = f"calibrate_{name}: {found['network_samples']} observations that no network" in chain[1].stdout
        assert told == (found["weight_error"] > UNDECIDED)


@pytest.mark.mpi
def test_learning_curves_for_tensorboard(folder):
    """Both networks leave one file of events, written by one rank."""
    for stage in ("rnn", "ednn"):
        assert len(list((folder / stage / "tensorboard" / stage).glob("events.*"))) == 1


@pytest.mark.mpi
def test_chain_ends_with_its_results(chain, summary):
    """The last lines tell the errors of both networks and of every sweep, as in summary.json."""
    out = chain[1].stdout
    for name in ("rnn", "ednn"):
        assert f"{summary[name]['rmse']:.3f} +- {summary[name]['rmse_error']:.3f} J" in out
    for sweep in summary["sweeps"]:
        assert re.search(rf"{sweep['energy']} +6x6 .*{sweep['max_abs_du']:.4f} J per site", out)


@pytest.mark.mpi
def test_report_is_self_contained(folder):
    """The page loads nothing: images are data, and there are no links to scripts, styles or addresses."""
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r"\bsrc\s*=\s*[\"']?([^\"'>\s]{0,30})", text)
    assert len(sources) >= 5
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    for loads in ("<script", "<link", "<iframe", "@import", "url(", "http://", "https://", "href="):
        assert loads not in text.lower(), loads


@pytest.mark.mpi
def test_report_shows_its_figures(folder):
    """Every figure lies beside the page as a PNG, and the page holds as many, beside drawings of clusters."""
    pictures = sorted((folder / "report").glob("*.png"))
    assert {"headline.png", "energies.png", "levels.png", "learning.png", "thermodynamics_6x6.png"} == {
        p.name for p in pictures
    }
    assert all(p.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for p in pictures)
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert text.count("<figure>") == len(pictures)


@pytest.mark.mpi
def test_report_holds_the_job(folder, tiny_job):
    """The page shows the job file, quotes escaped."""
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "temperatures = [2.0, 3.0, 4.0, 5.0]" in text
    assert "name = &#34;tiny&#34;" in text


@pytest.mark.mpi
def test_summary_of_networks(summary):
    """The summary tells the errors of both networks and the KL divergence of the RNN."""
    assert {"rmse", "kl"} <= summary["rnn"].keys() and {"rmse"} <= summary["ednn"].keys()
    assert all(np.isfinite(x) and x > 0 for x in (summary["rnn"]["rmse"], summary["ednn"]["rmse"]))
    assert np.isfinite(summary["rnn"]["kl"]) and summary["rnn"]["kl"] > 0


@pytest.mark.mpi
def test_summary_of_sweeps(summary):
    """Each sweep has one value per temperature; the largest error is that of its curve."""
    assert [(s["energy"], s["shape"]) for s in summary["sweeps"]] == [
        ("true", [6, 6]), ("rnn", [6, 6]), ("ednn", [6, 6])
    ]  # fmt: skip
    for sweep in summary["sweeps"]:
        assert sweep["temperature"] == [2.0, 3.0, 4.0, 5.0]
        u, error, exact = (np.array(sweep[key], float) for key in ("u", "u_error", "u_exact"))
        assert u.shape == error.shape == exact.shape == (4,)
        assert np.isfinite(u).all() and (error >= 0).all()
        assert (np.diff(exact) > 0).all() and (exact > -2).all() and (exact < 0).all()
        worst = np.argmax(abs(u - exact))
        assert sweep["max_abs_du"] == pytest.approx(abs(u - exact)[worst])
        assert sweep["t_at_max"] == sweep["temperature"][worst]


@pytest.mark.mpi
def test_short_chains_are_told(chain, folder, summary):
    """Sweeps of 5 and 30 measurements are too short, as log and page say; effective samples are known."""
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    for sweep in summary["sweeps"]:
        assert sweep["too_short"] == [True] * 4 and len(sweep["effective_samples"]) == 4
        told = (
            f"{sweep['energy']} 6x6, T = 2, 3, 4, 5: chains of {sweep['sweeps']} sweeps are shorter than 50"
        )
        assert told in text and f"warning: {told}" in chain[1].stdout


@pytest.mark.mpi
def test_error_of_the_zero_is_in_the_errors(summary):
    """The RNN's zero has an error, that of a table of all tiles has none."""
    errors = {sweep["energy"]: sweep["reference_error"] for sweep in summary["sweeps"]}
    assert errors["true"] == errors["ednn"] == 0 < errors["rnn"] < 0.01
    rnn = next(sweep for sweep in summary["sweeps"] if sweep["energy"] == "rnn")
    assert min(rnn["u_error"]) >= errors["rnn"]


@pytest.mark.mpi
def test_summary_of_exchange(folder, summary):
    """Ladders hold the job's temperatures; the page has a row for each sweep."""
    for exchange in (sweep["exchange"] for sweep in summary["sweeps"]):
        assert set(exchange["ladder"]) >= {2.0, 3.0, 4.0, 5.0}
        acceptance = np.array(exchange["acceptance"])
        assert len(acceptance) == len(exchange["ladder"]) - 1
        assert ((acceptance >= 0) & (acceptance <= 1)).all()
        assert exchange["communication_barrier"] == pytest.approx((1 - acceptance).sum())
        assert exchange["replicas"] == 2 * len(exchange["ladder"])
    assert [sweep["exchange"]["sweeps"] for sweep in summary["sweeps"]] == [30, 5, 30]
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    table = text.partition("<h2>Replica exchange</h2>")[2].partition("</table>")[0]
    assert table.partition("<tbody>")[2].count("<tr>") == 3


@pytest.mark.mpi
def test_summary_of_times(summary):
    """The summary tells the seconds of every stage."""
    assert list(summary["wall_seconds"]) == [*STAGES, "report"]
    assert all(seconds > 0 for seconds in summary["wall_seconds"].values())


@pytest.mark.mpi
def test_status_shows_all_complete(chain, command, tiny_job):
    """After the chain every stage is complete."""
    done = command("status", tiny_job, "--runs", chain[0])
    assert done.returncode == 0, done.stderr
    shown = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()[2:]}
    assert list(shown) == [*STAGES, "report"]
    assert all(shown[stage] == ["complete", "100%"] for stage in STAGES)
    assert shown["report"] == ["complete"]


@pytest.mark.mpi
def test_second_run_changes_no_result(chain, folder, command, tiny_job):
    """Run again, the chain leaves every HDF5 file as it is, also on another number of ranks."""
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*.h5")}
    summary = json.loads((folder / "report" / "summary.json").read_text())
    done = command("run", tiny_job, "--runs", chain[0])
    assert done.returncode == 0, done.stderr
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*.h5")} == before
    again = json.loads((folder / "report" / "summary.json").read_text())
    assert again["sweeps"] == summary["sweeps"] and again["rnn"] == summary["rnn"]


@pytest.mark.mpi
def test_labels_of_all_sources(folder, python, tiny_job, tmp_path):
    """Sampled and tempered configurations are labelled too, the same by one rank and by two."""
    for ranks in (1, 2):
        copy = tmp_path / str(ranks) / "tiny"
        shutil.copytree(folder / "rnn", copy / "rnn")
        shutil.copy(folder / "observations.h5", copy)
    shares = {f"labels.{name}": 1 for name in ("random", "observed", "sampled", "tempered")}
    settings = {**shares, "labels.count": 1200}
    dcl_hpc.start(tiny_job, tmp_path / "1", settings).make("label")
    changes = [f"--set={key}={value}" for key, value in settings.items()]
    done = python("-m", "dcl_hpc.label", tiny_job, "--runs", tmp_path / "2", *changes, ranks=2)
    assert done.returncode == 0, done.stderr
    found = []
    for ranks in (1, 2):
        with h5py.File(tmp_path / str(ranks) / "tiny" / "labels.h5") as file:
            found.append((file["labels/states/value"][()], file["labels/energy/value"][()]))
    (states, energy), (again, energy_again) = found
    assert np.array_equal(states, again)
    assert energy == pytest.approx(energy_again, abs=1e-3)
    assert states.shape == (1200, 36)
    grid = states.reshape(-1, 6, 6)
    like = np.mean([(grid == np.roll(grid, 1, axis)).mean(axis=(1, 2)) for axis in (1, 2)], axis=0)
    assert like.std() > 0.08  # uniformly random ones alone: 0.06


def test_status_before_anything(dcl, runs):
    """Before the first stage nothing is complete, and asking makes no file."""
    done = dcl("status")
    assert done.returncode == 0, done.stderr
    shown = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[2:]}
    assert list(shown) == [*STAGES, "report"] and set(shown.values()) == {"-"}
    assert not runs.exists()


@pytest.mark.parametrize("module", COMMANDS)
def test_help(command, module):
    """Every command explains itself."""
    done = command(module, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m dcl_hpc.{module}") and "--set" in done.stdout
