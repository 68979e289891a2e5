"""Files that are opened for reading by a name that somebody gave: a file, and no larger than it can be."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: str | Path, most: int | None = None) -> BinaryIO:
    """Open a file, and nothing else, for reading: a pipe would block, and a device may have no end.

    Parameters
    ----------
    path : path
    most : int, optional
        Bytes that it can have.

    Raises
    ------
    OSError
        If it is not there, cannot be read, is no regular file or too large; `strerror` says which.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # of a name
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
            raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
        if most is not None and found.st_size > most:
            raise _too_large(path, most)
    except BaseException:
        os.close(number)
        raise
    return os.fdopen(number, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """All bytes of a file; raises as `open_regular`, also of one that grows meanwhile."""
    with open_regular(path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise _too_large(path, most)
    return content


def _too_large(path, most: int) -> OSError:
    size = f"{most / 2**20:g} MiB" if most >= 2**20 else f"{most} bytes"
    return OSError(errno.EFBIG, f"it has more than {size}", str(path))
