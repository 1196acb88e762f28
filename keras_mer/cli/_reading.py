"""What the commands that read data share: the format, and options for its reader."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

Format = Annotated[str | None, typer.Option(help="Such as mmsa or iemocap; found out by default.")]
Options = Annotated[
    list[str] | None,
    typer.Option(help='For the reader, such as "labels=vad" or "test=[16]"; may be repeated.'),
]
AllowLeaks = Annotated[
    bool, typer.Option("--allow-leaks", help="Keep a split that leaks; report no score of it.")
]


def reader_options(texts: Iterable[str] | None, allow_leaks: bool) -> dict[str, Any]:
    """The options of a reader, each from `name=value`, whose value is JSON or plain text."""
    options = dict(_option(text) for text in texts or [])
    return options | {"allow_leaks": True} if allow_leaks else options


def _option(text: str) -> tuple[str, Any]:
    """`name=value`, whose value is JSON or plain text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"an option is name=value; received {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
