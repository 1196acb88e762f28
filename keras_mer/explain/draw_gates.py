"""A picture of scores and of what the gates let through."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer._files import written_aside
from keras_mer.explain._style import colours, signed
from keras_mer.explain.fusion_reading import FusionReading

ROWS = 24  # more would be too small to read


def draw_gates(
    labels: Sequence[str],
    scores: Sequence[float],
    reading: FusionReading,
    path: str | Path,
    score_range: tuple[float, float] = (-3.0, 3.0),
    title: str | None = None,
    said: Sequence[str] | None = None,
) -> Path:
    """Draws the score of each row, the modalities' shares in it, and how open their gates were.

    Args:
        labels: what stands beside the rows, such as their texts.
        scores: one per row.
        reading: of the same rows, from `fusion_reading`.
        path: the picture to write, .png, .pdf or .svg.
        score_range: of the scores.
        title: above the picture.
        said: of a classification, the label of each row; its scores are then probabilities and
            the range of them 0 to 1.

    Raises:
        ValueError: if there are no rows, or more than 24.
        ImportError: if matplotlib is not installed.
    """
    if not 0 < len(labels) <= ROWS:
        raise ValueError(f"a picture shows 1 to {ROWS} rows; received {len(labels)}")
    need("matplotlib", "plot", "to draw pictures")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.8 + 0.45 * len(labels)), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=(3, 3, 2.6))
    _draw_scores(left, labels, scores, score_range if said is None else (0.0, 1.0), said)
    _draw_shares(middle, reading.shares)
    _draw_openness(right, reading.openness)
    if title:
        figure.suptitle(title, fontsize=12)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=150)
    return Path(path)


def _draw_scores(
    axes: Any,
    labels: Sequence[str],
    scores: Sequence[float],
    score_range: tuple[float, float],
    said: Sequence[str] | None,
) -> None:
    places = np.arange(len(labels))
    bars = axes.barh(places, scores, color=[signed(s) for s in scores])
    shown = [f"{s:+.2f}" for s in scores]
    if said is not None:
        shown = [f"{label} {s:.2f}" for label, s in zip(said, scores, strict=True)]
    axes.bar_label(bars, shown, padding=3, fontsize=8)
    axes.axvline(0, color="0.3", linewidth=0.8)
    low, high = score_range
    margin = 0.15 * (high - low)
    axes.set_xlim(low - margin if said is None else low, high + (2 if said else 1) * margin)
    if said is not None:  # the room for the labels is beyond what a probability can be
        axes.set_xticks(np.linspace(low, high, 6))
    axes.set_yticks(places, [textwrap.fill(textwrap.shorten(t, 76), 40) for t in labels])
    axes.set_xlabel("probability" if said else "sentiment: negative to positive")
    axes.set_title("Label" if said else "Score", fontsize=10)


def _draw_shares(axes: Any, shares: dict[str, np.ndarray]) -> None:
    left = np.zeros(len(next(iter(shares.values()))))
    palette = colours(list(shares))
    for modality, share in shares.items():
        percent = 100 * np.asarray(share)
        axes.barh(np.arange(len(left)), percent, left=left, color=palette[modality], label=modality)
        left = left + percent
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of what enters the last layers")
    axes.set_title("Which modality decided", fontsize=10)
    axes.figure.legend(loc="outside lower center", ncols=len(shares), fontsize=8)


def _draw_openness(axes: Any, openness: dict[str, np.ndarray]) -> None:
    table = 100 * np.stack(list(openness.values()), axis=1)
    # An image puts row 0 on top, and turns the axes it shares with the bars.
    axes.imshow(np.where(table > 0, table, np.nan), cmap="cividis", vmin=0, vmax=100, aspect="auto")
    axes.set_facecolor("0.9")
    for (row, column), value in np.ndenumerate(table):
        shown = f"{value:.0f} %" if value else "missing"
        colour = "white" if 0 < value <= 60 else "black"
        axes.text(column, row, shown, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(openness)), list(openness))
    axes.set_xlabel("mean of mask × gate")
    axes.set_title("How open its gates were", fontsize=10)
