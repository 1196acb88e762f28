"""What the maker of an entry says of it: notes.md and about.toml in its folder."""

import tomllib
from pathlib import Path
from typing import Any

from keras_mer.zoo.entry import ABOUT, NOTES

FIELDS = ("licence", "paper", "speed")
PAPER_FIELDS = ("title", "url", "metrics", "why")
SPEED_FIELDS = ("about", "ratios")


def about_entry(folder: Path) -> dict[str, Any]:
    """The fields `notes`, `licence`, `paper` and `speed` of an entry, as its folder has them.

    notes.md is Markdown for the card. about.toml holds what neither the recipe nor the run
    knows:

        licence = "Apache-2.0"

        [paper]
        title = "A paper"
        url = "https://example.org"
        why = "They train on more; the sizes differ."  # why its figures differ from ours
        metrics = { mae = 0.7 }

        [speed]
        about = "One thread of a CPU."  # what was measured, and where
        [speed.ratios]  # time over that of plain PyTorch, by backend
        "training step" = { torch = 1.1, jax = 1.0 }

    Raises:
        ValueError: if about.toml is not valid, or has other keys.
    """
    found: dict[str, Any] = {}
    if (folder / NOTES).exists():
        found["notes"] = (folder / NOTES).read_text(encoding="utf-8").strip()
    path = folder / ABOUT
    if path.exists():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is not valid TOML: {error}") from None
        _check(path, content, FIELDS)
        _check(path, content.get("paper", {}), PAPER_FIELDS, "[paper] of ")
        _check(path, content.get("speed", {}), SPEED_FIELDS, "[speed] of ")
        found |= content
    return found


def _check(path: Path, table: Any, known: tuple[str, ...], where: str = "") -> None:
    if not isinstance(table, dict) or (unknown := sorted(set(table) - set(known))):
        received = ", ".join(unknown) if isinstance(table, dict) else repr(table)
        raise ValueError(f"{where}{path} may have {', '.join(known)}; received {received}")
