"""Reading a job file: TOML, overrides of the command line, files it names, and what is wrong with it."""

import json
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..errors import UserError
from .study import Job
from .systems import EdwardsAnderson, Ising, Potts


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
    except FileNotFoundError:
        raise UserError(f"job file {path} does not exist; give its path or set DCL_JOB") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"job file {path} cannot be read: {error}") from None
    return parse(text, overrides, f"job file {path}", path.parent), text


def parse(text: str, overrides: tuple[str, ...], where: str, folder: Path) -> Job:
    """The job that the text of a job file describes; see `load`.

    Parameters
    ----------
    where : str
        What begins every message.
    folder : Path
        Where files are that the job names.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not valid TOML: {error}") from None
    for override in overrides:
        _apply(document, override)
    _read_couplings(document, folder)
    return from_values(document, where)


def from_values(values: Mapping, where: str = "job") -> Job:
    """The job that nested dictionaries describe, like those that a job file is read to.

    Raises
    ------
    UserError
        If they are no valid job; one line that begins with `where`.
    """
    try:
        return Job.model_validate(dict(values))
    except ValidationError as error:
        raise UserError(f"{where}: {_first_problem(error)}") from None


def to_values(job: Job, **options) -> dict:
    """A job as plain JSON types from which `from_values` makes it again, couplings as numbers.

    Parameters
    ----------
    options
        Of pydantic's `model_dump`, such as exclude_defaults.
    """
    values = job.model_dump(mode="json", **options)
    if job.is_glass and not isinstance(job.hamiltonian.couplings, str):  # which are dumped as a digest
        values["hamiltonian"]["couplings"] = [list(row) for row in job.hamiltonian.couplings]
    return values


def to_toml(values: Mapping) -> str:
    """The text of a job file for nested dictionaries; what is None is left out."""
    pairs = [(key, value) for key, value in values.items() if value is not None]
    return "".join(f"{key} = {_toml(value)}\n" for key, value in pairs)


def override(key: str, value) -> str:
    """What --set takes to give a key of the job file a value."""
    return f"{key}={_toml(value)}"


def _toml(value) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(x)}" for key, x in value.items() if x is not None)
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # TOML writes strings, numbers and booleans alike


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
    if not isinstance(name, str) or not name.endswith((".npy", ".txt", ".dat", ".csv")):
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
