"""Values as TOML, the language of job files."""

import json
from collections.abc import Mapping


def document(values: Mapping) -> str:
    """The text of a job file for nested dictionaries; what is None is left out."""
    return "".join(f"{key} = {as_toml(value)}\n" for key, value in values.items() if value is not None)


def override(key: str, value) -> str:
    """What --set takes to give a key of the job file a value."""
    return f"{key}={as_toml(value)}"


def as_toml(value) -> str:
    """One value, a mapping as an inline table."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {as_toml(x)}" for key, x in value.items() if x is not None)
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike
