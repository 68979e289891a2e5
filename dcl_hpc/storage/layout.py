"""The layout of a file: its data sets, created at full size in one piece."""

import errno
import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from . import frame, identity
from .disk import Disk
from .documents import beside
from .frame import Place, place
from .identity import Identity
from .progress import COMMITTED, PROGRESS, SUMS, WALL


@dataclass(frozen=True)
class Field:
    """One dataset of a layout.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy dtype or its name
    axes : tuple of str
        Label of each axis.
    about : str
        What it holds, with its unit.
    data : ndarray, optional
        Values to write at creation.
    grows : int
        Axis along which it is filled as work goes on, if it has no values at creation.
    """

    shape: tuple[int, ...]
    dtype: object
    axes: tuple[str, ...]
    about: str
    data: np.ndarray | None = field(default=None, compare=False)
    grows: int = 0


def array_field(data: np.ndarray, axes: tuple[str, ...], about: str) -> Field:
    """A field whose values are known at creation."""
    data = np.asarray(data)
    return Field(data.shape, data.dtype, axes, about, data)


def write_file(path: Path, layout, attributes: dict, total: int, done: int = 0, wall: float = 0.0):
    """Create a file in one piece on one rank: written beside, then renamed.

    Parameters
    ----------
    layout : dict of path in the file to Field
    attributes : dict of root attributes
        `uuid`, and as JSON of a dict `inputs` and `dependencies`, are what `identity` keeps.
    total, done : int
        Units of work that make the file complete, and units that are done already.
    wall : float
        Seconds that the units done have taken.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    with beside(path) as temporary:
        fill_file(temporary, layout, attributes, total, done, wall)


def fill_file(path: Path, layout, attributes: dict, total: int, done: int = 0, wall: float = 0.0) -> None:
    """Write into an empty file what `write_file` writes, for more to be done before it has its name.

    Raises
    ------
    OSError or RuntimeError
        If it cannot be written.
    """
    sealed = done >= total or all(entry.data is not None for entry in layout.values())
    who = _identity(attributes, total)
    attributes = {**attributes, "uuid": who.uuid, "inputs": json.dumps(who.inputs)}
    needed = sum(np.prod(e.shape) * np.dtype(e.dtype).itemsize for e in layout.values())
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(f"{needed / 2**20:.0f} MiB needed, {free / 2**20:.0f} MiB free")
    with Disk(path) as disk:
        with h5py.File(disk, "w", userblock_size=identity.BLOCK) as file:
            for name, value in attributes.items():
                file.attrs[name] = value
            file.attrs["total"] = total
            for name, entry in layout.items():
                _create(file, name, entry)
            _create(file, COMMITTED, array_field(np.array([done, 0]), ("units, slot",), "progress"))
            _create(file, WALL, array_field(np.array([wall]), ("",), "time spent so far, s"))
            if not sealed:
                moving = _moving(file, layout, done)
        disk.sync()
    _reserve(path)
    if sealed:
        identity.stamp(path, who)
        identity.seal(path, done=done, seconds=wall)
    else:
        identity.stamp(path, replace(who, frame=frame.measure(path, moving)))


def _identity(attributes: dict, total: int) -> Identity:
    about = {"total": int(total), "dependencies": json.loads(attributes.get("dependencies", "{}"))}
    about |= {key: attributes[key] for key in ("stage", "source", "source_digest") if key in attributes}
    named = {"uuid": attributes["uuid"]} if "uuid" in attributes else {}
    return Identity(**named, inputs=json.loads(attributes.get("inputs", "{}")), about=about)


def _reserve(path: Path) -> None:
    """Take all of a file's space now, so that none is lacking later."""
    number = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(number, 0, os.fstat(number).st_size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    finally:
        os.close(number)


def _moving(file: h5py.File, layout: dict[str, Field], done: int) -> dict[str, Place]:
    """Places of all that changes until the file is complete; adds the checksums of that."""
    axes = {name: entry.grows for name, entry in layout.items() if entry.data is None}
    found = {name: place(file[name], axis) for name, axis in axes.items()}
    found = {name: one for name, one in found.items() if one is not None}
    lines = np.zeros((2, 2 + 2 * len(found)), int)
    lines[:, 0] = done
    about = "units, slot, and of each data set how far it is filled and its CRC-32"
    _create(file, SUMS, array_field(lines, ("commit", "value"), about))
    return found | {name: place(file[name]) for name in PROGRESS}


def _create(file: h5py.File, name: str, entry: Field) -> None:
    group = file.require_group(os.path.dirname(name) or "/")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(entry.dtype), logical=True)
    space = h5py.h5s.create_simple(entry.shape)
    leaf = os.path.basename(name).encode()
    dataset = h5py.Dataset(h5py.h5d.create(group.id, leaf, kind, space, plist))
    dataset.attrs["about"] = entry.about
    for axis, label in enumerate(entry.axes):
        dataset.dims[axis].label = label
    if entry.data is not None:
        dataset[...] = entry.data
