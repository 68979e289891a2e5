"""Wrong input to a command is one line and exit code 2, and no file changes."""

from pathlib import Path

import pytest

PREFIX = "dcl_hpc: error: "


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(done) -> str:
    """The one error line of a command that was refused."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(PREFIX)]
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert PREFIX not in done.stdout
    return lines[0].removeprefix(PREFIX)


@pytest.fixture(scope="module")
def observations(command, tiny_job, tmp_path_factory) -> bytes:
    """Complete observations of the tiny job."""
    folder = tmp_path_factory.mktemp("observed")
    done = command("observe", tiny_job, "--runs", folder)
    assert done.returncode == 0, done.stderr
    return (folder / "tiny" / "observations.h5").read_bytes()


@pytest.fixture
def observed(observations, runs) -> Path:
    """A results folder with complete observations."""
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / "observations.h5").write_bytes(observations)
    return runs


@pytest.mark.parametrize("module", ["observe", "status"])
def test_missing_job_file(dcl, tmp_path, runs, module):
    """A job file that does not exist is named, and nothing is made."""
    message = refused(dcl(module, job=tmp_path / "no.toml"))
    assert f"job file {tmp_path / 'no.toml'} does not exist" in message
    assert not runs.exists()


def test_malformed_job_file(dcl, job_file, runs):
    """A job file that is not TOML is refused with the line of the mistake."""
    job_file.write_text('name = "tiny"\nseed = = 3\n')
    message = refused(dcl("observe"))
    assert "not valid TOML" in message and "line 2" in message
    assert not runs.exists()


def test_unknown_key(dcl, job_file, runs):
    """A key that does not exist is named."""
    job_file.write_text(job_file.read_text() + "\n[surprise]\nx = 1\n")
    assert "unknown key surprise" in refused(dcl("observe"))
    assert not runs.exists()


@pytest.mark.mpi
def test_unknown_key_on_two_ranks(dcl, runs):
    """Two ranks tell a mistake in the job once."""
    assert "unknown key rnn.epoch" in refused(dcl("observe", "--set", "rnn.epoch=1", ranks=2))
    assert not runs.exists()


def test_training_before_observations(dcl, runs):
    """Training without observations says which command makes them."""
    message = refused(dcl("train"))
    assert "observations.h5 does not exist; first run: python -m dcl_hpc.observe" in message
    assert not runs.exists()


@pytest.mark.parametrize(
    ("module", "arguments", "first"),
    [
        ("label", (), "train --network rnn"),
        ("train", ("--network", "ednn"), "label"),
        ("evaluate", (), "train --network rnn"),
        ("sweep", ("--energy", "rnn"), "train --network rnn"),
        ("sweep", ("--energy", "ednn"), "train --network ednn"),
        ("report", (), "train --network rnn"),
    ],
    ids=["label", "train ednn", "evaluate", "sweep rnn", "sweep ednn", "report"],
)
def test_stage_before_its_input(dcl, observed, module, arguments, first):
    """A stage whose input is missing says which command makes it, and changes nothing."""
    before = snapshot(observed)
    message = refused(dcl(module, *arguments))
    assert f"does not exist; first run: python -m dcl_hpc.{first}" in message
    assert snapshot(observed) == before


def test_report_before_anything(dcl, runs):
    """A report of nothing says which command comes first, and makes no folder."""
    assert "first run: python -m dcl_hpc.observe" in refused(dcl("report"))
    assert not runs.exists()


@pytest.mark.parametrize("module", ["observe", "train"])
def test_damaged_observations(dcl, observed, module):
    """A truncated file is refused by the stage that makes it and by one that reads it, and is kept."""
    path = observed / "tiny" / "observations.h5"
    path.write_bytes(path.read_bytes()[:20000])
    before = snapshot(observed)
    assert "observations.h5 is damaged" in refused(dcl(module))
    assert snapshot(observed) == before


@pytest.mark.parametrize("module", ["observe", "train"])
def test_observations_of_another_job(dcl, observed, module):
    """Observations made with another number of samples are refused with both numbers, and kept."""
    before = snapshot(observed)
    message = refused(dcl(module, "--set", "observe.samples=4000"))
    assert "observations.h5 was made by another job: observe.samples is 2000 there and 4000" in message
    assert snapshot(observed) == before


@pytest.mark.mpi
def test_more_ranks_than_chains(dcl, runs):
    """More ranks than chains are refused before anything is made."""
    few = ("--set", "observe.chains=2", "--set", "observe.samples=2")
    assert "3 ranks for observe.chains = 2" in refused(dcl("observe", *few, ranks=3))
    assert not runs.exists()


@pytest.mark.mpi
def test_more_ranks_than_replicas(dcl, runs):
    """More ranks than replicas are refused before anything is made."""
    few = ("--set", "sweep.ladders=2", "--set", "sweep.temperatures=[2.0, 3.0]")
    assert "5 ranks for 2 ladders of 2 temperatures" in refused(dcl("sweep", *few, ranks=5))
    assert not runs.exists()


@pytest.mark.mpi
def test_batch_smaller_than_the_number_of_ranks(dcl, observed):
    """A global batch that cannot be divided over the ranks is refused."""
    before = snapshot(observed)
    message = refused(dcl("train", "--network", "rnn", "--set", "rnn.batch=1", ranks=2))
    assert "batch" in message
    assert snapshot(observed) == before


def test_batch_larger_than_the_data(dcl, observed):
    """A batch that the observations do not fill is refused."""
    before = snapshot(observed)
    assert "too few for batch = 1901" in refused(dcl("train", "--set", "rnn.batch=1901"))
    assert snapshot(observed) == before


def test_results_below_a_file(dcl, tmp_path):
    """A results folder that cannot be made is named."""
    (tmp_path / "file").write_text("content")
    assert "cannot write" in refused(dcl("observe", folder=tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "content"


def test_unknown_argument(dcl):
    """An argument that does not exist is exit code 2 and one line."""
    done = dcl("observe", "--sample", "3")
    assert done.returncode == 2 and "--sample" in done.stderr and "Traceback" not in done.stderr
