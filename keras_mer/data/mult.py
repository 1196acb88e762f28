"""The pickles of the Multimodal Transformer (MulT)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._pickled_splits import (
    found_corpus,
    has_splits,
    joined,
    modalities_of,
    split_names,
    splits_of,
)
from keras_mer.data._reading import of_a_pickle
from keras_mer.data.dataset import Dataset

EMOTIONS = ["neutral", "happy", "sad", "angry"]
TERMS = "Corpus for research; IEMOCAP only under its owners' agreement."


def fits_mult(content: Any) -> bool:
    """Whether the content of a pickle is one of MulT."""
    return has_splits(content, "labels", "text", "audio", "vision")


@of_a_pickle
def read_mult(
    path: str | Path,
    corpus: str | None = None,
    allow_leaks: bool = False,
    content: Any = None,
) -> Dataset:
    """Reads a pickle of MulT: CMU-MOSI, CMU-MOSEI or IEMOCAP, aligned or not.

    The zero steps around a row go, those of all modalities together where they are aligned.
    Infinite values of audio, which the file of CMU-MOSI has, become 0. `vision` becomes `video`.
    The IEMOCAP of MulT has four yes-or-no labels per utterance: neutral, happy, sad, angry; it
    has no ids, so nothing guards its split.

    Args:
        path: such as `mosi_data.pkl`, `mosei_senti_data_noalign.pkl` or `iemocap_data.pkl`.
        corpus: "mosi" or "mosei"; told by the number of rows by default.
        allow_leaks: reads a split whose parts share videos.
        content: what `load_pickle` made of the file, if it is read already.

    Raises:
        LeakError: if the parts share videos.
        RefusedPickleError: if the file holds more than data.
        ValueError: if it is not such a file.

    Example:

    >>> import pickle, tempfile
    >>> steps = {name: np.ones((1, 3, 5)) for name in ("text", "audio", "vision")}
    >>> path = Path(tempfile.mkdtemp(), "own.pkl")
    >>> _ = path.write_bytes(pickle.dumps({"test": steps | {"labels": np.ones((1, 1, 1))}}))
    >>> read_mult(path, corpus="mosi")
    Dataset(CMU-MOSI: train 0, valid 0, test 1; text 5, audio 5, video 5)

    Reference: Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language
    Sequences", 2019.
    """
    splits = splits_of(
        path, content, fits_mult, "train, valid and test, each with text, audio, vision and labels"
    )
    labels = joined(splits, "labels", path)
    rows = len(labels)
    names = split_names(splits, "labels")
    cautions: list[str] = []
    features = modalities_of(splits, path, cautions)
    about: dict[str, Any] = {"terms": TERMS, "split_name": "MulT", "cautions": cautions}
    if labels.ndim == 3 and labels.shape[1:] == (len(EMOTIONS), 2):
        about |= {"name": "IEMOCAP", "task": "classification", "label_names": EMOTIONS}
        return Dataset(features, labels.argmax(2), names, description=about)
    if labels.size != rows:
        raise ValueError(
            f"{path}: labels have the shape {labels.shape}; expected ({rows}, 1, 1), or "
            f"({rows}, 4, 2) for IEMOCAP"
        )
    known = found_corpus(corpus, rows, path)
    about |= {"name": known.name, "label_range": known.label_range, "protocol": known.protocol}
    videos, ids = _videos(joined(splits, "id", path) if _have_ids(splits) else None, rows)
    return Dataset(
        features,
        labels.reshape(rows).astype("float32"),
        names,
        ids=ids,
        groups=videos,
        description=about,
        allow_leaks=allow_leaks,
    )


def _have_ids(splits: Any) -> bool:
    return all("id" in part for part in splits.values())


def _videos(ids: np.ndarray | None, rows: int) -> tuple[list[str] | None, list[str] | None]:
    """The video of each row, and an id of its own: the video and the start of the segment."""
    if ids is None:
        return None, None
    parts = [[_text(cell) for cell in np.ravel(row)] for row in ids]
    names = ["_".join(row[:2]) for row in parts]
    if len(set(names)) != rows:
        names = [f"{name}_{place}" for place, name in enumerate(names)]
    return [row[0].partition("[")[0] for row in parts], names


def _text(cell: Any) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)
