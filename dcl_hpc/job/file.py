"""Reading a job file: TOML, overrides of the command line, files it names, and what is wrong with it."""

import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..errors import UserError, quoted
from ..files import read_regular
from . import document as documents
from . import spelling
from .base import AnyJob
from .section import FILES
from .study import Job
from .thermal import ThermalJob

# The kinds of studies: what the key `study` of a job file can be, and what then describes it.
STUDIES: dict[str, type[AnyJob]] = {"lattice": Job, "thermal": ThermalJob}
DEFAULT_STUDY = "lattice"
# Bytes of a file of couplings, fields or absent sites.
LARGEST = 2**28

Overrides = Mapping[str, object] | Sequence[str]


def load(path: str | Path, overrides: Overrides = ()) -> tuple[AnyJob, str]:
    """Read and validate a job file.

    Parameters
    ----------
    path : path of the TOML file
    overrides : mapping of "section.key" to a value, or sequence of "section.key=value"
        Values in text are TOML; a bare word is taken as a string.

    Returns
    -------
    job : AnyJob
    text : str
        The file verbatim.

    Raises
    ------
    UserError
        If the file is missing, malformed or invalid; names all mistakes.
    """
    path = Path(path)
    text = documents.read(path)
    return parse(text, overrides, f"job file {path}", path.parent), text


def parse(text: str, overrides: Overrides, what: str, folder: Path) -> AnyJob:
    """The job that the text of a job file describes; parameters as in `from_dict`."""
    return from_dict(documents.values(text, what), overrides, what, folder)


def from_dict(document: dict, overrides: Overrides = (), what: str = "job", folder: Path = Path()) -> AnyJob:
    """The job that a nested dict describes.

    Parameters
    ----------
    document : dict
    overrides
        As in `load`.
    what : str
        Names it in errors.
    folder : Path
        Paths in the document count from here.

    Raises
    ------
    UserError
        If it is invalid; names all mistakes.
    """
    document = documents.plain(document, what)
    _locate_snapshots(document, folder)
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            _put(document, key, documents.plain(value, str(key)), str(key))
    else:
        for override in overrides:
            key, value = documents.override(override)
            _put(document, key, documents.plain(value, key), f"--set {override}")
    _read_files(document, folder)
    _find_path(document, "observe", "source", folder)
    _find_path(document, "data", "folder", folder)
    kind = document.get("study", DEFAULT_STUDY)
    if not isinstance(kind, str) or kind not in STUDIES:
        raise UserError(f"{what}: study: {quoted(kind)} is not known; give one of {', '.join(STUDIES)}")
    try:
        return STUDIES[kind].model_validate(document)
    except ValidationError as error:
        found = mistakes(error, document, STUDIES[kind])
        one = len(found) == 1
        lines = [f"{what}: {found[0]}"] if one else [f"{what}: {len(found)} mistakes:", *found]
        raise UserError(*lines) from None


def _put(document: dict, key: str, value, source: str) -> None:
    *sections, last = key.strip().split(".")
    for section in sections:
        document = document.setdefault(section, {})
        if not isinstance(document, dict):
            raise UserError(f"{source}: {section} is not a section")
    document[last] = value


def _locate_snapshots(document: dict, folder: Path) -> None:
    """Make paths of other snapshots absolute; [[check]] is short for [[check.sets]]."""
    if isinstance(document.get("check"), list):
        document["check"] = {"sets": document["check"]}
    section = document.get("check")
    sets = section.get("sets") if isinstance(section, dict) else None
    for one in sets if isinstance(sets, list) else []:
        if isinstance(one, dict) and isinstance(one.get("from"), str):
            one["from"] = os.path.abspath(folder / one["from"])


def _read_files(document: dict, folder: Path) -> None:
    """Replace the paths of files of couplings, fields and absent sites by what they hold."""
    couplings = _read_file(document, "hamiltonian", "couplings", folder, "iuf")
    if couplings is not None:
        document["hamiltonian"]["couplings"] = couplings.reshape(-1, couplings.shape[-1]).tolist()
    field = _read_file(document, "hamiltonian", "field", folder, "iuf")
    if field is not None:
        document["hamiltonian"]["field"] = field.ravel().tolist()
    absent = _read_file(document, "lattice", "absent", folder, "buif")
    if absent is not None:
        document["lattice"]["absent"] = absent


