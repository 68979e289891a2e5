"""The known key that an unknown one was perhaps meant to be."""

import difflib
from collections.abc import Iterator

from .section import Section


def advice(key: str, job: type[Section]) -> str:
    """What to do about a key, with dots, that the job does not know where it stands."""
    schema = job.model_json_schema()
    known = sorted(set(_keys(schema, schema["$defs"], "")))
    name = ".".join(part for part in key.split(".") if not part.isdecimal())
    section, dot, last = name.rpartition(".")
    if name in known:
        return f"other forms of {section} have it"
    beside = [one.rpartition(".")[2] for one in known if one.rpartition(".")[0] == section]
    near = [section + dot + one for one in difflib.get_close_matches(last, beside, n=1)]
    near = near or [one for one in known if one.endswith(f".{last}")][:3]
    return f"did you mean {' or '.join(near)}?" if near else "check its spelling"


def _keys(part: dict, defs: dict, name: str) -> Iterator[str]:
    """All keys below a part of a schema, whatever form it has."""
    for key, value in part["properties"].items():
        path = f"{name}.{key}" if name else key
        yield path
        for one in _sections(value):
            yield from _keys(defs[one], defs, path)


def _sections(value) -> Iterator[str]:
    """Names of the sections that a value can be, or hold in a list."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        value = [item for key, item in value.items() if key != "additionalProperties"]
    for item in value if isinstance(value, list) else ():
        yield from _sections(item)
