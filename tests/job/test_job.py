"""Job files: what is accepted, and one line for everything that is not."""

import copy
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import toml
from dcl_hpc.job.dependencies import canonical
from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job
from dcl_hpc.pipeline.lattice_study import LATTICE

REPOSITORY = Path(__file__).parents[2]
OUTPUTS = ("observe", "rnn", "label", "ednn", "evaluate", "sweep_true_6x6", "sweep_rnn_6x6", "sweep_ednn_6x6")
GLASS = (
    'hamiltonian={kind = "edwards_anderson"}',
    'sweep.energies=["true", "rnn"]',
)


def dependencies(job, output: str) -> dict:
    """What an output of a job depends on."""
    return job.dependencies(output, LATTICE.stage(output).sections(output))


def refusals(path, *overrides) -> list[str]:
    """The lines that a job with several mistakes is refused with."""
    with pytest.raises(UserError) as caught:
        load(path, overrides)
    head, *lines = str(caught.value).splitlines()
    more = int(lines[-1].split()[1]) - 1 if lines[-1].endswith(" more") else 0
    assert head == f"job file {path}: {len(lines) + more} mistakes:" and len(lines) > 1
    return [line.strip() for line in lines]


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
    assert job.name == path.stem and text == path.read_text(encoding="utf-8")
    assert not isinstance(job, Job) or job.lattice.shape in job.shapes


def test_there_are_shipped_jobs():
    """The repository has job files, so that the test above has something to test."""
    assert (REPOSITORY / "jobs" / "demo.toml").exists()


def test_tiny_job(job_file):
    """Values of the file and defaults arrive with their types."""
    job, _ = load(job_file)
    assert job.seed == 7 and job.lattice.shape == (6, 6) and job.hamiltonian.kind == "ising"
    assert job.hamiltonian.coupling == 1.0 and job.observe.thin == "auto"
    assert job.ednn.hidden == (8,) and job.sweep.exchange is True and job.sweep.rungs == "auto"
    assert job.observe.exchange is None
    assert job.uses_rnn and job.uses_ednn
    assert job.build_hamiltonian().n_states == 2


@pytest.mark.parametrize("value", ["three", "true", "1.5", '["a"]', "[]", "0", "[1, 1]", "[-1]"])
def test_wrong_realizations(job_file, value):
    """Realizations are a number of them, or a list of different numbers."""
    kind = 'hamiltonian={kind = "edwards_anderson"}'
    message = refusal(job_file, kind, f"hamiltonian.realizations={value}", 'sweep.energies=["true"]')
    assert "realizations" in message
    if value in ("three", "true", "1.5"):
        assert "give a number of realizations, or a list of their numbers" in message


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
        ("levels.max_sweeps=200", "levels.max_sweeps"),
        ("name=", "name"),
        ("labels.random=0.0", "labels"),
        ("observe.exchange=true", "observe.exchange"),
        ("observe.exchange={}", "observe.exchange.hottest"),
        ("observe.exchange={rungs = 5}", "observe.exchange.hottest"),
        ("observe.exchange.hottest=inf", "observe.exchange.hottest"),
        ("observe.exchange={hottest = 9.0, rungs = 1}", "observe.exchange.rungs"),
        ("observe.exchange={hottest = 9.0, rungs = 'many'}", "observe.exchange.rungs"),
        ("observe.exchange={hottest = 9.0, coldest = 1.0}", "observe.exchange.coldest"),
        ("sweep.rungs=1", "sweep.rungs"),
        ("sweep.rungs=1001", "sweep.rungs"),
        ("sweep.rungs=4.5", "sweep.rungs"),
        ("sweep.rungs=some", "sweep.rungs"),
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
    assert refusals(path) == [f"{name} is missing" for name in ("lattice", "hamiltonian", "observe", "sweep")]


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


def test_contexts(job_file):
    """One context or several to choose from; all must fit the lattice."""
    assert load(job_file)[0].ednn.contexts == (1,)
    job, _ = load(job_file, ("ednn.context=[2, 0, 1]",))
    assert job.ednn.contexts == (0, 1, 2)
    assert "ednn.context = 3" in refusal(job_file, "ednn.context=[0, 3]")
    assert "ednn.context" in refusal(job_file, "ednn.context=[]")


