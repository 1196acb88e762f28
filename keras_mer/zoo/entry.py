"""An entry of the zoo: a folder whose metadata.json vouches for every other file in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from keras_mer._files import UnusableError, sha256
from keras_mer._version import __version__

FORMAT_VERSION = 1

METADATA = "metadata.json"
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
PREPROCESSOR = "preprocessor.json"
TEXT_ADAPTERS = "text_adapters.safetensors"
RECIPE = "recipe.toml"
CARD = "README.md"
NOTES = "notes.md"  # Markdown for the card
ABOUT = "about.toml"  # licence and paper
CONFUSION, CALIBRATION = "confusion.png", "calibration.png"
ORIGIN = ".origin"  # in a downloaded entry: the mirror it came from

# Plain data alone. Pickles, .keras archives and code can run when they are opened.
SUFFIXES = (
    *(".json", ".jsonl", ".toml", ".md", ".txt", ".csv", ".log"),
    *(".weights.h5", ".safetensors", ".png", ".jpg"),
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """An entry whose metadata.json was read and is well formed.

    Its other files are not verified yet: ask `keras_mer.zoo.resolve.entry_file` for them.

    Attributes:
        name: as it is asked for.
        folder: where its metadata.json lies.
        metadata: the content of metadata.json.
        downloads: the folder that takes files fetched from `mirrors`; `None` for a
            folder of the user's own, which is never written to.
        mirrors: where files may be fetched from, in this order.
        at_mirrors: what stands there before the name of a file, such as `cmmsf_mosi/`.
    """

    name: str
    folder: Path
    metadata: dict[str, Any]
    downloads: Path | None = None
    mirrors: tuple[str, ...] = ()
    at_mirrors: str = ""

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """`sha256` and `bytes` of each file but metadata.json."""
        files: Mapping[str, Mapping[str, Any]] = self.metadata["files"]
        return files

    @property
    def pretrained(self) -> bool:
        """Whether the entry has weights, on this machine or at a mirror."""
        return WEIGHTS in self.files


def check_name(name: str, what: str = "an entry") -> str:
    """The name, or a `ValueError` if it could mean anything but a folder of that name."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"the name of {what} is made of letters, digits, '.', '_' and '-' and starts with "
            f"a letter or digit; received {name!r}"
        )
    return name


def check_file_name(file: str) -> str:
    """The path of a file inside an entry, or a `ValueError` if it could lead out of it."""
    for part in file.split("/"):
        if not _NAME.fullmatch(part):
            raise ValueError(
                f"the path {file!r} could lead out of its folder; expected one such as "
                f"{WEIGHTS} or log/seed_1.csv"
            )
    if not PurePosixPath(file).name.endswith(SUFFIXES):
        raise ValueError(
            f"the file {file!r} has no place in an entry, which holds plain data alone: "
            f"{', '.join(SUFFIXES)}"
        )
    return file


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; a `ValueError` that names the file if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}): restore the file, or fetch its folder again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a JSON object; it holds {type(content).__name__}")
    return content


def read_metadata(path: Path) -> dict[str, Any]:
    """The content of a metadata.json, once it is well formed.

    Raises:
        ValueError: if it is not, or was written in a format that this version does not read.
    """
    metadata = read_json(path)
    try:
        _check_format(metadata.get("format_version"))
        _check_fields(metadata)
        for file, record in metadata["files"].items():
            check_file_name(file)
            _check_record(file, record)
    except ValueError as error:
        raise UnusableError(f"{path}: {error}") from None
    return metadata


def record_of(path: Path) -> dict[str, Any]:
    """What metadata.json says of a file."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _check_format(version: object) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(
            f"format_version should be 1 or more; it is {version!r}. Write the entry again "
            "with keras_mer.zoo.save_entry"
        )
    if version > FORMAT_VERSION:
        raise ValueError(
            f"the entry has format {version} and keras-mer {__version__} reads up to "
            f"{FORMAT_VERSION}: pip install --upgrade keras-mer"
        )


def _check_fields(metadata: Mapping[str, Any]) -> None:
    expected: dict[str, tuple[type, str]] = {
        "name": (str, "a string"),
        "system": (str, "a string"),
        "modalities": (list, "a list"),
        "parameters": (int, "a whole number"),
        "files": (dict, "an object"),
    }
    for field, (kind, described) in expected.items():
        if not isinstance(metadata.get(field), kind):
            raise ValueError(f"{field} should be {described}; it is {metadata.get(field)!r}")
    if not all(isinstance(modality, str) for modality in metadata["modalities"]):
        raise ValueError(f"modalities should be names; it is {metadata['modalities']!r}")
    check_name(metadata["name"])
    if CONFIG not in metadata["files"]:
        raise ValueError(f"files should list {CONFIG}, without which there is no model")


def _check_record(file: str, record: object) -> None:
    if (
        not isinstance(record, Mapping)
        or not isinstance(record.get("sha256"), str)
        or not _SHA256.fullmatch(record["sha256"])
        or not isinstance(record.get("bytes"), int)
    ):
        raise ValueError(
            f'files should give {file} as {{"sha256": 64 hexadecimal digits, "bytes": a number}}; '
            f"it gives {record!r}"
        )
