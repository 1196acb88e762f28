"""A corpus of the user's own: a table of labels, beside clips or with texts in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import OUR_SPLITS, csv_rows, held_out_splits
from keras_mer.data.dataset import Dataset
from keras_mer.data.description import UNLABELLED

COLUMNS = ("clip", "label", "split", "group", "transcript")
NEEDED = ("clip", "label")


def found_clips(folder: Path) -> Path | None:
    """The folder itself, if it has one table whose columns are clip and label."""
    try:
        csv_rows(_table(folder), NEEDED)
    except (ValueError, OSError):
        return None
    return folder


def read_clips(
    path: str | Path,
    task: str | None = None,
    valid: Iterable[Any] = (),
    test: Iterable[Any] = (),
    allow_leaks: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Reads the index of a corpus of your own: a CSV beside its clips, or with texts in it.

    The CSV has the columns `clip` (the file, relative to the CSV) and `label`, and may have
    `split` (train, valid or test), `group` (whoever must not be in two splits: the speaker, the
    source video) and `transcript` or `text`; any other column is kept. A corpus of texts alone
    needs no `clip`. There are no features: the column `file` says where each clip is.

    A table with a column `dialogue` holds dialogues, their utterances in order. Where labels are
    classes, a cell of theirs may be empty there: such an utterance is read with its dialogue,
    and neither trained nor scored on.

    Args:
        path: the CSV, or the folder with it as its only CSV.
        task: "regression" or "classification"; by default labels that are all numbers are
            scores, and others are names of classes.
        valid: the groups to validate on, if there is no column `split`.
        test: the groups to test on; all others are trained on.
        allow_leaks: keeps groups that are in more than one split.
        columns: what the CSV calls these columns, where it has other names, such as
            `{"label": "emotion", "transcript": "sentence", "group": "speaker"}`.

    Raises:
        FileNotFoundError: if the CSV or a clip is not there.
        LeakError: if a group is in more than one split.
        ValueError: if the CSV lacks a column or has odd cells.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.wav", "b.wav"):
    ...     (folder / name).touch()
    >>> _ = (folder / "labels.csv").write_text(
    ...     "clip,label,split\\na.wav,joy,train\\nb.wav,grief,test\\n"
    ... )
    >>> read_clips(folder).description["label_names"]
    ['grief', 'joy']
    """
    path = _table(Path(path))
    cells = _cells(path, columns or {})
    rows = len(cells["label"])
    ids = cells.get("clip", [f"row {number}" for number in range(1, rows + 1)])
    labels, names = _labels(path, cells["label"], task, "dialogue" in cells)
    further = {name: values for name, values in cells.items() if name not in COLUMNS}
    return Dataset(
        {},
        labels,
        _splits(path, cells, cells.get("group", ids), valid, test),
        ids=ids,
        groups=cells.get("group"),
        transcripts=cells.get("transcript"),
        description={
            "name": path.parent.resolve().name if "clip" in cells else path.stem,
            "label_names": names,
            "protocol": None if names is None else "classes",
            "split_name": "the table's own" if "split" in cells else "held-out groups",
        },
        allow_leaks=allow_leaks,
        columns=further | _files(path, cells),
    )


def _cells(path: Path, columns: Mapping[str, str]) -> dict[str, list[str]]:
    """The columns of the table by our names."""
    if unknown := sorted(set(columns) - set(COLUMNS)):
        raise ValueError(
            f"columns names {', '.join(unknown)}; what may have another name is "
            f"{', '.join(COLUMNS)}"
        )
    rows = csv_rows(path, [columns.get("label", "label"), *columns.values()])
    ours = {name: own for own, name in columns.items()}
    cells = {ours.get(name, name): [row[name].strip() for row in rows] for name in rows[0]}
    if "transcript" not in cells and "text" in cells:
        cells["transcript"] = cells.pop("text")
    if not {"clip", "transcript"} & set(cells):
        raise ValueError(
            f"{path} lacks the columns clip and transcript; it needs one of them and has "
            f"{', '.join(rows[0])}. Other names are given as columns"
        )
    return cells


def _files(path: Path, cells: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Where the clips are, if there are some."""
    if "clip" not in cells:
        return {}
    files = [path.parent / clip for clip in cells["clip"]]
    absent = [file for file in files if not file.is_file()]
    if absent:
        raise FileNotFoundError(
            f"{path} names {len(absent)} clips that are not there, such as {absent[0]}"
        )
    return {"file": [str(file) for file in files]}


def _table(path: Path) -> Path:
    if not path.is_dir():
        return path
    tables = sorted(path.glob("*.csv"))
    if len(tables) != 1:
        raise FileNotFoundError(
            f"{path} has {len(tables)} CSV files; expected one with the columns clip and label, "
            "or pass its own path"
        )
    return tables[0]


def _labels(
    path: Path, cells: Sequence[str], task: str | None, dialogues: bool
) -> tuple[np.ndarray, list[str] | None]:
    """Scores, or the numbers of classes and their names."""
    if task not in (None, "regression", "classification"):
        raise ValueError(f"task must be regression or classification; received {task!r}")
    scores = [_score(cell) for cell in cells]
    scored = task != "classification" and all(
        score is not None for score, cell in zip(scores, cells, strict=True) if cell
    )
    empty = next((line for line, cell in enumerate(cells, 2) if not cell), None)
    if empty is not None and (scored or task == "regression" or not dialogues):
        raise ValueError(
            f"{path}, line {empty}: the label is empty. That is for classes alone, in a table "
            "with a column dialogue: give the label, or take the line out"
        )
    if scored:
        return np.array(scores, dtype="float32"), None
    if task == "regression":
        line = scores.index(None)
        raise ValueError(f"{path}, line {line + 2}: the label {cells[line]!r} is not a number")
    names = sorted(set(cells) - {""})
    classes = {name: place for place, name in enumerate(names)} | {"": UNLABELLED}
    return np.array([classes[cell] for cell in cells], dtype="int32"), names


def _score(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _splits(
    path: Path,
    cells: dict[str, list[str]],
    groups: Sequence[str],
    valid: Iterable[Any],
    test: Iterable[Any],
) -> np.ndarray:
    if "split" not in cells:
        return held_out_splits(groups, valid, test, "group")
    if list(valid) or list(test):
        raise ValueError(f"{path} has its own splits; valid and test are for tables without")
    odd = next((i for i, name in enumerate(cells["split"], 2) if name not in OUR_SPLITS), None)
    if odd is not None:
        raise ValueError(
            f"{path}, line {odd}: the split is {cells['split'][odd - 2]!r}; expected train, valid "
            "or test"
        )
    return np.array([OUR_SPLITS[name] for name in cells["split"]])
