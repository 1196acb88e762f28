"""An entry published: to a repository of the Hugging Face Hub, or a folder for a web server."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from keras_mer._download import MirrorError, from_hub, is_address, offline
from keras_mer._extras import need
from keras_mer._files import folder_written_aside, verify
from keras_mer.zoo.entry import METADATA, Entry, read_metadata
from keras_mer.zoo.resolve import Name, entry_file, resolve

_REPOSITORY = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<name>[\w.-]+))?/*")

EXPECTED = (
    "hf://organisation/repository, hf://organisation/repository/{name}, or a folder on this machine"
)


def push(name: Name, target: Name, *, private: bool = False, message: str | None = None) -> str:
    """Publishes an entry, so that `load` finds it from anywhere.

    Every file is verified first, and exactly those that metadata.json lists go out. On the Hub
    they arrive in one commit, in a folder by one rename: nobody ever reads half of an entry.

    Args:
        name: as in `load`: the folder of an entry, or its name.
        target: `"hf://organisation/repository"`, which then is this entry;
            `"hf://organisation/repository/NAME"`, which may hold others beside it; or a folder
            on this machine, in which the entry gets a folder of its name. Any web server may
            serve that folder: `load(NAME, source="https://...")` needs nothing more. The token
            is the one that huggingface_hub knows (`hf auth login`, or HF_TOKEN).
        private: whether a repository that is not there yet is made a private one.
        message: of the commit.

    Returns:
        What `load` takes: the address, or the entry's new folder.

    Raises:
        ValueError: if a file is damaged, if `target` is malformed, or if it holds an entry of
            another name or from a newer keras-mer.
        FileNotFoundError: if there is no such entry, or one of its files is missing.
        FileExistsError: if something that is no entry is in the way.
        OSError: if the folder cannot be written.
        ConnectionError: if the Hub could not be reached, or refuses.
        ImportError: if huggingface_hub is not installed.

    Example:

    ```python
    keras_mer.zoo.push("entries/my_mosi", "/srv/www/zoo")
    model = keras_mer.zoo.load("my_mosi", source="/srv/www/zoo")
    ```
    """
    entry = resolve(name)
    files = {file: entry_file(entry, file) for file in entry.files}
    if not is_address(str(target)):
        return str(_into_folder(entry, files, Path(target).expanduser()))
    parts = _REPOSITORY.fullmatch(str(target))
    own = entry.metadata["name"]
    if parts is None or parts["name"] not in (None, own):
        raise ValueError(
            f"an entry is pushed to {EXPECTED.format(name=own)}; received {str(target)!r}"
        )
    _into_repository(entry, files, parts["repo"], parts["name"] or "", private, message)
    return str(target).rstrip("/")


def _into_folder(entry: Entry, files: dict[str, Path], zoo: Path) -> Path:
    folder = zoo / entry.metadata["name"]
    if (zoo / METADATA).is_file():
        raise ValueError(
            f"{zoo} is an entry itself: give the folder that is to hold {folder.name}/, such as "
            f"{zoo.parent}"
        )
    if folder.exists() and folder.resolve() == entry.folder.resolve():
        raise ValueError(f"{folder} is the entry itself: give another folder to publish it in")
    if (folder / METADATA).is_file():
        _check_replaceable(entry, folder / METADATA, str(folder))
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} is there and is no entry: remove it, or give another folder"
        )
    try:
        with folder_written_aside(folder) as aside:
            for file, path in files.items():
                (aside / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, aside / file)
                verify(aside / file, entry.files[file])
            shutil.copyfile(entry.folder / METADATA, aside / METADATA)
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror or error}), and is as it was: free or "
            "allow the space, or give another folder"
        ) from error
    return folder


def _into_repository(
    entry: Entry,
    files: dict[str, Path],
    repository: str,
    subfolder: str,
    private: bool,
    message: str | None,
) -> None:
    address = f"hf://{repository}"
    if offline():
        raise ConnectionError(f"KERAS_MER_OFFLINE forbids to push to {address}: unset it")
    hub = need("huggingface_hub", "hub", f"to push to {address}")
    api = hub.HfApi(library_name="keras-mer")
    before = f"{subfolder}/" if subfolder else ""
    with _sentences(address):
        api.create_repo(repository, private=private, exist_ok=True)
    there = _files_there(entry, address, before)
    # One commit of all: upload_folder may split a large one.
    operations = [
        *(hub.CommitOperationAdd(before + file, str(path)) for file, path in files.items()),
        hub.CommitOperationAdd(before + METADATA, str(entry.folder / METADATA)),
        *(hub.CommitOperationDelete(before + file) for file in sorted(there - set(files))),
    ]
    with _sentences(address):
        api.create_commit(
            repository, operations, commit_message=message or f"Entry {entry.metadata['name']}"
        )


def _files_there(entry: Entry, address: str, before: str) -> set[str]:
    """The files of the entry that is in the repository, once it is known to be replaceable."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / METADATA
        try:
            from_hub(address, before + METADATA, path)
        except MirrorError as error:
            if error.absent:
                return set()
            raise ConnectionError(
                f"what {address} holds already could not be read ({error}): try again later"
            ) from error
        return set(_check_replaceable(entry, path, f"{address}/{before}".rstrip("/"))["files"])


def _check_replaceable(entry: Entry, path: Path, where: str) -> dict[str, Any]:
    """The metadata of the entry in the way, or a `ValueError` if it is another or a newer one."""
    try:
        old = read_metadata(path)
    except ValueError as error:
        raise ValueError(
            f"{where} holds an entry that cannot be read ({str(error).removeprefix(f'{path}: ')}), "
            "and is left as it is: remove it first if it may go"
        ) from error
    if old["name"] != entry.metadata["name"]:
        raise ValueError(
            f"{where} holds the entry {old['name']}, not {entry.metadata['name']}: give another "
            "place, or remove it first if it may go"
        )
    theirs, ours = _version(old), _version(entry.metadata)
    if theirs > ours:
        raise ValueError(
            f"{where} holds {old['name']} as keras-mer {theirs} wrote it, and this one is of "
            f"keras-mer {ours}: write the entry again with the newer version, or remove it first "
            "if it may go"
        )
    return old


def _version(metadata: dict[str, Any]) -> Version:
    try:
        return Version(metadata["versions"]["keras_mer"])
    except (KeyError, TypeError, InvalidVersion):
        return Version("0")


@contextmanager
def _sentences(address: str) -> Iterator[None]:
    """The failures of the Hub's client as one sentence that says what to do."""
    errors = need("huggingface_hub.errors", "hub", f"to push to {address}")
    login = "log in with `hf auth login`, with a token that may write there"
    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise ConnectionError(f"{address} takes nothing from strangers: {login}") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403, 404):
            raise ConnectionError(
                f"{address} refuses to be written (HTTP {status}): {login}"
            ) from error
        raise ConnectionError(
            f"{address} could not be written (HTTP {status}): try again later"
        ) from error
    except errors.HFValidationError as error:
        raise ValueError(f"{address} is no repository of the Hub: {error}") from error
    except Exception as error:  # the hub's client lets through those of its own network library
        raise ConnectionError(
            f"{address} could not be reached ({type(error).__name__}: {error}): try again later"
        ) from error