@pytest.mark.parametrize("fit", ["table", "clusters"])
def test_direct_fits_take_tiles_at_every_site(job_file, fit):
    """They are no networks of tiles that step by a focus, and learn from the observations alone."""
    energies = 'sweep.energies=["true", "ednn"]'
    assert "one context" in refusal(job_file, f"ednn.fit={fit}", "ednn.context=[0, 1]")
    job, _ = load(job_file, (f"ednn.fit={fit}", energies))
    assert job.ednn.focus == 1 and job == load(job_file, (f"ednn.fit={fit}", "ednn.focus=1", energies))[0]
    assert job.uses_ednn and not job.uses_rnn and not job.uses_labels
    assert "rnn" not in dependencies(job, "ednn") and "rnn" in dependencies(load(job_file)[0], "ednn")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("direct.side=4",), "direct.side: tiles of side 4 meet themselves"),
        (
            ('hamiltonian={kind = "potts"}', "ednn.focus=1", 'direct={side = 3, methods = ["table"]}'),
            "'table' allows",
        ),
        (("direct.methods=[]",), "direct.methods"),
        (("ednn.fit=clusters", "ednn.focus=1", "ednn.context=2"), "ednn.context: tiles of side 5"),
        ((GLASS[0], "ednn.fit=clusters", "ednn.focus=1"), "everywhere"),
        (("ednn.context=one",), "ednn.context: "),
        (("ednn.context=[0, -1]",), "ednn.context.1: "),
        (("labels.random=inf",), "labels.random"),
    ],
)
def test_direct_fits_are_checked_before_a_run(job_file, overrides, reason):
    """What could only fail after hours is refused at once, with the key to change."""
    assert reason in refusal(job_file, *overrides)


def test_shares_of_labels(job_file):
    """Shares are relative; some source must have one."""
    job, _ = load(job_file, ("labels.random=1", "labels.sampled=2", "labels.tempered=1"))
    assert job.labels.shares == {"random": 0.25, "observed": 0.0, "sampled": 0.5, "tempered": 0.25}
    assert "tempered" in refusal(job_file, "labels.random=0")


def test_smallest_lattice_of_a_tile(job_file):
    """A lattice as large as one tile is accepted."""
    job, _ = load(job_file, ("lattice.shape=[4, 4]",))
    assert job.lattice.shape == (4, 4)


def test_glass_needs_tiles_of_its_own(job_file):
    """A glass with one EDNN for all tiles is refused; with one for each, or without, accepted."""
    assert "quenched disorder" in refusal(job_file, GLASS[0])
    job, _ = load(job_file, GLASS)
    assert not job.uses_ednn and job.uses_rnn
    assert "own lattice only" in refusal(job_file, *GLASS, "sweep.shapes=[[6, 6], [8, 8]]")
    job, _ = load(job_file, (GLASS[0], "ednn.shared=false"))
    assert job.uses_ednn
    assert "everywhere" in refusal(job_file, *GLASS, "direct.samples=1000")


def test_own_tiles_know_one_lattice(job_file):
    """Networks of each tile's own do not transfer."""
    overrides = "ednn.shared=false", "sweep.shapes=[[6, 6], [8, 8]]"
    assert "observed lattice only" in refusal(job_file, *overrides)


def test_sweeps(job_file):
    """Every energy with every shape; an energy that knows the observed shape only has that one."""
    job = Job.load(job_file, {"sweep.shapes": [[8, 8], [6, 6]]})
    assert [(name, shape) for name, shape in job.sweeps if name == "rnn"] == [("rnn", (6, 6))]
    assert len(job.sweeps) == 5 and job.learned == ["rnn", "ednn"]
    assert "the RNN knows the observed shape only; add it, or 'true', 'ednn'" in refusal(
        job_file, "sweep.shapes=[[8, 8]]", 'sweep.energies=["rnn"]'
    )
    assert Job.load(job_file, {"sweep.energies": ["true", "ednn"]}).learned == ["rnn", "ednn"]
    assert Job.load(job_file, {"sweep.energies": ["true"]}).learned == []
    assert job.sweep.lengths("rnn") == (10, 5) and job.sweep.lengths("ednn") == (10, 30)


