"""Files of other programs, and what is read from them."""

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage.foreign import ForeignConfigurations

SHAPE = (4, 6)
RANDOM = np.random.default_rng(1)
STATES = RANDOM.integers(0, 2, (30, *SHAPE))
POTTS = RANDOM.integers(0, 5, (30, *SHAPE))


def save(folder, values, kind: str) -> str:
    """Write an array in a format; returns its address."""
    values, path = np.asarray(values), folder / f"states.{kind}"
    if kind == "npy":
        np.save(path, values)
    elif kind == "npz":
        np.savez_compressed(path, values)
    elif kind in ("h5", "hdf5"):
        with h5py.File(path, "w") as file:
            file["group/states"] = values
    else:
        rows = values.reshape(len(values), -1)
        separator = "," if kind == "csv" else " "
        path.write_text("".join(separator.join(map(str, row.tolist())) + "\n" for row in rows))
    return str(path)


def everything(address: str, shape=SHAPE, n_states: int = 2) -> np.ndarray:
    """All states of a file, checked first."""
    source = ForeignConfigurations(address, Lattice(shape), n_states)
    source.check()
    return source.read(0, source.n)


def refusal(address: str, shape=SHAPE, n_states: int = 2) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UserError) as caught:
        everything(address, shape, n_states)
    assert "\n" not in str(caught.value)
    return str(caught.value)
