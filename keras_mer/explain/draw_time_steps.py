"""A picture of what each word and each moment adds to a prediction."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.explain._style import COLUMN, GREY, PAGE, SMALL, amount, picture, places_for, signed
from keras_mer.explain._words import together
from keras_mer.layers._modalities import modality_order

MOST = 40  # words in a picture
LINE = 0.165  # inches, of a word
LETTERS, LINE_LETTERS = 24, 56  # of a word, and of a line of a dialogue
MOMENTS = 1.1  # inches, of what has no words


def draw_time_steps(
    importance: Mapping[str, Any],
    path: str | Path,
    names: Mapping[str, Sequence[str]] | None = None,
    seconds: Mapping[str, float] | None = None,
    quantity: str = "score",
    sums: tuple[float, float] | None = None,
    title: str | None = None,
) -> Path:
    """Draws the importance of the steps of one row: words beside their bars, moments over time.

    Args:
        importance: per modality (time,), the real steps of one row, such as
            `integrated_gradients(...).importance["text"][0, :length]`. A modality without steps
            is left out.
        path: the picture to write, .png, .pdf or .svg.
        names: per modality what its steps are, as many as there are. Word pieces are put
            together to words, whose bars are the sums; of more than 40 words those that matter
            most are shown.
        seconds: per modality the length of a step, where it is known.
        quantity: what is explained, such as "score" or "probability of joy".
        sums: the value at the baseline and the prediction, written below the bars.
        title: above the picture.

    Returns:
        The path.

    Raises:
        ValueError: if there is nothing to draw, or not one name per step.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        found = keras_mer.explain.integrated_gradients(model, inputs)
        pieces = keras_mer.features.TextEncoder().tokens(["I loved it."])[0]
        steps = {"text": found.importance["text"][0, : len(pieces)]}
        keras_mer.explain.draw_time_steps(steps, "steps.png", names={"text": pieces})
        ```
    """
    steps = {m: np.asarray(importance[m], "float64") for m in modality_order(importance)}
    steps = {m: x for m, x in steps.items() if len(x)}
    if not steps:
        raise ValueError("there is no step to draw: every modality is missing")
    names = {m: ["whole clip"] for m, x in steps.items() if len(x) == 1} | dict(names or {})
    words = {m: _words(m, names[m], x) for m, x in steps.items() if m in names}
    heights = [LINE * len(words[m][0]) + 0.25 if m in words else MOMENTS for m in steps]
    lines = any(len(name) > LETTERS for m in words for name in words[m][0])
    with picture(path, PAGE if lines else COLUMN, sum(heights) + 0.95, title) as figure:
        panels = figure.subplots(len(steps), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axes, (m, x) in zip(panels, steps.items(), strict=True):
            if m in words:
                _draw_words(axes, m, words[m], quantity)
            else:
                _draw_moments(axes, m, x, (seconds or {}).get(m), quantity)
        if sums is not None:
            _write_sums(figure, sums, sum(x.sum() for x in steps.values()))
    return Path(path)


def _words(
    modality: str, pieces: Sequence[str], values: np.ndarray
) -> tuple[list[str], np.ndarray, int]:
    """Words, their sums, and how many words there are in all."""
    if len(pieces) != len(values):
        raise ValueError(
            f"{modality} has {len(values)} steps and {len(pieces)} names; expected one each"
        )
    found = together(pieces)
    totals = np.array([values[places].sum() for _, places in found])
    kept = np.sort(np.argsort(-np.abs(totals), kind="stable")[:MOST])
    return [found[place][0] for place in kept], totals[kept], len(found)


def _draw_words(
    axes: Any, modality: str, words: tuple[list[str], np.ndarray, int], quantity: str
) -> None:
    shown, values, count = words
    places = np.arange(len(shown))
    bars = axes.barh(places, values, height=0.72, color=[signed(v) for v in values])
    decimals = places_for(values)
    axes.bar_label(
        bars, [amount(v, places=decimals) for v in values], padding=2, fontsize=SMALL, color=GREY
    )
    axes.set_yticks(places, [_short(name) for name in shown])
    axes.tick_params("y", length=0)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    room = 0.24 * (high - low or 1.0)  # for the numbers
    axes.set_xlim(low - (room if low < 0 else 0), high + (room if high > 0 else 0))
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"adds to the {quantity}")
    some = "" if len(shown) == count else f", {len(shown)} of {count} words"
    axes.set_title(f"{modality}{some}", loc="left")


def _draw_moments(
    axes: Any, modality: str, values: np.ndarray, seconds: float | None, quantity: str
) -> None:
    width = seconds or 1.0
    start = np.arange(len(values)) * width + (0 if seconds else 0.5)
    axes.bar(start, values, width, align="edge", color=[signed(v) for v in values])
    axes.set_xlim(start[0], start[-1] + width)
    axes.axhline(0, color=GREY, linewidth=0.6)
    if not seconds:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("time, s" if seconds else "time step")
    axes.set_ylabel(f"adds to the\n{quantity}")
    axes.set_title(modality, loc="left")


def _write_sums(figure: Any, sums: tuple[float, float], total: float) -> None:
    baseline, prediction = sums
    missed = prediction - baseline - total
    line = f"no features {amount(baseline, False)}, all bars {amount(total)}"
    if abs(missed) >= 0.005:
        line += f", not accounted for {amount(missed)}"
    line += f"\nprediction {amount(prediction, False)}"
    figure.supxlabel(line, fontsize=SMALL, color=GREY)


def _short(name: str) -> str:
    """A line of a dialogue is longer than a word."""
    return textwrap.shorten(name, LINE_LETTERS, placeholder=" …")
