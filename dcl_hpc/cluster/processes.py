"""Processes of this host: which of them still live, and the files that they are writing."""

import contextlib
import os
import platform
import re
import secrets
import time
from pathlib import Path

# So long after it was last written a file of a process on another host, which cannot be asked, is left over.
LEFT_SECONDS = 24 * 3600.0
OWNER = re.compile(r"(.*)\.(\d+)\.(\d+)\.[0-9a-f]{8}")


def started(pid: int) -> int | None:
    """When a process of this host started, in clock ticks: process ids are used again."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else int(fields[18])
    except OSError:
        return None


def create_beside(path: Path) -> Path:
    """An empty file for what shall take the place of another, with a name that nobody else has.

    What processes that were killed have left of the same kind is removed. Where there is such a name already,
    also as a link, it is not opened.

    Raises
    ------
    OSError
        If it cannot be created.
    """
    _remove_left(path)
    pid = os.getpid()
    owner = f"{platform.node()}.{pid}.{started(pid) or 0}.{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.tmp.{owner}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    return temporary


def _remove_left(path: Path) -> None:
    """Remove files of `create_beside` whose processes have ended."""
    beginning = f".{path.name}.tmp."
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            owner = OWNER.fullmatch(entry.name.removeprefix(beginning))
            if entry.name.startswith(beginning) and owner and _has_ended(entry, *owner.groups()):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _has_ended(entry: os.DirEntry, host: str, pid: str, begun: str) -> bool:
    if host == platform.node():
        return (started(int(pid)) or 0) != int(begun)
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_SECONDS
