"""Network weights, optimizer state and learning curves in HDF5; written beside, then renamed."""

import json
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from .store import array_field, write_file


def save(path: Path, attributes: dict, settings: dict, arrays: dict, history: dict, done, total, wall):
    """Write a checkpoint.

    Parameters
    ----------
    settings : dict
        Plain values that describe the network or the state of training; stored as JSON.
    arrays : dict of str to ndarray
    history : dict of str to list of float
        Learning curves, one value per validation.
    done, total : int
        Training steps done, and of the whole training.
    wall : float
        Seconds of training so far.
    """
    layout = {}
    for name, value in arrays.items():
        value = np.asarray(value)
        layout[f"arrays/{name}"] = array_field(value, ("",) * value.ndim, "weights")
    for name, values in history.items():
        layout[f"history/{name}"] = array_field(np.array(values, float), ("validation",), name)
    write_file(path, layout, {**attributes, "settings": json.dumps(settings)}, total, done, wall)


def load(path: Path) -> tuple[dict, dict, dict]:
    """Settings, arrays and history of a checkpoint.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            settings = json.loads(file.attrs["settings"])
            arrays = {name: data[()] for name, data in file["arrays"].items()}
            history = {name: data[()].tolist() for name, data in file.get("history", {}).items()}
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); move its folder away and train again") from None
    return settings, arrays, history
