"""Small JSON and text files: replaced in one piece, kept by the disk, damage seen."""

import contextlib
import hashlib
import json
import os
import platform
import re
from pathlib import Path

from ..errors import UserError
from ..files import open_regular, read_regular
from .identity import Damaged

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


def write_text(path: Path, text: str) -> None:
    """Write a text file beside, then rename it: a reader finds the old one or the new one.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    # a name of this process's own, since several may write at a time
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


def cannot_write(path, error: Exception) -> UserError:
    """What is told of an error of the file system."""
    # HDF5 has the system's own words somewhere in a long line
    system = re.search(r"error message = '(.*?)'", str(error))
    reason = system[1] if system else getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return UserError(f"cannot write {path}: {reason}; check permissions and free space")


def write_json(path: Path, values: dict) -> None:
    """Write a dict with a checksum of itself, under the key `sha256`."""
    values = json.loads(json.dumps({key: value for key, value in values.items() if key != "sha256"}))
    write_text(path, json.dumps(values | {"sha256": _digest(values)}, indent=1) + "\n")


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
            return values
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise Damaged(f"{path} is damaged ({reason})") from None
    raise Damaged(f"{path} is damaged (it does not have the checksum that it was given)")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(values: dict) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
