"""EmoryNLP's CSV files: the TV series of MELD with other labels."""

from __future__ import annotations

from pathlib import Path

from keras_mer.data._dialogue_tables import Layout, found_tables, read_tables
from keras_mer.data.dataset import Dataset

LAYOUT = Layout(
    name="EmoryNLP",
    files=("emorynlp_train_final.csv", "emorynlp_dev_final.csv", "emorynlp_test_final.csv"),
    place="data/emorynlp",
    dialogue=("Season", "Episode", "Scene_ID"),
    per_split=False,
    start="Start_Time",
    end="End_Time",
    terms="The text is from a TV series.",
    cautions=("the same main characters and episodes occur in all parts",),
)
EMOTIONS = ["neutral", "joyful", "scared", "mad", "peaceful", "powerful", "sad"]


def found_emorynlp(folder: Path) -> Path | None:
    """The folder with the three files, at `folder` or just below it."""
    return found_tables(folder, LAYOUT)


def read_emorynlp(folder: str | Path, allow_leaks: bool = False) -> Dataset:
    """Reads the CSV files of EmoryNLP: 9489 utterances of 827 scenes, as text.

    Args:
        folder: the one that holds `emorynlp_train_final.csv` and so on, or a parent with
            `data/emorynlp/` in it.
        allow_leaks: see `Dataset`.

    Returns:
        No features; the groups are the scenes; the columns are those of `read_meld`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file lacks a column or has another label.

    Reference: Zahiri and Choi, "Emotion Detection on TV Show Transcripts with Sequence-based
    Convolutional Neural Networks", 2018.
    """
    return read_tables(folder, LAYOUT, "Emotion", EMOTIONS, "classes", allow_leaks)
