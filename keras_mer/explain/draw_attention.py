"""A picture of what each step or feature of one modality looks at in another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_mer.explain._style import COLUMN, PAGE, SMALL, picture

COLOURS = {"cmap": "cividis", "vmin": 0}
NAMED = 48  # steps with their names beside them


def draw_attention(
    weights: Any,
    path: str | Path,
    looking: Sequence[str] | None = None,
    looked_at: Sequence[str] | None = None,
    modalities: tuple[str, str] = ("text", "audio"),
    title: str | None = None,
    between: Literal["steps", "features"] = "steps",
) -> Path:
    """Draws the attention of one row from one modality to another.

    Args:
        weights: (time, source_time), the real steps of one row, such as
            `attention_reading(...).weights["text", "audio"][0, :5, :9]`; or (dim, source_dim)
            correlations between features.
        path: the picture to write, .png, .pdf or .svg.
        looking: what the steps are that look, such as word pieces; by default their numbers.
        looked_at: what the steps are that are looked at.
        modalities: which looks, and which is looked at.
        title: above the picture.
        between: what the weights are between, as `AttentionReading` has it.

    Returns:
        The path.

    Raises:
        ValueError: if the weights are no table, or there is not one name per step.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        reading = keras_mer.explain.attention_reading(model, inputs)
        keras_mer.explain.draw_attention(reading.weights["text", "audio"][0], "attention.png")
        ```
    """
    table = 100 * np.asarray(weights, "float64")
    if table.ndim != 2 or not table.size:
        raise ValueError(f"expected weights (time, source_time); received the shape {table.shape}")
    for names, count in ((looking, len(table)), (looked_at, table.shape[1])):
        if names is not None and len(names) != count:
            raise ValueError(f"{count} steps have {len(names)} names; expected one each")
    correlated = between == "features"
    width = COLUMN if table.shape[1] <= 18 else PAGE
    height = 1.3 + min(max(0.165 * len(table), 0.8), 6.0)
    with picture(path, width, height, title) as figure:
        axes = figure.subplots()
        end = np.abs(table).max() or 1.0
        colours = {"cmap": "RdBu", "vmin": -end, "vmax": end} if correlated else COLOURS
        image = axes.imshow(table, aspect="auto", interpolation="nearest", **colours)
        axes.spines[["top", "right"]].set_visible(True)
        _name_steps(axes.yaxis, looking, len(table))
        _name_steps(axes.xaxis, looked_at, table.shape[1])
        if looked_at is not None:
            axes.tick_params("x", rotation=90 if table.shape[1] > 6 else 0)
        itself = modalities[0] == modalities[1] and not correlated
        axes.set_ylabel("parts that look" if itself else f"{between} of {modalities[0]}")
        seen = f"{between} of {modalities[1]}" + ("" if correlated else " that they look at")
        axes.set_xlabel("parts" if itself else seen)
        label = "correlation, %" if correlated else "attention, %"
        figure.colorbar(image, ax=axes, label=label, pad=0.02)
    return Path(path)


def _name_steps(axis: Any, names: Sequence[str] | None, count: int) -> None:
    if names is not None and count <= NAMED:
        axis.set_ticks(range(count), list(names), fontsize=SMALL)
        return
    every = max(count // 10, 1)
    axis.set_ticks(range(0, count, every), [str(1 + place) for place in range(0, count, every)])
