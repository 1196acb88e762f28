"""What an entry without weights needs to be trained: data that may not be passed on."""

from collections.abc import Mapping
from typing import Any

NEEDS = {
    "what": "the data to get",
    "source": "who gives them out",
    "terms": "of use",
    "then": "what to do with them, such as put it at MOSI/unaligned_50.pkl",
    "command": "what trains the entry",
}


def check_needs(needs: Any) -> dict[str, str]:
    """The needs of an entry, or a `ValueError` that says what is missing or not a text."""
    given = needs if isinstance(needs, Mapping) else {}
    if set(given) != set(NEEDS) or not all(isinstance(text, str) for text in given.values()):
        described = ", ".join(f"{field} ({meaning})" for field, meaning in NEEDS.items())
        received = ", ".join(map(str, given)) or "none of them"
        raise ValueError(f"needs should give as texts {described}; it gives {received}")
    return dict(given)


def needs_of(metadata: Mapping[str, Any]) -> dict[str, str] | None:
    """What metadata.json says of them, if it says all of it."""
    try:
        return check_needs(metadata.get("needs"))
    except ValueError:
        return None


def needs_sentence(needs: Mapping[str, str]) -> str:
    """What to get, from whom, and what to do with it."""
    return (
        f"get {needs['what']} from {needs['source']} ({needs['terms']}), {needs['then']}, and "
        f"train with `{needs['command']}`"
    )


def needs_section(needs: Mapping[str, str]) -> str:
    """The same as a section of a card."""
    rows = (("get", "what"), ("from", "source"), ("terms", "terms"), ("then", "then"))
    lines = [
        "## Training",
        "",
        "The features may not be passed on, and so this entry has no weights.",
        "",
        *(f"- {label}: {needs[field]}" for label, field in rows),
        "",
        "```sh",
        needs["command"],
        "```",
    ]
    return "\n".join(lines)
