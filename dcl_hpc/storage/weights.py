"""Network weights, optimizer state and learning curves in HDF5; written beside, then renamed.

The checkpoint before the last is kept, and is used where the last is damaged.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from . import identity
from .documents import beside, replace
from .identity import Damaged
from .layout import array_field, fill_file
from .ranges import require_finite
from .reading import reading


def previous(path: Path) -> Path:
    """Where the checkpoint before the last is."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save(path: Path, attributes: dict, settings: dict, arrays: dict, history: dict, done, total, wall):
    """Write a checkpoint, and keep the one before it.

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
    with beside(path) as new:
        fill_file(new, layout, {**attributes, "settings": json.dumps(settings)}, total, done, wall)
        if path.exists():
            _keep(path)


def _keep(path: Path) -> None:
    """Give a checkpoint a second name, which it keeps when the next one takes the first."""
    with beside(previous(path)) as kept:
        try:
            kept.unlink()
            os.link(path, kept)
        except OSError:  # not all file systems have hard links
            shutil.copyfile(path, kept)


def recover(path: Path) -> str:
    """Take the checkpoint before the last where that is damaged; why, or "" if nothing was done."""
    earlier = previous(path)
    if not (path.exists() and earlier.exists()):
        return ""
    try:
        identity.verify(path)
    except Damaged as error:
        with contextlib.suppress(Damaged):  # if both are, that is told when they are needed
            identity.verify(earlier)
            os.replace(path, path.with_name(path.name + ".damaged"))
            replace(earlier, path)
            return f"{error}; going on from the checkpoint before it"
    return ""


def load(path: Path) -> tuple[dict, dict, dict]:
    """Settings, arrays and history of a checkpoint.

    Raises
    ------
    Damaged
        If the file is damaged.
    """
    identity.verify(path)
    with reading(path) as file:
        settings = json.loads(file.attrs["settings"])
        arrays = {name: require_finite(path, name, data[()]) for name, data in file["arrays"].items()}
        history = {name: data[()].tolist() for name, data in file.get("history", {}).items()}
    return settings, arrays, history
