"""Pickles of MMSA and MulT: for each split, a dict of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import OUR_SPLITS, finite, steps_array, trimmed
from keras_mer.data.ragged import Ragged
from keras_mer.data.unpickle import load_pickle

OUR_MODALITIES = {"text": "text", "audio": "audio", "vision": "video"}

Split = Mapping[str, Any]


@dataclass(frozen=True)
class Corpus:
    """What a corpus is known by: its name, its size, the range of its labels, its protocol."""

    name: str
    rows: int
    label_range: tuple[float, float]
    protocol: str
    cautions: tuple[str, ...] = ()


BY_CLIP = (
    "its official split is by clip: nearly every source video lies in all parts, so scores on "
    "it say little of new videos"
)
CORPORA = {
    "mosi": Corpus("CMU-MOSI", 2199, (-3.0, 3.0), "mosi"),
    "mosei": Corpus("CMU-MOSEI", 22856, (-3.0, 3.0), "mosei"),
    "sims": Corpus("CH-SIMS", 2281, (-1.0, 1.0), "sims", (BY_CLIP,)),
    "simsv2": Corpus(
        "CH-SIMS v2",
        4403,
        (-1.0, 1.0),
        "sims",
        (BY_CLIP, "it contains nearly all of CH-SIMS: never train on one and test on the other"),
    ),
}


def found_corpus(name: str | None, rows: int, where: str | Path) -> Corpus:
    """The corpus of that name, or of that many rows."""
    if name is not None:
        if name not in CORPORA:
            raise ValueError(f"corpus must be one of {', '.join(CORPORA)}; received {name!r}")
        return CORPORA[name]
    for corpus in CORPORA.values():
        if corpus.rows == rows:
            return corpus
    sizes = ", ".join(f"{key} {corpus.rows}" for key, corpus in CORPORA.items())
    raise ValueError(
        f"{where} has {rows} rows, which none of the corpora has ({sizes}); name it with corpus="
    )


def splits_of(path: str | Path, content: Any, fits: Callable[[Any], bool], expected: str) -> Any:
    """The splits of a pickle by our names for them, in order.

    Args:
        path: the file.
        content: what is in it, if it was read already.
        fits: whether the content is of the format.
        expected: what the format has, for the error.
    """
    content = load_pickle(path) if content is None else content
    if not fits(content):
        raise ValueError(
            f"{path} is not of this format: expected {expected}; it has {_seen(content)}"
        )
    return {OUR_SPLITS[name]: content[name] for name in content if name in OUR_SPLITS}


def _seen(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__} of {len(content) if hasattr(content, '__len__') else 1}"
    keys = ", ".join(map(str, list(content)[:8])) or "nothing"
    first = next(iter(content.values()), None)
    inside = f" with {', '.join(map(str, list(first)[:12]))}" if isinstance(first, Mapping) else ""
    return f"the keys {keys}{inside}"


def has_splits(content: Any, *fields: str) -> bool:
    """Whether it is a dict of splits that are dicts with these fields."""
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(
            name in OUR_SPLITS and isinstance(part, Mapping) and set(fields) <= set(part)
            for name, part in content.items()
        )
    )


def joined(splits: Mapping[str, Split], field: str, path: str | Path) -> np.ndarray:
    """A field of all splits, one after the other."""
    try:
        return np.concatenate([np.asarray(part[field]) for part in splits.values()])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: {field!r} does not fit together in all parts: {error}") from None


def column_of(splits: Mapping[str, Split], field: str, rows: int, path: str | Path) -> np.ndarray:
    """A field with one number per row."""
    values = joined(splits, field, path)
    if values.size != rows or values.dtype.kind not in "biuf":
        raise ValueError(
            f"{path}: {field} has the shape {values.shape} and the type {values.dtype}; expected "
            f"{rows} numbers, as many as ids"
        )
    return values.reshape(rows)


def split_names(splits: Mapping[str, Split], field: str) -> np.ndarray:
    """(n,) the split of each row."""
    return np.repeat(list(splits), [len(part[field]) for part in splits.values()])


def modalities_of(
    splits: Mapping[str, Split], path: str | Path, cautions: list[str]
) -> dict[str, Ragged]:
    """The features of all splits without their padding."""
    first = next(iter(splits.values()))
    steps, lengths = {}, {}
    for theirs, ours in OUR_MODALITIES.items():
        if theirs in first:
            parts = [steps_array(part.get(theirs), f"{path}: {theirs}") for part in splits.values()]
            if len({part.shape[1:] for part in parts}) > 1:
                raise ValueError(
                    f"{path}: {theirs} has the shapes {', '.join(str(p.shape) for p in parts)}; "
                    "expected the same time and dim in each part"
                )
            steps[ours] = np.concatenate(parts)
            lengths[ours] = _lengths(splits, theirs)
    if not steps:
        raise ValueError(f"{path} has none of {', '.join(OUR_MODALITIES)}")
    return {
        name: finite(name, rows, cautions)
        for name, rows in _without_padding(steps, lengths).items()
    }


def _lengths(splits: Mapping[str, Split], modality: str) -> np.ndarray | None:
    """The lengths that the file gives, or those of the mask of its BERT tokens."""
    parts = list(splits.values())
    if all(f"{modality}_lengths" in part for part in parts):
        lengths = [np.ravel(part[f"{modality}_lengths"]).astype(int) for part in parts]
    elif modality == "text" and all(np.ndim(part.get("text_bert", 0)) == 3 for part in parts):
        lengths = [(np.asarray(part["text_bert"])[:, 1] != 0).sum(1) for part in parts]
    else:
        return None
    given, rows = [len(n) for n in lengths], [len(part[modality]) for part in parts]
    if given != rows:
        raise ValueError(f"{modality} has {rows} rows in its parts, but {given} lengths")
    return np.concatenate(lengths)


def _without_padding(
    steps: Mapping[str, np.ndarray], lengths: Mapping[str, np.ndarray | None]
) -> dict[str, Ragged]:
    if lengths.get("text") is not None:  # BERT's vectors of padding are not 0
        time = np.arange(steps["text"].shape[1])
        steps["text"][time >= np.asarray(lengths["text"])[:, np.newaxis]] = 0
    aligned = len({array.shape[1] for array in steps.values()}) == 1 and not any(
        lengths[name] is not None for name in steps if name != "text"
    )
    if aligned:
        rows = trimmed(steps)
    else:
        rows = {
            name: trimmed({name: array})[name]
            if lengths[name] is None
            else [row[: max(n, 0)] for row, n in zip(array, lengths[name], strict=True)]  # type: ignore[arg-type]
            for name, array in steps.items()
        }
    return {name: Ragged.from_list(rows[name], steps[name].shape[2]) for name in steps}
