"""IDX files, in which MNIST comes: four bytes of type and dimension, the sizes, the numbers."""

import gzip
import math
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import read_regular

# MNIST's files: images and labels for training and for the test.
PARTS = (("train", "images", 3), ("train", "labels", 1), ("t10k", "images", 3), ("t10k", "labels", 1))
UNSIGNED_BYTES = b"\0\0\x08"
GZIP = b"\x1f\x8b"
# Bytes of a file, also unpacked; those of MNIST have 47 million at most. Axes of an array.
LARGEST, AXES = 2**28, 3


def read_mnist(folder: Path) -> list[np.ndarray]:
    """Training images and labels, test images and labels of a folder with MNIST's four files.

    Returns
    -------
    list of uint8 ndarray
        Of shapes (n, rows, columns), (n,), (n_test, rows, columns), (n_test,).

    Raises
    ------
    UserError
        If one is missing or not as it should be.
    """
    arrays = []
    for part, what, dimension in PARTS:
        path = _find(Path(folder), part, f"{what}", dimension)
        array = read(path)
        if array.ndim != dimension:
            raise UserError(
                f"{path}: {array.ndim} axes, {what} have {dimension}; is it another file of MNIST?"
            )
        arrays.append(array)
    for (part, *_), images, labels in zip(PARTS[::2], arrays[::2], arrays[1::2], strict=True):
        if len(images) != len(labels):
            raise UserError(
                f"{folder}: {len(images)} images but {len(labels)} labels in the files {part}-*; take both "
                "from the same source"
            )
        if labels.size and labels.max() > 9:
            raise UserError(
                f"{folder}: the labels in the files {part}-* go up to {labels.max()}; those of MNIST are "
                "digits, 0 to 9"
            )
    return arrays


def _find(folder: Path, part: str, what: str, dimension: int) -> Path:
    names = [f"{part}-{what}{mark}idx{dimension}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise UserError(
        f"{folder / names[0]} (or {names[1]}) does not exist; data.folder is to have MNIST's files"
    )


def read(path: Path) -> np.ndarray:
    """The array of an IDX file of unsigned bytes, plain or compressed by gzip.

    Raises
    ------
    UserError
        If it cannot be read, is of another format, or ends too early.
    """
    try:
        content = read_regular(path, LARGEST)
        if content.startswith(GZIP):
            content = gzip.GzipFile(fileobj=BytesIO(content)).read(LARGEST + 1)
            if len(content) > LARGEST:
                raise EOFError(f"unpacked it has more than {LARGEST / 2**20:g} MiB")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {reason}; fetch it anew") from None
    if len(content) < 4 or not content.startswith(UNSIGNED_BYTES) or content[3] > AXES:
        raise UserError(
            f"{path} is not an IDX file of bytes (it begins with {content[:4].hex() or 'nothing'})"
        )
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[k : k + 4]) for k in range(4, start, 4))
    if len(content) != start + math.prod(shape):
        size = "x".join(map(str, shape))
        raise UserError(
            f"{path} has {len(content)} bytes, {size} take {start + math.prod(shape)}; fetch it anew"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
