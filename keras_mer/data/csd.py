"""The computational sequences (.csd) of CMU-MultimodalSDK."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._hdf5 import opened_hdf5
from keras_mer.data._reading import OUR_SPLITS
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged

KINDS = {
    "labels": "label",
    "words": "words|word_?align",
    "text": "wordvector|glove|bert",
    "audio": "covarep|opensmile|librosa",
    "video": "facet|openface",
}
SILENCE = "sp"
TERMS = "Corpus: public videos, for research; see the terms of CMU-MultimodalSDK."

Interval = tuple[float, float]


class ComputationalSequence:
    """One open computational sequence: features and their intervals, by video."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        roots = [name for name in file if "data" in file[name]]
        if len(roots) != 1:
            raise ValueError(
                f"{path} is no computational sequence: expected one group with data in it; it "
                f"has {', '.join(file) or 'nothing'}"
            )
        self.data = file[roots[0]]["data"]
        self.wrong = 0

    def __contains__(self, video: str) -> bool:
        return video in self.data

    def intervals(self, video: str) -> np.ndarray:
        """(n, 2) seconds: start and end of each step."""
        intervals = self.data[video]["intervals"][()]
        if intervals.ndim != 2 or intervals.shape[1] != 2:
            raise ValueError(
                f"{self.path}: {video} has intervals {intervals.shape}; expected (steps, 2)"
            )
        return intervals.astype("float64")

    def words(self, video: str) -> list[str]:
        """One word per step."""
        cells = np.ravel(self.data[video]["features"][()])
        return [cell.decode() if isinstance(cell, bytes) else str(cell) for cell in cells]

    def features(self, video: str) -> np.ndarray:
        """(n, dim) float32; what is NaN or infinite is 0, and counted."""
        values = np.asarray(self.data[video]["features"][()], dtype="float32")
        if values.ndim != 2 or len(values) != len(self.data[video]["intervals"]):
            raise ValueError(
                f"{self.path}: {video} has features {values.shape} for "
                f"{len(self.data[video]['intervals'])} intervals"
            )
        odd = ~np.isfinite(values)
        self.wrong += int(odd.sum())
        return np.where(odd, 0, values).astype("float32")

    @property
    def dim(self) -> int:
        """The width of a step."""
        first = next(iter(self.data))
        return int(self.data[first]["features"].shape[1])


def found_csd(folder: Path) -> Path | None:
    """The folder itself, if it has computational sequences with labels among them."""
    return folder if any(_is(file, "labels") for file in folder.glob("*.csd")) else None


def read_csd(
    folder: str | Path,
    splits: Mapping[str, Iterable[str]] | str | Path | None = None,
    align: bool = True,
    files: Mapping[str, str] | None = None,
    allow_leaks: bool = False,
) -> Dataset:
    """Reads computational sequences of CMU-MultimodalSDK: CMU-MOSI, CMU-MOSEI and their like.

    Each labelled segment becomes a row. Aligned, a row has one step per word whose middle lies in
    the segment: text is the word's vector, audio and video are the mean of the frames that
    overlap the word, 0 where none does. Pauses ("sp") are no words. Otherwise each modality keeps
    the frames whose middle lies in the segment. NaN and infinite values become 0. The groups are
    the videos.

    Args:
        folder: the one with the `.csd` files.
        splits: the videos of "train", "valid" and "test", or a JSON file of these, as the
            sequences do not say; videos in none are left out. By default all are "train".
        align: whether to average audio and video over words.
        files: the file of "labels", "words", "text", "audio" or "video", where its name does not
            tell (labels: label; words: words; text: wordvector, glove; audio: covarep,
            opensmile; video: facet, openface).
        allow_leaks: see `Dataset`.

    Returns:
        The first label is the score; further ones, the six emotions of CMU-MOSEI (happy, sad,
        angry, surprised, disgusted, fearful), are the column `emotions`. Columns `start` and
        `end` (s) are the segment's. With a file of words there are transcripts.

    Raises:
        FileNotFoundError: if a file is missing.
        ImportError: without h5py.
        ValueError: if a file is no computational sequence, or nothing can be aligned to.

    Reference: Zadeh et al., "Multi-attention Recurrent Network for Human Communication
    Comprehension", 2018, for the alignment.
    """
    with ExitStack() as stack:
        sequences = {
            kind: ComputationalSequence(path, stack.enter_context(opened_hdf5(path)))
            for kind, path in _paths(Path(folder), files or {}).items()
        }
        return _dataset(sequences, _split_of(splits), align, allow_leaks)


def _is(file: Path, kind: str) -> bool:
    name = file.stem.lower()
    vectors = kind == "words" and re.search(KINDS["text"], name)
    return bool(re.search(KINDS[kind], name)) and not vectors


def _paths(folder: Path, given: Mapping[str, str]) -> dict[str, Path]:
    """The file of each kind."""
    unknown = sorted(set(given) - set(KINDS))
    if unknown:
        raise ValueError(f"files names {', '.join(unknown)}; expected {', '.join(KINDS)}")
    paths = {}
    for kind in KINDS:
        found = [f for f in sorted(folder.glob("*.csd")) if _is(f, kind)]
        if kind in given:
            found = [folder / given[kind]]
        if len(found) > 1:
            raise ValueError(
                f"{folder} has {len(found)} files for {kind}: {', '.join(f.name for f in found)}; "
                f'choose one with files={{"{kind}": ...}}'
            )
        if found:
            paths[kind] = found[0]
    missing = [p for p in paths.values() if not p.is_file()]
    if missing or "labels" not in paths or not {"text", "audio", "video"} & set(paths):
        raise FileNotFoundError(
            f"{folder}: expected .csd files of labels and of text, audio or video; "
            + (f"{missing[0]} is not there" if missing else f"found {', '.join(paths) or 'none'}")
        )
    return paths