def test_shapes_have_one_dimension(job_file):
    """Sweep shapes of another dimension than the lattice are refused."""
    assert "dimension" in refusal(job_file, "sweep.shapes=[[6, 6, 6]]")
    assert "two-dimensional" in refusal(job_file, "lattice.shape=[6, 6, 6]", "rnn.order=spiral")


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
        "rnn.epochs: Input should be greater than or equal to 1 (given: 0)",
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
    assert job.rnn.order == ("spiral" if len(shape) == 2 else "snake")
    assert job.ednn.focus == (
        2 if shape in ([64], [8, 8]) and ("potts" not in system or shape == [64]) else 1
    )
    if not glass and (len(shape) < 4 or "ising" in system):
        direct = Job.from_dict(document, {"direct": {}}).direct
        assert direct.side == (3 if len(shape) < 3 and min(shape) >= 5 else 2) and direct.methods


def test_jobs_from_python(job_file, tmp_path):
    """Overrides as a mapping, documents as dicts, which are left as they are."""
    job = Job.load(job_file, {"rnn.epochs": 3, "sweep.energies": ["true"], "direct": {"side": 2}})
    assert job.rnn.epochs == 3 and job.direct.side == 2 and job.sweep.energies == ("true",)
    assert job == Job.load(job_file, ["rnn.epochs=3", 'sweep.energies=["true"]', "direct.side=2"])
    document = tomllib.loads(job_file.read_text())
    kept = copy.deepcopy(document)
    assert Job.from_dict(document, {"rnn.epochs": 3}).rnn.epochs == 3 and document == kept
    with pytest.raises(UserError, match=r"^job: rnn.epochs: "):
        Job.from_dict(document, {"rnn.epochs": 0})
    with pytest.raises(UserError, match=r"^seed.x: seed is not a section"):
        Job.from_dict(document, {"seed.x": 0})


@pytest.mark.parametrize("path", sorted((REPOSITORY / "jobs").glob("*.toml")), ids=lambda path: path.stem)
def test_written_jobs_can_be_read_again(path):
    """What a file of results keeps of the job describes all of it."""
    job = Job.load(path)
    again = Job.from_dict(json.loads(job.model_dump_json()))
    assert again == job
    for stage in OUTPUTS:
        assert dependencies(again, stage) == dependencies(job, stage)


def test_written_jobs_hold_their_couplings(job_file, tmp_path):
    """The numbers themselves, of which the dependencies have a digest."""
    write(tmp_path / "own.npy", COUPLINGS)
    job = Job.load(job_file, glass("'own.npy'"))
    again = Job.from_dict(json.loads(job.model_dump_json()))
    assert np.array_equal(again.build_hamiltonian().couplings, COUPLINGS)
    assert dependencies(again, "observe") == dependencies(job, "observe")
    assert len(json.dumps(dependencies(job, "observe"))) < 1000


def test_resources(job_file):
    """What stages ask for, told as sbatch takes it; results do not depend on it."""
    plain = Job.load(job_file)
    asked = {"ranks": 64, "threads": 1, "memory": "4G", "time": "02:00:00", "gpus": 0}
    job = Job.load(job_file, {"resources.observe": asked, "resources.rnn.gpus": 4})
    assert job.resources["observe"].sbatch == [
        "--ntasks=64", "--cpus-per-task=1", "--mem-per-cpu=4G", "--time=02:00:00"
    ]  # fmt: skip
    assert job.resources["rnn"].sbatch == ["--gpus=4"] and plain.resources == {}
    for stage in OUTPUTS:
        assert dependencies(job, stage) == dependencies(plain, stage)
    wrong = ("ranks=0", "memory=much", "memory=4GB", "time=soon", "time=1:99", "gpus=-1", "nodes=2")
    for change in wrong:
        assert f"resources.observe.{change.partition('=')[0]}" in refusal(
            job_file, f"resources.observe.{change}"
        )
    for time in ("90", "90:30", "1-12", "2-00:00:00"):
        assert Job.load(job_file, {"resources.sweep.time": time}).resources["sweep"].time == time


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("sweep.temperatures=[2, 1, 3, 1]",), ("sweep.temperatures={start = 1, stop = 3, step = 1}",)),
        (("ednn.context=1",), ("ednn.context=[1]",)),
        (("ednn.context=[0, 1]",), ("ednn.context=[1, 0, 1]",)),
        ((), ("ednn.tolerance=0.5",)),
        ((), ("ednn.samples=7",)),
        ((), ("labels.coldest=3.0",)),
        (("ednn.fit=pseudolikelihood",), ("ednn.fit=pseudolikelihood", "ednn.flat=true")),
        (("labels={random = 0.75, observed = 0.25}",), ("labels={random = 3, observed = 1}",)),
        ((), ("rnn.architecture=gru", "rnn.order=spiral")),
        (("sweep.exchange=false",), ("sweep.exchange=false", "sweep.rungs=9")),
        (
            ("ednn.fit=table", "ednn.focus=1"),
            ("ednn.fit=table", "ednn.focus=1", "ednn.epochs=9"),
        ),
    ],
)
def test_the_same_in_other_words(job_file, one, two):
    """Jobs with the same results have the same dependencies."""
    if "table" in str(one):
        one, two = (
            (*changes, 'sweep.energies=["true", "ednn"]', "labels.count=2000") for changes in (one, two)
        )
    else:
        one, two = (("labels.count=2000", *changes) for changes in (one, two))
        one, two = (sorted(changes, key=lambda change: "labels={" not in change) for changes in (one, two))
    first, second = Job.load(job_file, one), Job.load(job_file, two)
    for stage in OUTPUTS:
        assert dependencies(first, stage) == dependencies(second, stage)


