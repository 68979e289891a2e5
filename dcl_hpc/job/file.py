"""Reading a job file: TOML, overrides of the command line, files it names, and what is wrong with it."""

import tomllib
import warnings
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..errors import UserError
from .study import Job
from .systems import EdwardsAnderson, Ising, Potts

# Endings of files of couplings.
COUPLINGS = (".npy", ".txt", ".dat", ".csv")


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> tuple[Job, str]:
    """Read and validate a job file.

    Parameters
    ----------
    path : path of the TOML file
    overrides : sequence of "section.key=value"
        Values are TOML; a bare word is taken as a string.

    Returns
    -------
    job : Job
    text : str
        The file verbatim.

    Raises
    ------
    UserError
        If the file is missing, malformed or invalid.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise UserError(f"job file {path} does not exist; give its path or set DCL_JOB") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"job file {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"job file {path} is not valid TOML: {error}") from None
    for override in overrides:
        _apply(document, override)
    _read_couplings(document, path.parent)
    try:
        return Job.model_validate(document), text
    except ValidationError as error:
        raise UserError(f"job file {path}: {_first_problem(error)}") from None


def _apply(document: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not all(key.split(".")):
        raise UserError(f"--set {override}: write it as section.key=value, e.g. rnn.epochs=5")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *sections, last = key.strip().split(".")
    for section in sections:
        document = document.setdefault(section, {})
        if not isinstance(document, dict):
            raise UserError(f"--set {override}: {section} is not a section")
    document[last] = parsed


def _read_couplings(document: dict, folder: Path) -> None:
    """Replace the path of a file of couplings by its numbers."""
    section = document.get("hamiltonian")
    name = section.get("couplings") if isinstance(section, dict) else None
    if not isinstance(name, str) or not name.endswith(COUPLINGS):
        return
    path = folder / name
    try:
        if name.endswith(".npy"):
            values = np.load(path, allow_pickle=False)
        else:
            with warnings.catch_warnings(action="ignore"):  # an empty file is refused below
                values = np.loadtxt(path, delimiter="," if name.endswith(".csv") else None, ndmin=2)
        if values.dtype.kind not in "iuf":
            raise ValueError(f"it holds {values.dtype}, not real numbers")
        section["couplings"] = values.reshape(-1, values.shape[-1]).tolist()
    except (OSError, ValueError, IndexError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"hamiltonian.couplings: {path} cannot be read: {reason}") from None


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    # the tag of a union is not part of the file
    parts = [str(part) for part in first["loc"]]
    kinds = [form.model_fields["kind"].annotation.__args__[0] for form in (Ising, Potts, EdwardsAnderson)]
    if len(parts) > 1 and parts[0] == "hamiltonian" and parts[1] in kinds:
        del parts[1]
    if parts[:2] in (["ednn", "context"], ["hamiltonian", "realizations"]):
        parts = [part for part in parts if part not in ("one", "list")]
    where = ".".join(parts)
    if first["type"] == "extra_forbidden":
        what = f"unknown key {where}; check its spelling"
    elif first["type"] == "union_tag_invalid":
        what = f"{where}.kind: {first['ctx']['tag']!r} is not known; give one of {', '.join(kinds)}"
    elif first["type"] == "missing":
        what = f"{where} is missing"
    else:
        message = first["msg"].removeprefix("Value error, ")
        given = f" (given: {first['input']!r})" if where and first["type"] != "value_error" else ""
        what = f"{where}: {message}{given}" if where else message
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join((what + more).split())
