"""Runs on lattices with edges and holes: what comes out are arrays of the lattice."""

import h5py
import numpy as np
import pytest

import dcl_hpc

ABSENT = [[0, 2], [3, 3]]
HOLED = {
    "name": "holed",
    "lattice": {"shape": [4, 6], "boundary": ["open", "periodic"], "absent": ABSENT},
    "hamiltonian": {"kind": "ising", "coupling": 0.7},
    "observe": {"temperature": 3.0, "samples": 400, "chains": 100, "thermalization": 10},
    "sweep": {
        "energies": ["true"], "temperatures": [2.0, 3.0], "ladders": 2, "thermalization": 5, "sweeps": 20,
        "shapes": [[4, 6], {"shape": [4, 6], "boundary": "periodic"}],
    },
}  # fmt: skip


def energy(states, present, open_rows: bool) -> np.ndarray:
    """Ising energies of arrays (..., 4, 6), J = 0.7, term by term."""
    spins = np.where(present, 2.0 * states - 1, 0)
    rows = (spins * np.roll(spins, -1, axis=-2))[..., : 3 if open_rows else 4, :]
    return -0.7 * (rows.sum(axis=(-1, -2)) + (spins * np.roll(spins, -1, axis=-1)).sum(axis=(-1, -2)))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> dcl_hpc.OpenedRun:
    """Observations and sweeps."""
    return dcl_hpc.start(HOLED, tmp_path_factory.mktemp("runs")).make("observe", "sweep")


@pytest.fixture
def present() -> np.ndarray:
    """Where the sites are."""
    there = np.ones((4, 6), bool)
    there[tuple(np.transpose(ABSENT))] = False
    return there


def test_observations(run, present):
    """Arrays of the lattice with 255 at absent sites; true energies are those of the others."""
    states = run.observations[:]
    assert states.shape == (400, 4, 6) and run.observations.incomplete == 0
    np.testing.assert_array_equal(states == 255, np.broadcast_to(~present, states.shape))
    with h5py.File(run.folder / "observations.h5") as file:
        found = file["validation/energy/value"][()].ravel()
    np.testing.assert_allclose(found, energy(states, present, True), atol=1e-5)


def test_energies(run, present):
    """Of arrays with anything at absent sites, of sites alone; other edges have all sites."""
    states = np.random.default_rng(2).integers(0, 2, (20, 4, 6))
    observed, other = run.energy("true"), run.energy("true", boundary="periodic")
    forms = [states, np.where(present, 2 * states - 1, 9), states[:, present]]
    forms += [np.ma.array(states, mask=np.broadcast_to(~present, states.shape))]
    for form in forms:
        np.testing.assert_allclose(observed.energies(form), energy(states, present, True), atol=1e-5)
    np.testing.assert_allclose(other.energies(states), energy(states, True, False), atol=1e-5)
    with pytest.raises(dcl_hpc.UserError, match=r"configuration 0 .* atom at site \[1, 1\] is lost"):
        observed.energies(np.ma.array(states, mask=np.arange(24).reshape(4, 6) + np.zeros((20, 1, 1)) == 7))
    with pytest.raises(dcl_hpc.UserError, match="boundary 'closed' is not known; give one of periodic, open"):
        run.energy("true", boundary="closed")


def test_sweeps(run):
    """One shape with two kinds of edges has two sweeps."""
    names = sorted(path.name for path in (run.folder / "sweeps").iterdir())
    assert names == ["true_4x6-periodic.h5", "true_4x6.h5"]
    observed, other = run.sweep("true"), run.sweep("true", (4, 6), "periodic")
    assert (observed.shape, other.shape.boundary, str(other.shape)) == ((4, 6), "periodic", "4x6-periodic")
    assert other.u[0] < observed.u[0]  # more bonds a site
    with h5py.File(run.folder / "sweeps" / "true_4x6.h5") as file:
        assert file.attrs["n_sites"] == 22
    with pytest.raises(dcl_hpc.UserError, match="the job has no sweep"):
        run.sweep("true", (4, 6), "open")


def test_snapshots_with_lost_atoms(run, present):
    """They come back masked as they went in; energies are those of complete ones."""
    states = np.ma.masked_equal(run.observations[:200], 255)
    states[7, 1, 1] = states[9, 2, 2] = np.ma.masked
    other = dcl_hpc.start(HOLED | {"name": "imported"}, run.folder.parent)
    other.make("observe", snapshots=states)
    found = other.observations
    assert found.incomplete == 2
    np.testing.assert_array_equal(found[:], states.filled(255))
    with h5py.File(other.folder / "observations.h5") as file:
        known = file["validation/energy/value"][()].ravel()
    assert np.flatnonzero(np.isnan(known)).tolist() == [7, 9]


def test_a_site_that_seems_to_be_there(run, caplog):
    """A warning names a site that is declared absent and whose states change."""
    states = run.observations[:200].copy()
    states[:100, 3, 3] = 0
    states[100:, 3, 3] = 1
    with caplog.at_level("INFO", logger="dcl_hpc"):
        dcl_hpc.start(HOLED | {"name": "odd"}, run.folder.parent).make("observe", snapshots=states)
    assert "warning: configurations differ at [3, 3], which lattice.absent names" in caplog.text
