"""A picture of scores and of what the gates let through."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer.explain._style import COLUMN, SMALL, amount, colours, picture, signed
from keras_mer.explain.fusion_reading import FusionReading

ROWS = 24  # more would be too tall for a page
BAR = 0.4  # of the height of a row; its label stands above
LETTERS_ABOVE = 62
MEANT = {
    "mask-gated": "mean of\nmask × gate",
    "cross-modal": "mean weight\nin its pairs",
    "joint": "weight in the\njoint feature",
}


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

    Of an `MSRG` also how much its residual gating took in at each step. As wide as a paper's
    column.

    Args:
        labels: what stands above the rows, such as their texts.
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
    ratios = [1.0, 1.0] + [0.4 * len(reading.openness)] * bool(reading.openness)
    ratios += [1.0] * bool(reading.steps)
    title = title and textwrap.fill(title, 44)
    with picture(path, COLUMN, 1.25 + 0.42 * len(labels), title) as figure:
        panels = list(figure.subplots(1, len(ratios), sharey=True, width_ratios=ratios))
        for axes in panels:
            axes.patch.set_visible(False)  # the labels of the first go on over the others
            axes.tick_params("y", length=0, labelleft=False)
            axes.spines["left"].set_visible(False)
        panels[0].set_ylim(len(labels) - 1 + 0.75 * BAR, -0.8)
        _draw_scores(panels[0], scores, score_range, said)
        _label_rows(panels[0], panels[-1], labels, said)
        _draw_shares(panels[1], reading)
        if reading.openness:
            _draw_openness(panels[2], reading)
        if reading.steps:
            _draw_steps(panels[-1], reading.steps)
    return Path(path)


def _label_rows(first: Any, last: Any, labels: Sequence[str], said: Sequence[str] | None) -> None:
    """The labels above the bars from the left, and what was said at the right."""
    options = {"fontsize": SMALL + 0.5, "va": "bottom", "annotation_clip": False}
    for row, label in enumerate(labels):
        place = row - 0.72 * BAR
        room = LETTERS_ABOVE - (len(said[row]) + 2 if said else 0)
        shown = textwrap.shorten(label, room, placeholder=" …") or label[: room - 1] + "…"
        along = ("axes fraction", "data")
        first.annotate(shown, (0, place), xycoords=along, in_layout=False, **options)
        if said:
            last.annotate(
                said[row], (1, place), xycoords=along, ha="right", weight="bold", **options
            )


def _draw_scores(
    axes: Any,
    scores: Sequence[float],
    score_range: tuple[float, float],
    said: Sequence[str] | None,
) -> None:
    low, high = score_range if said is None else (0.0, 1.0)
    axes.barh(range(len(scores)), scores, height=BAR, color=[signed(s) for s in scores])
    axes.set_xlim(low, high)
    axes.set_xticks([low, (low + high) / 2, high])
    places = np.arange(len(scores))
    axes.vlines([0] * len(scores), places - BAR / 2, places + BAR / 2, color="0.3", linewidth=0.8)
    middle = (low + high) / 2
    for row, score in enumerate(scores):
        # In the half that the bar leaves free.
        free = high if score < middle else low
        axes.text(
            free,
            row,
            amount(score, sign=said is None),
            ha="right" if free == high else "left",
            va="center",
            fontsize=SMALL,
            color="black" if said is None or free == high else "white",
        )
    axes.set_title("probability" if said else "score")


def _draw_shares(axes: Any, reading: FusionReading) -> None:
    left = np.zeros(len(next(iter(reading.shares.values()))))
    palette = colours(list(reading.shares))
    for modality, share in reading.shares.items():
        percent = 100 * np.asarray(share)
        axes.barh(range(len(left)), percent, BAR, left, color=palette[modality], label=modality)
        left = left + percent
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_title("share, %")
    entering = reading.kind == "mask-gated"
    whole = "of what enters\nthe last layers" if entering else "of what hiding\nchanges"
    axes.set_xlabel(whole, fontsize=SMALL)
    axes.figure.legend(loc="outside lower center", ncols=len(reading.shares))


def _draw_openness(axes: Any, reading: FusionReading) -> None:
    table = 100 * np.stack(list(reading.openness.values()), axis=1)
    for (row, column), value in np.ndenumerate(table):
        _cell(axes, row, column, value, 0.94)
        shown = f"{value:.0f}" if value else "\N{EN DASH}"
        colour = "white" if 0 < value <= 60 else "black"
        axes.text(column, row, shown, ha="center", va="center", fontsize=SMALL, color=colour)
    axes.set_xlim(-0.5, table.shape[1] - 0.5)
    axes.set_xticks(range(table.shape[1]), list(reading.openness))
    axes.tick_params("x", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_title("gates, % open" if reading.kind == "mask-gated" else "weight, %")
    axes.set_xlabel(MEANT[reading.kind], fontsize=SMALL)


def _draw_steps(axes: Any, steps: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """The mean of the gates that let in what a step tells, over features and directions."""
    table = 100 * np.mean([gates["learn"] for gates in steps.values()], axis=(0, -1))
    for (row, step), value in np.ndenumerate(table):
        _cell(axes, row, step, value, 1.0)
    axes.set_xlim(-0.5, table.shape[1] - 0.5)
    axes.set_xticks([0, table.shape[1] - 1], ["1", str(table.shape[1])])
    axes.set_title("taken in, %")
    axes.set_xlabel("of what each\nstep tells", fontsize=SMALL)


def _cell(axes: Any, row: int, column: int, percent: float, width: float) -> None:
    from matplotlib import colormaps

    colour = colormaps["cividis"](percent / 100) if percent else "0.9"
    axes.barh(row, width, BAR, column - width / 2, color=colour)
