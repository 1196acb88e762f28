"""ICT-MMMO as the Memory Fusion Network gives it out: HDF5 files, one per part and modality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_mer.data._hdf5 import is_array, opened_hdf5
from keras_mer.data._reading import choice, existing, found_folder, steps_array, trimmed
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged

PLACES = ("", "new_data/mmmo")
FILES = {"text": "text_{}_emb.h5", "audio": "audio_{}.h5", "video": "video_{}.h5"}
LABELS = "y_{}.h5"
SPLITS = ("train", "valid", "test")
EXTRACTORS = {"text": "GloVe", "audio": "COVAREP", "video": "Facet"}
POSITIVE = 3.5


def found_mmmo(folder: Path) -> Path | None:
    """The folder with the files, at `folder` or just below it."""
    for place in PLACES:
        marker = Path(place, LABELS.format("train"))
        root = found_folder(folder, "mmmo", str(marker))
        if root is not None:
            return root / place
    return None


def read_mmmo(folder: str | Path, task: str = "regression", allow_leaks: bool = False) -> Dataset:
    """Reads ICT-MMMO: 340 film reviews on video, rated from 1 to 5, 20 steps each.

    Text is 300 (GloVe), audio 74 (COVAREP), video 36 (Facet), aligned to each other. The zero
    steps before and after the steps where any modality has values go. A part without its file of
    a modality, as the training part's text in the public copy, has that modality missing in
    every row.

    Args:
        folder: the one with `y_train.h5`, `audio_train.h5` and so on, or a parent with
            `new_data/mmmo/` in it.
        task: "regression" for the rating, "classification" for positive (above 3.5) or not.
        allow_leaks: see `Dataset`.

    Raises:
        FileNotFoundError: if the labels are missing, or a modality in every part.
        ImportError: without h5py.
        ValueError: if the files do not belong together.

    Reference:

    - Wöllmer et al., "YouTube Movie Reviews: Sentiment Analysis in an Audio-Visual Context",
      2013.
    - Zadeh et al., "Memory Fusion Network for Multi-view Sequential Learning", 2018, for the
      features.
    """
    choice("task", task, ("regression", "classification"))
    root = found_mmmo(Path(folder))
    if root is None:
        raise FileNotFoundError(f"no ICT-MMMO in {folder}: expected {LABELS.format('train')}")
    labels, splits, rows = [], [], []
    for split in SPLITS:
        ratings = _array(existing(root / LABELS.format(split), "ICT-MMMO")).ravel()
        labels.append(ratings)
        splits += [split] * len(ratings)
        rows.append(_part(root, split, len(ratings)))
    rating = np.concatenate(labels).astype("float32")
    classes = task == "classification"
    features = {
        name: Ragged.from_list([row for part in rows for row in part[name]]) for name in FILES
    }
    absent = [
        f"{name} is missing in the {split} part"
        for name in FILES
        for split in SPLITS
        if not features[name].lengths[np.array(splits) == split].any()
    ]
    return Dataset(
        features,
        (rating > POSITIVE).astype("int32") if classes else rating,
        splits,
        ids=[
            f"{split}_{i}"
            for split, part in zip(SPLITS, labels, strict=True)
            for i in range(len(part))
        ],
        description={
            "name": "ICT-MMMO",
            "label_names": ["negative", "positive"] if classes else None,
            "label_range": None if classes else [1.0, 5.0],
            "protocol": "classes" if classes else None,
            "terms": "Features: repository under MIT. Corpus for research.",
            "split_name": "official",
            "features": {name: {"extractor": EXTRACTORS[name]} for name in FILES},
            "cautions": absent,
        },
        allow_leaks=allow_leaks,
    )


def _part(root: Path, split: str, count: int) -> dict[str, Sequence[np.ndarray | None]]:
    """The rows of a part; None for a modality whose file is absent."""
    steps = {}
    for name, file in FILES.items():
        path = root / file.format(split)
        if path.is_file():
            steps[name] = steps_array(_array(path), str(path))
    shapes = {name: array.shape[:2] for name, array in steps.items()}
    if (
        not steps
        or len({(count, *shape[1:]) for shape in shapes.values()} | set(shapes.values())) > 1
    ):
        raise ValueError(
            f"{root}: the {split} part has {count} labels and the shapes {shapes}; expected "
            "features of the same rows and steps"
        )
    rows: dict[str, Sequence[np.ndarray | None]] = {name: [None] * count for name in FILES}
    return rows | trimmed(steps)


def _array(path: Path) -> np.ndarray:
    """The one data set of an HDF5 file."""
    with opened_hdf5(path) as file:
        names = list(file)
        if len(names) != 1 or not is_array(file[names[0]]):
            raise ValueError(f"{path} has {', '.join(names) or 'nothing'}; expected one array")
        return np.asarray(file[names[0]][()])
