"""From the name of a public data set to a folder that the readers take.

There are no locks: a file takes its place whole, by a rename, once its sha256 holds, so that
several processes may fetch at once, and a killed one goes on where it was.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from urllib.parse import urlsplit

from keras_mer import _download
from keras_mer._files import home, verify
from keras_mer._progress import PartBar, SharedBar
from keras_mer.data.sources.source import PublicFile, Source, source

AT_ONCE = 4
"""The files that are downloaded at the same time."""


class TermsError(ValueError):
    """A restricted data set whose terms the user has not accepted.

    Attributes:
        source: the data set.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(
            f"{source.name} is restricted. {source.terms} Its makers give it out at "
            f"{source.apply}: apply there. If you may use it, pass accept_terms=True "
            "(--accept-terms on the command line)"
        )
        self.source = source


def fetch(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    accept_terms: bool = False,
    mirrors: Iterable[str] = (),
    progress: bool = True,
) -> Path:
    """Fetches a public data set, or what is missing of it, and checks every file.

    What is there already and whole is not fetched again, so that a second call needs no network
    and may read from a folder that cannot be written.

    Args:
        name: one of `list_sources()`.
        folder: where the data set gets a folder of its name; by default the cache,
            `KERAS_MER_HOME/data`.
        accept_terms: that you have read the terms of a restricted data set, and may use it.
        mirrors: addresses to ask first, each with the files at their paths: https://host/folder
            or hf://organisation/repository.
        progress: whether to draw a progress bar, on a terminal or in a notebook.

    Returns:
        The folder of the data set, which `keras_mer.data.read` takes (see `Source.reads`).

    Raises:
        ConnectionError: if a file could not be fetched; the reason of each mirror is named.
        FileNotFoundError: if no mirror has a file, or something is missing and
            `KERAS_MER_OFFLINE` forbids the network.
        OSError: if the folder cannot be written.
        TermsError: if the data set is restricted, something is missing, and the terms are not
            accepted.
        ValueError: if there is no such data set, or a file in a folder of yours is another one.

    Example:

    >>> from keras_mer.data import read, sources
    >>> data = read(sources.fetch("mosi"))  # doctest: +SKIP
    """
    data_set = source(name)
    first = [_download.check_mirror(mirror) for mirror in mirrors]
    root = _root(data_set, folder)
    missing = _missing(data_set, root, own=folder is not None)
    if not missing:
        return root
    _download.check_may_fetch(["known"], *_these(data_set, missing, root))
    if data_set.restricted and not accept_terms:
        raise TermsError(data_set)
    _fetch_all(data_set, missing, root, first, progress)
    return root


def count_present(data_set: Source, folder: str | os.PathLike[str] | None = None) -> int:
    """How many files of a data set are there, by their sizes."""
    paths = ((_root(data_set, folder) / file.path, file.bytes) for file in data_set.files)
    return sum(path.is_file() and path.stat().st_size == size for path, size in paths)


def _root(data_set: Source, folder: str | os.PathLike[str] | None) -> Path:
    parent = home() / "data" if folder is None else Path(folder).expanduser()
    return parent / data_set.name


def _missing(data_set: Source, root: Path, own: bool) -> list[PublicFile]:
    """The files that are absent or, in the cache, damaged."""
    missing = []
    for file in data_set.files:
        path = root / file.path
        if not path.is_file():
            missing.append(file)
            continue
        try:
            verify(path, file.record)
        except ValueError as error:
            if own:
                raise ValueError(
                    f"{path} is not the public file ({error}): remove it to have it fetched, or "
                    "choose another folder"
                ) from None
            missing.append(file)
    return missing


def _these(data_set: Source, missing: Sequence[PublicFile], root: Path) -> tuple[str, Path]:
    """What is missing in a few words, and where it belongs."""
    if len(missing) == 1:
        return f"{missing[0].path} of {data_set.name}", root / missing[0].path
    return f"{missing[0].path} and {len(missing) - 1} more files of {data_set.name}", root


def _fetch_all(
    data_set: Source,
    missing: Sequence[PublicFile],
    root: Path,
    first: Sequence[str],
    progress: bool,
) -> None:
    bar = SharedBar(data_set.name, sum(file.bytes for file in missing), progress)
    one = partial(_fetch_one, root=root, asked=_Asked(first), bar=bar, homepage=data_set.homepage)
    # In any order, so that two processes at once share the work and do not do it twice.
    shuffled = random.sample(missing, len(missing))
    # Its threads are daemons: a server that hangs does not hold up who presses Ctrl-C.
    with ThreadPool(AT_ONCE) as pool:
        try:
            for _ in pool.imap_unordered(one, shuffled):
                pass
        finally:
            bar.stop()


def _fetch_one(file: PublicFile, root: Path, asked: _Asked, bar: SharedBar, homepage: str) -> None:
    path = root / file.path
    part = PartBar(bar, file.bytes)
    if not _whole(path, file):  # another process may have been quicker
        address = _download.fetch(
            asked.in_order(file.origin.mirrors(file.bytes)),
            file.path,
            path,
            partial(verify, record=file.record),
            part,
            f"name a mirror of your own (mirrors=, or --mirror), look for it at "
            f"{file.origin.page} or {homepage}",
        )
        asked.gave(address)
    part.finish()


def _whole(path: Path, file: PublicFile) -> bool:
    try:
        verify(path, file.record)
    except (OSError, ValueError):
        return False
    return True


class _Asked:
    """In which order mirrors are asked: who gave the last file, the user's own, the others.

    So a host that is down is waited for once, and not once for each of hundreds of files.
    """

    def __init__(self, first: Sequence[str]) -> None:
        self._first = list(first)
        self._last = ""

    def in_order(self, others: Sequence[str]) -> list[str]:
        addresses = [*self._first, *others]
        return sorted(addresses, key=lambda address: urlsplit(address).netloc != self._last)

    def gave(self, address: str) -> None:
        self._last = urlsplit(address).netloc
