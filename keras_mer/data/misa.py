"""The pickles of MISA: lists of segments with one vector per word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import OUR_SPLITS, finite, of_a_pickle
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged
from keras_mer.data.unpickle import load_pickle

EXPECTED = (
    "a list of ((words, visual, acoustic, ...), label, segment), or a dict of such lists by split"
)
OWN_STATISTICS = (
    "the features of the {} part are standardised with its own statistics, so they are not on the "
    "scale of another part's"
)
EMOTIONS = ["happy", "sad", "angry", "surprised", "disgusted", "fearful"]
TERMS = "Corpus: public videos, for research."


def fits_misa(content: Any) -> bool:
    """Whether the content of a pickle is a list of segments, or a dict of these by split."""
    parts = content.values() if isinstance(content, Mapping) else [content]
    return bool(parts) and all(
        isinstance(part, list) and bool(part) and _is_segment(part[0]) for part in parts
    )


def _is_segment(segment: Any) -> bool:
    return (
        isinstance(segment, tuple)
        and len(segment) == 3
        and isinstance(segment[0], tuple)
        and len(segment[0]) >= 3
        and all(isinstance(array, np.ndarray) for array in segment[0][:3])
    )


@of_a_pickle
def read_misa(path: str | Path, allow_leaks: bool = False, content: Any = None) -> Dataset:
    """Reads the pickles of MISA: CMU-MOSI or CMU-MOSEI with one vector per word.

    `visual` becomes `video` and `acoustic` becomes `audio`. Words given as vectors become
    `text`; words given as numbers of a vocabulary do not, as the vocabulary is not in the file.
    The groups are the videos, the transcripts the words.

    Args:
        path: a folder with `train.pkl`, `dev.pkl` and `test.pkl`, or as many of them as there
            are; one of these, which is then the only split; or a pickle of a dict of all.
        allow_leaks: see `Dataset`.
        content: what `load_pickle` made of the file, if it is read already.

    Returns:
        The labels are sentiment from -3 to 3; the six emotions of CMU-MOSEI, where they are in
        the file, are the column `emotions` (n, 6).

    Raises:
        FileNotFoundError: if the folder has none of these files.
        RefusedPickleError: if a file holds more than data.
        ValueError: if it is not such a file.

    Example:

    >>> import pickle, tempfile
    >>> words = (np.array([1, 2]), np.ones((2, 47)), np.ones((2, 74)), ["not", "bad"])
    >>> path = Path(tempfile.mkdtemp(), "dev.pkl")
    >>> _ = path.write_bytes(pickle.dumps([(words, np.array([[0.8]]), "abc[0]")]))
    >>> read_misa(path)
    Dataset(CMU-MOSI: train 0, valid 1, test 0; audio 74, video 47)

    Reference: Hazarika et al., "MISA: Modality-Invariant and -Specific Representations for
    Multimodal Sentiment Analysis", 2020.
    """
    parts = _parts(Path(path), content)
    segments = [segment for part in parts.values() for segment in part]
    try:
        words, video, audio, *others = zip(*(segment[0] for segment in segments), strict=True)
        labels = np.stack([np.ravel(label) for _, label, _ in segments]).astype("float32")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: the segments do not fit together: {error}") from None
    cautions: list[str] = []
    rows = {"text": words, "audio": audio, "video": video}
    features = {
        name: finite(name, Ragged.from_list(values), cautions)
        for name, values in rows.items()
        if np.ndim(values[0]) == 2
    }
    splits = np.repeat(list(parts), [len(part) for part in parts.values()])
    cautions += _own_statistics(features, splits)
    ids = [str(name) for _, _, name in segments]
    return Dataset(
        features,
        labels[:, 0],
        splits,
        ids=ids,
        groups=[name.partition("[")[0] for name in ids],
        transcripts=[" ".join(map(str, row)) for row in others[0]] if others else None,
        description={
            "name": "CMU-MOSEI" if labels.shape[1] > 1 else "CMU-MOSI",
            "label_range": [-3.0, 3.0],
            "protocol": "mosei" if labels.shape[1] > 1 else "mosi",
            "terms": TERMS,
            "split_name": "official",
            "cautions": cautions,
        },
        allow_leaks=allow_leaks,
        columns={"emotions": labels[:, 1:]} if labels.shape[1] == 1 + len(EMOTIONS) else None,
    )


def found_misa(folder: Path) -> Path | None:
    """The folder itself, if it holds MISA's file of the validation part."""
    return folder if (folder / "dev.pkl").is_file() else None


def _parts(path: Path, content: Any) -> dict[str, Sequence[Any]]:
    """The segments of each split."""
    if path.is_dir():
        files = {OUR_SPLITS[f.stem]: f for f in sorted(path.glob("*.pkl")) if f.stem in OUR_SPLITS}
        if not files:
            raise FileNotFoundError(f"{path} has none of train.pkl, dev.pkl and test.pkl")
        read = {split: _checked(file, load_pickle(file)) for split, file in files.items()}
        return {split: read[split] for split in ("train", "valid", "test") if split in read}
    content = _checked(path, load_pickle(path) if content is None else content)
    if not isinstance(content, Mapping):
        content = {path.stem: content}
    unknown = [str(name) for name in content if name not in OUR_SPLITS]
    if unknown:
        raise ValueError(
            f"{path}: {', '.join(unknown)} names no split; expected train, dev and test, as the "
            "names of files or as the keys of a dict"
        )
    return {OUR_SPLITS[name]: part for name, part in content.items()}


def _checked(path: Path, content: Any) -> Any:
    if not fits_misa(content):
        raise ValueError(
            f"{path} is not of this format: expected {EXPECTED}; it holds a "
            f"{type(content).__name__}"
        )
    return content


def _own_statistics(features: Mapping[str, Ragged], splits: np.ndarray) -> list[str]:
    """Warns of held-out parts whose every column has the mean 0."""
    return [
        OWN_STATISTICS.format(split)
        for split in ("valid", "test")
        if (splits == split).any()
        and features
        and all(
            np.abs(rows.take(splits == split).values.mean(axis=0, dtype="float64")).max() < 0.01
            for rows in features.values()
        )
    ]
