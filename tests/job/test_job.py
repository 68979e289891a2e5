"""Job files: what is accepted, and one line for everything that is not."""

from pathlib import Path

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import Job, load

REPOSITORY = Path(__file__).parents[2]
GLASS = (
    'hamiltonian={kind = "edwards_anderson"}',
    'sweep.energies=["true", "rnn"]',
)


def refusal(path, *overrides) -> str:
    """The one line that a job is refused with."""
    with pytest.raises(UserError) as caught:
        load(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "jobs").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_jobs_are_valid(path):
    """Every job of the repository is valid, named after its file, and keeps its text."""
    job, text = load(path)
    assert isinstance(job, Job) and text == path.read_text(encoding="utf-8")
    assert job.name == path.stem
    assert job.lattice.shape in job.shapes


def test_there_are_shipped_jobs():
    """The repository has job files, so that the test above has something to test."""
    assert (REPOSITORY / "jobs" / "demo.toml").exists()


def test_tiny_job(job_file):
    """Values of the file and defaults arrive with their types."""
    job, _ = load(job_file)
    assert job.seed == 7 and job.lattice.shape == (6, 6) and job.hamiltonian.kind == "ising"
    assert job.hamiltonian.coupling == 1.0 and job.observe.thin == "auto"
    assert job.ednn.hidden == (8,) and job.sweep.exchange is True
    assert job.uses_rnn and job.uses_ednn
    assert job.build_hamiltonian().n_states == 2


@pytest.mark.parametrize("key", ["rnn.epoch", "surprise", "sweep.sweep", "hamiltonian.states"])
def test_unknown_key_is_refused(job_file, key):
    """A key that no section knows is named."""
    message = refusal(job_file, f"{key}=3")
    assert "unknown key" in message and key.rpartition(".")[2] in message and str(job_file) in message


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("rnn.epochs=many", "rnn.epochs"),
        ("rnn.epochs=0", "rnn.epochs"),
        ("rnn.epochs=1.5", "rnn.epochs"),
        ("seed=-1", "seed"),
        ("observe.temperature=-4.0", "observe.temperature"),
        ("observe.temperature=nan", "observe.temperature"),
        ("observe.temperature=inf", "observe.temperature"),
        ("lattice.shape=6", "lattice.shape"),
        ("lattice.shape=[1, 6]", "lattice.shape"),
        ("lattice.shape=[]", "lattice.shape"),
        ("lattice=6", "lattice"),
        ("hamiltonian.kind=heisenberg", "hamiltonian"),
        ("sweep.energies=[]", "sweep.energies"),
        ('sweep.energies=["exact"]', "sweep.energies"),
        ("name=a/b", "name"),
        ("name=", "name"),
        ("labels.random=0.0", "labels"),
        ("hamiltonian.coupling=inf", "hamiltonian"),
        ("hamiltonian.coupling=nan", "hamiltonian"),
    ],
)
def test_wrong_value_is_refused(job_file, override, key):
    """A value of the wrong type or out of range is refused by the name of its key."""
    assert key in refusal(job_file, override)


def test_missing_section_is_named(tmp_path):
    """A section that is missing is named."""
    path = tmp_path / "short.toml"
    path.write_text('name = "short"\n')
    message = refusal(path)
    assert "lattice is missing" in message and "(and 3 more)" in message


def test_samples_are_whole_records(job_file):
    """Samples that the chains do not divide are refused with the nearest number that they do."""
    message = refusal(job_file, "observe.samples=2030")
    assert "samples = 2030 is not a multiple of chains = 100; take samples = 2000" in message
    assert "take samples = 100" in refusal(job_file, "observe.samples=20")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("ednn.focus=4", "ednn.context=0"), "[6, 6]"),
        (("lattice.shape=[2, 2]",), "[2, 2]"),
        (("sweep.shapes=[[6, 6], [7, 7]]",), "[7, 7]"),
        (("sweep.shapes=[[6, 6], [2, 8]]",), "[2, 8]"),
    ],
)
def test_lattice_must_fit_the_tiles(job_file, overrides, reason):
    """A side that the focus does not divide, or shorter than a tile, is refused when the EDNN is used."""
    assert reason in refusal(job_file, *overrides)
    load(job_file, (*overrides, 'sweep.energies=["true", "rnn"]'))


def test_tile_must_fit_a_table(job_file):
    """A tile with more states than a table holds is refused."""
    assert "smaller focus or context" in refusal(job_file, "ednn.context=2")


def test_smallest_lattice_of_a_tile(job_file):
    """A lattice as large as one tile is accepted."""
    job, _ = load(job_file, ("lattice.shape=[4, 4]",))
    assert job.lattice.shape == (4, 4)


def test_glass_has_no_ednn(job_file):
    """A glass with the EDNN is refused, without it accepted."""
    assert "quenched disorder" in refusal(job_file, GLASS[0])
    job, _ = load(job_file, GLASS)
    assert not job.uses_ednn and job.uses_rnn
    assert "own lattice only" in refusal(job_file, *GLASS, "sweep.shapes=[[6, 6], [8, 8]]")


def test_shapes_have_one_dimension(job_file):
    """Sweep shapes of another dimension than the lattice are refused."""
    assert "dimension" in refusal(job_file, "sweep.shapes=[[6, 6, 6]]")
    assert "two-dimensional" in refusal(job_file, "lattice.shape=[6, 6, 6]")


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
    ("given", "ladder"),
    [
        ("[3.0, 1.0, 2.0, 1.0]", [1, 2, 3]),
        ("[1, 2]", [1, 2]),
        ("{start = 1.0, stop = 5.0, step = 0.1}", np.arange(10, 51) / 10),
        ("{start = 1.0, stop = 2.05, step = 0.5}", [1, 1.5, 2]),
        ("{start = 0.3, stop = 0.9, step = 0.3}", [0.3, 0.6, 0.9]),
    ],
)
def test_temperatures(job_file, given, ladder):
    """Temperatures are sorted and distinct; a grid has both its ends and exact decimal values."""
    job, _ = load(job_file, (f"sweep.temperatures={given}",))
    np.testing.assert_array_equal(job.sweep.ladder, np.array(ladder, float))


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


def test_several_problems_are_counted(job_file):
    """The first problem is told, the others are counted."""
    message = refusal(job_file, "rnn.epochs=0", "rnn.batch=0", "surprise=1")
    assert "(and 2 more)" in message


def test_dependencies_are_of_the_stage(job_file):
    """What a stage depends on does not change with the settings of later stages."""
    one, two = load(job_file)[0], load(job_file, ("sweep.sweeps=99", "rnn.epochs=9"))[0]
    assert one.dependencies("observe") == two.dependencies("observe")
    assert one.dependencies("rnn") != two.dependencies("rnn")
    assert one.dependencies("sweep_true") != two.dependencies("sweep_true")