@pytest.mark.parametrize(
    "change",
    ["ednn.tolerance=0.5", "labels.coldest=3.0", "sweep.rungs=9", "rnn.heads=2", "labels.random=2"],
)
def test_what_matters_is_a_dependency(job_file, change):
    """What was left out above counts where it has an effect."""
    setting = [
        "ednn.context=[0, 1]", "labels.tempered=0.5", "rnn.architecture=transformer"
    ]  # fmt: skip
    stage = "sweep_ednn_6x6"
    assert dependencies(Job.load(job_file, [*setting, change]), stage) != (
        dependencies(Job.load(job_file, setting), stage)
    )


def test_dependencies_of_older_files(job_file):
    """Values that a file was made with before are brought into the same form."""
    new = dependencies(Job.load(job_file), "sweep_ednn_6x6")
    old = copy.deepcopy(new)
    old["rnn"] |= {"heads": 4}
    old["labels"] |= {"coldest": None}
    old["ednn"] |= {"tolerance": 0.1, "samples": 1_000_000, "context": [1]}
    old["sweep"]["temperatures"] = {"start": 2.0, "stop": 5.0, "step": 1.0}
    assert canonical(old) == new == canonical(new)
    awkward = Job.load(job_file, {"labels": {"random": 0.1, "observed": 0.2, "sampled": 0.7}})
    for stage in OUTPUTS:
        assert canonical(dependencies(awkward, stage)) == dependencies(awkward, stage)


def test_rungs(job_file):
    """The ladder has all listed temperatures: a number of rungs below theirs is refused."""
    assert load(job_file, ("sweep.rungs=4",))[0].sweep.rungs == 4
    assert load(job_file, ("sweep.rungs=1000",))[0].sweep.rungs == 1000
    assert load(job_file, ("sweep.rungs=auto",))[0].sweep.rungs == "auto"
    assert "rungs = 3 is less than the 4 listed temperatures" in refusal(job_file, "sweep.rungs=3")
    grid = "sweep.temperatures={start = 1.0, stop = 2.0, step = 0.1}"
    assert "the 11 listed" in refusal(job_file, grid, "sweep.rungs=10")


def test_exchange_of_observations(job_file):
    """Replicas of an observed chain are hotter than it."""
    job, _ = load(job_file, ("observe.exchange.hottest=8",))
    assert job.observe.exchange.hottest == 8.0 and job.observe.exchange.rungs == "auto"
    job, _ = load(job_file, ("observe.exchange={hottest = 4.001, rungs = 2}",))
    assert job.observe.exchange.rungs == 2
    for hottest in ("4.0", "1.5"):
        message = refusal(job_file, f"observe.exchange.hottest={hottest}")
        assert f"exchange.hottest = {hottest} is not above temperature = 4.0" in message


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


def test_dependencies_are_of_the_stage(job_file):
    """What a stage depends on does not change with the settings of later stages."""
    one, two = load(job_file)[0], load(job_file, ("sweep.sweeps=99", "rnn.epochs=9"))[0]
    assert dependencies(one, "observe") == dependencies(two, "observe")
    assert dependencies(one, "rnn") != dependencies(two, "rnn")
    assert dependencies(one, "sweep_true_6x6") != dependencies(two, "sweep_true_6x6")
    ladders = load(job_file, ("sweep.rungs=9",))[0]
    assert dependencies(one, "sweep_true_6x6") != dependencies(ladders, "sweep_true_6x6")
    assert dependencies(one, "observe") == dependencies(ladders, "observe")
    hotter = load(job_file, ("observe.exchange.hottest=9",))[0]
    assert dependencies(one, "observe") != dependencies(hotter, "observe")
    assert dependencies(one, "sweep_true_6x6") == dependencies(hotter, "sweep_true_6x6")


def test_fields(job_file, tmp_path):
    """A number, one for each state, drawn, listed or from a file; results depend on it."""
    free = dependencies(load(job_file)[0], "observe")["hamiltonian"]
    ising = load(job_file, ("hamiltonian.field=0.25",))[0]
    assert np.array_equal(ising.build_hamiltonian().site_field, np.tile([0.25, -0.25], (36, 1)))
    assert dependencies(ising, "observe")["hamiltonian"] == free | {"field": 0.25}
    potts = "hamiltonian={kind = 'potts', states = 3, field = [0.5, 0, -1]}"
    assert np.array_equal(load(job_file, (potts,))[0].build_hamiltonian().site_field[7], [-0.5, 0, 1])
    assert "give one number for each of the 2 states, not 3" in refusal(
        job_file, potts.replace("states = 3", "states = 2")
    )
    own = np.random.default_rng(1).normal(size=36)
    np.save(tmp_path / "h.npy", own.reshape(6, 6))
    kind = "hamiltonian={{kind = 'edwards_anderson', field = {}}}"
    built = {}
    for source in ("'h.npy'", own.tolist(), 0.3, "{distribution = 'bimodal', strength = 0.3}"):
        job = load(job_file, (kind.format(source), GLASS[1]))[0]
        built[str(source)] = job.build_hamiltonian().site_field[:, 0]
        assert len(str(dependencies(job, "observe")["hamiltonian"]["field"])) < 100
    listed, number, drawn = list(built.values())[1:]
    assert np.array_equal(built["'h.npy'"], own) and np.array_equal(listed, own)
    assert np.array_equal(number, np.full(36, 0.3)) and set(np.abs(drawn)) == {0.3} and len(set(drawn)) == 2
    for wrong, told in (
        ("'sure.txt'", "hamiltonian.field: "), ("'sure'", "'sure' is not known"),
        ([1.0] * 35, "has 35 numbers, the lattice has 36 sites"),
        ("{distribution = 'cauchy', strength = 1}", "distribution"),
    ):  # fmt: skip
        assert told in refusal(job_file, kind.format(wrong), GLASS[1])


def test_random_fields_are_those_of_the_instance(job_file):
    """Other seeds and instances have other fields; couplings stay as they are without a field."""
    field = "field = {distribution = 'gaussian', strength = 0.5}"
    kind = "hamiltonian={{kind = 'edwards_anderson', instance = {}, {}}}"
    hamiltonians = [
        load(job_file, (kind.format(instance, what), *more))[0].build_hamiltonian()
        for instance, what, more in (
            (0, field, GLASS[1:]), (0, field, GLASS[1:]), (1, field, GLASS[1:]),
            (0, field, (*GLASS[1:], "seed=77")), (0, "field = 0.0", GLASS[1:]),
        )
    ]  # fmt: skip
    one, same, *others, free = hamiltonians
    assert np.array_equal(one.site_field, same.site_field) and not free.site_field.any()
    assert all(not np.isclose(one.site_field, other.site_field).any() for other in others)
    assert np.array_equal(one.couplings, free.couplings)
    assert 0.3 < one.site_field[:, 0].std() < 0.7


def test_keys_of_fields_leave_old_files_valid(job_file):
    """What a file of before fields says of its system is what a job without a field says now."""
    from dcl_hpc.pipeline.state import first_difference

    for kind in ("{kind = 'ising'}", "{kind = 'potts'}", "{kind = 'edwards_anderson'}"):
        job = load(job_file, (f"hamiltonian={kind}", GLASS[1]))[0]
        old = here = dependencies(job, "observe")
        assert "field" not in here["hamiltonian"]
        sections = LATTICE.stage("observe").sections("observe")
        changed = job.dependencies("observe", sections, changed=True)
        assert first_difference(old, here, changed) == ""
        with_field = load(job_file, (f"hamiltonian={kind}", GLASS[1], *FIELD[kind]))[0]
        here, changed = (with_field.dependencies("observe", sections, changed=on) for on in (False, True))
        assert "hamiltonian.field" in first_difference(old, here, changed)


