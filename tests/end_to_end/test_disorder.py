"""Snapshots of a system in which no two bonds are alike, and nobody knows how they differ."""

import json

import numpy as np
import pytest

import dcl_hpc
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

LATTICE = Lattice((5, 5))
JOB = {
    "name": "disorder",
    "lattice": {"shape": [5, 5]},
    "hamiltonian": {"kind": "unknown", "disorder": True},
    "observe": {"temperature": 2.0},
    "sweep": {"ladders": 4, "thermalization": 100, "sweeps": 600},
}
# Short, for a glass with networks, too.
NETWORKS = {
    "rnn": {"hidden": 8, "epochs": 2, "batch": 100},
    "labels": {"count": 500},
    "ednn": {"focus": 1, "context": 1, "shared": False, "hidden": [4], "epochs": 1, "batch": 100},
    "sweep": {
        "energies": ["rnn", "ednn", "direct"], "temperatures": [1.5, 2.0], "ladders": 2, "rungs": 2,
        "thermalization": 10, "sweeps": 20, "rnn_thermalization": 2, "rnn_sweeps": 4,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def glass():
    """A glass with fields, and snapshots of it, uint8 (n, 5, 5)."""
    random = np.random.default_rng(1)
    hamiltonian = ising(LATTICE, random.normal(size=(25, 2)), 0.5 * random.normal(size=25))
    chains = Chains.start(TrueEnergy(hamiltonian), np.full(6000, 0.5), range(6000), 3, Purpose.OBSERVE)
    chains.sweep(TrueEnergy(hamiltonian), 100)
    return hamiltonian, chains.states.T.reshape(-1, 5, 5)


@pytest.fixture(scope="module")
def run(glass, tmp_path_factory):
    """Its run, all stages; atoms are lost in some snapshots."""
    states = glass[1].copy()
    states[:500, 2, 3] = 255
    return dcl_hpc.start(JOB, tmp_path_factory.mktemp("disorder")).make(snapshots=states)


def test_couplings_and_fields_are_found(glass, run):
    """Each with an error that holds; the page shows them on the lattice."""
    hamiltonian, _ = glass
    number = {tuple(place): k for k, place in enumerate(LATTICE.coordinates.tolist())}
    true = dict(zip(map(frozenset, LATTICE.bonds.tolist()), hamiltonian.bond_couplings, strict=True))
    fields = (hamiltonian.field[:, 0] - hamiltonian.field[:, 1]) / 2
    found, z = run.interactions(), []
    assert (found.source, len(found)) == ("direct", 75)
    for one in found:
        sites = [number[site] for site in one.sites]
        known = true[frozenset(sites)] if len(sites) == 2 else fields[sites[0]]
        z.append((one.coupling - known) / one.error)
        assert one.true is None
    assert 0.75 < np.sqrt(np.mean(np.square(z))) < 1.3
    assert (run.folder / "report" / "bonds.png").is_file()
    assert "Couplings of bonds" in (run.folder / "report" / "index.html").read_text()


def test_predictions_hold_with_their_errors(glass, run):
    """u at temperatures that were not observed, against the true energy's chains."""
    curves, true = run.sweep(), TrueEnergy(glass[0])
    for k in (np.argmin(abs(curves.temperature - t)) for t in (1.6, 2.8, 4.0)):
        chains = Chains.start(true, np.full(4000, 1 / curves.temperature[k]), range(4000), 4, Purpose.SWEEP)
        chains.sweep(true, 300)
        energies = true.energies(chains.states) / 25
        error = np.sqrt(curves.u_error[k] ** 2 + curves.u_data_error[k] ** 2 + energies.var() / 4000)
        assert abs(curves.u[k] - energies.mean()) < 4 * error < 0.06
        assert curves.u_data_error[k] > 0


def test_snapshots_are_explained_and_one_law_for_all_is_refused(glass, run, tmp_path):
    """By the same test, on snapshots that were held out; the cause is named."""

    def tested(made):
        return json.loads((made.folder / "report" / "summary.json").read_text())["explanation"][0]

    assert tested(run)["p"] > 1e-3
    alike = JOB | {"name": "alike", "hamiltonian": {"kind": "unknown"}, "direct": {"side": 2}}
    other = dcl_hpc.start(alike, tmp_path).make(snapshots=glass[1])
    assert tested(other)["p"] < 1e-4
    assert "(hamiltonian.disorder = true)" in (other.folder / "report" / "index.html").read_text()


def test_networks_stand_beside(glass, tmp_path):
    """Networks of an unknown glass: calibrated, compared, and with the couplings that they have."""
    job = JOB | NETWORKS | {"name": "networks"}
    made = dcl_hpc.start(job, tmp_path).make(snapshots=glass[1][:1000])
    by = {source: made.interactions(source) for source in ("rnn", "ednn", "direct")}
    strongest = by["direct"][0]
    for source in ("rnn", "ednn"):
        assert len(by[source]) == 300 and by[source][0].true is None
        (same,) = [one for one in by[source] if one.sites == strongest.sites]
        assert abs(same.coupling - strongest.coupling) < 4 * np.hypot(same.error, strongest.error)


def test_three_states_have_no_bonds(tmp_path):
    """Disorder is of two states."""
    job = JOB | {"hamiltonian": {"kind": "unknown", "disorder": True, "states": 3}}
    with pytest.raises(dcl_hpc.UserError, match="disorder = true needs states = 2, not 3"):
        dcl_hpc.start(job, tmp_path)