def _split_of(splits: Mapping[str, Iterable[str]] | str | Path | None) -> dict[str, str] | None:
    """The split of each video."""
    if splits is None:
        return None
    if not isinstance(splits, Mapping):
        try:
            splits = json.loads(Path(splits).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{splits} is not JSON: {error}") from None
    if not isinstance(splits, Mapping) or not set(splits) <= set(OUR_SPLITS):
        raise ValueError("splits must be lists of videos by train, valid and test")
    return {video: OUR_SPLITS[name] for name, videos in splits.items() for video in videos}


def _dataset(
    sequences: Mapping[str, ComputationalSequence],
    split_of: dict[str, str] | None,
    align: bool,
    allow_leaks: bool,
) -> Dataset:
    if align and not {"words", "text"} & set(sequences):
        raise ValueError("there are no words to align to; add their file, or pass align=False")
    labels = sequences["labels"]
    videos = [v for v in sorted(labels.data) if split_of is None or v in split_of]
    if not videos:
        raise ValueError(f"none of the {len(labels.data)} labelled videos is in the splits")
    segments: list[dict[str, Any]] = []
    for video in videos:
        segments += _segments(video, sequences, align)
    cautions = [
        f"{sequence.wrong} values of {kind} that are NaN or infinite were set to 0"
        for kind, sequence in sequences.items()
        if sequence.wrong
    ]
    kinds = [kind for kind in ("text", "audio", "video") if kind in sequences]
    values = np.stack([segment["label"] for segment in segments])
    names = [segment["group"] for segment in segments]
    columns = {key: [segment[key] for segment in segments] for key in ("start", "end")}
    return Dataset(
        {
            kind: Ragged.from_list([s[kind] for s in segments], sequences[kind].dim)
            for kind in kinds
        },
        values[:, 0],
        ["train" if split_of is None else split_of[name] for name in names],
        ids=[segment["id"] for segment in segments],
        groups=names,
        transcripts=[s["words"] for s in segments] if "words" in sequences else None,
        description={
            "name": labels.path.stem,
            "terms": TERMS,
            "split_name": None if split_of is None else "given by video",
            "features": {kind: {"extractor": sequences[kind].path.stem} for kind in kinds},
            "cautions": cautions,
        },
        allow_leaks=allow_leaks,
        columns=columns | ({"emotions": values[:, 1:]} if values.shape[1] > 1 else {}),
    )


def _segments(
    video: str, sequences: Mapping[str, ComputationalSequence], align: bool
) -> list[dict[str, Any]]:
    """The labelled segments of a video with the steps that lie in them."""
    labels = sequences["labels"]
    kinds = [k for k in ("text", "audio", "video") if k in sequences and video in sequences[k]]
    frames = {k: (sequences[k].features(video), sequences[k].intervals(video)) for k in kinds}
    words, times = _words(video, sequences, frames)
    segments = []
    bounds = labels.intervals(video)
    for place, ((start, end), label) in enumerate(zip(bounds, labels.features(video), strict=True)):
        inside = _inside(times, (start, end))
        segment = {
            "id": f"{video}[{place}]",
            "group": video,
            "label": label,
            "start": start,
            "end": end,
            "words": " ".join(words[i] for i in inside) if words else "",
            **dict.fromkeys(("text", "audio", "video")),
        }
        for kind, (values, intervals) in frames.items():
            if align:
                segment[kind] = _over_words(values, intervals, times[inside])
            else:
                segment[kind] = values[_inside(intervals, (start, end))]
        segments.append(segment)
    return segments


def _words(
    video: str,
    sequences: Mapping[str, ComputationalSequence],
    frames: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> tuple[list[str], np.ndarray]:
    """The words and their intervals without the pauses, which have vectors of zeros."""
    if "words" in sequences and video in sequences["words"]:
        words = sequences["words"].words(video)
        spoken = [i for i, word in enumerate(words) if word != SILENCE]
        return [words[i] for i in spoken], sequences["words"].intervals(video)[spoken]
    if "text" in frames:
        vectors, intervals = frames["text"]
        return [], intervals[np.any(vectors != 0, axis=1)]
    return [], np.zeros((0, 2))


def _inside(intervals: np.ndarray, segment: Interval) -> np.ndarray:
    """Which of the intervals have their middle in the segment."""
    middles = intervals.mean(axis=1)
    return np.flatnonzero((middles >= segment[0]) & (middles < segment[1]))


def _over_words(
    values: np.ndarray, intervals: np.ndarray, words: Sequence[Interval] | np.ndarray
) -> np.ndarray:
    """(words, dim): the mean of the steps that overlap each word; none at all if none does."""
    rows = np.zeros((len(words), values.shape[1]), "float32")
    any_step = False
    for row, (start, end) in zip(rows, words, strict=True):
        overlap = (intervals[:, 0] < end) & (intervals[:, 1] > start)
        if overlap.any():
            row[:] = values[overlap].mean(axis=0, dtype="float64")
            any_step = True
    return rows if any_step else rows[:0]
