"""A picture of what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer._files import written_aside
from keras_mer.explain._confusion import checked_confusion, label_ticks


def draw_confusion(
    confusion: Any, label_names: Sequence[str], path: str | Path, title: str | None = None
) -> Path:
    """Draws a confusion matrix: the share of each label's rows that got each prediction.

    Args:
        confusion: (classes, classes) counts, a row per label and a column per prediction, as
            `keras_mer.metrics.class_report` gives them.
        label_names: of the classes, in the same order.
        path: the picture to write, .png, .pdf or .svg.
        title: above the picture.

    Raises:
        ValueError: if the counts are no square table with a row per name.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        figures = keras_mer.metrics.class_report(labels, probabilities)
        keras_mer.explain.draw_confusion(figures["confusion"], names, "confusion.png")
        ```
    """
    counts, size = checked_confusion(confusion, label_names), len(label_names)
    need("matplotlib", "plot", "to draw pictures")
    from matplotlib.figure import Figure

    totals = counts.sum(axis=1, keepdims=True)
    percent = 100 * np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure = Figure(figsize=(2.6 + 0.55 * size, 2.0 + 0.5 * size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(percent, cmap="cividis", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(percent):
        colour = "black" if value > 60 else "white"
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(size), label_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), label_ticks(label_names, counts))
    axes.set_xlabel("predicted")
    axes.set_ylabel("label (clips)")
    figure.colorbar(image, ax=axes, shrink=0.8, label="% of the label's clips")
    if title:
        axes.set_title(title, fontsize=11)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=90)
    return Path(path)
