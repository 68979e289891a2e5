"""The temperature that a file of another program states itself."""

import contextlib

import numpy as np

from . import apart
from .arrays import Archive
from .contents import NotThere
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
    with contextlib.suppress(*UNREADABLE, NotThere):
        kind, wanted = match[2].lower(), (*TEMPERATURES, *INVERSE)
        if kind == "npz":
            with contextlib.closing(Archive(match[1])) as data:
                arrays = {name: data[name] for name in wanted if name in data.names}
                return _among({name: array[()] for name, array in arrays.items() if array.size == 1})
        if kind in ("h5", "hdf5"):
            found = map(_among, apart.ask(match[1], "attributes", match[3] or "", wanted))
            return next((value for value in found if value is not None), None)
    return None


def _among(values: dict) -> float | None:
    for name in TEMPERATURES:
        if name in values:
            return float(np.ravel(values[name])[0])
    for name in INVERSE:
        if name in values and np.ravel(values[name])[0]:
            return 1 / float(np.ravel(values[name])[0])
    return None
