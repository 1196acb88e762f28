"""RAVDESS: clips whose file names say everything, and public features of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import csv_rows, held_out_splits, of_a_pickle
from keras_mer.data.dataset import Dataset
from keras_mer.data.unpickle import load_pickle

NAME = re.compile(r"0[123]-0[12]-0[1-8]-0[12]-0[12]-0[12]-(0[1-9]|1\d|2[0-4])")
EMOTIONS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")
MEDIA = (".mp4", ".wav", ".flac", ".mov", ".avi")
ACTION_UNITS = 35
AUDIO_STEPS = 259
TERMS = "CC BY-NC-SA 4.0: non-commercial, shared alike."
CAUTION = (
    "there are two sentences and 24 actors: hold out whole actors, whom the action units alone "
    "give away"
)


def fits_ravdess(content: Any) -> bool:
    """Whether the content of a pickle is one vector per RAVDESS clip."""
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and NAME.fullmatch(key) for key in content)
    )


def found_ravdess(folder: Path) -> Path | None:
    """The innermost folder with all files below it that are named as RAVDESS names its clips."""
    folders = {str(file.parent) for file in _files(folder)}
    return Path(os.path.commonpath(folders)) if folders else None


@of_a_pickle
def read_ravdess(
    path: str | Path,
    valid: Iterable[Any] = (),
    test: Iterable[Any] = (),
    allow_leaks: bool = False,
    content: Any = None,
    audio_width: int = 1,
) -> Dataset:
    """Reads RAVDESS: clips of 24 actors with eight emotions, known by their names.

    Three things are read: `au_mfcc.pkl` (video: the mean of 35 action units; audio: 259 steps of
    one value, as the file's 259 values are a time axis); a folder of OpenFace's `.csv` files
    (video: one step of 35 action units per frame); a folder of clips (`.mp4`, `.wav`: no
    features, the column `file`). The groups are the actors. There is no official split: hold out
    actors, or go through `Dataset.folds(n_splits=6)`.

    Args:
        path: the pickle or the folder.
        valid: the numbers of the actors to validate on.
        test: the numbers of the actors to test on; all others are trained on.
        allow_leaks: see `Dataset`.
        content: what `load_pickle` made of the file, if it is read already.
        audio_width: how many of the pickle's successive values of audio make a step: 1, 7, 37 or
            259; with 259 the audio is one vector, for models that keep no order in time.

    Returns:
        Columns: `actor`, `sex`, `intensity` (1 normal, 2 strong), `statement`, `repetition`.

    Raises:
        RefusedPickleError: if the file holds more than data.
        ValueError: if there are no clips of this name, or features of another shape, or
            `audio_width` does not divide 259.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "03-01-06-01-02-01-12.wav").touch()
    >>> clips = read_ravdess(folder)
    >>> clips.description["label_names"][clips.labels[0]], clips.groups[0].item()
    ('fearful', '12')

    Reference: Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and
    Song", 2018.
    """
    path = Path(path)
    if audio_width < 1 or AUDIO_STEPS % audio_width:
        raise ValueError(
            f"audio_width = {audio_width} does not divide the {AUDIO_STEPS} values of audio into "
            "steps; choose 1, 7, 37 or 259"
        )
    files: dict[str, Path] = {}
    features: Mapping[str, Any]
    cautions = [CAUTION]
    if path.is_dir():
        files = dict(sorted((file.stem, file) for file in _files(path)))
        names = list(files)
        features = _frames(files)
    else:
        vectors = _vectors(path, load_pickle(path) if content is None else content)
        names = sorted(vectors)
        features = _means(np.stack([vectors[name] for name in names]), audio_width)
        cautions += _twins(vectors)
    if not names:
        raise ValueError(
            f"{path} has no clips of RAVDESS: expected names such as 03-01-06-01-02-01-12.wav"
        )
    parts = np.array([[int(part) for part in name.split("-")] for name in names])
    actors = [str(actor) for actor in parts[:, 6]]
    columns: dict[str, Any] = {
        "actor": parts[:, 6],
        "sex": np.where(parts[:, 6] % 2, "male", "female"),
        "intensity": parts[:, 3],
        "statement": parts[:, 4],
        "repetition": parts[:, 5],
    }
    if files and not features:
        columns["file"] = [str(file) for file in files.values()]
    return Dataset(
        features,
        parts[:, 2] - 1,
        held_out_splits(actors, valid, test, "actor"),
        ids=names,
        groups=actors,
        transcripts=[STATEMENTS[statement - 1] for statement in parts[:, 4]],
        description={
            "name": "RAVDESS",
            "label_names": EMOTIONS,
            "protocol": "ravdess",
            "terms": TERMS,
            "split_name": "held-out actors",
            "features": {
                name: {"extractor": "OpenFace" if name == "video" else "unknown, from au_mfcc.pkl"}
                for name in features
            },
            "cautions": cautions,
        },
        allow_leaks=allow_leaks,
        columns=columns,
    )


def _files(folder: Path) -> Iterator[Path]:
    return (
        file
        for file in folder.rglob("*-*-*-*-*-*-*.*")
        if file.suffix.lower() in (*MEDIA, ".csv") and NAME.fullmatch(file.stem)
    )


def _vectors(path: Path, content: Any) -> Mapping[str, np.ndarray]:
    if not fits_ravdess(content):
        raise ValueError(
            f"{path} is no dict with a vector for each clip, named as in 01-01-06-01-02-01-12"
        )
    width = ACTION_UNITS + AUDIO_STEPS
    odd = next((name for name, row in content.items() if np.shape(row) != (width,)), None)
    if odd is not None:
        raise ValueError(
            f"{path}: {odd} has the shape {np.shape(content[odd])}; expected ({width},), "
            f"{ACTION_UNITS} action units and {AUDIO_STEPS} values of audio"
        )
    return content


def _means(rows: np.ndarray, audio_width: int) -> dict[str, np.ndarray]:
    audio = rows[:, ACTION_UNITS:].reshape(len(rows), -1, audio_width)
    return {"video": rows[:, :ACTION_UNITS], "audio": audio}


def _twins(vectors: Mapping[str, np.ndarray]) -> list[str]:
    """Says which clips have the same features."""
    first: dict[bytes, str] = {}
    twins = [
        f"{first[key]} and {name}"
        for name, row in sorted(vectors.items())
        if first.setdefault(key := np.asarray(row).tobytes(), name) != name
    ]
    return [f"the same features stand under {', under '.join(twins)}"] if twins else []


def _frames(files: Mapping[str, Path]) -> dict[str, list[np.ndarray]]:
    """OpenFace's action units frame by frame, if the files are tables of them."""
    tables = [file for file in files.values() if file.suffix.lower() == ".csv"]
    if not tables:
        return {}
    if len(tables) != len(files):
        raise ValueError(
            f"{tables[0].parent} holds both clips and tables of features; read them one by one"
        )
    return {"video": [_action_units(file) for file in tables]}


def _action_units(path: Path) -> np.ndarray:
    with open(path, encoding="utf-8-sig") as file:
        delimiter = ";" if ";" in file.readline() else ","
    rows = csv_rows(path, (), delimiter)
    columns = [name for name in rows[0] if re.fullmatch(r"AU\d\d_[rc]", name)]
    if len(columns) != ACTION_UNITS:
        raise ValueError(f"{path} has {len(columns)} action units; expected {ACTION_UNITS}")
    try:
        return np.array([[row[name] for name in columns] for row in rows], dtype="float32")
    except ValueError as error:
        raise ValueError(f"{path} is not a table of numbers: {error}") from None
