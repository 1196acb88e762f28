"""What lies in a folder: data sets that can be read, and files that should not be opened."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from keras_mer.data._folder import ROWS
from keras_mer.data.dataset import Dataset
from keras_mer.data.leaks import LeakError
from keras_mer.data.read import FORMATS, PICKLES, format_of_content
from keras_mer.data.unpickle import load_object_npz, load_pickle

NOT_WHOLE = (ValueError, LookupError, OSError, ImportError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Finding:
    """What was found at a path.

    Attributes:
        path: a folder or a file.
        verdict: "read", "leaks" (it can be read, but only with `allow_leaks=True`), "safe" (it
            holds nothing but data, of no known format) or "refused".
        format: the name of the format, "" if it is not known.
        message: what was read, or why it was not.
    """

    path: Path
    verdict: str
    format: str
    message: str


def check(path: str | Path) -> Iterator[Finding]:
    """Reads every data set, pickle and `.npz` at a path and below it, and says what became of it.

    Args:
        path: a file or a folder.

    Raises:
        FileNotFoundError: if there is nothing at `path`.

    Example:

    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp(), "own.pkl")
    >>> _ = path.write_bytes(pickle.dumps({"scores": [1.0, 2.0]}))
    >>> [(finding.verdict, finding.message) for finding in check(path)]
    [('safe', 'a dict of data')]
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if path.is_file():
        yield _file(path)
        return
    folders = [path, *sorted(place for place in path.rglob("*") if place.is_dir())]
    yield from _data_sets(folders)
    for file in sorted(place for place in path.rglob("*") if place.is_file()):
        if file.suffix.lower() in (*PICKLES, ".npz") and file.name != ROWS:
            yield _file(file)


def _data_sets(folders: list[Path]) -> Iterator[Finding]:
    """Each data set once, at the outermost folder that it is found in."""
    known: dict[str, list[Path]] = {name: [] for name in FORMATS}
    for folder in folders:
        for name, format in FORMATS.items():
            root = format.found(folder) if format.found else None
            if root is None or any(root.is_relative_to(other) for other in known[name]):
                continue
            known[name].append(root)
            yield _finding(root, name, partial(format.read, root))


def _file(path: Path) -> Finding:
    if path.suffix == ".npz":
        return _npz(path)
    try:
        content = load_pickle(path)
    except NOT_WHOLE as error:
        return Finding(path, "refused", "", str(error))
    format = format_of_content(content)
    if format is None:
        return Finding(path, "safe", "", f"a {type(content).__name__} of data")
    return _finding(path, format.name, lambda: format.read(path, content=content))


def _npz(path: Path) -> Finding:
    """A data set of ours, or arrays."""
    try:
        members = load_object_npz(path)
    except NOT_WHOLE as error:
        return Finding(path, "refused", "", str(error))
    if "format" in members:
        return _finding(path, "npz", lambda: Dataset.load(path))
    return Finding(path, "safe", "", f"the arrays {', '.join(members) or 'none'}")


def _finding(path: Path, name: str, read: Callable[[], Dataset]) -> Finding:
    try:
        return Finding(path, "read", name, repr(read()))
    except LeakError as error:
        return Finding(path, "leaks", name, str(error))
    except NOT_WHOLE as error:
        return Finding(path, "refused", name, str(error))
