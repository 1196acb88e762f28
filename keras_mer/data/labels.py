"""Labels and texts without media: the label files of MERTools, and tables of the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_mer.data._pickled_splits import CORPORA
from keras_mer.data._reading import OUR_SPLITS, choice, csv_rows, number
from keras_mer.data.dataset import Dataset
from keras_mer.data.unpickle import load_object_npz

FOLDERS = {
    "cmumosi-process": "mosi",
    "cmumosei-process": "mosei",
    "sims-process": "sims",
    "simsv2-process": "simsv2",
}
TABLES = {"cmumosi": "mosi", "cmumosei": "mosei", "sims": "sims", "simsv2": "simsv2"}
LABELS = "label.npz"
TEXTS = "transcription-engchi-polish.csv"
TERMS = "MERTools: for non-commercial use only. Corpus for research."

Rows = dict[str, tuple[str, float]]


def found_labels(folder: Path) -> Path | None:
    """The folder itself, if it is one of MERTools' with a label file."""
    known = folder.name in FOLDERS and (folder / LABELS).is_file()
    return folder if known else None


def read_labels(
    path: str | Path,
    corpus: str | None = None,
    language: str = "english",
    allow_leaks: bool = False,
) -> Dataset:
    """Reads sentiment labels, official splits and texts of MOSI, MOSEI, CH-SIMS or CH-SIMS v2.

    There are no features: `Dataset.with_features` adds them. The groups are the source videos.
    CH-SIMS's own split is by clip, with nearly every video in all parts, and so needs
    `allow_leaks=True`.

    Args:
        path: a folder of MERTools such as `cmumosei-process`, with `label.npz` and maybe
            `transcription-engchi-polish.csv`; or a CSV with the columns name, split, sentiment
            and maybe english and chinese.
        corpus: "mosi", "mosei", "sims" or "simsv2"; told by the name of the folder or file.
        language: of the transcripts: "english" or "chinese".
        allow_leaks: reads a split whose parts share videos.

    Raises:
        FileNotFoundError: if the labels are not there.
        LeakError: if the split shares videos.
        ValueError: if the file is not of this kind.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "own.csv")
    >>> _ = path.write_text("name,split,sentiment\\nabc_1,train,-1.5\\nxyz_1,test,2\\n")
    >>> read_labels(path, corpus="mosi").labels.tolist()
    [-1.5, 2.0]
    """
    path = Path(path)
    choice("language", language, ("english", "chinese"))
    table = path.is_file()
    name = corpus or (TABLES if table else FOLDERS).get(path.stem)
    if name is None:
        raise ValueError(
            f"{path} does not say whose labels it has; pass corpus= one of {', '.join(CORPORA)}"
        )
    known = CORPORA[choice("corpus", name, CORPORA)]
    rows, texts = _from_table(path, language) if table else _from_folder(path, language)
    return Dataset(
        {},
        [value for _, value in rows.values()],
        [split for split, _ in rows.values()],
        ids=rows,
        groups=[row.rpartition("_")[0] for row in rows],
        transcripts=[texts[row] for row in rows] if set(rows) <= set(texts) else None,
        description={
            "name": known.name,
            "task": "regression",
            "label_range": known.label_range,
            "protocol": known.protocol,
            "terms": TERMS,
            "split_name": "official",
            "cautions": known.cautions,
        },
        allow_leaks=allow_leaks,
    )


def _from_folder(folder: Path, language: str) -> tuple[Rows, Mapping[str, str]]:
    path = folder / LABELS
    if not path.is_file():
        raise FileNotFoundError(f"{folder} lacks {LABELS}")
    rows: Rows = {}
    for member, array in load_object_npz(path).items():
        split = OUR_SPLITS.get(member.removesuffix("_corpus"))
        try:
            entries = array.item() if split else {}
            rows |= {name: (str(split), float(entry["val"])) for name, entry in entries.items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError(
                f"{path}: expected {member} with the field val (sentiment) for each id"
            ) from None
    if not rows:
        raise ValueError(f"{path} has none of train_corpus, val_corpus and test_corpus")
    if not (folder / TEXTS).is_file():
        return rows, {}
    texts = csv_rows(folder / TEXTS, ("name", language))
    return rows, {row["name"]: row[language] for row in texts}


def _from_table(path: Path, language: str) -> tuple[Rows, Mapping[str, str]]:
    table = csv_rows(path, ("name", "split", "sentiment"))
    odd = next((row["split"] for row in table if row["split"] not in OUR_SPLITS), None)
    if odd is not None:
        raise ValueError(f"{path} has the split {odd!r}; expected train, valid or test")
    values: Any = (number(r["sentiment"], path, i, "sentiment") for i, r in enumerate(table, 2))
    rows = {
        row["name"]: (OUR_SPLITS[row["split"]], value)
        for row, value in zip(table, values, strict=True)
    }
    if len(rows) != len(table):
        raise ValueError(f"{path} has {len(table)} rows with {len(rows)} names; expected one each")
    return rows, {row["name"]: row[language] for row in table if language in row}
