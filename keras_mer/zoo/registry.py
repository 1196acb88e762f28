"""Which entries there are on this machine."""

import difflib
import warnings
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from os import environ
from pathlib import Path
from typing import Any

from keras_mer._files import home
from keras_mer.zoo.entry import METADATA, WEIGHTS, read_metadata

NEAREST = 5


def list_models(
    pattern: str = "*",
    pretrained: bool | None = None,
    system: str | None = None,
    data: str | None = None,
    modalities: str | Iterable[str] | None = None,
    source: str | Path | None = None,
) -> list[str]:
    """The names of the entries on this machine, by the alphabet. Needs no network.

    Args:
        pattern: such as `"cmmsf*"` or `"*mosi*"`; upper and lower case are the same.
        pretrained: `True` for entries with weights, `False` for those with a recipe alone.
        system: such as `"CMMSF"`.
        data: what it was trained on, such as `"mosi"`.
        modalities: entries that read all of these, such as `["text", "audio"]`.
        source: a folder of entries to list in place of the usual ones.

    Example:

    >>> import keras_mer
    >>> names = keras_mer.zoo.list_models("*mosi*", pretrained=True)
    """
    wanted = {modalities} if isinstance(modalities, str) else set(modalities or ())
    names = []
    for name, folder in entry_folders(places(source)).items():
        if not fnmatchcase(name.lower(), pattern.lower()):
            continue
        try:
            metadata = read_metadata(folder / METADATA)
        except ValueError as error:
            warnings.warn(f"left out of the list: {error}", stacklevel=2)
            continue
        if (
            (pretrained is None or pretrained == (WEIGHTS in metadata["files"]))
            and _same(system, metadata["system"])
            and _same(data, metadata.get("data"))
            and wanted <= set(metadata["modalities"])
        ):
            names.append(name)
    return sorted(names)


def places(source: str | Path | None = None) -> list[Path]:
    """The folders of entries in the order in which they are searched; some may not exist."""
    if source is not None:
        return [Path(source).expanduser()]
    own = [cache()] if environ.get("KERAS_MER_HOME") else []
    package = installed()
    return list(dict.fromkeys([*own, *([package] if package else []), cache()]))


def installed() -> Path | None:
    """The entries of the installed package, or the top-level zoo/ of a source checkout."""
    package = Path(__file__).resolve().parents[1]
    if (package / "entries").is_dir():
        return package / "entries"
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "zoo").is_dir():
        return checkout / "zoo"
    return None


def cache() -> Path:
    """The folder of downloaded entries, and of the user's own."""
    return home() / "entries"


def entry_folders(folders: Iterable[Path]) -> dict[str, Path]:
    """By name the first folder that is an entry; a folder without metadata.json is none."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in _subfolders(folder):
            if path.name not in found and (path / METADATA).is_file():
                found[path.name] = path
    return found


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that contain `name`, or else resemble it."""
    by_lower = {other.lower(): other for other in sorted(known)}
    inside = [other for lower, other in by_lower.items() if name.lower() in lower]
    close = difflib.get_close_matches(name.lower(), by_lower, n=NEAREST, cutoff=0.5)
    return (inside or [by_lower[lower] for lower in close])[:NEAREST]


def _subfolders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())


def _same(wanted: str | None, given: Any) -> bool:
    return wanted is None or wanted.lower() == str(given).lower()
