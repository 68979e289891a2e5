"""Couplings of the user's own."""

import json

import numpy as np
import pytest

from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job

from .asking import GLASS, dependencies, refusal

COUPLINGS = np.random.default_rng(1).normal(size=(36, 2))


def glass(source) -> tuple[str, ...]:
    """Overrides for a glass with couplings of one's own."""
    return f"hamiltonian={{kind = 'edwards_anderson', couplings = {source}}}", GLASS[1]


def write(path, couplings):
    """Couplings in the format that the name says."""
    if path.suffix == ".npy":
        np.save(path, couplings)
    else:
        np.savetxt(path, couplings, delimiter="," if path.suffix == ".csv" else " ")


def test_couplings_as_a_list(job_file):
    """One row a site, one number a direction; integers are numbers too."""
    job, _ = load(job_file, glass(COUPLINGS.tolist()))
    built = job.build_hamiltonian()
    assert np.array_equal(built.couplings, COUPLINGS) and built.n_states == 2
    job, _ = load(job_file, glass([[1, -1]] * 36))
    assert job.build_hamiltonian().couplings.tolist() == [[1.0, -1.0]] * 36


@pytest.mark.parametrize("name", ["own.npy", "own.txt", "own.dat", "own.csv", "lattice.npy"])
def test_couplings_from_a_file(job_file, tmp_path, monkeypatch, name):
    """The path is relative to the job file, not to where one is; the numbers arrive unchanged."""
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / name, COUPLINGS.reshape(6, 6, 2) if name == "lattice.npy" else COUPLINGS)
    monkeypatch.chdir(tmp_path / "sub")
    job, text = load(job_file, glass(f"'sub/{name}'"))
    assert np.array_equal(job.build_hamiltonian().couplings, COUPLINGS)
    assert text == job_file.read_text()
    listed, _ = load(job_file, glass(COUPLINGS.tolist()))
    assert dependencies(job, "observe") == dependencies(listed, "observe")
    assert f"{tmp_path / name} cannot be read" in refusal(job_file, *glass(f"'{name}'"))


def test_couplings_in_the_job_file(job_file, tmp_path):
    """As an override does, so does the file itself."""
    write(tmp_path / "own.txt", COUPLINGS)
    text = job_file.read_text().replace('"ising"', '"edwards_anderson"\ncouplings = "own.txt"')
    job_file.write_text(text.replace(', "ednn"]', "]"))
    assert np.array_equal(load(job_file)[0].build_hamiltonian().couplings, COUPLINGS)


def test_results_belong_to_couplings(job_file, tmp_path):
    """Every stage depends on each single coupling, and on where it is."""
    changed = COUPLINGS.copy()
    changed[35, 1] = np.nextafter(changed[35, 1], 9)
    sources = (COUPLINGS, changed, COUPLINGS[::-1], COUPLINGS[:, ::-1])
    jobs = [load(job_file, glass(source.tolist()))[0] for source in sources]
    jobs += [load(job_file, glass(f"'{kind}'"))[0] for kind in ("gaussian", "bimodal", "published")]
    for stage in ("observe", "rnn", "sweep_true_6x6", "sweep_rnn_6x6"):
        digests = [dependencies(job, stage)["hamiltonian"]["couplings"] for job in jobs]
        assert len(set(digests)) == len(jobs)
        assert max(len(digest) for digest in digests) < 100
    write(tmp_path / "own.npy", COUPLINGS)
    one = load(job_file, glass("'own.npy'"))[0]
    write(tmp_path / "own.npy", changed)
    two = load(job_file, glass("'own.npy'"))[0]
    assert dependencies(one, "observe") != dependencies(two, "observe")


@pytest.mark.parametrize("source", ["gaussien", "", "own.json", "own", "published.hdf5"])
def test_unknown_source_of_couplings_is_refused(job_file, source):
    """What can be given is listed."""
    message = refusal(job_file, *glass(f"'{source}'"))
    assert f"'{source}' is not known" in message
    assert "'gaussian', 'bimodal', 'published'" in message and ".npy" in message


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((35, 2), "35 rows of [2] numbers"),
        ((2, 36), "2 rows of [36] numbers"),
        ((36, 3), "36 rows of [3] numbers"),
        ((72,), "1 rows of [72] numbers"),
        ((0, 2), "0 rows of [] numbers"),
    ],
)
def test_couplings_of_another_lattice_are_refused(job_file, tmp_path, shape, told):
    """The shape that was found and the shape that is needed."""
    np.save(tmp_path / "own.npy", np.ones(shape))
    message = refusal(job_file, *glass("'own.npy'"))
    assert told in message and "lattice.shape = [6, 6] needs 36 rows of 2" in message
    if 0 not in shape and len(shape) == 2:
        assert refusal(job_file, *glass(np.ones(shape).tolist())) == message


def test_ragged_couplings_are_refused(job_file, tmp_path):
    """Rows of different lengths, in a list and in a file."""
    assert "36 rows of [1, 2] numbers" in refusal(job_file, *glass([[1.0], *[[1.0, 2.0]] * 35]))
    (tmp_path / "own.txt").write_text("1 2\n3\n")
    assert "own.txt cannot be read" in refusal(job_file, *glass("'own.txt'"))


UNREADABLE = ("missing.npy", "missing.txt", "folder.txt", "words.txt", "binary.txt", "empty.npy")
UNREADABLE += ("cut3.npy", "cut40.npy", "cut200.npy", "number.npy", "objects.npy")


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_couplings_are_refused(job_file, tmp_path, name):
    """Missing, empty, cut off, of other things than numbers: one line with the path."""
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "words.txt").write_text("one two\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.save(tmp_path / "whole.npy", COUPLINGS)
    for size in (3, 40, 200):
        (tmp_path / f"cut{size}.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:size])
    np.save(tmp_path / "number.npy", 3.0)
    np.save(tmp_path / "objects.npy", np.array([1, None], object), allow_pickle=True)
    message = refusal(job_file, *glass(f"'{name}'"))
    assert message.startswith(f"hamiltonian.couplings: {tmp_path / name} cannot be read")


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf"])
def test_couplings_must_be_numbers(job_file, tmp_path, wrong):
    """One that is infinite or none at all is refused with the reason, in a line that can be read."""
    couplings = COUPLINGS.copy()
    couplings[3, 1] = float(wrong)
    np.save(tmp_path / "own.npy", couplings)
    for source in ("'own.npy'", couplings.tolist()):
        message = refusal(job_file, *glass(source)).replace(str(tmp_path), "")
        assert "couplings" in message and "finite" in message
        assert len(message) < 200


def test_written_jobs_hold_their_couplings(job_file, tmp_path):
    """The numbers themselves, of which the dependencies have a digest."""
    write(tmp_path / "own.npy", COUPLINGS)
    job = Job.load(job_file, glass("'own.npy'"))
    again = Job.from_dict(json.loads(job.model_dump_json()))
    assert np.array_equal(again.build_hamiltonian().couplings, COUPLINGS)
    assert dependencies(again, "observe") == dependencies(job, "observe")
    assert len(json.dumps(dependencies(job, "observe"))) < 1000
