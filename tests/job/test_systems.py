"""Fields, interactions, and systems of which nothing is known."""

import json

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import toml
from dcl_hpc.job.file import load
from dcl_hpc.job.study import Job
from dcl_hpc.pipeline.lattice_study import LATTICE

from .asking import GLASS, dependencies, refusal


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
