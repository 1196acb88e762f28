"""A picture of how the modalities lead from nothing to a prediction."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.explain._style import COLUMN, GREY, SMALL, amount, colours, picture
from keras_mer.explain.shapley_values import ShapleyValues

ROWS = 12


def draw_shapley(
    labels: Sequence[str],
    found: ShapleyValues,
    path: str | Path,
    quantity: str | Sequence[str] = "score",
    title: str | None = None,
) -> Path:
    """Draws, row by row, what is predicted of nothing, what each modality adds, and the prediction.

    Args:
        labels: what stands above each row, such as its text.
        found: of the same rows, from `shapley_values`.
        path: the picture to write, .png, .pdf or .svg.
        quantity: what is explained, such as "score" or "probability of joy"; one for all rows or
            one for each.
        title: above the picture.

    Returns:
        The path.

    Raises:
        ValueError: if there are no rows, more than 12, or not one label for each.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        found = keras_mer.explain.shapley_values(model, inputs)
        keras_mer.explain.draw_shapley(texts, found, "modalities.png")
        ```
    """
    if not 0 < len(labels) <= ROWS:
        raise ValueError(f"a picture shows 1 to {ROWS} rows; received {len(labels)}")
    if found.base.shape != (len(labels),):
        raise ValueError(
            f"the values have the shape {found.base.shape} for {len(labels)} labels; expected one "
            "row for each"
        )
    quantities = [quantity] * len(labels) if isinstance(quantity, str) else list(quantity)
    lines = len(found.values) + 2
    height = 0.55 + len(labels) * (0.2 * lines + 0.62)
    with picture(path, COLUMN, height, title) as figure:
        panels = figure.subplots(len(labels), 1, sharex=True, squeeze=False)[:, 0]
        for row, axes in enumerate(panels):
            _draw_row(axes, found, row)
            axes.set_title(_above(labels[row], quantities[row], len(set(quantities))), loc="left")
        panels[-1].set_xlabel(_common(quantities))
    return Path(path)


def _common(quantities: Sequence[str]) -> str:
    """What the rows have in common: "probability", where each is of another class."""
    first, *others = set(quantities)
    if not others:
        return first
    kinds = {quantity.split(" of ")[0] for quantity in quantities}
    return kinds.pop() if len(kinds) == 1 else "prediction"


def _above(label: str, quantity: str, kinds: int) -> str:
    shown = textwrap.shorten(label, 52, placeholder=" …") if label else ""
    return shown if kinds == 1 else f"{shown}\n{quantity}".strip()


def _draw_row(axes: Any, found: ShapleyValues, row: int) -> None:
    values = {m: float(x[row]) for m, x in found.values.items()}
    base, prediction = float(found.base[row]), float(found.prediction[row])
    ends = base + np.cumsum(list(values.values()))
    starts = np.array([base, *ends[:-1]])
    palette = colours(list(values))
    places = np.arange(1, len(values) + 1)
    axes.barh(places, ends - starts, left=starts, height=0.62, color=list(palette.values()))
    axes.scatter([base, prediction], [0, len(values) + 1], marker="D", s=16, color="black")
    stops = [base, *ends]
    for place, stop in enumerate(stops):
        axes.plot([stop, stop], [place, place + 1], color=GREY, linewidth=0.6, linestyle=":")
    added = [amount(v) if v else "nothing" for v in values.values()]
    shown = [amount(base, False), *added, amount(prediction, False)]
    right = [base, *np.maximum(starts, ends), prediction]
    for place, (text, at) in enumerate(zip(shown, right, strict=True)):
        axes.annotate(
            text, (at, place), (5, 0), textcoords="offset points", va="center", fontsize=SMALL
        )
    axes.set_yticks(range(len(values) + 2), ["nothing given", *values, "prediction"])
    axes.set_ylim(len(values) + 1.6, -0.6)
    axes.use_sticky_edges = False
    axes.margins(x=0.22)
    axes.tick_params("y", length=0)
