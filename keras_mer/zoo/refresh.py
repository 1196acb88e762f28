"""The card of an entry written anew, its model left as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_mer._files import verify
from keras_mer.zoo.about import about_entry
from keras_mer.zoo.entry import CARD, METADATA, read_metadata
from keras_mer.zoo.save import (
    OWN_FILES,
    copy_into,
    describe,
    further_files,
    put_in_place,
    workplace,
)


def refresh_card(
    folder: str | Path,
    fields: Mapping[str, Any] | None = None,
    files: Mapping[str, str | Path] | None = None,
) -> Path:
    """Writes the card of an entry anew, from its metadata, its notes.md and its about.toml.

    notes.md is Markdown for the card. about.toml may give `licence`, and a table `[paper]`
    with `title`, `url`, `metrics` and `why` its figures differ from ours, and `[speed]`. The
    model and its figures stay; sizes and hashes of the other files are taken anew.

    Args:
        folder: of an entry of your own, or in a checkout of this project.
        fields: of metadata.json, to add or to replace.
        files: further files to copy, by their place in the entry.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no entry in `folder`.
        ValueError: if its model is not the one that metadata.json vouches for.

    Example:

    ```python
    keras_mer.zoo.refresh_card("zoo/cmmsf_mosi")
    ```
    """
    folder = Path(folder).expanduser()
    metadata = sound_metadata(folder)
    copied = further_files(files)
    kept = {key: value for key, value in metadata.items() if key != "files"}
    with workplace(folder) as work:
        copy_into(work, copied)
        new = {**kept, **about_entry(folder), **(fields or {})}
        unknown = set(OWN_FILES) - set(metadata["files"])
        describe(work, folder, new, replaced={METADATA, CARD, *unknown})
        put_in_place(work, folder)
    return folder


def sound_metadata(folder: Path) -> dict[str, Any]:
    """The metadata of an entry whose model is the one that it vouches for."""
    if not (folder / METADATA).is_file():
        raise FileNotFoundError(
            f"{folder} is no entry: it has no {METADATA}. Name the folder of one, such as "
            "zoo/cmmsf_mosi in a checkout"
        )
    metadata = read_metadata(folder / METADATA)
    _check_model(folder, metadata["files"])
    return metadata


def _check_model(folder: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """New hashes must not bless a model that was damaged or exchanged."""
    for file in set(OWN_FILES) & set(records) - {CARD}:
        try:
            verify(folder / file, records[file])
        except OSError as error:
            raise FileNotFoundError(f"{folder / file} is missing: restore it first") from error
        except ValueError as error:
            raise ValueError(
                f"{folder / file} is not the file that {METADATA} names ({error}): restore it, or "
                "write the entry again with keras_mer.zoo.save_entry"
            ) from None
