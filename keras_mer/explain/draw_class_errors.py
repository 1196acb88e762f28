"""A picture of how well each class is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.explain._confusion import checked_confusion, label_ticks
from keras_mer.explain._style import COLUMN, GREY, picture

SHOWN = {"precision": ("#0072B2", "o"), "recall": ("#E69F00", "s"), "F1": ("black", "D")}
DRAWS = 2000


def draw_class_errors(
    confusion: Any,
    label_names: Sequence[str],
    path: str | Path,
    title: str | None = None,
    seed: int = 0,
) -> Path:
    """Draws precision, recall and F1 of each class with 95 % bootstrap intervals over the rows.

    Args:
        confusion: (classes, classes) counts, a row per label and a column per prediction, as
            `keras_mer.metrics.class_report` gives them.
        label_names: of the classes, in the same order.
        path: the picture to write, .png, .pdf or .svg.
        title: above the picture.
        seed: of the bootstrap, which takes the rows for independent of each other.

    Returns:
        The path.

    Raises:
        ValueError: if the counts are no square table of whole numbers with a row per name.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        figures = keras_mer.metrics.class_report(labels, probabilities)
        keras_mer.explain.draw_class_errors(figures["confusion"], names, "classes.png")
        ```
    """
    counts, size = checked_confusion(confusion, label_names), len(label_names)
    drawn = np.random.default_rng(seed).multinomial(
        int(counts.sum()), counts.ravel() / counts.sum(), DRAWS
    )
    found = _figures(counts[None])
    spread = _figures(drawn.reshape(DRAWS, size, size))
    with picture(path, COLUMN, 1.2 + 0.42 * size, title) as figure:
        axes = figure.subplots()
        for shift, (name, (colour, marker)) in zip((-0.22, 0, 0.22), SHOWN.items(), strict=True):
            low, high = np.percentile(spread[name], (2.5, 97.5), axis=0)
            places = np.arange(size) + shift
            axes.hlines(places, low, high, color=colour, linewidth=1)
            axes.scatter(found[name][0], places, s=14, color=colour, marker=marker, label=name)
        for place in np.arange(size - 1) + 0.5:
            axes.axhline(place, color="0.9", linewidth=0.6)
        axes.set_yticks(range(size), label_ticks(label_names, counts))
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("% (lines: 95 % intervals)")
        axes.set_ylabel("label (clips)", color=GREY)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return Path(path)


def _figures(counts: np.ndarray) -> dict[str, np.ndarray]:
    """(draws, classes) percent of counts (draws, classes, classes); 0 of a class without any."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    labels, said = counts.sum(axis=2), counts.sum(axis=1)
    below = {"precision": said, "recall": labels, "F1": (said + labels) / 2}
    return {name: 100 * right / np.maximum(total, 0.5) for name, total in below.items()}
