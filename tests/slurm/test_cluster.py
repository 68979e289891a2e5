"""The stages on a Slurm cluster of virtual nodes: results, restarts, failures."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[2]
TWO_NODES = ("--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=1")
SMALL = ("--set=lattice.shape=[4, 4]", "--set=rnn.epochs=1", '--set=sweep.energies=["true", "rnn"]')
# A sweep of the true energy that takes long enough to be disturbed.
LONG = ("--set=sweep.thermalization=0", "--set=sweep.sweeps=6000", '--set=sweep.energies=["true"]')
FAIL = """\
import os, sys
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.signals import StopRequest


def work(comm):
    StopRequest()
    comm.Barrier()
    if comm.rank == 1:
        raise MemoryError("no room for 3 TiB")
    comm.Barrier()


mpi.run(work)
"""
pytestmark = pytest.mark.slurm


@pytest.fixture
def sweep(cluster, job_file, runs):
    """Submit the script of sweeps for the long one, on two nodes: the id of the job, and its log."""

    def start(*options):
        log = runs.parent / f"log{len(list(runs.parent.iterdir()))}"
        arguments = (
            f"--output={log}",
            "--array=0",
            *TWO_NODES,
            *options,
            "slurm/stage.sh",
            "sweep",
            job_file,
        )
        jobs.append(cluster.sbatch(*arguments, f"--runs={runs}", *LONG, DCL_PYTHON=sys.executable))
        return jobs[-1], log

    jobs = []
    yield start
    cluster("scancel", *jobs)


@pytest.fixture(scope="module")
def reference(command, tiny_job, tmp_path_factory, data):
    """Bits of the long sweep and of the observations, made by one process without interruption."""
    runs = tmp_path_factory.mktemp("reference")
    for module, settings in (("sweep", LONG), ("observe", ())):
        done = command(module, tiny_job, f"--runs={runs}", *settings)
        assert done.returncode == 0, done.stderr
    folder = runs / "tiny"
    return {"sweep": data(folder / "sweeps" / "true_6x6.h5"), "observe": data(folder / "observations.h5")}


@pytest.fixture
def measured(runs):
    """Whether the sweep has begun to measure."""

    def ask():
        return (runs / "tiny" / "sweeps" / "true_6x6.h5").exists()

    return ask


def committed(runs) -> int:
    """Committed measurements of the sweep."""
    with h5py.File(runs / "tiny" / "sweeps" / "true_6x6.h5", "r", locking=False) as file:
        return int(file["progress/committed"][0])


@pytest.mark.parametrize("script", ["observe.sh", "train.sh", "stage.sh"])
def test_scripts_are_accepted(cluster, script):
    """Slurm would take every script as it is."""
    done = cluster("sbatch", "--test-only", ROOT / "slurm" / script, "a job.toml")
    assert done.returncode == 0 and "to start at" in done.stderr, done.stderr


def test_two_nodes_write_the_bits_of_one_rank(cluster, job_file, runs, data, reference, tmp_path):
    """Four ranks on two nodes make the observations of one process."""
    job = cluster.sbatch(
        f"--output={tmp_path}/%x-%j.out", *TWO_NODES, "slurm/observe.sh", job_file, f"--runs={runs}",
        DCL_PYTHON=sys.executable,
    )  # fmt: skip
    assert cluster.end(job) == "COMPLETED"
    assert "chains on 4 ranks" in (tmp_path / f"dcl-observe-{job}.out").read_text()
    assert data(runs / "tiny" / "observations.h5") == reference["observe"]


def test_one_command_ends_in_a_report(cluster, job_file, runs, tmp_path):
    """A whole chain on two nodes, its two sweeps as an array; meanwhile a second one is refused."""

    def client(module, *arguments):
        return cluster(
            sys.executable, "-m", f"dcl_hpc.{module}", job_file, f"--runs={runs}", *SMALL, *arguments
        )

    options = ("--", "--nodes=2", "--ntasks=2", "--cpus-per-task=1")
    first = client("submit", *options)
    assert first.returncode == 0, first.stderr
    second = client("submit", *options)
    assert second.returncode == 2 and "has been submitted already" in second.stderr
    ids = json.loads((runs / "tiny" / "submitted.json").read_text())
    assert len(ids) == 7 and f"  {ids['report']} pending" in client("status").stdout
    assert cluster.end(ids["report"], 600) == "COMPLETED", client("status").stdout
    logs = {path.name: path.read_text() for path in (runs / "tiny" / "logs").iterdir()}
    assert len(logs) == len(ids) - 1  # the record has a checksum, too
    assert "global batch 100 on 2 ranks" in logs[f"tiny-rnn-{ids['rnn']}.out"]
    assert {f"tiny-sweep-{ids['sweep_true_4x4'].partition('_')[0]}_{k}.out" for k in range(2)} <= logs.keys()
    summary = json.loads((runs / "tiny" / "report" / "summary.json").read_text())
    assert len(summary["sweeps"]) == 2
    assert "all stages are complete" in client("submit").stdout
    assert not list((runs / "tiny").glob(".*lock*"))


def test_array_of_realizations(cluster, command, glass_file, runs, data, tmp_path):
    """Two realizations of a glass, an element each in every array, have the bits of one process."""
    settings = ("--set=hamiltonian.realizations=2", '--set=sweep.energies=["true"]')
    submit = (sys.executable, "-m", "dcl_hpc.submit", glass_file, f"--runs={runs}", *settings)
    done = cluster(*submit, "--", "--nodes=1", "--ntasks=2", "--cpus-per-task=1")
    assert done.returncode == 0, done.stderr
    own = tmp_path / "own"
    for stage in ("observe", "sweep"):
        alone = command(stage, glass_file, f"--runs={own}", *settings)
        assert alone.returncode == 0, alone.stderr
    ids = json.loads((runs / "glass" / "submitted.json").read_text())
    logs = runs / "glass" / "logs"
    assert cluster.end(ids["report"]) == "COMPLETED", [path.read_text() for path in logs.iterdir()]
    assert len(list(logs.iterdir())) == 2 * 2 + 1
    for k in range(2):
        for name in ("observations.h5", "sweeps/true_4x4.h5"):
            file = Path("glass") / f"realization_{k}" / name
            assert data(runs / file) == data(own / file)
    summary = json.loads((runs / "glass" / "report" / "summary.json").read_text())
    assert summary["realizations"] == [0, 1]


def test_checkpoint_and_requeue(cluster, sweep, runs, measured, data, reference):
    """Signalled ahead of its time limit, a job saves, starts again and ends with the same bits."""
    job, log = sweep()
    cluster.wait(measured)
    mine = subprocess.run(
        [sys.executable, "-m", "dcl_hpc.sweep", str(runs.parent / "tiny.toml"), f"--runs={runs}", *LONG],
        env=cluster.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert mine.returncode == 2 and f"in use by sweep_true_6x6 of tiny (Slurm job {job}" in mine.stderr
    assert cluster("scancel", "--batch", "--signal=USR1", f"{job}_0").returncode == 0
    cluster.wait(lambda: cluster.job(job, "Restarts") == "1")
    assert committed(runs) < 6000
    assert cluster.end(job) == "COMPLETED", log.read_text()
    assert log.read_text().count("stopped; start the same command again") == 1
    assert data(runs / "tiny" / "sweeps" / "true_6x6.h5") == reference["sweep"]


def test_cancelled_job_does_not_come_back(cluster, sweep, runs, measured):
    """A job that is cancelled saves its work and ends for good."""
    job, log = sweep()
    cluster.wait(measured)
    cluster("scancel", f"{job}_0")
    assert cluster.end(job) == "CANCELLED", log.read_text()
    cluster.wait(lambda: "stopped; start the same command again to go on" in log.read_text())
    assert cluster.job(job, "Restarts") == "0" and 0 < committed(runs) < 6000


def test_node_down(cluster, sweep, runs, measured, data, reference):
    """A node loses its power: the job starts again on others and ends with the right bits."""
    job, log = sweep()
    cluster.wait(measured)
    lost = cluster("scontrol", "show", "hostnames", cluster.job(job, "NodeList")).stdout.split()[0]
    cluster.power("off", lost)
    try:
        cluster("scontrol", "update", f"nodename={lost}", "state=down", "reason=power")
        cluster.wait(lambda: cluster.job(job, "Restarts") == "1")
        assert cluster.end(job) == "COMPLETED", log.read_text()
    finally:
        cluster.power("on", lost)
        cluster("scontrol", "update", f"nodename={lost}", "state=resume")
    assert data(runs / "tiny" / "sweeps" / "true_6x6.h5") == reference["sweep"]
    assert not list((runs / "tiny").glob(".*lock*"))


def test_killed_rank(cluster, sweep, runs, measured, data, reference):
    """A rank is killed: the job ends soon and says so; submitted again, it goes on."""
    job, log = sweep("--no-requeue")
    cluster.wait(measured)
    pid = cluster.ranks(cluster.job(job, "JobId"))[1]
    os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    assert cluster.end(job) == "FAILED"
    assert time.monotonic() - started < 60
    assert "task 1: Killed" in log.read_text()
    job, log = sweep()
    assert cluster.end(job) == "COMPLETED", log.read_text()
    assert data(runs / "tiny" / "sweeps" / "true_6x6.h5") == reference["sweep"]


def test_failing_rank(cluster, tmp_path):
    """A rank out of memory ends the step soon, its reason in the log."""
    script = tmp_path / "fail.py"
    script.write_text(FAIL)
    started = time.monotonic()
    done = cluster("srun", "--mpi=pmix", *TWO_NODES, sys.executable, script)
    assert done.returncode not in (0, 2) and "MemoryError: no room for 3 TiB" in done.stderr
    assert time.monotonic() - started < 60


def test_other_launcher_is_refused(cluster, job_file, runs):
    """Ranks that do not see each other do not start."""
    done = cluster(
        "srun", "--mpi=none", "-n2", sys.executable, "-m", "dcl_hpc.observe", job_file, f"--runs={runs}"
    )  # fmt: skip
    assert done.returncode != 0 and not runs.exists()
    assert "--mpi=pmix" in done.stderr or "PMI" in done.stderr


def test_each_rank_has_its_own_gpu(cluster):
    """With one GPU a task, the two ranks of a node see different ones."""
    show = 'echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"'
    done = cluster("srun", *TWO_NODES, "--gpus-per-task=1", "bash", "-c", show)
    lines = done.stdout.splitlines()
    nodes = sorted({line.split()[0] for line in lines})
    assert len(nodes) == 2 and sorted(lines) == [f"{node} {gpu}" for node in nodes for gpu in (0, 1)]


def test_refusal(cluster, job_file, runs):
    """What Slurm refuses is told in one line, nothing stays in its queue."""
    done = cluster(
        sys.executable, "-m", "dcl_hpc.submit", job_file, f"--runs={runs}", "--partition=short"
    )  # fmt: skip
    assert done.returncode == 2 and "Slurm refuses the job" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not cluster("squeue", "-h").stdout