FIELD = {
    "{kind = 'ising'}": ("hamiltonian.field=0.1",),
    "{kind = 'potts'}": ("hamiltonian.field=[1, 0, 0]",),
    "{kind = 'edwards_anderson'}": ("hamiltonian.field={distribution = 'constant', strength = 0.1}",),
}

INTERACTIONS = """hamiltonian={kind = "interactions", interactions = [
    { sites = [[0, 0], [1, 0]], coupling = 1.0 },
    { sites = [[0, 0], [1, 1]], coupling = 0.3 },
    { sites = [[0, 0], [0, 1], [0, 2]], coupling = 0.1, symmetric = false },
    { sites = [[0, 0]], coupling = 0.15 } ]}""".replace("\n", " ")


def test_interactions(job_file):
    """A list of interactions with all images, or as they are written."""
    job = load(job_file, (INTERACTIONS,))[0]
    built = job.build_hamiltonian((8, 10))
    assert sorted(term.coupling for term in built.terms) == [0.1, 0.15, 0.3, 0.3, 1.0, 1.0]
    assert built.energy(np.ones(80, np.uint8)) == pytest.approx(-80 * (2 * 1.3 + 0.1 + 0.15))
    assert job.hamiltonian.n_states == built.n_states == 2
    again = Job.from_dict(json.loads(job.model_dump_json()))
    assert again.build_hamiltonian() == job.build_hamiltonian()


@pytest.mark.parametrize(
    ("interaction", "told"),
    [
        ("sites = [], coupling = 1", "sites"),
        ("sites = [[0, 0], [0, 0]], coupling = 1", "each named once"),
        ("sites = [[0], [1]], coupling = 1", "a lattice of 2 axes needs 2 numbers a site"),
        ("sites = [[0, 0], [6, 0]], coupling = 1", "meets itself around the 6x6 lattice"),
        ("sites = [[0, 0], [1, 0]], coupling = 1, phase = 'sin'", "its sine is 0"),
        ("sites = [[0, 0], [1, 0]], coupling = 1, charges = [1]", "1 charges for 2 sites"),
        ("sites = [[0, 0], [1, 0]], coupling = 0", "no energy to learn"),
        ("sites = [[0, 0], [1, 0]], coupling = 1, colour = 'red'", "unknown key"),
    ],
)
def test_interactions_that_do_not_fit(job_file, interaction, told):
    """One line that says which, and why."""
    given = f"hamiltonian={{kind = 'interactions', interactions = [{{ {interaction} }}]}}"
    assert told in refusal(job_file, given)


UNKNOWN = {"name": "mine", "lattice": {"shape": [6, 6]}, "hamiltonian": {"kind": "unknown"}}


def test_unknown_system_needs_no_more_than_its_lattice():
    """T_o is 1 and the unit; a direct estimate predicts from T_o / 2 to 2 T_o."""
    job = Job.from_dict(UNKNOWN)
    assert not job.has_truth and job.hamiltonian.n_states == 2 and job.learned == ["direct"]
    assert (job.observe.temperature, job.units.energy, job.units.temperature) == (1, "k_B T_o", "T_o")
    assert (job.direct.method, job.direct.methods, job.direct.side) == ("clusters", (), 3)
    assert (job.sweep.listed[0], job.sweep.listed[-1]) == (0.5, 2) and not job.compares
    assert Job.from_dict(job.model_dump(mode="json")) == job
    warm = Job.from_dict(UNKNOWN, ("observe.temperature=4.0", 'sweep.energies=["rnn", "direct"]'))
    assert (warm.sweep.listed[0], warm.sweep.listed[-1]) == (2, 8) and warm.compares
    assert (warm.units.energy, warm.units.temperature) == ("J", "J/k_B")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (('sweep.energies=["true", "direct"]',), "no 'true' energy is known"),
        (("observe.exchange.hottest=2",), "nothing to simulate"),
        (("hamiltonian.coupling=1.0",), "unknown key hamiltonian.coupling"),
        (("direct.method=table", "direct.side=4", "lattice.shape=[8, 8]"), "other direct.method"),
    ],
)
def test_unknown_system_refuses_what_takes_a_truth(overrides, reason):
    """Each in a line that names the key."""
    with pytest.raises(UserError, match=reason):
        Job.from_dict(UNKNOWN, overrides)


