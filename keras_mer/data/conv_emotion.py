"""The pickles of conv-emotion: IEMOCAP and MELD as dialogues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import choice, finite, of_a_pickle
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged
from keras_mer.data.unpickle import load_pickle

IEMOCAP_EMOTIONS = ["happy", "sad", "neutral", "angry", "excited", "frustrated"]
MELD_EMOTIONS = ["neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"]
SENTIMENTS = ["neutral", "positive", "negative"]

LAYOUTS = [
    layout.split()
    for layout in (
        "speakers emotions sentences train test valid",
        "speakers emotions sentiments sentences train test valid",
        "ids speakers emotions text audio video sentences train test",
        "ids speakers emotions text audio sentences train test sentiments",
        "ids speakers emotions text audio video sentences train test sentiments",
        "speakers emotions text1 text2 text3 text4 sentences train test valid",
        "speakers emotions sentiments text1 text2 text3 text4 sentences train test valid",
    )
]
SPLITS = ("train", "valid", "test")
FEATURES = ("text", "audio", "video")
REASON = "these features were made by networks trained on the emotions of the training dialogues"
SHARED_SPEAKERS = {
    "IEMOCAP": "the validation dialogues share their speakers with training; only the test part, "
    "session 5, has speakers of its own",
    "MELD": "the same main characters and nearly all the same episodes occur in all parts",
}
TERMS = {
    "IEMOCAP": "Restricted: IEMOCAP is given out by USC SAIL under a signed agreement for "
    "academic, non-commercial use.",
    "MELD": "Features and texts: repository under GPL-3.0. The dialogue is from a TV series.",
}


def fits_conv_emotion(content: Any) -> bool:
    """Whether the content of a pickle is one of conv-emotion."""
    return _layout(content) is not None


@of_a_pickle
def read_conv_emotion(
    path: str | Path, labels: str = "emotion", allow_leaks: bool = False, content: Any = None
) -> Dataset:
    """Reads a pickle of conv-emotion: the dialogues of IEMOCAP or MELD, utterance by utterance.

    Known are the files of DialogueRNN (`IEMOCAP_features_raw.pkl`, `MELD_features_raw.pkl`),
    MMGCN (`MELD_features_raw1.pkl`) and COSMIC (`iemocap.pkl`, `*_features_roberta.pkl`), told
    apart by what lies in them. Features have one step per utterance; the four layers of RoBERTa
    are averaged. The groups are the dialogues, sorted by name, and the columns
    `dialogue`, `position` and `speaker` keep who speaks when; IEMOCAP has `session` too. Files
    without a validation part leave it empty. **Text and video were made with the emotions of the
    training dialogues**, which must therefore not be held out.

    Args:
        path: the `.pkl` file.
        labels: "emotion", or for MELD "sentiment".
        allow_leaks: see `Dataset`.
        content: what `load_pickle` made of the file, if it is read already.

    Raises:
        RefusedPickleError: if the file holds more than data.
        ValueError: if it is not such a file, or its dialogues do not fit together.

    Example:

    >>> import pickle, tempfile
    >>> path = Path(tempfile.mkdtemp(), "iemocap.pkl")
    >>> name = "Ses01F_impro01"
    >>> turns = ({name: ["F", "M"]}, {name: [0, 2]}, {name: ["Great!", "Why?"]})
    >>> _ = path.write_bytes(pickle.dumps((*turns, [name], [], [])))
    >>> read_conv_emotion(path).columns["speaker"].tolist()
    ['Ses01F', 'Ses01M']

    Reference: Poria et al., "Emotion Recognition in Conversation", 2019.
    """
    choice("labels", labels, ("emotion", "sentiment"))
    content = load_pickle(path) if content is None else content
    parts = _parts(content, path)
    corpus = "IEMOCAP" if str(next(iter(parts["speakers"]))).startswith("Ses") else "MELD"
    split = {str(d): name for name in SPLITS for d in parts.get(name, ())}
    dialogues = sorted((d for d in parts["emotions"] if str(d) in split), key=_place)
    _check_turns(parts, dialogues, path)
    lengths = [len(parts["emotions"][d]) for d in dialogues]
    names = np.repeat([str(d) for d in dialogues], lengths)
    positions = np.concatenate([np.arange(n) for n in lengths])
    cautions = [SHARED_SPEAKERS[corpus]]
    features = _features(parts, dialogues, cautions)
    trained_on = sorted(d for d, name in split.items() if name == "train")
    return Dataset(
        features,
        np.array(_values(parts, _label_field(parts, labels, path), dialogues), dtype="int32"),
        [split[d] for d in names],
        ids=_ids(parts, dialogues, names, positions),
        groups=names,
        transcripts=[str(text) for text in _values(parts, "sentences", dialogues)],
        description={
            "name": corpus,
            "task": "classification",
            "label_names": _label_names(corpus, labels),
            "protocol": _protocol(corpus, labels),
            "terms": TERMS[corpus],
            "split_name": "official",
            "cautions": cautions,
            "leaks": [
                {"modality": name, "groups": trained_on, "reason": REASON}
                for name in features
                if name != "audio"
            ],
        },
        allow_leaks=allow_leaks,
        columns=_columns(parts, dialogues, names, positions, corpus),
    )


def _layout(content: Any) -> list[str] | None:
    if not isinstance(content, Sequence) or isinstance(content, (str, bytes)):
        return None
    for layout in LAYOUTS:
        if len(layout) == len(content) and all(
            isinstance(part, Mapping) != (name in SPLITS) and hasattr(part, "__len__")
            for name, part in zip(layout, content, strict=True)
        ):
            return layout
    return None


def _parts(content: Any, path: str | Path) -> dict[str, Any]:
    layout = _layout(content)
    if layout is None:
        known = "; ".join(f"({', '.join(names)})" for names in LAYOUTS)
        size = f" of {len(content)}" if hasattr(content, "__len__") else ""
        raise ValueError(
            f"{path} holds a {type(content).__name__}{size}; conv-emotion writes one of {known}, "
            "dicts by dialogue and lists of dialogues"
        )
    return dict(zip(layout, content, strict=True))


def _check_turns(parts: Mapping[str, Any], dialogues: Sequence[Any], path: str | Path) -> None:
    """Every dialogue has the same number of turns in every part."""
    if not dialogues:
        raise ValueError(f"{path}: none of the dialogues of its splits is there")
    for name, part in parts.items():
        if name in SPLITS:
            continue
        for dialogue in dialogues:
            has = dialogue in part and hasattr(part[dialogue], "__len__")
            turns = len(part[dialogue]) if has else 0
            if turns != len(parts["emotions"][dialogue]):
                raise ValueError(
                    f"{path}: dialogue {dialogue!r} has {turns} {name} for "
                    f"{len(parts['emotions'][dialogue])} emotions"
                )


def _values(parts: Mapping[str, Any], name: str, dialogues: Iterable[Any]) -> list[Any]:
    return [value for dialogue in dialogues for value in parts[name][dialogue]]


def _features(
    parts: Mapping[str, Any], dialogues: Sequence[Any], cautions: list[str]
) -> dict[str, Ragged]:
    layers: dict[str, list[np.ndarray]] = {}
    for name in parts:
        if name.rstrip("1234") in FEATURES:
            rows = [np.ravel(row) for row in _values(parts, name, dialogues)]
            if len({len(row) for row in rows}) > 1:
                raise ValueError(f"{name} is of different widths in its utterances")
            layers.setdefault(name.rstrip("1234"), []).append(np.stack(rows))
    return {
        name: finite(name, Ragged.from_list(np.mean(rows, axis=0)), cautions)
        for name, rows in layers.items()
    }


def _label_field(parts: Mapping[str, Any], labels: str, path: str | Path) -> str:
    if f"{labels}s" not in parts:
        raise ValueError(f"{path} has emotions alone; received labels={labels!r}")
    return f"{labels}s"


def _label_names(corpus: str, labels: str) -> list[str]:
    if labels == "sentiment":
        return SENTIMENTS
    return IEMOCAP_EMOTIONS if corpus == "IEMOCAP" else MELD_EMOTIONS


def _protocol(corpus: str, labels: str) -> str:
    if labels == "sentiment":
        return "classes"
    return "iemocap6" if corpus == "IEMOCAP" else "meld"


def _ids(
    parts: Mapping[str, Any], dialogues: Sequence[Any], names: np.ndarray, positions: np.ndarray
) -> list[str]:
    """The file's own names where they are unique over dialogues, as IEMOCAP's are."""
    own = [str(name) for name in _values(parts, "ids", dialogues)] if "ids" in parts else []
    if len(set(own)) == len(names):
        return own
    return [f"{name}_{position}" for name, position in zip(names, positions, strict=True)]


def _columns(
    parts: Mapping[str, Any],
    dialogues: Sequence[Any],
    names: np.ndarray,
    positions: np.ndarray,
    corpus: str,
) -> dict[str, Any]:
    speakers = [_speaker(value) for value in _values(parts, "speakers", dialogues)]
    columns: dict[str, Any] = {"dialogue": names, "position": positions, "speaker": speakers}
    if corpus == "IEMOCAP":
        sessions = [re.split("[FM_]", name)[0] for name in names]
        columns["session"] = sessions
        columns["speaker"] = [s + sex for s, sex in zip(sessions, speakers, strict=True)]
    return columns


def _speaker(value: Any) -> str:
    """A name, or the number of the one among indicators that is not 0."""
    return str(value) if isinstance(value, str) else str(int(np.argmax(value)))


def _place(dialogue: Any) -> tuple[bool, Any]:
    """Numbers in their order before names in theirs."""
    return isinstance(dialogue, str), dialogue
