"""The temperature that a file of another program states itself."""

import contextlib

import h5py
import numpy as np

from .foreign import ADDRESS, UNREADABLE

# Names of temperatures, and of inverse ones, as attributes of HDF5 files or arrays in .npz files.
TEMPERATURES, INVERSE = ("temperature", "temp", "T"), ("beta",)


def stated_temperature(address: str) -> float | None:
    """The temperature beside the configurations of a file, in the file's own units; None if it states none.

    Parameters
    ----------
    address : str
        FILE or FILE:NAME; attributes of the data set, of the groups that hold it and of the file count.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        return None
    with contextlib.suppress(*UNREADABLE, TypeError):
        kind = match[2].lower()
        if kind == "npz":
            with np.load(match[1], allow_pickle=False) as data:
                return _among({name: data[name] for name in data.files if data[name].size == 1})
        if kind in ("h5", "hdf5"):
            with h5py.File(match[1], "r", locking=False) as file:
                item = file[match[3]] if match[3] else file
                while True:
                    found = _among(item.attrs)
                    if found is not None or item.name == "/":
                        return found
                    item = item.parent
    return None


def _among(values) -> float | None:
    for name in TEMPERATURES:
        if name in values and np.size(values[name]) == 1:
            return float(np.ravel(values[name])[0])
    for name in INVERSE:
        if name in values and np.size(values[name]) == 1 and np.ravel(values[name])[0]:
            return 1 / float(np.ravel(values[name])[0])
    return None
