"""From planted measurements to the page: averages, published values beside, nothing that is not a number."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.cluster import mpi
from dcl_hpc.job.thermal import ThermalJob
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage.layout import array_field, write_file
from dcl_hpc.thermal import analysis, page, published, results
from dcl_hpc.thermal.stages.analyse import analyse

JOB = """
study = "thermal"
name = "a"
machine = { images = 2000 }
dynamics = { waiting = [0, 5000], points = 40 }
samples = { samples = 4, replicas = 4, waiting = 5000 }
scan = { width = [10, 20, 40] }
training = { epochs = 4 }
"""
TEMPERATURE = 1e-5


def start_run(folder, **changes) -> Run:
    """A run of the job, without files."""
    overrides = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    path = folder / "a.toml"
    path.write_text(JOB)
    return Run(ThermalJob.load(path, overrides), JOB, str(path), folder / "runs", ranks=1)


def plant(run: Run) -> None:
    """Files of all points: published overlaps, energies with three bends, exponential autocorrelations."""
    for machine in run.job.points:
        random = np.random.default_rng(machine.width)
        for name, arrays in (
            ("thermalize", trajectories(run.job, machine, random)),
            ("replicate", replicas(run.job, machine, random)),
            ("train", trained(run.job, random)),
        ):
            output = f"{name}_{machine.name}"
            layout = {key: array_field(values, ("",) * values.ndim, key) for key, values in arrays.items()}
            write_file(run.path(output), layout, run.attributes(output), total=1, done=1)


def trajectories(job, machine, random) -> dict[str, np.ndarray]:
    """Measurements of samples that fall at tau_0 = 1e3, crash at 1e4, and have tau_l = 700."""
    times, n, depth = job.measured, job.samples.samples, machine.depth
    x = np.log(np.maximum(times, 1))
    falls = [np.maximum(x - np.log(t), 0) for t in (1e3, 1e4, 1e5)]
    energy = 1000 - 40 * falls[0] - 350 * falls[1] + 390 * falls[2]
    shares = random.uniform(0.9, 1.1, (n, depth)) / depth
    since = times[:, None] - job.waiting
    decay = np.where(since < 0, np.nan, np.exp(-np.maximum(since, 0) / 700))[:, None, :, None, None]
    spread = random.normal(1, 0.01, (1, n, 1, 1, 1))
    freedoms = np.array([np.prod(shape) for shape in machine.weight_shapes])
    flat = np.ones((len(times), n, depth))
    return {
        "time/value": times,
        "energy/potential": energy[:, None, None] * shares,
        "energy/kinetic_neurons": flat[..., 1:] * machine.images * machine.width * TEMPERATURE / 2,
        "energy/kinetic_weights": flat * freedoms * TEMPERATURE / 2,
        "accuracy/value": np.tile(random.choice([0.8, 0.9], n), (len(times), 1)),
        "correlation/neurons": decay * spread * np.ones((depth - 1, 3)),
        "correlation/weights": decay * spread * np.ones((depth, 3)),
    }


def replicas(job, machine, random) -> dict[str, np.ndarray]:
    """Overlaps that end at the published ones, with noise of 0.01."""
    times, n, r, depth = job.lags, job.samples.samples, job.samples.replicas, machine.depth
    overlap = {10: 5.3, 20: 4.6, 40: 3.9}[machine.width]
    q = np.array(published.OVERLAP[overlap]) + random.normal(0, 0.01, (n, r, r, depth - 1))
    q = (q + q.swapaxes(1, 2)) / 2
    neurons = np.broadcast_to(q[..., None], (len(times), *q.shape, 3))
    weights = np.concatenate([neurons, neurons[..., -1:, :]], axis=-2)
    return {
        "time/value": times,
        "energy/potential": np.ones((len(times), n, r, depth)),
        "accuracy/value": np.full((len(times), n, r), 0.9),
        "overlap/neurons": neurons,
        "overlap/weights": weights,
    }


def trained(job, random) -> dict[str, np.ndarray]:
    """A training of four epochs."""
    values = random.uniform(0.95, 1, (5, job.samples.samples))
    names = ("loss/value", "accuracy/value", "accuracy_tanh/value")
    return {"epoch/value": np.arange(5), **dict.fromkeys(names, values)}


def analyse_all(run: Run) -> None:
    """The stage `analyse` for all points."""
    context = SimpleNamespace(run=run, comm=mpi.alone(), log=lambda text: None)
    for machine in run.job.points:
        analyse(context, f"analyse_{machine.name}")


@pytest.fixture(scope="module")
def published_run(tmp_path_factory) -> Run:
    """A reported run of planted measurements."""
    run = start_run(tmp_path_factory.mktemp("published"))
    plant(run)
    analyse_all(run)
    page.write_report(run)
    return run


@pytest.fixture(scope="module")
def summary(published_run) -> dict:
    """What summary.json says; numbers that JSON does not know are refused."""

    def refuse(text):
        raise AssertionError(text)

    text = published_run.path("report").read_text()
    return json.loads(text, parse_constant=refuse)


def test_planted_values_come_back(summary):
    """Temperatures, regimes, relaxation times, accuracy and final energy are those that were planted."""
    assert [row["N"] for row in summary["scan"]] == [40, 20, 10]
    for row in summary["scan"]:
        np.testing.assert_allclose(row["temperature"], TEMPERATURE, rtol=1e-9)
        np.testing.assert_allclose(np.log(row["regimes"]), np.log([1e3, 1e4]), atol=0.3)
        np.testing.assert_allclose(row["tau_neurons"], 700, rtol=0.05)
        assert 0.8 <= row["accuracy"] <= 0.9 and row["steps"] == row["replica_steps"] == 500_000
        end = 1000 - 40 * np.log(500) - 350 * np.log(50) + 390 * np.log(5)
        assert row["log10_energy_ratio"] == pytest.approx(np.log10(end / 1000))
        assert row["training_accuracy"] > 0.9


def test_solid_of_the_published_overlaps(summary):
    """xi_s is that of the published overlaps, which are U-shaped, and so is its slope on ln alpha."""
    for row, (known, q) in zip(summary["scan"], list(published.OVERLAP.items())[:3], strict=True):
        assert row["ln_alpha"] == pytest.approx(known, abs=published.RESOLUTION)
        assert row["published_q_star"] == list(q) and row["u_shaped"]
        assert max(map(abs, row["difference_q_star"])) < 12  # of four samples, errors are rough
        assert abs(row["xi_s"] - analysis.solid_thickness(np.array(q))) < 0.05
    (slope,) = summary["slopes"]
    known = summary["published"]["slope_of_xi_s"]
    assert (slope["fixed"], slope["value"], slope["points"]) == ("M", 2000, 3)
    assert abs(slope["slope"] - known["slope"]) < 3 * known["slope_error"]


def test_what_is_missing_has_a_reason(summary):
    """Every null of a point is explained, and nothing else is."""
    for row in summary["scan"]:
        missing = {key for key, value in row.items() if key != "reasons" and "null" in json.dumps(value)}
        assert missing == set(row["reasons"])
    assert summary["scan"][0]["reasons"]["published_regimes"].startswith("nothing is published")


def test_page(published_run, summary):
    """The page has every figure and the published values beside; the report is current, and told in words."""
    text = (published_run.root / "report" / "index.html").read_text()
    assert text.count("data:image/png;base64,") == len(summary["files"]) - 1 == 8
    accuracy = summary["scan"][-1]["accuracy"], summary["scan"][-1]["accuracy_error"]
    assert "<td>{:.3f} &plusmn; {:.3f} (0.885)</td>".format(*accuracy) in text
    assert published.SOURCE in text and "nan" not in text.partition("<h2>Liquid and solid")[0]
    assert published_run.state("report").current
    assert "M2000-N10-L10" in page.headline(summary) and "slope of xi_s" in page.headline(summary)


def test_single_sample(tmp_path):
    """One sample with two replicas has values and no errors, and says why."""
    run = start_run(tmp_path, samples__samples=1, samples__replicas=2, scan__width=[10])
    plant(run)
    analyse_all(run)
    (machine,) = run.job.points
    row = results.numbers(results.read_point(run.path(f"analyse_{machine.name}"), machine, mpi.alone()))
    assert row["xi_s"] > 6 and row["xi_s_error"] is None
    assert row["reasons"]["xi_s_error"] == row["reasons"]["q_star_error"] == results.NO_ERROR
