"""`python -m dcl_hpc.exact` prints what is known exactly, and nothing else happens."""

import json

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice

GLASS = """\
name = "glass"
lattice.shape = [8, 8]
hamiltonian = { kind = "edwards_anderson", couplings = "published", instance = 69 }
observe = { temperature = 4.0, samples = 100, chains = 10 }
sweep = { energies = ["true"], temperatures = [0.5, 1.0, 2.0] }
"""


def rows(text: str) -> list[list[float]]:
    """The lines of numbers."""
    lines = [line.split() for line in text.splitlines()]
    return [
        [float(word) for word in line]
        for line in lines
        if line and line[0][0].isdigit() and "x" not in line[0]
    ]


def test_tables_of_a_job(dcl, runs):
    """All shapes at the sweep's temperatures and the observations', with what is known of each."""
    done = dcl("exact", "--set", "sweep.shapes=[[6, 6], [12, 12]]", "--set", "observe.temperature=3.5")
    assert done.returncode == 0, done.stderr
    small, large = done.stdout.split("12x12\n")
    assert small.startswith("6x6\n")
    assert small.splitlines()[1].split() == ["T", "u", "c", "ln", "Z/N", "s", "<|m|>", "chi"]
    assert large.splitlines()[0].split() == ["T", "u", "c", "ln", "Z/N", "s"]
    for text, side, count in ((small, 6, 7), (large, 12, 5)):
        table = rows(text)
        assert [row[0] for row in table] == [2.0, 3.0, 3.5, 4.0, 5.0]
        for t, *values in table:
            solution = exact.kaufman((side, side), t)
            n = side**2
            u, ln_z = solution.energy / n, solution.ln_z / n
            expected = [u, solution.variance / n / t**2, ln_z, u / t + ln_z]
            if side == 6:
                expected += exact.magnetization(hamiltonian.ising(Lattice((6, 6))), t)
            assert values == pytest.approx(expected, abs=6e-8)
            assert len(values) == count - 1
        assert f"ground-state energy: {-2 * n:.6f}, per site -2.000000" in text
        assert "method: Kaufman" in text
    assert not runs.exists()


def test_one_shape_and_other_temperatures_as_json(dcl):
    """One object, with the published energies of the 8x8 Ising model."""
    done = dcl("exact", "--shape", "8x8", "--temperatures", "4,2", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["name"] == "tiny"
    assert answer["hamiltonian"] == {"kind": "ising", "coupling": 1.0, "field": 0.0}
    (table,) = answer["shapes"]
    assert table["shape"] == [8, 8] and table["method"] == "Kaufman"
    assert table["ground_state_energy"] == -128
    assert table["temperature"] == [4.0, 2.0]
    assert table["u"] == pytest.approx([-0.558491, -1.745683], abs=1e-6)
    assert set(table) >= {"c", "ln_z", "s", "m", "chi"}


def test_published_glass(dcl, tmp_path):
    """Ground state and energies of instance 69; at T = 0.01 the entropy is that of two states."""
    job = tmp_path / "glass.toml"
    job.write_text(GLASS)
    done = dcl("exact", "--temperatures", "0.01,0.5,1,2,4", job=job)
    assert done.returncode == 0, done.stderr
    assert "ground-state energy: -93.583809" in done.stdout
    assert "method: strip transfer matrix" in done.stdout
    table = np.array(rows(done.stdout))
    energies = [-93.583807, -91.8474, -85.5511, -64.1004, -37.3958]
    assert table[:, 1] * 64 == pytest.approx(energies, abs=1e-4)
    assert table[0, 4] == pytest.approx(np.log(2) / 64, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason", "energy"),
    [
        (
            ("--shape", "17x19", "--set", "hamiltonian.coupling=-1.0"),
            "too wide for the transfer matrix",
            None,
        ),
        (("--set", "lattice.shape=[4, 4, 4]", "--set", "rnn.order=snake"), "not two-dimensional", -192),
    ],
    ids=["wide", "cubic"],
)
def test_no_method(dcl, changes, reason, energy):
    """One line says why, and the ground state is told if it is known."""
    changes = (*changes, "--set", "sweep.energies=['true']", "--set", "hamiltonian.kind=ising")
    done = dcl("exact", *changes)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "no exact method" in line]
    assert reason in line
    assert ("ground-state energy" in done.stdout) == (energy is not None)
    assert energy is None or f"ground-state energy: {energy:.6f}" in done.stdout
    values = json.loads(dcl("exact", *changes, "--json").stdout)["shapes"][0]
    assert values["method"] is None and set(values["u"]) == {None}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--shape", "8y8"), "write it like the job's lattice, 6x6"),
        (("--shape", "8"), "write it like the job's lattice, 6x6"),
        (("--shape", "8x8x8"), "write it like the job's lattice, 6x6"),
        (("--shape", "1x8"), "every side must be at least 2"),
        (("--shape", "99999x99999"), "sites at most"),
        (("--temperatures", "1,x"), "write numbers with commas"),
        (("--temperatures", "1,,2"), "write numbers with commas"),
        (("--temperatures", "0"), "between 1e-6 and 1e6"),
        (("--temperatures", "nan"), "between 1e-6 and 1e6"),
        (("--temperatures=-1,2",), "between 1e-6 and 1e6"),
    ],
)
def test_bad_arguments(dcl, runs, arguments, problem):
    """One line, exit code 2."""
    done = dcl("exact", *arguments)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dcl_hpc: error: ")]
    assert problem in line and arguments[0].partition("=")[0] in line
    assert "Traceback" not in done.stderr
    assert done.stdout == "" and not runs.exists()


def test_a_glass_has_its_own_lattice_only(dcl, tmp_path):
    """Couplings belong to a lattice."""
    job = tmp_path / "glass.toml"
    job.write_text(GLASS)
    done = dcl("exact", "--shape", "6x6", job=job)
    assert done.returncode == 2
    assert "a glass realization exists on its own lattice, 8x8, only" in done.stderr


@pytest.mark.mpi
def test_two_ranks_print_once(dcl):
    """Only rank 0 speaks; a mistake ends all ranks with code 2."""
    done = dcl("exact", "--temperatures", "2", "--json", ranks=2)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["shapes"]) == 1
    done = dcl("exact", "--temperatures", "no", ranks=2)
    assert done.returncode == 2
    assert done.stderr.count("dcl_hpc: error: ") == 1


@pytest.mark.mpi
def test_every_realization_of_an_ensemble(dcl, glass_file):
    """One JSON line a realization on any number of ranks, in text its number before each line."""
    lines = dcl("exact", "--json", job=glass_file, ranks=2).stdout.splitlines()
    found = {row["hamiltonian"]["instance"]: row["shapes"][0] for row in map(json.loads, lines)}
    assert sorted(found) == [3, 5] and found[3]["u"] != found[5]["u"]
    (alone,) = dcl("exact", "--json", "--index=1", job=glass_file).stdout.splitlines()
    for key, value in json.loads(alone)["shapes"][0].items():  # BLAS has another number of threads
        assert found[3][key] == (pytest.approx(value, rel=1e-12) if key in "ucsm" else value), key
    text = dcl("exact", "--index=1", job=glass_file).stdout.splitlines()
    assert all(line.startswith("realization 3: ") for line in text)
    assert f"{found[3]['ground_state_energy']:.6f}" in text[-1]
