"""Ways to damage a file: each takes (chance, path, other files), and says what it did."""

import os
from pathlib import Path

import h5py
import numpy as np

from dcl_hpc.storage import identity

# Values that are written into data sets.
NONSENSE = (0, 1, -1, -5, 2, 3, 30, 127, 200, 255, 256, 1e6, 1e300, np.nan, np.inf, -np.inf)


def names_in(file: h5py.File) -> list[str]:
    """Names of all data sets."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def flipped(chance, path: Path, others) -> str:
    """Some bytes have other values."""
    data, n = bytearray(path.read_bytes()), chance.choice((1, 1, 2, 10, 100))
    # the text at the beginning is short, and most of the first block empty: as often there as behind it
    start = 0 if chance.random() < 0.3 else min(identity.BLOCK, len(data) - 1)
    places = [chance.randrange(start, len(data)) for _ in range(n)]
    for place in places:
        data[place] = (data[place] + chance.randrange(1, 256)) % 256
    path.write_bytes(data)
    return f"{n} bytes from {min(places)} on"


def block(chance, path: Path, others) -> str:
    """A stretch is zero, or random bytes."""
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data))
    stop = min(len(data), start + chance.choice((8, 100, 4096, len(data) // 2 + 1)))
    zero = chance.random() < 0.5
    data[start:stop] = bytes(stop - start) if zero else chance.randbytes(stop - start)
    path.write_bytes(data)
    return f"{'zeros' if zero else 'random bytes'} in {start}:{stop}"


def truncated(chance, path: Path, others) -> str:
    """The end is missing."""
    size = chance.choice(
        (0, 1, 100, identity.BLOCK, identity.BLOCK + 8, chance.randrange(path.stat().st_size))
    )
    os.truncate(path, min(size, path.stat().st_size - 1))
    return f"cut to {size}"


def extended(chance, path: Path, others) -> str:
    """There is more behind the end."""
    n = chance.choice((1, 100, 100_000))
    path.write_bytes(path.read_bytes() + (bytes(n) if chance.random() < 0.5 else chance.randbytes(n)))
    return f"{n} bytes more"


def garbage(chance, path: Path, others) -> str:
    """It is something else."""
    text = chance.choice(
        (b"[]", b"{}", b"null", b"NaN", b'{"sha256": 1}', b"[" * 5000, b"9" * 6000, b"\xff\xfe")
    )
    path.write_bytes(text)
    return f"{text[:20]!r}"


def swapped(chance, path: Path, others) -> str:
    """It is another file of the run."""
    if not others:
        return ""
    other = chance.choice(others)
    path.write_bytes(other.read_bytes())
    return f"is {other.name}"


def values(chance, path: Path, others) -> str:
    """Values of a data set are what none of ours are."""
    with h5py.File(path, "r+") as file:
        name = chance.choice([name for name in names_in(file) if file[name].size])
        value = chance.choice(NONSENSE)
        data = file[name][()]
        whole = int(np.clip(np.nan_to_num(value), -(2**62), 2**62))
        number = np.array(value if data.dtype.kind == "f" else whole).astype(data.dtype)
        flat = np.ravel(data).copy()
        start = chance.randrange(flat.size)
        flat[start : chance.choice((start + 1, flat.size))] = number
        file[name][...] = flat.reshape(data.shape)
    return f"{name} = {value}"


def committed(chance, path: Path, others) -> str:
    """It says that more is done, or less."""
    pair = [chance.choice((-5, 0, 1, 2, 3, 5, 17, 2**40)), chance.choice((0, 1, 2, -1))]
    with h5py.File(path, "r+") as file:
        file["progress/committed"][...] = pair
    return f"committed {pair}"


def attribute(chance, path: Path, others) -> str:
    """An attribute is gone, or of another type."""
    with h5py.File(path, "r+") as file:
        name, value = (
            chance.choice(list(file.attrs)),
            chance.choice((1.5, -1, "x", "[]", np.arange(3), np.nan)),
        )
        del file.attrs[name]
        if chance.random() < 0.7:
            file.attrs[name] = value
    return f"attribute {name} = {value}"


def reshaped(chance, path: Path, others) -> str:
    """A data set is gone, or of another shape or type."""
    with h5py.File(path, "r+") as file:
        name = chance.choice(names_in(file))
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        new = chance.choice(((), (0,), (3,), (*shape, 2), shape))
        if chance.random() < 0.8:
            file.create_dataset(name, data=np.ones(new, chance.choice((kind, "f2", "u1", "i8", "S3"))))
    return f"{name}, {shape}, is {new}"


# Of any file; those that a new checksum could hide; of HDF5.
RAW = (flipped, flipped, block, block, truncated, extended, garbage)
CHANGES = (values, committed)
WAYS = (*RAW, swapped, values, values, values, committed, attribute, reshaped)
