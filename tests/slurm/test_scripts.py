"""Batch scripts and submission without Slurm: text, quoting, refusals; programs that stand for Slurm's."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "slurm").glob("*.sh"))
STAGES = ["observe", "rnn", "label", "ednn", "calibrate", "evaluate", "sweep", "report"]
# Writes its arguments, one line of JSON a call, and says what FOLDER/NAME.says holds.
STAND_IN = """\
#!{python}
import json, os, sys
folder, name = os.path.split(sys.argv[0])
with open(os.path.join(folder, name + ".calls"), "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
    number = file.tell()
said = os.path.join(folder, name + ".says")
print(open(said).read() if os.path.exists(said) else number)
wrong = os.path.join(folder, name + ".fails")
if os.path.exists(wrong):
    sys.exit(open(wrong).read())
"""
ODD = 'it\'s $(touch hacked) `x` "%j" ; a'


@pytest.fixture
def programs(tmp_path, python) -> Path:
    """A folder of programs that stand for Slurm's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scancel", "srun", "scontrol"):
        (folder / name).write_text(STAND_IN.format(python=shutil.which("python3")))
        (folder / name).chmod(0o755)
    (folder / "squeue.says").write_text("")
    (folder / "sacct.says").write_text("")
    return folder


@pytest.fixture
def path(programs) -> dict[str, str]:
    """Environment in which they are found."""
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def calls(programs, name) -> list[list[str]]:
    """Arguments of all calls of a program."""
    file = programs / f"{name}.calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def dependencies(call) -> set[str]:
    """What a submission waits for."""
    return {word for part in call if part.startswith("--dependency=") for word in part[13:].split(",")}


def refused(done) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    assert line.startswith("dcl_hpc: error: ")
    return line


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound(script):
    """Bash reads every script, and those of stages name no site, ask for a signal in time, and requeue."""
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    text = script.read_text()
    assert "--account" not in text and "--partition" not in text
    if script.name != "env.sh":
        assert os.access(script, os.X_OK)
        for directive in ("signal=B:USR1@120", "requeue", "open-mode=append", "output=%x-%j.out"):
            assert f"\n#SBATCH --{directive}\n" in text
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_names_reach_the_stages_as_they_are(dcl, programs, path, tmp_path, job_file):
    """Paths, overrides and raw options with any character pass sbatch, script and srun unchanged."""
    folder = tmp_path / ODD
    folder.mkdir()
    job = shutil.copy(job_file, folder / "my job.toml")
    raw = f"--mail-user={ODD}"
    done = dcl("submit", "--account", ODD, "--set", "rnn.epochs=1", "--set", "seed = 3", "--", raw,
               job=job, folder=folder, environment=path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    submitted = calls(programs, "sbatch")
    for call in submitted:
        assert f"--account={ODD}" in call and raw in call
        script = next(k for k, part in enumerate(call) if part.endswith(".sh"))
        given = call[script + 1 :]
        assert str(folder / "tiny" / "submitted.toml") in given and f"--runs={folder}" in given
        assert given[-2:] == ["--set=rnn.epochs=1", "--set=seed = 3"]
        started = subprocess.run(
            [call[script], *given], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, **path, "SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "1"},
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        module, *rest = calls(programs, "srun")[-1][-len(given) :]
        assert module == f"dcl_hpc.{given[0]}" and rest == given[1:]
    assert not list(tmp_path.rglob("hacked")) and not (ROOT / "hacked").exists()


def test_chain_of_dependencies(dcl, programs, path, runs):
    """Each stage waits for those that it needs; the sweeps are one array; ids are kept."""
    done = dcl("submit", environment=path)
    assert done.returncode == 0, done.stderr
    ids = dict(reversed(line.split()[:2]) for line in done.stdout.splitlines()[:-1])
    assert list(ids) == STAGES
    after = {}
    for stage, call in zip(STAGES, calls(programs, "sbatch"), strict=True):
        assert f"--job-name=tiny-{stage}" in call and "--kill-on-invalid-dep=yes" in call
        after[stage] = [name for name, job in ids.items() if f"afterok:{job}" in dependencies(call)]
        assert len(after[stage]) == len(dependencies(call))
        assert ("--array=0-2" in call) == (stage == "sweep")
    assert after["observe"] == [] and after["rnn"] == ["observe"] and after["label"] == ["observe", "rnn"]
    assert after["ednn"] == ["label"] and after["calibrate"] == ["observe", "ednn"]
    assert after["evaluate"] == after["sweep"] == ["rnn", "ednn", "calibrate"]
    assert after["report"] == STAGES[:-1]
    kept = json.loads((runs / "tiny" / "submitted.json").read_text())
    assert kept["observe"] == ids["observe"] and kept["sweep_rnn_6x6"] == f"{ids['sweep']}_1"
    assert (runs / "tiny" / "logs").is_dir() and not list((runs / "tiny").glob(".*lock*"))


def test_ensemble_is_arrays_over_its_realizations(dcl, programs, path, runs, glass_file):
    """An element waits for the same realization's, the report for all; a first RNN comes first."""
    done = dcl("submit", "--set", "rnn.warm_start=true", job=glass_file, environment=path)
    assert done.returncode == 0, done.stderr
    ids = dict(reversed(line.split()[:2]) for line in done.stdout.splitlines()[:-1])
    assert list(ids) == ["observe", "first", *STAGES[1:]]
    waits = dict(zip(ids, map(dependencies, calls(programs, "sbatch")), strict=True))
    arrays = [part for call in calls(programs, "sbatch") for part in call if part.startswith("--array")]
    assert arrays == ["--array=0-1", "--array=0", *["--array=0-1"] * 6]
    assert waits["first"] == {f"afterok:{ids['observe']}_0"}
    assert waits["rnn"] == {f"aftercorr:{ids['observe']}", f"afterok:{ids['first']}"}
    assert waits["sweep"] == {f"aftercorr:{ids[name]}" for name in ("rnn", "ednn", "calibrate")}
    assert waits["report"] == {
        f"afterok:{job}" for name, job in ids.items() if name not in ("first", "report")
    }
    kept = json.loads((runs / "glass" / "submitted.json").read_text())
    assert kept["realization_5/rnn"] == f"{ids['rnn']}_0" and kept["realization_3/rnn"] == f"{ids['rnn']}_1"
    (programs / "squeue.says").write_text(
        f"{ids['label']}_0|RUNNING|None|\n{ids['label']}_1|FAILED|NonZeroExitCode|"
    )
    (runs / "glass" / "logs" / f"glass-label-{ids['label']}_1.out").write_text("dcl_hpc: error: no luck\n")
    said = dcl("status", job=glass_file, environment=path).stdout
    assert "label" in said and "0 of 2" in said and "1 running, 1 failed" in said
    assert "    realization 3: dcl_hpc: error: no luck\n" in said
    assert "submitted already" in refused(dcl("submit", job=glass_file, environment=path))


def test_only_unfinished_realizations_are_submitted(dcl, programs, path, glass_file):
    """A realization that is complete has no element in the arrays."""
    true_alone = ("--set", 'sweep.energies=["true"]')
    assert dcl("observe", "--index=0", job=glass_file).returncode == 0
    assert dcl("sweep", "--index=0", *true_alone, job=glass_file).returncode == 0
    assert dcl("submit", *true_alone, job=glass_file, environment=path).returncode == 0
    named = [part for call in calls(programs, "sbatch") for part in call if part.startswith("--array")]
    assert named == ["--array=1", "--array=1"]


@pytest.mark.parametrize("script", ["observe", "train", "stage"])
def test_element_of_an_array_is_told_its_index(programs, path, script):
    """Every script hands the index of its element on, and nothing outside an array."""
    slurm = {"SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "7"}
    for more in ({}, {"SLURM_ARRAY_JOB_ID": "6", "SLURM_ARRAY_TASK_ID": "3"}):
        subprocess.run(
            [ROOT / "slurm" / f"{script}.sh", *["sweep"] * (script == "stage"), "a.toml"],
            env={**os.environ, **path, **slurm, **more},
        )
    alone, element = calls(programs, "srun")
    assert alone[-1] == "a.toml" and element[-2:] == ["a.toml", "--index=3"]


def test_finished_stages_are_left_out(dcl, programs, path):
    """With observations there, the first job is the training, and it waits for nothing."""
    assert dcl("observe").returncode == 0
    assert dcl("submit", environment=path).returncode == 0
    first = calls(programs, "sbatch")[0]
    assert "--job-name=tiny-rnn" in first and not any("dependency" in part for part in first)


def test_dry_run(dcl, programs, path, runs):
    """A dry run shows commands that a shell can read, and does nothing."""
    done = dcl("submit", "--dry-run", "--partition", "two words", environment=path)
    assert done.returncode == 0, done.stderr
    lines = [shlex.split(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(STAGES) and all("--partition=two words" in line for line in lines)
    assert not calls(programs, "sbatch") and not runs.exists()


def test_pending_jobs_keep_their_job_file(dcl, programs, path, runs, job_file):
    """What is submitted is the job file of that moment, whatever becomes of it."""
    submitted = job_file.read_text()
    assert dcl("submit", environment=path).returncode == 0
    job_file.write_text(submitted.replace("samples = 2000", "samples = 4000"))
    kept = runs / "tiny" / "submitted.toml"
    assert all(str(kept) in call and str(job_file) not in call for call in calls(programs, "sbatch"))
    assert kept.read_text() == submitted
    jobs = json.loads((runs / "tiny" / "submitted.json").read_text())
    (programs / "squeue.says").write_text(f"{jobs['rnn']}|PENDING|Dependency|\n")
    refused(dcl("submit", environment=path))
    assert kept.read_text() == submitted


def test_second_submission_is_refused(dcl, programs, path, runs):
    """Refused while a job of the first waits, by its mark or its id; allowed when it has ended."""
    assert dcl("submit", environment=path).returncode == 0
    first = calls(programs, "sbatch")
    mark = next(part for part in first[0] if part.startswith("--comment="))[10:]
    job = json.loads((runs / "tiny" / "submitted.json").read_text())["rnn"]
    for line in (f"99|PENDING|None|{mark}", f"{job}|RUNNING|None|"):
        (programs / "squeue.says").write_text(line)
        assert "submitted already, job " in refused(dcl("submit", environment=path))
    assert len(calls(programs, "sbatch")) == len(first)
    shown = dcl("status", environment=path).stdout
    assert any(line.startswith("  rnn ") and f"{job} running" in line for line in shown.splitlines())
    (programs / "squeue.says").write_text(f"99|FAILED|None|{mark}\n98|RUNNING|None|other")
    assert dcl("submit", environment=path).returncode == 0


def test_refusal_of_slurm(dcl, programs, path, runs):
    """What Slurm says is told in one line, and nothing stays in the queue."""
    (programs / "sbatch.fails").write_text("sbatch: error: invalid partition specified: x")
    assert "Slurm refuses the job: invalid partition specified: x" in refused(dcl("submit", environment=path))
    assert len(calls(programs, "sbatch")) == 1 and not (runs / "tiny" / "submitted.json").exists()


def test_resources_of_the_job(dcl, programs, path):
    """What the job says of a stage takes the place of that stage's defaults, key by key."""
    settings = ('resources.observe={ ranks = 64, memory = "4G" }', "resources.rnn.gpus=4")
    changes = [word for setting in settings for word in ("--set", setting)]
    assert dcl("submit", *changes, environment=path).returncode == 0
    observe, rnn, *_ = calls(programs, "sbatch")
    assert {"--ntasks=64", "--cpus-per-task=1", "--mem-per-cpu=4G", "--time=02:00:00"} <= set(observe)
    assert {"--ntasks=4", "--cpus-per-task=4", "--gpus=4", "--time=08:00:00"} <= set(rnn)
    message = refused(dcl("submit", "--set", "resources.obsreve.ranks=2", environment=path))
    assert "resources.obsreve: no such stage; there are observe, rnn, label" in message


def test_no_slurm(dcl, tmp_path, runs):
    """Without sbatch the way to go on is told; status does without."""
    environment = {"PATH": str(tmp_path)}
    assert "sbatch is not in PATH" in refused(dcl("submit", environment=environment))
    assert not runs.exists()
    assert dcl("status", environment=environment).returncode == 0


def test_status_shows_the_last_error(dcl, programs, path, runs):
    """State from the accounting when the queue has forgotten the job, and the reason from its log."""
    assert dcl("submit", environment=path).returncode == 0
    job = json.loads((runs / "tiny" / "submitted.json").read_text())["observe"]
    (programs / "sacct.says").write_text(f"{job}|OUT_OF_MEMORY")
    log = runs / "tiny" / "logs" / f"tiny-observe-{job}.out"
    log.write_text("srun: error: n1: task 1: Killed\nTraceback\nMemoryError: 3 TiB\nsrun: error: more\n")
    lines = dcl("status", environment=path).stdout.splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("  observe"))
    assert f"{job} out_of_memory" in lines[at] and lines[at + 1].strip() == "MemoryError: 3 TiB"


@pytest.mark.parametrize(("restarts", "requeued"), [("0", True), ("19", True), ("20", False)])
def test_restarts_are_bounded(programs, path, tmp_path, restarts, requeued):
    """A stage that is not finished is requeued, an element of an array by its own id, up to a bound."""
    (programs / "srun").write_text("#!/bin/sh\nexit 85\n")
    (programs / "sleep").write_text("#!/bin/sh\n")
    (programs / "sleep").chmod(0o755)
    slurm = {"SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": restarts,
             "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}  # fmt: skip
    done = subprocess.run(
        [ROOT / "slurm" / "stage.sh", "sweep"], env={**os.environ, **path, **slurm},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 85
    assert calls(programs, "scontrol") == ([["requeue", "5_2"]] if requeued else [])
    assert ("not finished after 20 restarts" in done.stderr) != requeued


def test_index_of_a_sweep(dcl, runs):
    """An index picks one sweep; one that does not exist is refused."""
    done = dcl("sweep", "--index", "0")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (runs / "tiny" / "sweeps").iterdir()] == ["true_6x6.h5"]
    assert "--index 3: this job has sweeps 0 ... 2" in refused(dcl("sweep", "--index", "3"))
