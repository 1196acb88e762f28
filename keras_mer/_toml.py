"""Plain values as TOML, which Python reads but does not write."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(content: Mapping[str, Any]) -> str:
    """A document with a table for each mapping, in which deeper ones are inline.

    What is None has no word in TOML and is left out.

    Raises:
        TypeError: if a value has no form in TOML.
    """
    plain = {k: v for k, v in content.items() if not isinstance(v, Mapping)}
    parts = [_lines(plain)]
    for name, table in content.items():
        if isinstance(table, Mapping):
            parts.append(f"[{_key(name)}]\n{_lines(table)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _lines(table: Mapping[str, Any]) -> str:
    return "\n".join(f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"{value!r} has no form in TOML: expected text, numbers, lists and tables")
