"""A validation and a test part for a data set that has none."""

from __future__ import annotations

import numpy as np

from keras_mer.data.dataset import Dataset
from keras_mer.data.leaks import known_rows

SHARES = {"test": 0.15, "valid": 0.15}
SPEAKERS = ("speaker", "actor")


def with_seeded_parts(dataset: Dataset, seed: int = 0) -> Dataset:
    """The data set with the parts that it lacks drawn from its training part.

    Whole groups are drawn, until a part has 15 % of the rows: the groups of the data set, or
    the values of its column `speaker` or `actor`. Without any of these it is rows, of each
    class in proportion. The same data set and seed give the same parts, and `split_name` says
    how they came about.

    Features that were made with the labels of a drawn group are missing there, so that what is
    chosen on it is chosen by the other modalities, and `cautions` says so.

    Args:
        dataset: with a training part.
        seed: of the draw.

    Returns:
        The data set itself, if it lacks neither.

    Raises:
        LeakError: if a drawn group would be left with nothing that was not made with its labels.
        ValueError: if there are too few groups or rows to draw from.

    Example:

    >>> import numpy as np
    >>> data = Dataset({"audio": np.ones((20, 2))}, np.arange(20) % 2, ["train"] * 20)
    >>> parts = with_seeded_parts(data)
    >>> parts.counts, parts.description["split_name"]
    ({'train': 12, 'valid': 4, 'test': 4}, 'valid and test drawn by row, seed 0')
    """
    lacking = [part for part in ("valid", "test") if not dataset.counts[part]]
    if not lacking or not dataset.counts["train"]:
        return dataset
    rows = np.flatnonzero(dataset.splits == "train")
    by, units = _units(dataset)
    generator = np.random.default_rng(seed)
    splits = dataset.splits.astype("<U5")
    for strata in _strata(dataset, rows, by):
        _draw(splits, strata, units, lacking, generator)
    if not all((splits == part).any() for part in ("train", "valid", "test")):
        raise ValueError(
            f"the data set has no {' and no '.join(lacking)} part, and the training part has too "
            f"few {by}s to draw from: {len(np.unique(units[rows]))}. Say in a column `split` what "
            "is train, valid and test"
        )
    name = f"{' and '.join(lacking)} drawn by {by}, seed {seed}"
    if dataset.description["split_name"] and "test" not in lacking:
        name = f"{dataset.description['split_name']}, {name}"
    dataset = _without_known(dataset, splits)
    return dataset.with_splits(splits, name, dataset.allow_leaks)


def _without_known(dataset: Dataset, splits: np.ndarray) -> Dataset:
    """Without what knows the labels of rows that are held out, if anything else is left of them."""
    if dataset.allow_leaks:
        return dataset
    hidden = dataset
    for leak in dataset.description["leaks"]:
        known = known_rows(leak, hidden.features, dataset.groups, splits)
        if known.any():
            hidden = _missing(hidden, leak["modality"], known)
    if hidden is dataset:
        return dataset
    left = [rows.lengths[splits != "train"] > 0 for rows in hidden.features.values()]
    # Of a data set that has nothing else, the check of its leaks says what can be done.
    return hidden if dataset.transcripts is not None or np.any(left, axis=0).all() else dataset


def _missing(dataset: Dataset, modality: str, which: np.ndarray) -> Dataset:
    """With one modality missing in these rows, and a caution that says why."""
    rows = dataset.features[modality].emptied(which)
    given = dataset.description["features"][modality]
    dataset = dataset.with_features(modality, rows, given, derived=True)
    caution = (
        f"{modality} is missing in {which.sum()} rows that were drawn for validation or test: it "
        "was made with their labels"
    )
    cautions = [*dataset.description["cautions"], caution]
    dataset.description = {**dataset.description, "cautions": cautions}
    return dataset


def _units(dataset: Dataset) -> tuple[str, np.ndarray]:
    """What is drawn whole: its name and (n,) values."""
    if (dataset.groups != dataset.ids).any():
        return "group", dataset.groups
    for column in SPEAKERS:
        if column in dataset.columns:
            return column, dataset.columns[column].astype(str)
    return "row", dataset.ids


def _strata(dataset: Dataset, rows: np.ndarray, by: str) -> list[np.ndarray]:
    """The rows to draw from one after the other: single rows by class."""
    if by != "row" or dataset.description["task"] != "classification" or dataset.labels.ndim > 1:
        return [rows]
    return [rows[dataset.labels[rows] == label] for label in np.unique(dataset.labels[rows])]


def _draw(
    splits: np.ndarray,
    rows: np.ndarray,
    units: np.ndarray,
    parts: list[str],
    generator: np.random.Generator,
) -> None:
    """Gives rows of the training part to the parts, unit by unit; one unit at least stays."""
    order = list(generator.permutation(np.unique(units[rows])))
    for part in parts:
        taken = 0
        while taken < round(SHARES[part] * len(rows)) and len(order) > 1:
            unit = order.pop()
            chosen = rows[units[rows] == unit]
            splits[chosen] = part
            taken += len(chosen)
