"""Markov chains of energy models: kernels, chains, replica exchange, statistics."""

import hashlib
import os
from pathlib import Path

import numba

_HERE = Path(__file__).parent


def _cache_folder() -> str:
    """Folder of compiled kernels, named after all their sources, or "" where none can be written.

    Numba compiles a kernel anew when its own file changes; kernels also contain functions of other files.
    """
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        sources.update(path.read_bytes())
    folder = _HERE / "__pycache__"
    writable = os.access(folder if folder.exists() else _HERE, os.W_OK)
    return str(folder / f"kernels-{sources.hexdigest()[:12]}") if writable else ""


if not numba.config.CACHE_DIR:
    numba.config.CACHE_DIR = _cache_folder()
