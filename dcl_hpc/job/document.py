"""The text of a job file as plain values: read from a file, not too deep, and nothing that cannot be seen."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import UNSEEN, UserError, quoted, shown
from ..files import read_regular

# Bytes of a job file, and how deep its tables and lists may be.
LARGEST, DEEPEST = 2**20, 16


def read(path: Path) -> str:
    """The text of a job file.

    Raises
    ------
    UserError
        If there is none, or it cannot be read.
    """
    try:
        return read_regular(path, LARGEST).decode("utf-8")
    except FileNotFoundError:
        raise UserError(f"job file {path} does not exist; give its path or set DCL_JOB") from None
    except OSError as error:
        raise UserError(f"job file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"job file {path} cannot be read: {error}; write it in UTF-8") from None


def values(text: str, what: str) -> dict:
    """The values of TOML; raises UserError, which names it as `what`, if it is none."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also of integers with too many digits
        raise UserError(f"{what} is not valid TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{what} is not valid TOML: its tables or lists are too deep") from None


def override(given: str) -> tuple[str, object]:
    """Key and value of --set SECTION.KEY=VALUE; a bare word is text. Raises UserError."""
    what = f"--set {given}"
    key, equals, text = given.partition("=")
    if not equals or not all(key.split(".")):
        raise UserError(f"{what}: write it as section.key=value, e.g. rnn.epochs=5")
    if not text.strip():
        raise UserError(f"{what}: the value is missing")
    if UNSEEN.search(given.replace("\t", " ")):
        raise UserError(f"{what}: a line end or another control character; write one key and its value")
    try:
        return key, values(f"value = {text}", what)["value"]
    except UserError:
        return key, text


def plain(value, where: str = "", depth: int = 0):
    """A copy of a value that a job can be made of, numbers of numpy as Python's; raises UserError."""
    if depth > DEEPEST:
        raise UserError(f"{shown(where)}: tables or lists are more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        for key in value:
            plain(key, where, depth + 1)
        return {key: plain(one, f"{where}.{key}" if where else key, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, where, depth + 1) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and UNSEEN.search(value):
        raise UserError(f"{shown(where)}: {quoted(value)} has characters that cannot be seen; leave them out")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise UserError(f"{shown(where)}: {quoted(value)} is too large a number")
    return value
