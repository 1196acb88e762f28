"""EMO-DB: German recordings whose file names say everything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data._reading import found_folder, held_out_splits, number
from keras_mer.data.dataset import Dataset

NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])([a-z])")
LETTERS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
MEN = {"03", "10", "11", "12", "15"}
LISTENERS = "erkennung.txt"
TERMS = "Free for research from its makers at TU Berlin."
CAUTIONS = ["each speaker says the same ten sentences: hold out whole speakers"]


def found_emodb(folder: Path) -> Path | None:
    """The folder with the recordings, at `folder` or just below it."""
    for place in ("wav", "."):
        root = found_folder(folder, "emodb", place)
        if root is not None and any(NAME.fullmatch(f.stem) for f in (root / place).glob("*.wav")):
            return root / place
    return None


def read_emodb(
    folder: str | Path,
    valid: Iterable[Any] = (),
    test: Iterable[Any] = (),
    allow_leaks: bool = False,
) -> Dataset:
    """Reads the index of EMO-DB: 535 recordings of ten speakers with seven emotions.

    There are no features; the column `file` says where each recording is. The groups are the
    speakers. There is no official split: hold out speakers, or go through
    `Dataset.folds("speaker")`.

    Args:
        folder: the one with the `.wav` files, or its parent.
        valid: the speakers to validate on, such as "08".
        test: the speakers to test on; all others are trained on.
        allow_leaks: see `Dataset`.

    Returns:
        Columns: `file`, `speaker`, `sex`, `sentence` (a01 to b10), `version`; with
        `erkennung.txt` beside them `recognised` and `natural`, the per cent of 20 listeners who
        named the emotion and who found it natural.

    Raises:
        FileNotFoundError: if there are no recordings named as in 03a01Wa.wav.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("03a01Wa.wav", "08a01Na.wav"):
    ...     (folder / name).touch()
    >>> read_emodb(folder, test=["08"])
    Dataset(EMO-DB: train 1, valid 0, test 1; no features)

    Reference: Burkhardt et al., "A Database of German Emotional Speech", 2005.
    """
    root = found_emodb(Path(folder))
    if root is None:
        raise FileNotFoundError(
            f"no EMO-DB in {folder}: expected recordings named as in 03a01Wa.wav, in it or in wav/"
        )
    files = sorted(file for file in root.glob("*.wav") if NAME.fullmatch(file.stem))
    parts = np.array([NAME.fullmatch(file.stem).groups() for file in files])  # type: ignore[union-attr]
    speakers = parts[:, 0].tolist()
    classes = list(LETTERS)
    columns: dict[str, Any] = {
        "file": [str(file) for file in files],
        "speaker": speakers,
        "sex": ["male" if name in MEN else "female" for name in speakers],
        "sentence": parts[:, 1],
        "version": parts[:, 3],
    }
    return Dataset(
        {},
        [classes.index(letter) for letter in parts[:, 2]],
        held_out_splits(speakers, valid, test, "speaker"),
        ids=[file.stem for file in files],
        groups=speakers,
        description={
            "name": "EMO-DB",
            "label_names": list(LETTERS.values()),
            "protocol": "emodb",
            "terms": TERMS,
            "split_name": "held-out speakers",
            "cautions": CAUTIONS,
        },
        allow_leaks=allow_leaks,
        columns=columns | _listeners(root, [file.stem for file in files]),
    )


def _listeners(root: Path, names: list[str]) -> dict[str, list[float]]:
    """The listening test, if its table is there: Latin-1, decimal commas, odd spaces."""
    path = next((p / LISTENERS for p in (root, root.parent) if (p / LISTENERS).is_file()), None)
    if path is None:
        return {}
    found: dict[str, list[float]] = {}
    for place, line in enumerate(path.read_text(encoding="latin-1").splitlines()[1:], 2):
        cells = line.replace("\xa0", " ").replace(",", ".").split()
        if len(cells) == 4:
            shares = [number(cell, path, place, "share") for cell in cells[2:]]
            found[cells[1].partition(".")[0]] = shares
    unknown = [float("nan")] * 2
    table = [found.get(name, unknown) for name in names]
    return {"recognised": [row[0] for row in table], "natural": [row[1] for row in table]}
