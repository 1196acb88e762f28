"""From a name to an entry, and from an entry to its files, verified.

Entries are looked for in KERAS_MER_HOME/entries, the installed package, the cache
and the mirrors, in this order; or only in the place that the caller names. No file
but metadata.json is used before its size and sha256 hold. There are no locks: a file
takes its place whole by a rename, metadata.json last, so that several processes may
fetch at once, and one may be killed, without leaving half of anything in use.
"""

import hashlib
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path

from keras_mer._download import check_mirror, fetch, is_address, is_repository, offline
from keras_mer._files import UnusableError, home, verify, written_aside
from keras_mer.zoo.entry import (
    METADATA,
    ORIGIN,
    WEIGHTS,
    Entry,
    check_name,
    read_metadata,
)
from keras_mer.zoo.mirrors import mirrors
from keras_mer.zoo.registry import cache, entry_folders, installed, nearest, places

Name = str | os.PathLike[str]


def resolve(name: Name, source: Name | None = None) -> Entry:
    """Finds an entry, and fetches it (but for its weights) if only a mirror has it.

    Args:
        name: the name of an entry; or its folder, if there is a slash in it; or its
            address, such as `hf://organisation/repository/cmmsf_mosi`, or
            `hf://organisation/repository` if the repository holds one entry alone.
        source: the one place to look: a folder of entries, or a mirror's address.

    Raises:
        ValueError: if the name is malformed, or the entry's metadata.json is.
        FileNotFoundError: if there is no such entry; the message names the nearest.
        ConnectionError: if it could not be fetched.
    """
    if source is not None and is_address(os.fspath(source)):
        return _at_address(os.fspath(source), check_name(os.fspath(name)))
    if source is not None:
        return _in_folder(Path(source).expanduser(), check_name(os.fspath(name)))
    text = os.fspath(name)
    if is_repository(text):
        return _at_address(text, check_name(re.split("[/@]", text)[3]), at_root=True)
    if is_address(text):
        address, _, last = text.rstrip("/").rpartition("/")
        if not is_address(address):
            raise ValueError(
                "the address of an entry is https://host/folder/NAME, or "
                f"hf://organisation/repository/NAME; received {text!r}"
            )
        return _at_address(address, check_name(last))
    if isinstance(name, os.PathLike) or "/" in text or os.sep in text or text[:1] in "~.":
        return _own(Path(text).expanduser())
    return _by_name(check_name(text))


def entry_file(entry: Entry, file: str) -> Path:
    """The path of one of the entry's files, verified; fetched if it is at a mirror alone.

    Raises:
        FileNotFoundError: if the entry has no such file, or it cannot be fetched.
        ValueError: if the file is damaged.
        ConnectionError: if it could not be fetched.
    """
    if file not in entry.files:
        raise FileNotFoundError(f"the entry {entry.name} has no {file}")
    record = entry.files[file]
    damage = ""
    for folder in dict.fromkeys([entry.folder, entry.downloads or entry.folder]):
        path = folder / file
        if not path.is_file():
            continue
        try:
            verify(path, record)
        except ValueError as error:
            damage = damage or f"{path} is damaged ({error})"
        else:
            return path
    if entry.downloads is None:
        raise _unusable(entry.folder / file, damage)
    path = entry.downloads / file
    try:
        fetch(entry.mirrors, entry.at_mirrors + file, path, lambda path: verify(path, record))
    except OSError as error:
        if not damage:
            raise
        raise ValueError(f"{damage} and could not be replaced: {error}") from error
    return path


def _by_name(name: str) -> Entry:
    folders = entry_folders(places())
    if name in folders:
        folder = folders[name]
        metadata = read_metadata(folder / METADATA)
        fetched = folder.parent == installed() or (folder / ORIGIN).is_file()
        downloads = cache() / name if fetched else None
        return Entry(name, folder, metadata, downloads, mirrors() if fetched else (), f"{name}/")
    addresses = mirrors()
    if not addresses:
        raise _unknown(name, folders, "")
    if offline():
        unasked = "on this machine, and KERAS_MER_OFFLINE forbids to ask a mirror (unset it)"
        raise _unknown(name, folders, unasked)
    try:
        return _download(addresses, name, cache() / name, f"{name}/")
    except FileNotFoundError as error:
        raise _unknown(name, folders, "on this machine or at a mirror") from error


def _in_folder(folder: Path, name: str) -> Entry:
    if (folder / name / METADATA).is_file():
        return _own(folder / name)
    if (folder / METADATA).is_file() and read_metadata(folder / METADATA)["name"] == name:
        return _own(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to look for {name} in")
    raise _unknown(name, entry_folders([folder]), f"in {folder}")


def _own(folder: Path) -> Entry:
    if not (folder / METADATA).is_file():
        state = "there is no" if folder.is_dir() else "there is no such folder, hence no"
        raise FileNotFoundError(
            f"{folder} is not an entry ({state} {METADATA} in it): give the folder that "
            "keras_mer.zoo.save_entry wrote"
        )
    metadata = read_metadata(folder / METADATA)
    return Entry(metadata["name"], folder, metadata)


def _at_address(address: str, name: str, at_root: bool = False) -> Entry:
    """An entry from a place of the caller's choice, kept apart from those of the mirrors."""
    address = check_mirror(address)
    at_mirrors = "" if at_root else f"{name}/"
    folder = home() / "sources" / hashlib.sha256(address.encode()).hexdigest()[:16] / name
    if (folder / METADATA).is_file():
        return Entry(name, folder, read_metadata(folder / METADATA), folder, (address,), at_mirrors)
    return _download((address,), name, folder, at_mirrors)


def _download(addresses: tuple[str, ...], name: str, folder: Path, at_mirrors: str) -> Entry:
    incoming = folder / f".incoming-{uuid.uuid4().hex}.json"

    def check(path: Path) -> None:
        received = read_metadata(path)["name"]
        if at_mirrors and received != name:
            raise UnusableError(f"expected the entry {name}, received {received}")

    by_hand = f"put the folder of the entry at {folder}"
    try:
        origin = fetch(addresses, at_mirrors + METADATA, incoming, check, by_hand=by_hand)
        entry = Entry(name, folder, read_metadata(incoming), folder, addresses, at_mirrors)
        for file in entry.files:
            if file != WEIGHTS:
                entry_file(entry, file)
        with written_aside(folder / ORIGIN) as aside:
            aside.write_text(f"{origin}\n", encoding="utf-8")
        os.replace(incoming, folder / METADATA)
    finally:
        with suppress(OSError):  # which would hide what went wrong above
            incoming.unlink()
    return entry


def _unknown(name: str, known: dict[str, Path], where: str) -> FileNotFoundError:
    close = nearest(name, known)
    hint = f"; the nearest: {', '.join(close)}" if close else ""
    here = f"; ./{name} is its folder's path" if (Path(name) / METADATA).is_file() else ""
    place = f" {where}" if where else ""
    return FileNotFoundError(
        f"there is no entry {name!r}{place}{hint}{here}. "
        "keras_mer.zoo.list_models() names all of them"
    )


def _unusable(path: Path, damage: str) -> Exception:
    if damage:
        return ValueError(
            f"{damage}: restore the file, or write the entry again with keras_mer.zoo.save_entry"
        )
    return FileNotFoundError(
        f"{path} is listed in {METADATA} but is not there: restore the file, or write the "
        "entry again with keras_mer.zoo.save_entry"
    )
