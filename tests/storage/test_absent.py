"""Lattices with absent sites and snapshots with lost atoms: arrays go in and come back as they are."""

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.physics.configurations import ABSENT
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage.foreign import ForeignConfigurations, GivenConfigurations
from dcl_hpc.storage.layout import write_file
from dcl_hpc.storage.observations import STATES, Observations, observation_fields, observed_rows

RANDOM = np.random.default_rng(11)
HOLED = Lattice((4, 6), absent=(0, 7, 23))
LATTICES = [
    HOLED,
    Lattice((4, 6), open=(0, 1)),
    Lattice((3, 4), "honeycomb"),
    Lattice((3, 4), "kagome", (1,), (2, 13)),
    Lattice((4, 5), "triangular_rows"),
    Lattice((3, 3, 4), "fcc", absent=(5,)),
]


def snapshots(lattice, n_states: int = 2, n: int = 20) -> np.ndarray:
    """Random states, uint8 (n, n_sites)."""
    return RANDOM.integers(0, n_states, (n, lattice.n_sites), np.uint8)


def saved(folder, **arrays) -> str:
    """An .npz file of arrays."""
    np.savez(folder / "x.npz", **arrays)
    return f"{folder}/x.npz"


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("kind", ["npy", "h5", "txt"])
@pytest.mark.parametrize("hole", [-1, 0, 255])
def test_every_lattice(tmp_path, lattice, kind, hole):
    """Arrays of the lattice, of its entries in a row, and of its sites alone give the same states."""
    states = snapshots(lattice)
    whole = lattice.array(states.astype(int), hole)
    for number, values in enumerate((whole, whole.reshape(20, -1), states)):
        path = tmp_path / f"{number}.{kind}"
        if kind == "npy":
            np.save(path, values)
        elif kind == "txt":
            np.savetxt(path, values.reshape(20, -1), "%d")
        else:
            with h5py.File(path, "w") as file:
                file["states"] = values
        source = ForeignConfigurations(str(path), lattice, 2)
        assert source.check() == 0 and source.varying is None and source.n_sites == lattice.n_sites
        np.testing.assert_array_equal(source.read(3, 17), states[3:17])
    one = GivenConfigurations(whole[4], lattice, 2)
    np.testing.assert_array_equal(one.read(0, 1), states[4:5])


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_round_trip_of_observations(tmp_path, lattice):
    """The file of observations holds arrays, readers have the sites, Python arrays with 255."""
    states = snapshots(lattice, 3).reshape(5, 4, -1)
    states[1, 2, 3] = ABSENT
    path = tmp_path / "observations.h5"
    fields = observation_fields(5, 4, lattice, range(5), "sweeps")
    attributes = {
        "n_states": 3, "temperature": 1.5, "thin": 2, "autocorrelation_time": 0.5, "incomplete": 1,
    }  # fmt: skip
    write_file(path, fields, attributes, total=5, done=5)
    with h5py.File(path, "r+") as file:
        file[STATES][...] = lattice.array(states, ABSENT)
        assert len(file[STATES].dims) == 2 + len(lattice.array_shape)
        if "observations/positions" in file:
            np.testing.assert_allclose(file["observations/positions"], lattice.positions)
    with observed_rows(path) as rows:
        assert rows.n == 20
        np.testing.assert_array_equal(rows.read(2, 15)[0], states.reshape(20, -1)[2:15])
    found = Observations(path)
    assert found.shape == (20, *lattice.array_shape) and found.incomplete == 1
    masked = np.ma.masked_equal(found[:], ABSENT)
    assert masked.mask.sum() == 20 * len(lattice.absent) + 1
    again = GivenConfigurations(masked, lattice, 3)
    assert again.check() == 1
    np.testing.assert_array_equal(again.read(0, 20), states.reshape(20, -1))


