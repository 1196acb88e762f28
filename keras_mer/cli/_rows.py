"""Rows of text and features from files and the standard input, one at a time."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

Row = dict[str, Any] | Exception

FORMATS = ".csv, .jsonl, .txt, or - for the standard input"
FEATURES = ("audio", "video")
LONGEST_CELL = 2**31 - 1


@contextmanager
def opened_rows(source: str, text_column: str) -> Iterator[Iterator[Row]]:
    """The rows of a file; a row that cannot be read is an exception in its place.

    Args:
        source: a `.csv` with a header; a `.jsonl` with one object per line; a `.txt` with
            one text per line; or `-`, lines of text or JSON objects.
        text_column: the column, or key, that holds the text.

    Raises:
        ValueError: if the format is not one of these, or the header lacks the column.
    """
    if source == "-":
        with _undecoded(sys.stdin.buffer) as lines:
            yield (_json(line, text_column) if _object(line) else _text(line) for line in lines)
        return
    suffix = Path(source).suffix.lower()
    if suffix not in (".csv", ".jsonl", ".ndjson", ".txt"):
        raise ValueError(f"{source}: the format is told by the name; expected {FORMATS}")
    with open(source, "rb") as file, _undecoded(file) as lines:
        if suffix == ".csv":
            yield _csv(lines, source, text_column)
        elif suffix == ".txt":
            yield map(_text, lines)
        else:
            yield (_json(line, text_column) for line in lines)


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


def _json(line: str, text_column: str) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "too deeply nested"
        return ValueError(f"not JSON: {reason}")
    if not isinstance(values, dict):
        return ValueError(f"expected a JSON object; received {type(values).__name__}")
    row = {name: values[name] for name in FEATURES if name in values}
    if text_column in values:
        row["text"] = values[text_column]
    elif not row:
        found = ", ".join(map(str, values)) or "none"
        return ValueError(
            f"no {_either([text_column, *FEATURES])} among the keys of the object: {found}"
        )
    return _decoded(row)


def _csv(lines: TextIO, source: str, text_column: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if text_column not in header:
        raise ValueError(
            f'{source} has no column "{text_column}"; its columns are '
            f"{', '.join(header) or 'none'}. Choose one with --text-column"
        )
    return _csv_rows(reader, header.index(text_column), text_column)


def _csv_rows(reader: Any, place: int, text_column: str) -> Iterator[Row]:
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
        if place < len(cells):
            yield _decoded({"text": cells[place]})
        else:
            yield ValueError(
                f'the column "{text_column}" is missing: the row has {len(cells)} of '
                f"{place + 1} or more cells"
            )


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
