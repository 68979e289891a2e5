"""One file over all realizations of an ensemble: virtual data sets with "realization" as leading axis."""

import os
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError
from . import identity
from .disk import Disk
from .documents import beside
from .layout import array_field, fill_file

# What stands where a realization has no value, by kind of the type; unsigned: the largest, never a state.
FILL = {"f": np.nan, "i": -1, "b": False}
# Data sets of each stage that are joined; a group stands for all that it holds.
JOINED = {
    "observe": ("observations/states/value", "validation/energy/value"),
    "evaluate": ("test", "couplings"),
    "sweep": ("temperature", "listed", "series"),
}
ABOUT = (
    "data sets of all realizations, which stay in their own folders beside this file; HDF5 gives the fill "
    "value for files that are gone and for those beyond the number that may be open at once (ulimit -n): of "
    "more than some hundred realizations read one after the other, each from data sets opened anew"
)
LADDERS = (
    "; the replicas of a ladder are together, one for each temperature of the realization's own ladder, and "
    "ladders follow each other: with n temperatures replica r is one of ladder r // n"
)


def link(run) -> Path:
    """Write the file of an ensemble: the results of its realizations, which stay where they are.

    The data sets are those of the realizations' files with a leading axis, those of a sweep under
    sweeps/ENERGY_SHAPE. They refer to the realizations' folders by relative paths, so that the folder of the
    ensemble may be moved or copied as a whole. Where realizations differ in shape, a data set has the
    largest, filled up with nan, -1, false or the type's largest number; so HDF5 does where a file is gone,
    and where more are asked for at once than may be open (`ulimit -n`).

    Parameters
    ----------
    run : Run
        Of an ensemble whose realizations are complete.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If a file cannot be read or written.
    """
    path = run.root / "ensemble.h5"
    members = run.realizations
    numbers = np.array([member.realization for member in members])
    attributes = run.attributes("observe") | {"stage": "ensemble", "about": ABOUT, "realizations": numbers}
    attributes |= {"dependencies": "{}", "inputs": "{}"}  # it is written anew whenever there is a report
    true = [member.job.build_hamiltonian() for member in members]
    layout = {
        "realization": array_field(numbers, ("realization",), "number of each, as in its folder's name"),
        "hamiltonian/couplings": array_field(
            np.stack([one.couplings for one in true]), ("realization", "site", "axis"),
            "true coupling of each site, in raster order, with the next one along each axis, J",
        ),
        "hamiltonian/field": array_field(
            np.stack([one.site_field for one in true]), ("realization", "site", "state"),
            "energy of each state of each site in the field, J",
        ),
    }  # fmt: skip
    with beside(path) as begun:
        fill_file(begun, layout, attributes, total=len(members), done=len(members))
        with Disk(begun) as disk:
            with h5py.File(disk, "r+") as file:
                for folder, output, names in _sources(run):
                    _join(file, folder, run.root, [member.path(output) for member in members], names)
            disk.sync()
        identity.seal(begun, done=len(members), seconds=0.0)
    return path


def _sources(run):
    """Folder in the new file, output and data sets of everything that is joined."""
    for output in run.data:
        stage = output.partition("_")[0]
        if stage in JOINED:
            folder = f"sweeps/{run.path(output).stem}/" if stage == "sweep" else ""
            yield folder, output, JOINED[stage]


def _join(file: h5py.File, folder: str, root: Path, paths: list[Path], names) -> None:
    """Create virtual data sets over those that any of the files has."""
    parts: dict[str, dict[int, tuple]] = {}
    described = {}
    for k, path in enumerate(paths):
        try:
            with h5py.File(path, "r", locking=False) as source:
                for name, data in _found(source, names):
                    parts.setdefault(name, {})[k] = data.shape
                    described[name] = data.dtype, data.attrs["about"], [d.label for d in data.dims]
        except (OSError, KeyError, RuntimeError) as error:
            raise UserError(f"{path} is damaged or not a file of this program ({error})") from None
    for name, shapes in parts.items():
        kind, about, axes = described[name]
        largest = tuple(np.max(list(shapes.values()), axis=0))
        fill = FILL[kind.kind] if kind.kind in FILL else np.iinfo(kind).max
        layout = h5py.VirtualLayout((len(paths), *largest), kind)
        for k, shape in shapes.items():
            if all(shape):
                source = h5py.VirtualSource(os.path.relpath(paths[k], root), name, shape, kind)
                layout[(k, *map(slice, shape))] = source
        data = file.create_virtual_dataset(folder + name, layout, fillvalue=fill)
        ladders = LADDERS if "replica" in axes else ""
        data.attrs["about"] = f"{about}{ladders}; {fill} where a realization has no value"
        for axis, label in enumerate(["realization", *axes]):
            data.dims[axis].label = label


def _found(source: h5py.File, names):
    """Data sets of these names, or in groups of these names."""
    for name in names:
        item = source.get(name)
        if isinstance(item, h5py.Dataset):
            yield name, item
        elif item is not None:
            yield from _found(source, [f"{name}/{inner}" for inner in item])
