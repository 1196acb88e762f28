"""The feature files of MMSA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._pickled_splits import (
    Split,
    column_of,
    found_corpus,
    has_splits,
    joined,
    modalities_of,
    split_names,
    splits_of,
)
from keras_mer.data._reading import choice, of_a_pickle
from keras_mer.data.dataset import Dataset

LABELS = {"regression": "regression_labels", "classification": "classification_labels"}
ONE_MODALITY = {"T": "text", "A": "audio", "V": "video"}
TERMS = "Corpus for research; the features are given out by MMSA for research."


def fits_mmsa(content: Any) -> bool:
    """Whether the content of a pickle is a feature file of MMSA."""
    return has_splits(content, "regression_labels", "id") or has_splits(
        content, "classification_labels", "id"
    )


@of_a_pickle
def read_mmsa(
    path: str | Path,
    task: str = "regression",
    corpus: str | None = None,
    allow_leaks: bool = False,
    content: Any = None,
) -> Dataset:
    """Reads a feature file of MMSA: CMU-MOSI, CMU-MOSEI, CH-SIMS or CH-SIMS v2.

    Both kinds are read, `aligned_50.pkl` and `unaligned_50.pkl`. Padding goes: by the lengths
    that the file gives for audio and video, by the mask of the BERT tokens for text, otherwise
    by the zero steps around a row (those of all modalities together where they are aligned).
    `vision` becomes `video`. The groups are the source videos. CH-SIMS's own split is by clip,
    with nearly every video in all parts, and so needs `allow_leaks=True`.

    Args:
        path: the `.pkl` file.
        task: "regression" for the scores, "classification" for the classes.
        corpus: "mosi", "mosei", "sims" or "simsv2"; told by the number of rows by default.
        allow_leaks: reads a split whose parts share videos.
        content: what `load_pickle` made of the file, if it is read already.

    Returns:
        Features `text`, `audio` and `video` as far as the file has them, and per-modality
        labels, where there are some, as the columns `label_text`, `label_audio`, `label_video`.

    Raises:
        LeakError: if the official split shares videos.
        RefusedPickleError: if the file holds more than data.
        ValueError: if it is not such a file.

    Example:

    >>> import pickle, tempfile
    >>> part = {"id": ["abc$_$1"], "regression_labels": [0.4], "audio": np.ones((1, 3, 5))}
    >>> path = Path(tempfile.mkdtemp(), "own.pkl")
    >>> _ = path.write_bytes(pickle.dumps({"train": part}))
    >>> read_mmsa(path, corpus="mosi")
    Dataset(CMU-MOSI: train 1, valid 0, test 0; audio 5)

    Reference: Mao et al., "M-SENA: An Integrated Platform for Multimodal Sentiment Analysis",
    2022.
    """
    choice("task", task, LABELS)
    splits = splits_of(
        path,
        content,
        fits_mmsa,
        "train, valid and test, each with id, regression_labels and text, audio or vision",
    )
    ids = [_id(name) for name in joined(splits, "id", path)]
    known = found_corpus(corpus, len(ids), path)
    labels = column_of(splits, LABELS[task], len(ids), path)
    classes = task == "classification"
    cautions = list(known.cautions)
    return Dataset(
        modalities_of(splits, path, cautions),
        labels.astype("int32" if classes else "float32"),
        split_names(splits, "id"),
        ids=ids,
        groups=[name.rpartition("_")[0] for name in ids],
        transcripts=_transcripts(splits, path),
        description={
            "name": known.name,
            "task": task,
            "label_names": _label_names(splits, labels, path) if classes else None,
            "label_range": None if classes else known.label_range,
            "protocol": "classes" if classes else known.protocol,
            "terms": TERMS,
            "split_name": "official",
            "cautions": cautions,
        },
        allow_leaks=allow_leaks,
        columns=_columns(splits, LABELS[task], len(ids), path),
    )


def _id(name: Any) -> str:
    """`video_clip`, from `video$_$clip` (MOSI, MOSEI) or `video/clip` (SIMS)."""
    text = name.decode() if isinstance(name, bytes) else str(name)
    return text.replace("$_$", "_").replace("/", "_")


def _transcripts(splits: Mapping[str, Split], path: str | Path) -> list[str] | None:
    if not all("raw_text" in part for part in splits.values()):
        return None
    texts = joined(splits, "raw_text", path)
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _label_names(
    splits: Mapping[str, Split], labels: np.ndarray, path: str | Path
) -> list[str] | None:
    """The annotations in the order of their classes."""
    if not all("annotations" in part for part in splits.values()):
        return None
    pairs = set(zip(labels.tolist(), map(str, joined(splits, "annotations", path)), strict=True))
    named = dict(sorted(pairs))
    whole = len(named) == len(pairs) and list(named) == list(range(len(named)))
    return [name.lower() for name in named.values()] if whole else None


def _columns(
    splits: Mapping[str, Split], field: str, rows: int, path: str | Path
) -> dict[str, np.ndarray]:
    return {
        f"label_{name}": column_of(splits, f"{field}_{letter}", rows, path).astype("float32")
        for letter, name in ONE_MODALITY.items()
        if all(f"{field}_{letter}" in part for part in splits.values())
    }
