"""What an HDF5 file of another program holds. Asked through `apart` only, which see."""

import math
from collections import deque

import h5py
import numpy as np

# Groups and data sets that are looked at to find those of configurations; soft links that are followed;
# groups around a data set whose attributes are looked at.
OBJECTS, LINKS, LEVELS = 10_000, 16, 16
WRITE = "write its values into one file"


class NotThere(Exception):
    """Values that a file tells of are not in it; says why and what to do."""


def names(file: h5py.File) -> list[list]:
    """Name and shape (None if it has none) of all data sets that hard links lead to.

    Raises
    ------
    NotThere
        If there are too many.
    """
    found, seen, left = [], set(), deque([file["/"]])
    while left:
        group = left.popleft()
        for name in group:
            if group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
                continue
            item = group[name]
            if (place := h5py.h5o.get_info(item.id).addr) in seen:
                continue
            seen.add(place)
            if len(seen) > OBJECTS:
                raise NotThere(f"has more than {OBJECTS} groups and data sets; name the array as FILE:NAME")
            if isinstance(item, h5py.Dataset):
                found.append([item.name, item.shape])
            elif isinstance(item, h5py.Group):
                left.append(item)
    return found


def about(file: h5py.File, name: str) -> dict | None:
    """What a data set is whose values are all in the file; None if there is none of this name.

    Returns
    -------
    dict
        `name`, `shape`, `dtype`, and whether these are `numbers`.

    Raises
    ------
    NotThere
        If some of them are not.
    """
    data = _found(file, name)
    if not isinstance(data, h5py.Dataset):
        return None
    numbers = data.dtype.kind in "buif"
    if numbers and data.size:
        _require_values(data)
    dtype = data.dtype.str if numbers else str(data.dtype)
    return {"name": data.name, "shape": data.shape, "dtype": dtype, "numbers": numbers}


def values(file: h5py.File, name: str, index: list) -> np.ndarray:
    """Part of a data set; the index has numbers, and [start, stop] for slices."""
    return np.asarray(_found(file, name)[tuple(slice(*i) if isinstance(i, list) else i for i in index)])


def attributes(file: h5py.File, name: str, wanted: list[str]) -> list[dict]:
    """Attributes that are single numbers of an object, of the nearest groups that hold it and of the file."""
    holders, found = [_found(file, name)], []
    while holders[-1].name != "/":
        holders.append(holders[-1].parent if len(holders) <= LEVELS else file["/"])
    for item in holders:
        numbers = {one: np.asarray(item.attrs[one]) for one in wanted if one in item.attrs}
        found.append(
            {k: float(x.ravel()[0]) for k, x in numbers.items() if x.size == 1 and x.dtype.kind in "uif"}
        )
    return found


def _require_values(data: h5py.Dataset) -> None:
    """Raise NotThere for values that would be read from other files, or as fill values."""
    if data.is_virtual:
        raise NotThere(f"is virtual, its values are elsewhere; {WRITE}")
    if data.external:
        raise NotThere(f"has its values in other files; {WRITE}")
    if data.chunks:
        chunks = math.prod(-(-n // size) for n, size in zip(data.shape, data.chunks, strict=True))
        missing = chunks - data.id.get_num_chunks()
        if missing > 0:
            raise NotThere(
                f"was not written whole, {missing} of {chunks} chunks are not there; write it again"
            )
    elif data.id.get_storage_size() < data.size * data.id.get_type().get_size():
        raise NotThere("was never written, it has a shape but no values; write it again")


def _found(file: h5py.File, name: str):
    """The object of a name, None if there is none; links that lead to other files are not followed."""
    item, left, followed = file, name.split("/"), 0
    while left:
        part = left.pop(0).encode("utf-8", "surrogateescape")
        if part in (b"", b"."):
            continue
        if not isinstance(item, h5py.Group) or not item.id.links.exists(part):
            return None
        kind = item.id.links.get_info(part).type
        if kind == h5py.h5l.TYPE_SOFT and followed < LINKS:
            followed += 1
            path = item.id.links.get_val(part).decode("utf-8", "surrogateescape")
            item, left = file if path.startswith("/") else item, path.split("/") + left
        elif kind == h5py.h5l.TYPE_EXTERNAL:
            raise NotThere(f"is a link to another file; {WRITE}")
        elif kind == h5py.h5l.TYPE_HARD:
            item = item[part]
        else:
            return None
    return item
