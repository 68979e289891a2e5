"""What a job file can say, made from the sections themselves: as text and as a JSON schema for editors."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from .file import DEFAULT_STUDY, STUDIES
from .toml import as_toml

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Limits of numbers, as JSON schemas call them.
LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}

# Limits of machine numbers are not worth telling.
HUGE, TINY = 2**31, 2**-31


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes
    ----------
    name, type, unit, meaning : str
        The unit is empty where there is none.
    required : bool
    default : object
        None if it is required, or if leaving it out has a meaning of its own.
    """

    name: str
    type: str
    unit: str
    meaning: str
    required: bool
    default: object

    @property
    def values(self) -> str:
        """What it can be, with the unit."""
        return f"{self.type}, in {self.unit}" if self.unit else self.type


@dataclass(frozen=True)
class Table:
    """One table of a job file, or one form that it can have.

    Attributes
    ----------
    name : str
        With dots, empty for what stands before all tables.
    about : str
    keys : tuple of Key
        What tells the form of a table comes first.
    optional : bool
        Whether leaving it out is something else than all its defaults.
    inline : bool
        Whether it is one form of a value, { ... }.
    """

    name: str
    about: str
    keys: tuple[Key, ...]
    optional: bool = False
    inline: bool = False

    @property
    def form(self) -> dict[str, str]:
        """Keys that have one value, which tells this form from others of the same name."""
        return {
            key.name: json.loads(key.type)
            for key in self.keys
            if key.type.startswith('"') and "|" not in key.type
        }


def schema(study: str = DEFAULT_STUDY) -> dict:
    """JSON schema (draft 2020-12) of the job files of a kind of study."""
    return {"$schema": DRAFT, **STUDIES[study].schema_of_files()}


def tables(study: str = DEFAULT_STUDY) -> list[Table]:
    """All tables of the job files of a kind of study, in order; nested ones after what holds them."""
    whole = STUDIES[study].model_json_schema()
    return list(_tables(whole, whole["$defs"], ""))


def as_text(study: str = DEFAULT_STUDY) -> str:
    """Every key with default, type, unit and meaning; what two forms of a table share is told once."""
    lines, shown = [], []
    for table in tables(study):
        if table.name:
            header = f"{table.name} = {{ ... }}" if table.inline else f"[{table.name}]"
            form = "".join(f"  {name} = {as_toml(value)}" for name, value in table.form.items())
            lines += ["", header + form + "  (optional)" * table.optional]
            lines += textwrap.wrap(table.about, 100, initial_indent="  ", subsequent_indent="  ")
        keys = [key for key in table.keys if (table.name, key) not in shown]
        shown += [(table.name, key) for key in keys]
        width = max(len(key.name) for key in keys)
        for key in keys:
            default = (
                "required" if key.required else "left out" if key.default is None else as_toml(key.default)
            )
            lines += [
                f"  {key.name:<{width}}  {default:<16}  {key.values}",
                f"  {'':<{width}}  {key.meaning}",
            ]
    return "\n".join(lines)


def _tables(part: dict, defs: dict, name: str, optional=False, inline=False) -> Iterator[Table]:
    keys, below = [], []
    for key, value in part["properties"].items():
        path = f"{name}.{key}" if name else key
        below += [(*form, not _is_section(value)) for form in _forms(value, defs, path)]
        if not _is_section(value):
            keys.append(
                Key(
                    key, _type(value, defs), value.get("unit", ""), value["description"],
                    key in part.get("required", ()), value.get("default"),
                )
            )  # fmt: skip
    keys.sort(key=lambda key: not key.type.startswith('"') or "|" in key.type)
    if keys:
        yield Table(name, part["description"].replace("\n", " "), tuple(keys), optional, inline)
    for form, *about in below:
        yield from _tables(form, defs, *about)


def _forms(value: dict, defs: dict, path: str) -> Iterator[tuple[dict, str, bool]]:
    """Tables that a key can hold: schema, path, and whether it can be left out."""
    optional = "default" in value and not value["default"]
    if "additionalProperties" in value:
        path, value = f"{path}.STAGE", value["additionalProperties"]
    parts = _alternatives(value)
    for one in [*parts, *(inner for part in parts for inner in _alternatives(part.get("items", {})))]:
        if "$ref" in one:
            yield defs[one["$ref"].rpartition("/")[2]], path, optional


def _is_section(value: dict) -> bool:
    """Whether a key holds tables only."""
    return "additionalProperties" in value or all("$ref" in one for one in _alternatives(value))


def _alternatives(value: dict) -> list[dict]:
    """What a value can be, without leaving it out."""
    parts = value.get("anyOf") or value.get("oneOf")
    if not parts:
        return [value]
    return [one for part in parts for one in _alternatives(part) if one.get("type") != "null"]


def _type(value: dict, defs: dict) -> str:
    if len(parts := _alternatives(value)) > 1:
        return " | ".join(_type(part, defs) for part in parts)
    (value,) = parts
    if "$ref" in value:
        fields = defs[value["$ref"].rpartition("/")[2]]["properties"]
        return "{ " + ", ".join(fields) + " }"
    if "const" in value or "enum" in value:
        return " | ".join(json.dumps(one) for one in value.get("enum", [value.get("const")]))
    if value["type"] == "array":
        return f"[{_type(value['items'], defs)}, ...]"
    known = {name: value[name] for name in LIMITS if abs(value.get(name, HUGE)) < HUGE}
    limits = ", ".join(f"{LIMITS[name]} {x:.9g}" for name, x in known.items() if not 0 < x < TINY)
    return f"{value['type']} {limits}".strip()
