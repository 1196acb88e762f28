"""IEMOCAP as it is publicly at hand: labels, dialogues and utterance features of the sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import choice, csv_rows, existing, found_folder
from keras_mer.data.conv_emotion import IEMOCAP_EMOTIONS, SHARED_SPEAKERS, TERMS, read_conv_emotion
from keras_mer.data.dataset import Dataset
from keras_mer.data.description import UNLABELLED
from keras_mer.data.unpickle import load_object_npz

DIALOGUES = "COSMIC/feature-extraction/iemocap/iemocap.pkl"
PROCESSED = "MERBench/dataset/iemocap-process"
NAMES = {"emotion6": "label_6way.npz", "emotion4": "label_4way.npz"}
TIMES = "data/df_iemocap.csv"
AUDIO = "data/feat_ws_3.npy"
VAD = "data/y_egemaps.npy"
AUDIO_DIMENSION = 47

EMOTIONS = {
    "emotion6": IEMOCAP_EMOTIONS,
    "emotion4": ["happy or excited", "sad", "neutral", "angry"],
    "vad": ["valence", "arousal", "dominance"],
}
PROTOCOLS = {"emotion6": "iemocap6", "emotion4": "iemocap4", "vad": None}
CAUTIONS = [
    SHARED_SPEAKERS["IEMOCAP"],
    "nearly half of the utterances come from scripts that other actors speak as well: some test "
    "texts occur verbatim in training",
]


def found_iemocap(folder: Path) -> Path | None:
    """The folder with the files, at `folder` or just below it."""
    return found_folder(folder, "iemocap", DIALOGUES, TIMES)


def read_iemocap(
    folder: str | Path,
    labels: str = "emotion6",
    allow_leaks: bool = False,
    context: bool = False,
) -> Dataset:
    """Reads IEMOCAP: 10039 utterances of 151 dialogues in 5 sessions of two actors each.

    Audio is one step of 47: mean and deviation of 23 eGeMAPS descriptors and the share of
    silence. The groups are the dialogues; the split is conv-emotion's, whose test part is
    session 5. `Dataset.folds("session")` leaves one session out at a time. The columns are
    `dialogue`, `position`, `speaker`, `session`, `start`, `end` (s), `emotion`, the label of the
    release, and `vad`, (n, 3) valence, arousal and dominance.

    Args:
        folder: the one that holds `COSMIC/`, `MERBench/` and `data/`, or its parent, or a parent
            with `iemocap/` in it.
        labels: "emotion6" (7433 utterances: happy, sad, neutral, angry, excited, frustrated),
            "emotion4" (5531: happy or excited, sad, neutral, angry), or "vad" (all 10039:
            valence, arousal and dominance, mostly from 1 to 5).
        allow_leaks: see `Dataset`.
        context: whether the other utterances of the dialogues are there too, without a label,
            for models that read whole dialogues. Utterances are then in the order in which
            they begin.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the files do not belong together.

    Reference: Busso et al., "IEMOCAP: Interactive Emotional Dyadic Motion Capture Database",
    2008.
    """
    choice("labels", labels, EMOTIONS)
    root = found_iemocap(Path(folder))
    if root is None:
        raise FileNotFoundError(
            f"no IEMOCAP in {folder}: expected {DIALOGUES} and {TIMES} in it, in raw/ or in "
            "iemocap/raw/"
        )
    table = {row["wav_file"]: row for row in csv_rows(root / TIMES, _columns_of_times())}
    places = {name: place for place, name in enumerate(sorted(table))}
    ids, classes = _chosen(root, labels, places)
    split_of = _splits(root, labels, ids, classes)
    if context and classes is not None:
        ids, classes = _whole_dialogues(ids, classes, table)
    rows = np.array([places[name] for name in ids])
    vad = _rows(root / VAD, len(places), 3)[rows]
    dialogues = [_dialogue(name) for name in ids]
    return Dataset(
        {"audio": _rows(root / AUDIO, len(places), AUDIO_DIMENSION)[rows]},
        vad if labels == "vad" else classes,
        [split_of[name] for name in dialogues],
        ids=ids,
        groups=dialogues,
        transcripts=_transcripts(root, ids),
        description=_description(labels),
        allow_leaks=allow_leaks,
        columns={
            "dialogue": dialogues,
            "position": _positions(dialogues),
            "speaker": [name[:5] + name.rpartition("_")[2][0] for name in ids],
            "session": [name[:5] for name in ids],
            "start": [float(table[name]["start_time"]) for name in ids],
            "end": [float(table[name]["end_time"]) for name in ids],
            "emotion": [table[name]["emotion"] for name in ids],
            "vad": vad,
        },
    )


def _columns_of_times() -> Sequence[str]:
    return ("start_time", "end_time", "wav_file", "emotion")


def _chosen(
    root: Path, labels: str, places: Mapping[str, int]
) -> tuple[list[str], np.ndarray | None]:
    """The ids that have such labels, and these labels."""
    if labels == "vad":
        return sorted(places), None
    path = existing(root / PROCESSED / NAMES[labels], "IEMOCAP")
    try:
        entries = load_object_npz(path)["whole_corpus"].item()
        classes = np.array([entry["emo"] for entry in entries.values()], dtype="int32")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"{path}: expected whole_corpus with the field emo for each id") from None
    stray = next((name for name in entries if name not in places), None)
    if stray is not None:
        raise ValueError(f"{path} has the id {stray!r}, which is not among the {TIMES}")
    return list(entries), classes


def _dialogue(name: str) -> str:
    return name.rpartition("_")[0]


def _whole_dialogues(
    ids: list[str], classes: np.ndarray, table: Mapping[str, Mapping[str, str]]
) -> tuple[list[str], np.ndarray]:
    """All utterances of the dialogues, each when it begins, and their labels if they have any."""
    known = dict(zip(ids, classes.tolist(), strict=True))
    rank = {dialogue: place for place, dialogue in enumerate(dict.fromkeys(map(_dialogue, ids)))}
    whole = sorted(
        (name for name in table if _dialogue(name) in rank),
        key=lambda name: (rank[_dialogue(name)], float(table[name]["start_time"]), name),
    )
    return whole, np.array([known.get(name, UNLABELLED) for name in whole], dtype="int32")


def _splits(
    root: Path, labels: str, ids: Sequence[str], classes: np.ndarray | None
) -> dict[str, str]:
    """conv-emotion's split, by dialogue; its labels must be the same."""
    path = existing(root / DIALOGUES, "IEMOCAP")
    known = read_conv_emotion(path)
    split = dict(zip(known.groups.tolist(), known.splits.tolist(), strict=True))
    stray = next((name for name in map(_dialogue, ids) if name not in split), None)
    same = labels != "emotion6" or classes is None or np.array_equal(known.labels, classes)
    if stray is not None or not same:
        odd = f"it lacks the dialogue {stray}" if stray else "its emotions differ"
        raise ValueError(f"{path} does not belong to these labels: {odd}")
    return split


