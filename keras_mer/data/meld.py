"""MELD's own CSV files: dialogue of a TV series with emotion and sentiment."""

from __future__ import annotations

from pathlib import Path

from keras_mer.data._dialogue_tables import Layout, found_tables, read_tables
from keras_mer.data._reading import choice
from keras_mer.data.conv_emotion import MELD_EMOTIONS, SENTIMENTS, SHARED_SPEAKERS, TERMS
from keras_mer.data.dataset import Dataset

LAYOUT = Layout(
    name="MELD",
    files=("train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv"),
    place="data/MELD",
    dialogue=("Dialogue_ID",),
    per_split=True,
    start="StartTime",
    end="EndTime",
    terms=TERMS["MELD"],
    cautions=(SHARED_SPEAKERS["MELD"],),
)
LABELS = {
    "emotion": ("Emotion", MELD_EMOTIONS, "meld"),
    "sentiment": ("Sentiment", SENTIMENTS, "classes"),
}


def found_meld(folder: Path) -> Path | None:
    """The folder with the three files, at `folder` or just below it."""
    return found_tables(folder, LAYOUT)


def read_meld(folder: str | Path, labels: str = "emotion", allow_leaks: bool = False) -> Dataset:
    """Reads the CSV files of MELD: 13708 utterances of 1432 dialogues, as text.

    There are no features: `Dataset.with_features` adds them, made of the transcripts or of the
    clips. The groups are the dialogues, named by their split and number, as the numbers begin
    anew in each split. The columns are `dialogue`, `position` (the file's Utterance_ID, which
    may have gaps), `speaker`, `season`, `episode`, `start` and `end` (s).

    Args:
        folder: the one that holds `train_sent_emo.csv`, `dev_sent_emo.csv` and
            `test_sent_emo.csv`, or a parent with `data/MELD/` in it.
        labels: "emotion" (neutral, surprise, fear, sadness, joy, disgust, anger) or "sentiment"
            (neutral, positive, negative).
        allow_leaks: see `Dataset`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file lacks a column or has another label.

    Reference: Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in
    Conversations", 2019.
    """
    column, names, protocol = LABELS[choice("labels", labels, LABELS)]
    return read_tables(folder, LAYOUT, column, names, protocol, allow_leaks)
