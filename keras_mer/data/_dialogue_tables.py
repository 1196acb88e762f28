"""CSV files of a TV series' dialogue, one per split: MELD and EmoryNLP."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_mer.data._reading import class_labels, csv_rows, found_folder
from keras_mer.data.dataset import Dataset

CLOCK = re.compile(r"(\d+):(\d+):(\d+)[.,](\d+)")
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Layout:
    """The files of a corpus and the names of their columns.

    `dialogue` are the columns that name a dialogue; `per_split` says that its numbers begin
    anew in each split.
    """

    name: str
    files: tuple[str, str, str]
    place: str
    dialogue: tuple[str, ...]
    per_split: bool
    start: str
    end: str
    terms: str
    cautions: tuple[str, ...]


def found_tables(folder: Path, layout: Layout) -> Path | None:
    """The folder with the three files, at `folder` or just below it."""
    for place in ("", layout.place):
        root = found_folder(folder, "meld", str(Path(place, layout.files[0])))
        if root is not None:
            return root / place
    return None


def read_tables(
    folder: str | Path,
    layout: Layout,
    column: str,
    names: Sequence[str],
    protocol: str,
    allow_leaks: bool,
) -> Dataset:
    """The data set of a layout's files, with `column` as the label."""
    root = found_tables(Path(folder), layout)
    if root is None:
        raise FileNotFoundError(f"no {layout.name} in {folder}: expected {', '.join(layout.files)}")
    needed = (
        *("Utterance", "Speaker", column, "Utterance_ID", "Season", "Episode"),
        *(*layout.dialogue, layout.start, layout.end),
    )
    parts = [csv_rows(root / file, needed) for file in layout.files]
    labels = [
        class_labels(names, (row[column].lower() for row in part), root / file, column)
        for part, file in zip(parts, layout.files, strict=True)
    ]
    splits = np.repeat(SPLITS, [len(part) for part in parts])
    rows = [row for part in parts for row in part]
    dialogues = [
        "_".join([*([split] if layout.per_split else []), *(row[c] for c in layout.dialogue)])
        for split, row in zip(splits, rows, strict=True)
    ]
    return Dataset(
        {},
        np.concatenate(labels),
        splits,
        ids=[f"{name}_{row['Utterance_ID']}" for name, row in zip(dialogues, rows, strict=True)],
        groups=dialogues,
        transcripts=[row["Utterance"] for row in rows],
        description={
            "name": layout.name,
            "label_names": list(names),
            "protocol": protocol,
            "terms": layout.terms,
            "split_name": "official",
            "cautions": list(layout.cautions),
        },
        allow_leaks=allow_leaks,
        columns={
            "dialogue": dialogues,
            "position": _whole(rows, "Utterance_ID", layout),
            "speaker": [_speaker(row["Speaker"]) for row in rows],
            "season": _whole(rows, "Season", layout),
            "episode": _whole(rows, "Episode", layout),
            "start": [_seconds(row[layout.start]) for row in rows],
            "end": [_seconds(row[layout.end]) for row in rows],
        },
    )


def _whole(rows: Sequence[Mapping[str, str]], column: str, layout: Layout) -> list[int]:
    try:
        return [int(row[column]) for row in rows]
    except ValueError as error:
        files = ", ".join(layout.files)
        raise ValueError(f"{files}: {column} must be whole numbers: {error}") from None


def _speaker(cell: str) -> str:
    """A name, or the names of a list of them."""
    if not cell.startswith("["):
        return cell
    try:
        return ", ".join(ast.literal_eval(cell))
    except (ValueError, SyntaxError, TypeError):
        return cell


def _seconds(time: str) -> float:
    """Of `hours:minutes:seconds,fraction`; NaN for what is no time."""
    clock = CLOCK.fullmatch(time.strip())
    if clock is None:
        return float("nan")
    hours, minutes, whole, fraction = clock.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{whole}.{fraction}")
