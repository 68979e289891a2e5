"""Job files: what is accepted, and one line for everything that is not."""

import pytest

from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job

from .asking import GLASS, REPOSITORY, dependencies, refusal, refusals


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
    assert refusals(path) == [f"{name} is missing" for name in ("lattice", "hamiltonian")]


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
    job, _ = load(job_file, (*GLASS, "direct.samples=1000"))
    assert not job.uses_direct


def test_direct_estimates_of_glasses_are_of_bonds(job_file):
    """They are where sweeps want them, and no others; of what is the same everywhere there are no bonds."""
    glass = *GLASS, "sweep.energies=['true', 'direct']"
    job, _ = load(job_file, glass)
    assert job.direct.method == "bonds" and job.direct.methods == ()
    assert "take method = 'bonds'" in refusal(job_file, *glass, "direct.method=clusters")
    assert "leave methods out" in refusal(job_file, *glass, "direct.methods=['table']")
    assert "direct.side: bonds join nearest neighbours" in refusal(job_file, *glass, "direct.side=2")
    assert "4800 couplings and fields are more than" in refusal(job_file, *glass, "lattice.shape=[40, 40]")
    assert "take 'clusters'" in refusal(job_file, "sweep.energies=['direct']", "direct.method=bonds")
    assert load(job_file, ("sweep.energies=['direct']",))[0].direct.method == "clusters"


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
