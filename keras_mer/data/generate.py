"""Generated data in the shapes of known corpora: for tests, notebooks and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from keras_mer.data._reading import choice
from keras_mer.data.conv_emotion import IEMOCAP_EMOTIONS, MELD_EMOTIONS
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged

NOISE = 0.5
INTERACTION = 0.6


@dataclass(frozen=True)
class Shape:
    """The shape of a corpus: splits, (most steps, dim) per modality, labels.

    `shares` are those of the classes, in the order of their names; `dialogue` is the mean number
    of utterances in a dialogue, or of clips in a video.
    """

    splits: tuple[int, int, int]
    steps: Mapping[str, tuple[int, int]]
    protocol: str
    dialogue: int
    label_range: tuple[float, float] | None = None
    label_names: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    speakers: int = 0


SHAPES = {
    "mosi": Shape(
        (1284, 229, 686),
        {"text": (50, 768), "audio": (50, 5), "video": (50, 20)},
        "mosi",
        24,
        label_range=(-3.0, 3.0),
    ),
    "mosei": Shape(
        (16326, 1871, 4659),
        {"text": (50, 768), "audio": (50, 74), "video": (50, 35)},
        "mosei",
        7,
        label_range=(-3.0, 3.0),
    ),
    "sims": Shape(
        (1368, 456, 457),
        {"text": (39, 768), "audio": (400, 33), "video": (55, 709)},
        "sims",
        38,
        label_range=(-1.0, 1.0),
    ),
    "iemocap": Shape(
        (5163, 647, 1623),
        {"text": (1, 100), "audio": (1, 100), "video": (1, 512)},
        "iemocap6",
        49,
        label_names=tuple(IEMOCAP_EMOTIONS),
        shares=(0.087, 0.146, 0.230, 0.148, 0.140, 0.249),
        speakers=2,
    ),
    "meld": Shape(
        (9989, 1109, 2610),
        {"text": (1, 600), "audio": (1, 300)},
        "meld",
        10,
        label_names=tuple(MELD_EMOTIONS),
        shares=(0.470, 0.119, 0.026, 0.073, 0.168, 0.026, 0.117),
        speakers=4,
    ),
}
SPLITS = ("train", "valid", "test")
TERMS = "Generated numbers: nothing in them was ever said, heard or seen."


def generate(
    like: str = "mosi", rows: int | None = 300, seed: int = 0, missing: float = 0.0
) -> Dataset:
    """Makes up data in the shape of a corpus, with something to learn in it.

    Every utterance has a hidden cue in each modality: all of a modality's steps lean along a
    fixed direction by as much as its cue, under noise. The label is the sum of the cues, of the
    products of any two of them (so that no modality, and no sum of models of one modality, can
    say everything), and of noise. Scores are that sum scaled into the range of the corpus;
    classes are its slices, each as common as the class is in the corpus.

    | like | features (most steps x dim) | labels | rows: train, valid, test |
    |---|---|---|---|
    | mosi | text 50x768, audio 50x5, video 50x20 | -3 to 3 | 1284, 229, 686 |
    | mosei | text 50x768, audio 50x74, video 50x35 | -3 to 3 | 16326, 1871, 4659 |
    | sims | text 39x768, audio 400x33, video 55x709 | -1 to 1 | 1368, 456, 457 |
    | iemocap | text 100, audio 100, video 512, one step | 6 emotions | 5163, 647, 1623 |
    | meld | text 600, audio 300, one step | 7 emotions | 9989, 1109, 2610 |

    Args:
        like: whose shape.
        rows: how many in all, in the proportions of the corpus; None for as many as it has
            (CMU-MOSEI then takes some 2.5 GB).
        seed: the same seed makes the same data.
        missing: the share of rows in which each modality is missing, on its own.

    Returns:
        A `Dataset` that is named as generated in its description, with a group per video or
        dialogue; those like IEMOCAP and MELD have the columns `dialogue`, `position`, `speaker`
        and `session`. Those like SIMS have the cue of each modality, as a score, in
        `label_text`, `label_audio` and `label_video`.

    Raises:
        ValueError: if there is no such shape, or fewer than 6 rows.

    Example:

    >>> data = generate("meld", rows=50)
    >>> data
    Dataset(generated, like meld: train 37, valid 4, test 9; text 600, audio 300)
    """
    shape = SHAPES[choice("like", like, SHAPES)]
    counts = _counts(shape, rows)
    total = sum(counts)
    if not 0 <= missing < 1:
        raise ValueError(f"missing is a share from 0 to 1; received {missing}")
    generator = np.random.default_rng(seed)
    cues = {name: generator.normal(size=total) for name in shape.steps}
    features = {
        name: _rows(generator, cues[name], *size, missing) for name, size in shape.steps.items()
    }
    score = _score(generator, cues)
    groups, columns = _groups(shape, counts)
    if like == "sims":
        columns |= {f"label_{name}": np.clip(cue / 2, -1, 1) for name, cue in cues.items()}
    return Dataset(
        features,
        _labels(shape, score),
        np.repeat(SPLITS, counts),
        ids=[f"generated_{i}" for i in range(total)],
        groups=groups,
        description={
            "name": f"generated, like {like}",
            "label_names": list(shape.label_names) or None,
            "label_range": shape.label_range,
            "protocol": shape.protocol,
            "terms": TERMS,
            "split_name": "generated",
            "features": {name: {"extractor": "generated"} for name in shape.steps},
            "cautions": ["scores on generated data say nothing of people"],
        },
        columns=columns,
    )


def _counts(shape: Shape, rows: int | None) -> list[int]:
    """The rows of each split, in proportion."""
    if rows is None:
        return list(shape.splits)
    if rows < 6:
        raise ValueError(f"generated data needs at least 6 rows; received {rows}")
    share = np.array(shape.splits) / sum(shape.splits)
    valid, test = np.maximum(2, np.floor(rows * share[1:]).astype(int))
    return [rows - int(valid) - int(test), int(valid), int(test)]


def _rows(
    generator: np.random.Generator, cue: np.ndarray, most: int, dim: int, missing: float
) -> Ragged:
    """Steps of noise that lean along a direction by the row's cue."""
    lengths = generator.integers(max(1, most // 5), most + 1, len(cue))
    lengths[generator.uniform(size=len(cue)) < missing] = 0
    direction = generator.normal(size=dim).astype("float32")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = generator.standard_normal((offsets[-1], dim), dtype="float32")
    values += np.repeat(cue, lengths).astype("float32")[:, np.newaxis] * direction
    return Ragged(values, offsets)


def _score(generator: np.random.Generator, cues: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n,) of about unit deviation: the cues, their products, noise."""
    score = sum(cues.values()) + NOISE * generator.normal(size=len(next(iter(cues.values()))))
    score = score + INTERACTION * sum(cues[a] * cues[b] for a, b in combinations(cues, 2))
    return np.asarray(score / score.std())


def _labels(shape: Shape, score: np.ndarray) -> np.ndarray:
    if shape.label_range is not None:
        low, high = shape.label_range
        return np.clip(score * (high - low) / 4, low, high).astype("float32")
    edges = np.quantile(score, np.cumsum(shape.shares)[:-1] / sum(shape.shares))
    return np.searchsorted(edges, score).astype("int32")


def _groups(shape: Shape, counts: list[int]) -> tuple[list[str], dict[str, Any]]:
    """A video or dialogue for each row, none of them in two splits."""
    groups, positions = [], []
    for split, count in zip(SPLITS, counts, strict=True):
        for row in range(count):
            groups.append(f"{split}_{row // shape.dialogue}")
            positions.append(row % shape.dialogue)
    if not shape.speakers:
        return groups, {}
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    sessions = [f"session{numbers[name] % 5 + 1}" for name in groups]
    speakers = [
        f"{session}_{position % shape.speakers}"
        for session, position in zip(sessions, positions, strict=True)
    ]
    columns = {"dialogue": groups, "position": positions, "speaker": speakers, "session": sessions}
    return groups, columns
