"""CMU-MOSI as it is publicly at hand: utterance features and the official labels and splits."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import existing, found_folder
from keras_mer.data.dataset import Dataset
from keras_mer.data.unpickle import load_object_npz

FEATURES = "bc-LSTM/data"
LABELS = "MERBench/dataset/cmumosi-process/label.npz"

DIMENSIONS = {"text": 100, "audio": 73, "video": 100}
EXTRACTORS = {
    "text": "bc-LSTM text CNN",
    "audio": "bc-LSTM openSMILE",
    "video": "bc-LSTM 3D-CNN",
}
MADE_WITH_LABELS = ("text", "video")
SPLITS = {
    "official": {"train": "train_corpus", "valid": "val_corpus", "test": "test_corpus"},
    "bclstm": {"train": "train", "test": "test"},
}
TERMS = (
    "Features and transcripts: repository under MIT. Labels: repository for non-commercial use. "
    "Corpus: public videos, for research."
)
REASON = (
    "these features were made with the sentiment labels of the videos that the bc-LSTM split "
    "trains on (a linear model reads 98 % of them off the text)"
)


def read_mosi(
    folder: str | Path,
    split: str = "official",
    modalities: Iterable[str] | None = None,
    allow_leaks: bool = False,
) -> Dataset:
    """Reads CMU-MOSI: 2199 utterances of 93 videos with sentiment from -3 to 3.

    The features are those of bc-LSTM, one step per utterance: text 100 (a CNN on word vectors),
    audio 73 (openSMILE), video 100 (a 3D-CNN). **Text and video were made with the labels of
    the 62 videos that the bc-LSTM split trains on**, and most of the official test part lies
    among these; scores there would say nothing. So the official split comes with audio and the
    transcripts, and the bc-LSTM split with all three. The same holds for any split of your own:
    these 62 videos are refused for validation and test.

    Args:
        folder: the one that holds `bc-LSTM/` and `MERBench/`, or its parent, or a parent with
            `mosi/` in it.
        split: "official" (1284 train, 229 valid, 686 test) or "bclstm" (1447 train, 752 test).
        modalities: of text, audio and video; by default those that the split allows.
        allow_leaks: hands out text and video with the official split nevertheless.

    Raises:
        FileNotFoundError: if a file is missing.
        LeakError: if the split must not be used with a modality.
        ValueError: if the files do not belong together.

    Reference:

    - Zadeh et al., "MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in
      Online Opinion Videos", 2016.
    - Poria et al., "Context-Dependent Sentiment Analysis in User-Generated Videos", 2017, for
      the features.
    """
    if split not in SPLITS:
        raise ValueError(f"CMU-MOSI has the splits official and bclstm; received {split!r}")
    if modalities is None:
        clean = [name for name in DIMENSIONS if name not in MADE_WITH_LABELS]
        modalities = clean if split == "official" and not allow_leaks else DIMENSIONS
    chosen = list(modalities)
    unknown = sorted(set(chosen) - set(DIMENSIONS))
    if unknown:
        raise ValueError(f"CMU-MOSI has text, audio and video; received {', '.join(unknown)}")
    root = _root(Path(folder))
    ids, transcripts, classes = _transcripts(root)
    row = {part: _rows(root, part, len(ids)) for part in ("train", "test")}
    _check_whole(root, row, len(ids))
    sentiment, official = _labels(root, ids, classes)
    bclstm = np.where(np.isin(np.arange(len(ids)), row["train"]), "train", "test")
    videos = np.array([name.rpartition("_")[0] for name in ids])
    order = sorted(range(len(ids)), key=lambda i: (videos[i], int(ids[i].rpartition("_")[2])))
    trained_on = np.unique(videos[bclstm == "train"]).tolist()
    return Dataset(
        {name: _features(root, name, row, classes)[order] for name in chosen},
        sentiment[order],
        (official if split == "official" else bclstm)[order],
        ids=[ids[i] for i in order],
        groups=videos[order],
        transcripts=[transcripts[i] for i in order],
        description=_description(split, chosen, trained_on),
        allow_leaks=allow_leaks,
    )


def found_mosi(folder: Path) -> Path | None:
    """The folder with the files, at `folder` or just below it."""
    return found_folder(folder, "mosi", FEATURES)


def _root(folder: Path) -> Path:
    root = found_mosi(folder)
    if root is None:
        raise FileNotFoundError(
            f"no CMU-MOSI in {folder}: expected a folder {FEATURES} in it, in raw/ or in mosi/raw/"
        )
    return root


def _description(split: str, modalities: Iterable[str], trained_on: list[str]) -> Mapping[str, Any]:
    return {
        "name": "CMU-MOSI",
        "task": "regression",
        "label_names": None,
        "label_range": [-3.0, 3.0],
        "protocol": "mosi",
        "terms": TERMS,
        "split_name": split,
        "features": {
            name: {"extractor": EXTRACTORS[name], "dimension": DIMENSIONS[name], "steps": 1}
            for name in modalities
        },
        "leaks": [
            {"modality": name, "groups": trained_on, "reason": REASON}
            for name in modalities
            if name in MADE_WITH_LABELS
        ],
    }


def _table(path: Path, columns: int) -> np.ndarray:
    """A CSV of numbers without a header."""
    if not existing(path, "CMU-MOSI").stat().st_size:
        raise ValueError(f"{path} is empty")
    try:
        table = np.loadtxt(path, delimiter=",", quotechar='"', ndmin=2, encoding="utf-8")
    except ValueError as error:
        raise ValueError(f"{path} is not a table of numbers: {error}") from None
    if table.shape[1] != columns:
        raise ValueError(f"{path} has {table.shape[1]} columns; expected {columns}")
    return table


def _transcripts(root: Path) -> tuple[list[str], list[str], np.ndarray]:
    """The ids, the words and the two classes, in the order of the file."""
    path = existing(root / FEATURES / "transcripts.csv", "CMU-MOSI")
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    odd = next((i for i, line in enumerate(lines, 1) if len(line) != 4), None)
    if odd is not None or not lines:
        raise ValueError(
            f"{path}: line {odd or 1} has not the four columns id, text, number, class"
        )
    ids = [line[0] for line in lines]
    bad = next((name for name in ids if not name.rpartition("_")[2].isdecimal()), None)
    if bad is not None:
        raise ValueError(f"{path} has the id {bad!r}; expected a video and a number, as in abc_1")
    return ids, [line[1] for line in lines], np.array([line[3] == "1" for line in lines])


def _rows(root: Path, part: str, count: int) -> np.ndarray:
    """Where the feature rows of a part belong: row numbers of the transcripts, from 0."""
    path = root / FEATURES / f"text_{part}.csv"
    numbers = _table(path, 1 + DIMENSIONS["text"])[:, 0]
    rows = numbers.astype("int64")
    if np.any(rows != numbers) or np.any((rows < 0) | (rows >= count)):
        raise ValueError(f"{path}: column 0 must hold row numbers from 0 to {count - 1}")
    return rows


def _check_whole(root: Path, row: Mapping[str, np.ndarray], count: int) -> None:
    every = np.sort(np.concatenate(list(row.values())))
    if not np.array_equal(every, np.arange(count)):
        raise ValueError(
            f"{root / FEATURES}: text_train.csv and text_test.csv name {len(every)} rows; "
            f"expected each of the {count} transcripts once"
        )


def _features(
    root: Path, modality: str, row: Mapping[str, np.ndarray], classes: np.ndarray
) -> np.ndarray:
    """(n, dim), in the order of the transcripts."""
    features = np.empty((len(classes), DIMENSIONS[modality]), "float32")
    for part, rows in row.items():
        path = root / FEATURES / modality / f"{modality}_{part}0.csv"
        table = _table(path, DIMENSIONS[modality] + 1)
        if len(table) != len(rows) or np.any(table[:, -1] != classes[rows]):
            raise ValueError(
                f"{path} does not belong to these transcripts: it has {len(table)} rows for "
                f"{len(rows)}, or other classes in its last column"
            )
        features[rows] = table[:, :-1]
    return features


def _labels(root: Path, ids: list[str], classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentiment and the official split of each id."""
    path = existing(root / LABELS, "CMU-MOSI")
    members = load_object_npz(path)
    known: dict[str, tuple[float, str]] = {}
    for split, member in SPLITS["official"].items():
        try:
            entries = members[member].item()
            known |= {name: (float(entry["val"]), split) for name, entry in entries.items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError(
                f"{path}: expected {member} with the field val (sentiment) for each id"
            ) from None
    if set(known) != set(ids):
        example = sorted(set(known) ^ set(ids))[0]
        raise ValueError(
            f"{path} has {len(known)} ids, the transcripts {len(ids)}; {example} is in one alone"
        )
    sentiment = np.array([known[name][0] for name in ids], "float32")
    if np.any((sentiment >= 0) != classes):
        raise ValueError(f"{path}: the sign of the sentiment differs from the transcripts' class")
    return sentiment, np.array([known[name][1] for name in ids])