@pytest.mark.parametrize("kind", ["ising", "unknown"])
def test_direct_fit_plans_no_rnn_unless_asked(job_file, kind):
    """A forgotten sweep.energies beside ednn.fit = "clusters" means what is learned anyway."""
    text = job_file.read_text().replace('energies = ["true", "rnn", "ednn"]\n', "")
    job_file.write_text(text.replace('kind = "ising"', f'kind = "{kind}"'))
    job, _ = load(job_file, ("ednn.fit=clusters",))
    assert job.learned == ["ednn"] and job.sweep.energies[0] == ("true" if kind == "ising" else "ednn")
    expected = ("true", "rnn", "ednn") if kind == "ising" else ("direct",)
    assert load(job_file)[0].sweep.energies == expected


def test_snapshots_are_found_from_the_job_file(job_file):
    """Also one array of several; what is absolute stays."""
    for given, path in (("a/b.h5:/x", job_file.parent / "a/b.h5:/x"), ("/c.npy", "/c.npy")):
        assert load(job_file, (f"observe.source={given}",))[0].observe.source == str(path)
    realizations = 'hamiltonian={kind="edwards_anderson", realizations=2}'
    assert "observe.source" in refusal(job_file, "observe.source=a.npy", "ednn.shared=false", realizations)


def test_what_is_compared_with_does_not_matter_to_the_direct_energy(job_file):
    """And its method not to other estimates, nor to files of versions that did not know it."""
    own = ('sweep.energies=["true", "direct"]', 'direct.methods=["pairwise"]')
    job, other = load(job_file, own)[0], load(job_file, (own[0],))[0]
    assert dependencies(job, "direct") == dependencies(other, "direct")
    assert dependencies(job, "evaluate") != dependencies(other, "evaluate")
    plain, _ = load(job_file, ('direct.methods=["pairwise"]',))
    assert "method" not in dependencies(plain, "evaluate")["direct"]


def test_lengths_of_the_rnn_s_chains_matter_to_its_test():
    """Its test runs as its sweeps do; that of other energies as the section check says."""
    both = ('sweep.energies=["rnn", "direct"]',)
    job, longer = (Job.from_dict(UNKNOWN, (*both, f"sweep.rnn_sweeps={n}")) for n in (50, 60))
    other = Job.from_dict(UNKNOWN, (*both, "sweep.rnn_sweeps=50", "check.sweeps=300"))
    assert dependencies(job, "check_rnn") != dependencies(longer, "check_rnn")
    assert dependencies(job, "check_direct") == dependencies(longer, "check_direct")
    assert dependencies(job, "check_rnn") == dependencies(other, "check_rnn")
    assert dependencies(job, "check_direct") != dependencies(other, "check_direct")


def test_incomplete_snapshots_matter_to_networks_alone():
    """Direct estimates take all snapshots, whatever networks do with those in which atoms are lost."""
    both = ('sweep.energies=["rnn", "direct"]',)
    for output, matters in (("rnn", True), ("check_rnn", True), ("direct", False), ("check_direct", False)):
        sections = LATTICE.stage(output).sections(output)
        refused, skipped = (
            Job.from_dict(UNKNOWN, (*both, f"observe.incomplete={word}")).dependencies(
                output, sections, imported=True
            )
            for word in ("refuse", "skip")
        )
        assert (refused != skipped) == matters, output


def test_shapes_on_which_tiles_meet_themselves_are_refused():
    """Before anything is fitted."""
    with pytest.raises(UserError, match="is too small for the 9 sites"):
        Job.from_dict(UNKNOWN, ("sweep.shapes=[[6, 6], [2, 2]]",))


def test_other_snapshots_are_found_from_wherever_the_job_file_is_kept(job_file):
    """A batch job reads a copy of the job file elsewhere, and gets their places on the command line."""
    job_file.write_text(job_file.read_text() + '[[check]]\ntemperature = 2.5\nfrom = "cold.npy"\n')
    (key, sets), *_ = load(job_file)[0].places.items()
    copy = job_file.parent / "elsewhere" / "copy.toml"
    copy.parent.mkdir()
    copy.write_text(job_file.read_text())
    (one,) = load(copy, (toml.override(key, sets),))[0].check.sets
    assert one.temperature == 2.5 and one.source == str(job_file.parent / "cold.npy")