def _rows(path: Path, rows: int, columns: int) -> np.ndarray:
    """An array with a row per utterance of the release, in the order of their sorted ids."""
    try:
        array = np.load(existing(path, "IEMOCAP"), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not an array of numbers: {error}") from None
    if array.shape != (rows, columns):
        raise ValueError(f"{path} has the shape {array.shape}; expected {(rows, columns)}")
    return array.astype("float32")


def _transcripts(root: Path, ids: Sequence[str]) -> list[str]:
    path = root / PROCESSED / "transcription-engchi-polish.csv"
    texts = {row["name"]: row["english"] for row in csv_rows(path, ("name", "english"))}
    stray = next((name for name in ids if name not in texts), None)
    if stray is not None:
        raise ValueError(f"{path} has no text for {stray!r}")
    return [texts[name] for name in ids]


def _positions(dialogues: Sequence[str]) -> list[int]:
    """Each utterance's number within its dialogue."""
    seen: dict[str, int] = {}
    positions = []
    for name in dialogues:
        positions.append(seen.get(name, 0))
        seen[name] = positions[-1] + 1
    return positions


def _description(labels: str) -> dict[str, Any]:
    return {
        "name": "IEMOCAP",
        "task": "regression" if labels == "vad" else "classification",
        "label_names": EMOTIONS[labels],
        "protocol": PROTOCOLS[labels],
        "terms": TERMS["IEMOCAP"],
        "split_name": "conv-emotion",
        "features": {
            "audio": {
                "extractor": "eGeMAPS: mean and deviation of 23 descriptors, share of silence",
                "steps": 1,
            }
        },
        "cautions": CAUTIONS,
    }
