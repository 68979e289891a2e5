"""Who a file is, what it was made from, and a checksum of what it holds, in the block before its HDF5 data.

The beginning of every file is text, an HDF5 user block: `head -n 2 FILE` shows it. The first part, written
once at creation, names the file (a random number of its own), the files that it was made from, and the values
of the job that matter to it. The second, the seal, holds the SHA-256 of all HDF5 data; it is written when
nothing changes any more. Both parts carry a checksum of their own. Nothing of this needs HDF5, which may
crash on a damaged file.
"""

import hashlib
import json
import os
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..files import open_regular

FORMAT_VERSION = 2
# Bytes of the block, a power of two for HDF5, and where in it the seal begins.
BLOCK, SEAL = 65536, 65024
TITLE = f"dcl_hpc file, format {FORMAT_VERSION}\n".encode()
# Files whose checksum this process has seen to be right, as they were then.
_verified: set[tuple] = set()


class Damaged(UserError):
    """A file does not hold what was written into it, or is not one of this program."""


@dataclass(frozen=True)
class Identity:
    """Name of a file, of its ancestors, and what it depends on.

    Attributes
    ----------
    uuid : str
        32 hexadecimal digits, drawn when the file was created.
    inputs : dict of str to str
        Numbers of all files that it was made from, directly or through others, by what made them.
    about : dict
        Plain values.
    frame : dict, optional
        Of a file that is unfinished at its creation, see `frame`.
    """

    uuid: str = field(default_factory=lambda: uuid.uuid4().hex)
    inputs: dict[str, str] = field(default_factory=dict)
    about: dict = field(default_factory=dict)
    frame: dict | None = None


def stamp(path: Path, identity: Identity) -> None:
    """Write an identity into the block of a closed file, without a seal."""
    values = {name: value for name, value in vars(identity).items() if value is not None}
    with open(path, "r+b") as file:
        file.write(TITLE + _text(values, SEAL - len(TITLE)))
        file.write(b"\n" * (BLOCK - SEAL))


def read(path: Path) -> Identity:
    """Identity of a file.

    Raises
    ------
    Damaged
        If the block is not what this version wrote.
    OSError
        If there is no such file.
    """
    with open_regular(path) as file:
        block = file.read(SEAL)
    if block.startswith(b"\x89HDF\r\n\x1a\n"):
        raise Damaged(f"{path} was written by an earlier version (file format 1) or another program")
    if not block.startswith(TITLE):
        raise Damaged(f"{path} is damaged or not a file of this program (its first line)")
    found = _parsed(path, block.removeprefix(TITLE))
    try:
        return Identity(found["uuid"], dict(found["inputs"]), dict(found["about"]), found.get("frame"))
    except (KeyError, TypeError, ValueError):
        raise Damaged(f"{path} is damaged (in its first {BLOCK} bytes)") from None


def seal(path: Path, **values) -> None:
    """Add the checksum of a file that is complete, with some plain values, and have the disk keep both."""
    with open(path, "r+b") as file:
        file.seek(BLOCK)
        text = _text({**values, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}, BLOCK - SEAL)
        file.seek(SEAL)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_seal(path: Path) -> dict | None:
    """What `seal` wrote; None for a file without. Raises `Damaged` if it is unreadable."""
    with open_regular(path) as file:
        file.seek(SEAL)
        block = file.read(BLOCK - SEAL)
    return _parsed(path, block) if block.strip(b"\n") else None


def verify(path: Path) -> None:
    """Compare a file with its checksum, unless this process has done so and it is still the same.

    Raises
    ------
    Damaged
        If they differ, or there is none.
    """
    status = os.stat(path)
    key = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
    if key in _verified:
        return
    read(path)
    sealed = read_seal(path)
    with open_regular(path) as file:
        file.seek(BLOCK)
        if sealed is None or sealed["sha256"] != hashlib.file_digest(file, "sha256").hexdigest():
            raise Damaged(f"{path} is damaged (its content does not have the checksum that it was given)")
    _verified.add(key)


def _text(values: dict, size: int) -> bytes:
    """A line of JSON and one of its checksum, filled up with empty lines."""
    line = json.dumps(values).encode()
    text = b"%s\n%08x\n" % (line, zlib.crc32(line))
    if len(text) > size:
        raise UserError(f"the job says too much for the first block of a file: {len(text)} of {size} bytes")
    return text.ljust(size, b"\n")


def _parsed(path: Path, block: bytes) -> dict:
    line, _, rest = block.partition(b"\n")
    check, _, rest = rest.partition(b"\n")
    if check != b"%08x" % zlib.crc32(line) or rest.strip(b"\n"):
        raise Damaged(f"{path} is damaged (in its first {BLOCK} bytes)")
    return json.loads(line)
