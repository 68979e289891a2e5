"""Overrides, temperatures, files that are none, and how mistakes are told."""

import tomllib

import numpy as np
import pytest

from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job

from .asking import refusal, refusals


def test_overrides(job_file):
    """Overrides give integers, floats, booleans, lists, strings with and without quotes, and tables."""
    job, text = load(
        job_file,
        (
            "rnn.epochs=5",
            "rnn.learning_rate = 1e-3",
            "sweep.exchange=false",
            "ednn.hidden=[4, 5]",
            "rnn.order=snake",
            'name="quoted"',
            "sweep.temperatures={start = 1.0, stop = 2.0, step = 0.5}",
            "levels.ladders=3",
            "sweep.temperatures.stop=3.0",
        ),
    )
    assert job.rnn.epochs == 5 and job.rnn.learning_rate == 1e-3 and job.sweep.exchange is False
    assert job.ednn.hidden == (4, 5) and job.rnn.order == "snake" and job.name == "quoted"
    assert job.levels.ladders == 3 and job.sweep.temperatures.stop == 3.0
    assert text == job_file.read_text()


def test_last_override_counts(job_file):
    """Of two overrides of one key the last one counts."""
    assert load(job_file, ("seed=3", "seed=4"))[0].seed == 4


@pytest.mark.parametrize("override", ["rnn.epochs", "=5", "rnn.=5", ".epochs=5", ""])
def test_malformed_override_is_refused(job_file, override):
    """An override without key or value is refused with an example."""
    assert "section.key=value" in refusal(job_file, override)


def test_override_below_a_value_is_refused(job_file):
    """An override that takes a value for a section is refused."""
    assert "seed is not a section" in refusal(job_file, "seed.x=5")


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("[3.0, 1.0, 2.0, 1.0]", [1, 2, 3]),
        ("[1, 2]", [1, 2]),
        ("{start = 1.0, stop = 5.0, step = 0.1}", np.arange(10, 51) / 10),
        ("{start = 1.0, stop = 2.05, step = 0.5}", [1, 1.5, 2]),
        ("{start = 0.3, stop = 0.9, step = 0.3}", [0.3, 0.6, 0.9]),
    ],
)
def test_temperatures(job_file, given, listed):
    """Temperatures are sorted and distinct; a grid has both its ends and exact decimal values."""
    job, _ = load(job_file, (f"sweep.temperatures={given}",))
    np.testing.assert_array_equal(job.sweep.listed, np.array(listed, float))


@pytest.mark.parametrize("given", ["[2.0]", "[2.0, 2.0]", "{start = 2.0, stop = 1.0, step = 0.5}", "[]"])
def test_one_temperature_is_no_ladder(job_file, given):
    """Fewer than two distinct temperatures are refused."""
    assert "at least two temperatures" in refusal(job_file, f"sweep.temperatures={given}")


@pytest.mark.parametrize("given", ["[1.0, -2.0]", "warm", "{start = 1.0, stop = 2.0}"])
def test_wrong_temperatures_are_refused(job_file, given):
    """Temperatures that are neither a list of positive numbers nor a grid are refused."""
    assert "sweep.temperatures" in refusal(job_file, f"sweep.temperatures={given}")


def test_missing_file(tmp_path):
    """A job file that is not there is named."""
    assert f"job file {tmp_path / 'no.toml'} does not exist" in refusal(tmp_path / "no.toml")


def test_folder_is_no_job(tmp_path):
    """A folder in place of a job file is refused."""
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["name = ", "[lattice\n", "a = 1\na = 2\n", "x = 'unclosed\n", "\x00"])
def test_malformed_toml(tmp_path, text):
    """A file that is not TOML is refused with the place of the mistake."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert "not valid TOML" in refusal(path)


def test_binary_file_is_no_job(tmp_path):
    """A file that is not text is refused."""
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refusal(path)


def test_all_mistakes_are_listed(job_file):
    """One line each, within sections and across them; a value of several forms is one mistake."""
    assert refusals(job_file, "rnn.epochs=0", "rnn.hidden=many", "surprise=1", "sweep.rungs=some") == [
        "rnn.epochs: Input should be greater than or equal to 1 or Input should be 'auto' (given: 0)",
        "rnn.hidden: Input should be a valid integer (given: 'many')",
        "sweep.rungs: Input should be a valid integer or Input should be 'auto' (given: 'some')",
        "unknown key surprise; check its spelling",
    ]
    found = refusals(
        job_file,
        "lattice.shape=[7, 5, 5]",
        "rnn.order=spiral",
        "ednn.context=[1, 3]",
        "sweep.shapes=[[6, 6]]",
    )
    # what would be too much for a reader is counted
    assert [line.partition(" ")[0] for line in found] == ["rnn.order", "sweep.shapes:", "lattice", "and"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("observe.sample", "did you mean observe.samples?"),
        ("obsrve.samples", "did you mean observe?"),
        ("rnn.focus", "did you mean ednn.focus?"),
        ("temperatures", "did you mean sweep.temperatures?"),
        ("hamiltonian.q", "check its spelling"),
    ],
)
def test_nearest_key_is_suggested(job_file, key, meant):
    """Of the same section, else the same one of another."""
    assert refusal(job_file, f"{key}=3").endswith(f"; {meant}")


def test_wrong_kinds_are_named(job_file):
    """What can be given is listed, what is left out is named."""
    assert "rnn.architecture: 'lstm' is not known; give one of gru, transformer" in refusal(
        job_file, "rnn.architecture=lstm"
    )
    known = "hamiltonian.kind: 'heisenberg' is not known; give one of ising, potts, edwards_anderson"
    assert known in refusal(job_file, "hamiltonian.kind=heisenberg")
    assert "hamiltonian.kind is missing" in refusal(job_file, "hamiltonian={coupling = 2.0}")
    assert "study: 'gas' is not known; give one of lattice" in refusal(job_file, "study=gas")
    assert "unknown key rnn.heads; other forms of rnn have it" in refusal(job_file, "rnn.heads=2")
    assert "hidden = 8 is not a multiple of heads = 3" in refusal(
        job_file, "rnn.architecture=transformer", "rnn.heads=3"
    )


@pytest.mark.parametrize("shape", [[64], [7], [5, 5], [3, 4], [8, 8], [4, 4, 4], [5, 5, 5], [3, 4, 4, 3]])
@pytest.mark.parametrize(
    "system", ['{kind = "ising"}', '{kind = "potts", states = 4}', '{kind = "edwards_anderson"}']
)
def test_defaults_fit_every_lattice(shape, system):
    """A job that names a system and temperatures only is valid; tables of tiles where they can be."""
    glass = "edwards" in system
    document = tomllib.loads(
        f"""
        name = "short"
        lattice.shape = {shape}
        hamiltonian = {system}
        observe.temperature = 3.0
        sweep.temperatures = [1.0, 2.0]
        ednn.shared = {str(not glass).lower()}
        """
    )
    job = Job.from_dict(document)
    assert job.rnn.order == ("spiral" if len(shape) == 2 and not glass else "snake")
    assert job.ednn.focus == (
        2 if shape in ([64], [8, 8]) and ("potts" not in system or shape == [64]) else 1
    )
    if not glass and (len(shape) < 4 or "ising" in system):
        direct = Job.from_dict(document, {"direct": {}}).direct
        assert direct.side == (3 if len(shape) < 3 and min(shape) >= 5 else 2) and direct.methods
