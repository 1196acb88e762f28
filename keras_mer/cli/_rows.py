"""Rows of text, clips and features from files and the standard input, one at a time."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

Texts = Annotated[list[str] | None, typer.Option(help="A text; may be given several times.")]
Audios = Annotated[
    list[str] | None, typer.Option(help="A sound or video file, one per row as --text.")
]
Videos = Annotated[list[str] | None, typer.Option(help="A video file, one per row as --text.")]
Input = Annotated[
    str | None,
    typer.Option(
        help="A file of rows: .csv with a header, .jsonl with the keys text, audio, video, "
        ".txt with a text per line; or - for lines or JSON objects on the standard input. "
        "Audio and video are paths of clips, from the file's own folder on, or features."
    ),
]
TextColumn = Annotated[
    str | None, typer.Option(help='The column or key that holds the text; "text" by default.')
]
AudioColumn = Annotated[
    str | None, typer.Option(help="The column or key with the paths of sounds or videos.")
]
VideoColumn = Annotated[
    str | None, typer.Option(help="The column or key with the paths of videos.")
]
DialogueColumn = Annotated[
    str | None,
    typer.Option(
        help="The column or key that names the dialogue of a row, for models that read "
        "dialogues; all rows are one by default."
    ),
]

Row = dict[str, Any] | Exception

FORMATS = ".csv, .jsonl, .txt, or - for the standard input"
MODALITIES = ("text", "audio", "video")
DIALOGUE = "dialogue"
LONGEST_CELL = 2**31 - 1


@contextmanager
def given_rows(
    given: Mapping[str, list[str] | None], source: str | None, columns: Mapping[str, str | None]
) -> Iterator[Iterable[Row]]:
    """The rows of a command: those of its options, or of its file.

    Args:
        given: per modality what its option was given, one per row.
        source: the file, see `opened_rows`.
        columns: see `opened_rows`.

    Raises:
        typer.BadParameter: unless one of both is given, as many of each modality.
    """
    lists = {name: values for name, values in given.items() if values}
    if bool(lists) == (source is not None):
        raise typer.BadParameter("give rows with --text, --audio, --video, or a file with --input")
    if source is not None:
        with opened_rows(source, columns) as rows:
            yield rows
        return
    if len({len(values) for values in lists.values()}) > 1:
        counts = [f"{len(values)} of --{name}" for name, values in lists.items()]
        raise typer.BadParameter(f"every row needs each of them; received {', '.join(counts)}")
    yield [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


@contextmanager
def opened_rows(source: str, columns: Mapping[str, str | None]) -> Iterator[Iterator[Row]]:
    """The rows of a file; a row that cannot be read is an exception in its place.

    Paths of clips are from the folder of the file on; on the standard input, from the current one.

    Args:
        source: a `.csv` with a header; a `.jsonl` with one object per line; a `.txt` with
            one text per line; or `-`, lines of text or JSON objects.
        columns: per modality the column, or key, that holds it, where the user named one, and of
            the name of the `dialogue`. Without any of a modality, a .csv has texts in "text"; a
            .jsonl has everything under its own name.

    Raises:
        ValueError: if the format is not one of these, or the header lacks a column.
    """
    named = {name: own for name, own in columns.items() if own is not None}
    keys = {name: name for name in (*MODALITIES, DIALOGUE)} | named
    if not set(named) & set(MODALITIES):
        named["text"] = "text"
    if source == "-":
        with _undecoded(sys.stdin.buffer) as lines:
            yield (_json(line, keys) if _object(line) else _text(line) for line in lines)
        return
    suffix = Path(source).suffix.lower()
    if suffix not in (".csv", ".jsonl", ".ndjson", ".txt"):
        raise ValueError(f"{source}: the format is told by the name; expected {FORMATS}")
    with open(source, "rb") as file, _undecoded(file) as lines:
        rows: Iterator[Row]
        if suffix == ".csv":
            rows = _csv(lines, source, named)
        elif suffix == ".txt":
            rows = map(_text, lines)
        else:
            rows = (_json(line, keys) for line in lines)
        folder = Path(source).parent
        yield (_located(row, folder) for row in rows)


@contextmanager
def _undecoded(file: Any) -> Iterator[TextIO]:
    """UTF-8, in which bytes that are none do not stop the other rows."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()


def _object(line: str) -> bool:
    return line.lstrip().startswith("{")


def _text(line: str) -> Row:
    return _decoded({"text": line.rstrip("\r\n")})


def _json(line: str, keys: Mapping[str, str]) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "too deeply nested"
        return ValueError(f"not JSON: {reason}")
    if not isinstance(values, dict):
        return ValueError(f"expected a JSON object; received {type(values).__name__}")
    row = {name: values[key] for name, key in keys.items() if key in values}
    if not set(row) & set(MODALITIES):
        found = ", ".join(map(str, values)) or "none"
        wanted = _either([keys[name] for name in MODALITIES])
        return ValueError(f"no {wanted} among the keys of the object: {found}")
    return _decoded(row)


def _csv(lines: TextIO, source: str, columns: Mapping[str, str]) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    for own in columns.values():
        if own not in header:
            raise ValueError(
                f'{source} has no column "{own}"; its columns are '
                f"{', '.join(header) or 'none'}. Choose one with --text-column, --audio-column, "
                "--video-column or --dialogue-column"
            )
    places = {name: header.index(own) for name, own in columns.items()}
    return _csv_rows(reader, places, columns)


def _csv_rows(reader: Any, places: Mapping[str, int], columns: Mapping[str, str]) -> Iterator[Row]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield ValueError(f"not CSV: {error}")
            continue
        if not cells:  # an empty line, which csv.DictReader passes over too
            continue
        absent = [name for name, place in places.items() if place >= len(cells)]
        if absent:
            yield ValueError(
                f'the column "{columns[absent[0]]}" is missing: the row has {len(cells)} of '
                f"{places[absent[0]] + 1} or more cells"
            )
            continue
        row = {name: cells[place] for name, place in places.items()}
        # Beside other modalities an empty cell is a missing one; alone it is a mistake.
        single = len(set(row) - {DIALOGUE}) == 1
        yield _decoded(row if single else {m: cell or None for m, cell in row.items()})


def _located(row: Row, folder: Path) -> Row:
    """The row with paths of clips that hold from the current folder on."""
    if isinstance(row, Exception):
        return row
    clips = {m: row[m] for m in MODALITIES if m != "text" and isinstance(row.get(m), str)}
    return row | {name: str(folder / clip) for name, clip in clips.items()}


def _decoded(row: dict[str, Any]) -> Row:
    text = row.get("text")
    if isinstance(text, str):
        try:
            text.encode()
        except UnicodeEncodeError:
            return ValueError("the text is not UTF-8")
    return row


def _either(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