def _read_file(document: dict, name: str, key: str, folder: Path, kinds: str) -> np.ndarray | None:
    """The numbers of a file that a key names, of these kinds of types; None if it names none."""
    section = document.get(name)
    file = section.get(key) if isinstance(section, dict) else None
    if not isinstance(file, str) or not file.endswith(FILES):
        return None
    path = folder / file
    try:
        content = io.BytesIO(read_regular(path, LARGEST))
        if file.endswith(".npy"):
            values = np.lib.format.read_array(content)
        else:
            with warnings.catch_warnings(action="ignore"):  # an empty file is refused below
                values = np.loadtxt(content, delimiter="," if file.endswith(".csv") else None, ndmin=2)
        if values.dtype.kind not in kinds:
            raise ValueError(f"it holds {values.dtype}, not real numbers")
        if not values.ndim or not values.shape[-1]:
            raise ValueError(f"its array has the shape {values.shape}")
        return values
    except (OSError, ValueError, IndexError, EOFError, OverflowError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UserError(f"{name}.{key}: {path} cannot be read: {reason}") from None


def _find_path(document: dict, name: str, key: str, folder: Path) -> None:
    """Make a path absolute; that of snapshots may be FILE:NAME."""
    section = document.get(name)
    if isinstance(section, dict) and isinstance(path := section.get(key), str) and path:
        section[key] = os.path.abspath(folder / path)


def mistakes(error: ValidationError, document: dict, job: type[AnyJob]) -> list[str]:
    """All that is wrong with a document of a job, a line each."""
    found, expected = [], {}
    for problem in error.errors(include_url=False):
        where, kind = _key(problem, document), problem["type"]
        if kind == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]:
            continue  # of a list whose items are wrong
        if kind == "extra_forbidden":
            found.append(f"unknown key {where}; {spelling.advice(where, job)}")
        elif kind == "union_tag_invalid":
            key, known = problem["ctx"]["discriminator"].strip("'()"), problem["ctx"]["expected_tags"]
            found.append(
                f"{where}.{key}: {quoted(problem['ctx']['tag'])} is not known; give one of "
                + known.replace("'", "")
            )
        elif kind == "union_tag_not_found":
            found.append(f"{where}.{problem['ctx']['discriminator'].strip(chr(39))} is missing")
        elif kind == "missing":
            found.append(f"{where} is missing")
        elif kind == "value_error":
            lines = problem["msg"].removeprefix("Value error, ").splitlines()
            found += [f"{where}: {line}" if where else line for line in lines]
        elif where in expected:  # of several forms that a value may have
            expected[where].append(_words(problem))
        else:
            expected[where] = [_words(problem)]
            found.append((where, quoted(problem["input"])))
    if "hamiltonian is missing" in found:  # on which it depends what else is needed
        found = [line for line in found if line not in ("observe is missing", "sweep is missing")]
    lines = [
        line if isinstance(line, str) else f"{line[0]}: {' or '.join(expected[line[0]])} (given: {line[1]})"
        for line in found
    ]
    return [" ".join(line.split()) for line in lines]


def _words(problem: dict) -> str:
    """What pydantic says, in words of TOML."""
    return problem["msg"].replace("valid tuple", "valid list")


def _key(problem: dict, document) -> str:
    """Key of the file that a problem is about, without the forms that pydantic has tried."""
    *parts, last = problem["loc"] or ("",)
    keys, there = [], document
    for part in parts:
        if _holds(there, part):
            there = there[part]
            keys.append(part)
    if _holds(there, last) or problem["type"] == "missing":
        keys.append(last)
    return ".".join(map(str, keys))


def _holds(there, part) -> bool:
    if isinstance(there, dict):
        return part in there
    return isinstance(there, (list, tuple)) and isinstance(part, int)