@pytest.mark.parametrize("form", ["nan", "255", "lost", "present", "masked"])
@pytest.mark.parametrize("convention", ["0 and 1", "-1 and 1", "three states"])
def test_lost_atoms(tmp_path, form, convention):
    """Whatever tells that an atom is lost, its state is 255; what a mask covers does not matter."""
    states = snapshots(HOLED, 3 if convention == "three states" else 2)
    n_states = int(states.max()) + 1
    lost = RANDOM.random(states.shape) < 0.05
    expected = np.where(lost, ABSENT, states)
    values = states.astype(int) * 2 - 1 if convention == "-1 and 1" else states.astype(int)
    values[lost] = -7  # no state
    values, lost = HOLED.array(values, -9), HOLED.array(lost, True)
    if form == "masked":
        source = GivenConfigurations(np.ma.array(values, mask=lost), HOLED, n_states)
    elif form == "nan":
        source = ForeignConfigurations(saved(tmp_path, a=np.where(lost, np.nan, values)), HOLED, n_states)
    elif form == "255":
        source = ForeignConfigurations(saved(tmp_path, a=np.where(lost, 255, values)), HOLED, n_states)
    else:
        mask = lost if form == "lost" else (~lost).astype(np.uint8)
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["one/states"], file[f"one/{form}"] = values, mask
        for address in (f"{tmp_path}/x.h5", saved(tmp_path, states=values, **{form: mask})):
            found = ForeignConfigurations(address, HOLED, n_states)
            np.testing.assert_array_equal(found.read(0, 20), expected)
        source = found
    assert source.check() == (expected == ABSENT).any(axis=1).sum() > 0
    np.testing.assert_array_equal(source.read(0, 20), expected)


def test_a_single_snapshot_with_its_mask(tmp_path):
    """One configuration may have a mask, too."""
    lost = np.zeros((4, 6), bool)
    lost[2, 2] = True
    source = ForeignConfigurations(saved(tmp_path, states=np.ones((4, 6)), lost=lost), Lattice((4, 6)), 2)
    assert source.n == 1 and np.flatnonzero(source.read(0, 1) == ABSENT) == [14]


def test_states_at_absent_sites_that_vary():
    """An absent site whose values change is named, also if they change between blocks only."""
    values = HOLED.array(snapshots(HOLED), 1)
    values[12:, 3, 5] = 0
    source = GivenConfigurations(values, HOLED, 2)
    source.read(0, 12)
    assert source.varying is None
    source.read(12, 20)
    assert source.varying == (3, 5)


def test_masked_arrays_differ():
    """The digest knows the mask."""
    states = snapshots(HOLED)
    one = GivenConfigurations(np.ma.array(states, mask=states > 5), HOLED, 2)
    other = GivenConfigurations(np.ma.array(states, mask=states == 0), HOLED, 2)
    assert one.digest != other.digest


def test_messages(tmp_path):
    """What does not fit: shapes with absent sites, cells, masks; -1 for a lost atom."""

    def refusal(array, lattice=HOLED, n_states=2, **masks):
        with pytest.raises(UserError) as caught:
            ForeignConfigurations(saved(tmp_path, states=array, **masks), lattice, n_states).check()
        return str(caught.value)

    told = refusal(np.ones((5, 20)))
    assert "expected (n, 4, 6) or (n, 24) or (n, 21) without absent sites" in told
    told = refusal(np.ones((5, 6, 7, 2)), Lattice((3, 4), "honeycomb"))
    assert "expected (n, 3, 4, 2) or (n, 24); for a lattice of 6x7 set lattice.shape = [6, 7]" in told
    told = refusal(np.ones((5, 4, 6)), lost=np.ones((4, 6), bool))
    assert (
        "'lost' is bool of shape (4, 6); it must be true or false, or 1 or 0, and have the shape (5, 4, 6)"
        in told
    )
    assert "'present' is float64" in refusal(np.ones((5, 4, 6)), present=np.ones((5, 4, 6)))
    values = np.ones((5, 4, 6), int)
    values[2, 1, 2] = -1
    assert "value -1 at site [1, 2]; allowed are 0 ... 2" in refusal(values, n_states=3)
    values[3, 1, 2] = 0
    assert "write all states as -1 and 1, or all as 0 and 1, and lost atoms as nan or 255" in refusal(values)
