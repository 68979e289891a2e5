"""Compiled kernels, kept between runs in a folder of their own; other users of numba keep theirs."""

import hashlib
import os
from pathlib import Path

import numba

_HERE = Path(__file__).parent


def _cache_folder() -> str:
    """Folder of compiled kernels, named after all their sources: beside them, or else in the user's cache.

    Numba compiles a kernel anew when its own file changes; kernels also contain functions of other files.
    """
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        sources.update(path.read_bytes())
    folder = _HERE / "__pycache__"
    if not os.access(folder if folder.exists() else _HERE, os.W_OK):
        folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "dcl_hpc"
    return str(folder / f"kernels-{sources.hexdigest()[:12]}")


_FOLDER = _cache_folder()


def njit(**options):
    """`numba.njit` with these options and this cache, which numba chooses when it decorates."""

    def decorate(function):
        kept = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = kept or _FOLDER
        try:
            return numba.njit(**options)(function)
        finally:
            numba.config.CACHE_DIR = kept

    return decorate
