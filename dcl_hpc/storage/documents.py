"""Small JSON and text files: replaced in one piece, kept by the disk, damage seen."""

import contextlib
import hashlib
import json
import math
import os
import re
from pathlib import Path

from ..cluster.processes import create_beside
from ..errors import UserError
from ..files import open_regular, read_regular
from .identity import Damaged
from .reading import WRONG

# Where a document says which of its numbers are not finite.
NOT_FINITE = "not_finite"

# Bytes that a JSON file can have.
LARGEST = 2**28


def replace(temporary: Path, path: Path) -> None:
    """Rename a file that is complete over another; the disk has its content first, then its name."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(Path(path).parent)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def beside(path: Path):
    """A new file that takes the place of another at the end: a reader finds the old one or the new one.

    All files that are written in one piece are written here. Where the other one is a link, the link is
    replaced, and not what it leads to.

    Yields
    ------
    Path
        An empty file with a name of its own, in the same folder. It is gone after an exception.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = create_beside(path)
        yield temporary
        replace(temporary, path)
    except (OSError, RuntimeError) as error:  # HDF5 raises both
        raise cannot_write(path, error) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def is_behind_link(path: Path, root: Path) -> bool:
    """Whether a folder between a file and its run is a link, so that it may hold files of others."""
    return any(folder.is_symlink() for folder in path.parents if root in folder.parents)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one piece; raises UserError as `beside`."""
    with beside(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one piece; raises UserError as `beside`."""
    write_bytes(path, text.encode())


def cannot_write(path, error: Exception) -> UserError:
    """What is told of an error of the file system."""
    # HDF5 has the system's own words, or MPI's, somewhere in a long line
    system = re.search(r"error (?:message =|string is) '(?:MPI_ERR_\w+: )?(.*?)'", str(error))
    reason = system[1] if system else getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return UserError(f"cannot write {path}: {reason}; check permissions and free space")


def write_json(path: Path, values: dict) -> None:
    """Write a dict with a checksum of itself, under the key `sha256`.

    Numbers that are not finite, of which JSON has none, are null there; the key `not_finite` says where and
    what they were, and `read_json` gives them back.
    """
    lost: dict[str, str] = {}
    values = {key: value for key, value in values.items() if key not in ("sha256", NOT_FINITE)}
    values = json.loads(json.dumps(_finite(values, "", lost), allow_nan=False))
    values |= {NOT_FINITE: lost} if lost else {}
    write_text(path, json.dumps(values | {"sha256": _digest(values)}, indent=1) + "\n")


def _finite(value, place: str, lost: dict[str, str]):
    """A value with None in place of numbers that are not finite, whose places are put down."""
    if isinstance(value, dict):
        return {key: _finite(item, f"{place}/{key}", lost) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, f"{place}/{k}", lost) for k, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        lost[place] = f"{value}: the calculation gave no number"
        return None
    return value


def _restored(value, place: str, lost: dict[str, str]):
    """What `_finite` was given."""
    if isinstance(value, dict):
        return {key: _restored(item, f"{place}/{key}", lost) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item, f"{place}/{k}", lost) for k, item in enumerate(value)]
    return float(lost[place].partition(":")[0]) if place in lost else value


def read_json(path: Path) -> dict:
    """Read what `write_json` wrote, without the checksum.

    Raises
    ------
    Damaged
        If the file is not as it was written.
    FileNotFoundError
        If there is none.
    """
    try:
        values = json.loads(read_regular(path, LARGEST))
        if values.pop("sha256") == _digest(values):
            return _restored(values, "", values.pop(NOT_FINITE, {}))
    except FileNotFoundError:
        raise
    except WRONG as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise Damaged(f"{path} is damaged ({reason})") from None
    raise Damaged(f"{path} is damaged (it does not have the checksum that it was given)")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(values: dict) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
