"""Values that no file of ours should have end in one line before a calculation gets them."""

import numpy as np
import pytest

from dcl_hpc.cluster import mpi
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders, Replicas
from dcl_hpc.storage import weights
from dcl_hpc.storage.identity import Damaged
from dcl_hpc.storage.layout import array_field, write_file
from dcl_hpc.storage.replicas import read_replicas, replica_fields, write_replicas
from dcl_hpc.storage.rows import Rows
from dcl_hpc.storage.store import Store

ALL = slice(None)


def replicas() -> Replicas:
    """Two ladders of three temperatures."""
    ladders = Ladders([0.5, 0.4, 0.3], 2, seed=1)
    return Replicas(TrueEnergy(ising(Lattice((4, 4)))), ladders, slice(0, 6), 1, Purpose.SWEEP)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("states", (0, 3, 2), 255),
        ("states", (0, 0, 0), 2),
        ("ladders/slot", (0, 1, 2), 30),
        ("ladders/slot", (0, 0, 0), -1),
        ("ladders/slot", (0, 0), 1),
    ],
)
def test_chains_go_on_from_states_and_slots_alone(tmp_path, name, index, value):
    """A state that there is not, or a temperature that two replicas have, never reaches a kernel."""
    path, begun = tmp_path / "sweep.h5", replicas()
    write_file(path, replica_fields(16, 2, 3), {}, total=2)
    with Store(path, mpi.alone(), write=True) as store:
        begun.advance(3)
        write_replicas(store, 0, begun, ALL, ALL)
        store.commit(1, 0, 0.0)
    with Store(path, mpi.alone(), write=True) as store:
        again = replicas()
        read_replicas(store, 0, again, ALL, ALL)
        np.testing.assert_array_equal(again.chains.states, begun.chains.states)
        store.write_alone(f"checkpoint/{name}", index, value)
        with pytest.raises(Damaged, match=r"sweep\.h5 is damaged"):
            read_replicas(store, 0, replicas(), ALL, ALL)


@pytest.mark.parametrize(
    ("name", "value"), [("states", 2), ("states", 200), ("energy", np.nan), ("energy", np.inf)]
)
def test_learners_get_states_and_numbers_alone(tmp_path, name, value):
    """So it is with what networks learn from, where only lost atoms are no states."""
    path, data = tmp_path / "labels.h5", {"states": np.ones((5, 4), np.uint8), "energy": np.zeros(5)}
    data["states"][0] = 255
    for wrong in (False, True):
        if wrong:
            data[name][3] = value
        layout = {key: array_field(values, ("n", "x")[: values.ndim], key) for key, values in data.items()}
        write_file(path, layout, {}, total=1)
        with Rows(path, ["states", "energy"], n_states=2) as rows:
            rows.read(0, 3)
            if wrong:
                with pytest.raises(Damaged, match=r"labels\.h5 is damaged"):
                    rows.read(2, 5)


def test_weights_are_numbers(tmp_path):
    """Weights that are not finite are not loaded."""
    weights.save(tmp_path / "network.h5", {}, {}, {"w": np.array([1.0, np.nan])}, {}, 1, 2, 0.0)
    with pytest.raises(Damaged, match="w has numbers that are not finite"):
        weights.load(tmp_path / "network.h5")
