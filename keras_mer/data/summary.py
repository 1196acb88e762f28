"""A data set at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_mer.data.description import UNLABELLED

if TYPE_CHECKING:
    from rich.table import Table

    from keras_mer.data.dataset import Dataset


def print_summary(dataset: Dataset) -> None:
    """Prints the modalities, the splits and the labels of a data set."""
    from rich.console import Console

    console = Console()
    description = dataset.description
    console.print(
        f"{description['name']}: {len(dataset)} rows, {description['task']}", style="bold"
    )
    console.print(_modalities(dataset))
    console.print(_splits(dataset))
    for caution in description["cautions"]:
        console.print(f"Caution: {caution}", markup=False)
    if description["terms"]:
        console.print(f"Terms: {description['terms']}", markup=False)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table()
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _modalities(dataset: Dataset) -> Table:
    table = _table("modality", "dim", "steps (least, median, most)", "missing", "extractor")
    for name, ragged in dataset.features.items():
        lengths = ragged.lengths[ragged.lengths > 0]
        spread = [lengths.min(), np.median(lengths), lengths.max()] if len(lengths) else []
        table.add_row(
            name,
            str(ragged.dim),
            ", ".join(f"{value:g}" for value in spread),
            str(int((ragged.lengths == 0).sum())),
            str(dataset.description["features"][name]["extractor"] or ""),
        )
    return table


def _splits(dataset: Dataset) -> Table:
    table = _table("split", "rows", "groups", "labels")
    for split, count in dataset.counts.items():
        chosen = dataset.splits == split
        labels = _label_line(dataset, dataset.labels[chosen]) if count else ""
        table.add_row(split, str(count), str(len(np.unique(dataset.groups[chosen]))), labels)
    return table


def _label_line(dataset: Dataset, labels: np.ndarray) -> str:
    if not labels.size:
        return "none"
    if dataset.description["task"] == "regression" or labels.ndim > 1:
        means = np.atleast_1d(labels.mean(axis=0))
        return f"mean {', '.join(f'{mean:.3f}' for mean in means)}"
    classes, counts = np.unique(labels, return_counts=True)
    names = dataset.description["label_names"]
    shown = [
        "unlabelled" if label == UNLABELLED else names[label] if names else str(label)
        for label in classes
    ]
    return ", ".join(f"{name} {count}" for name, count in zip(shown, counts, strict=True))
