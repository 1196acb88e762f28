"""What the readers share: finding files, reading tables, refusing what does not fit."""

from __future__ import annotations

import csv
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from keras_mer.data.ragged import Ragged

OUR_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "validation": "valid",
    "test": "test",
}


Arguments = ParamSpec("Arguments")
Read = TypeVar("Read")


def of_a_pickle(
    read: Callable[Concatenate[str | Path, Arguments], Read],
) -> Callable[Concatenate[str | Path, Arguments], Read]:
    """A reader whose file may have the right layout and anything at all in it: one error for it."""

    @functools.wraps(read)
    def checked(path: str | Path, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Read:
        inspect.signature(read).bind(path, *args, **kwargs)
        try:
            return read(path, *args, **kwargs)
        except (TypeError, LookupError, AttributeError, StopIteration) as error:
            raise ValueError(
                f"{path} has the layout of this format, but not the values: "
                f"{type(error).__name__} {error}"
            ) from error

    return checked


def found_folder(folder: Path, name: str, *markers: str) -> Path | None:
    """Where all the markers lie: in `folder`, in its `raw`, or in `name` or `name/raw`."""
    places = (folder, folder / "raw", folder / name, folder / name / "raw")
    return next((p for p in places if all((p / mark).exists() for mark in markers)), None)


def existing(path: Path, corpus: str) -> Path:
    """The path, if there is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{corpus} lacks {path}")
    return path


def choice(what: str, given: str, known: Iterable[str]) -> str:
    """The given value, if it is among the known ones."""
    names = list(known)
    if given not in names:
        raise ValueError(f"{what} must be one of {', '.join(names)}; received {given!r}")
    return given


def csv_rows(path: Path, columns: Iterable[str], delimiter: str = ",") -> list[dict[str, str]]:
    """The lines of a CSV with a header, as dicts.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no UTF-8, lacks one of the columns or has broken lines.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
            header = list(reader.fieldnames or [])
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from None
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header) or 'none'}"
        )
    broken = next((i for i, row in enumerate(rows, 2) if None in row or None in row.values()), None)
    if broken or not rows:
        reason = f"line {broken} has not the {len(header)} cells" if broken else "there are no rows"
        raise ValueError(f"{path}: {reason} under its header")
    return rows


def number(text: str, path: Path, line: int, column: str) -> float:
    """A cell as a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path}, line {line}: the {column} {text!r} is not a number") from None


def class_labels(
    names: Sequence[str], values: Iterable[str], path: Path, column: str
) -> np.ndarray:
    """Names of classes as their numbers."""
    place = {name: index for index, name in enumerate(names)}
    given = list(values)
    unknown = next((value for value in given if value not in place), None)
    if unknown is not None:
        raise ValueError(f"{path} has the {column} {unknown!r}; expected one of {', '.join(names)}")
    return np.array([place[value] for value in given], dtype="int32")


def held_out_splits(
    groups: Sequence[str], valid: Iterable[str], test: Iterable[str], what: str
) -> np.ndarray:
    """A split of a corpus that has none of its own: whole groups are held out."""
    splits = np.full(len(groups), "train")
    known = set(groups)
    for split, wanted in (("valid", valid), ("test", test)):
        names = [str(wanted)] if isinstance(wanted, (str, int)) else [str(n) for n in wanted]
        unknown = sorted(set(names) - known)
        if unknown:
            raise ValueError(
                f"{split} names the {what}s {', '.join(unknown)}; there are "
                f"{', '.join(sorted(known))}"
            )
        splits[np.isin(groups, names)] = split
    return splits


def finite(
    modality: str, rows: Ragged, cautions: list[str], values_are: str = "were set to 0"
) -> Ragged:
    """The rows with 0 for NaN and infinity, as public code has it; the cautions say so."""
    wrong = ~np.isfinite(rows.values)
    if not wrong.any():
        return rows
    cautions.append(
        f"{int(wrong.sum())} values of {modality} that are NaN or infinite {values_are}"
    )
    return Ragged(np.where(wrong, 0, rows.values), rows.offsets)


def trimmed(steps: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Rows without the zero steps before their first and after their last real one.

    Args:
        steps: per modality (n, time, dim), aligned: a step is real if any modality has values.

    Returns:
        A list of (length, dim) per modality; a modality that is 0 throughout a row has no steps
        there.
    """
    real = np.any([np.any(array != 0, axis=2) for array in steps.values()], axis=0)
    time = real.shape[1]
    first = np.where(real.any(1), real.argmax(1), time)
    last = time - real[:, ::-1].argmax(1)
    return {
        name: [
            row[start:end] if np.any(row[start:end]) else row[:0]
            for row, start, end in zip(array, first, last, strict=True)
        ]
        for name, array in steps.items()
    }


def steps_array(values: Any, what: str) -> np.ndarray:
    """(n, time, dim) float32; (n, dim) becomes one step."""
    try:
        array = np.asarray(values, dtype="float32")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what} is not an array of numbers: {error}") from None
    if array.ndim == 2:
        array = array[:, np.newaxis]
    if array.ndim != 3:
        raise ValueError(f"{what} has the shape {array.shape}; expected (rows, time, dim)")
    return array
