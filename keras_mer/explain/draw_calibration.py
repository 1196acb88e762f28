"""A picture of whether predictions mean what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_mer import metrics
from keras_mer._extras import need
from keras_mer._files import written_aside

BLUE, ORANGE = "#0072B2", "#E69F00"  # Okabe and Ito's, which colour-blind readers tell apart


def draw_calibration(y_true: Any, y_pred: Any, path: str | Path, title: str | None = None) -> Path:
    """Draws how predictions and labels agree on average: the nearer to the diagonal, the better.

    Of probabilities (n, classes) a reliability diagram: how often the model is right beside how
    sure it is, as `keras_mer.metrics.reliability` gives them, and the share of the rows in each
    bin. Of scores, (n,) or (n, 1), the mean label of groups of equal size from the lowest score
    to the highest, as `keras_mer.metrics.score_calibration` gives them, and the line through all.

    Args:
        y_true: class ids or one-hot rows for probabilities, scores for scores.
        y_pred: the predictions.
        path: the picture to write, .png, .pdf or .svg.
        title: above the picture.

    Raises:
        ValueError: as the two metrics.
        ImportError: if matplotlib is not installed.

    Example:
        ```python
        keras_mer.explain.draw_calibration(labels, model.predict(inputs), "calibration.png")
        ```
    """
    need("matplotlib", "plot", "to draw pictures")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    if np.ndim(y_pred) == 2 and np.shape(y_pred)[1] > 1:
        _draw_reliability(figure, metrics.reliability(y_true, y_pred))
    else:
        _draw_scores(figure, metrics.score_calibration(y_true, y_pred))
    if title:
        figure.suptitle(title, fontsize=11)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=90)
    return Path(path)


def _draw_reliability(figure: Any, table: dict[str, np.ndarray]) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    percent = {name: 100 * values for name, values in table.items()}
    above.plot([0, 100], [0, 100], color="0.5", linestyle="--", label="as right as sure")
    above.plot(percent["confidence"], percent["accuracy"], marker="o", color=BLUE, label="measured")
    above.set_ylim(-3, 103)
    above.set_ylabel("right, % of the bin")
    _legend_above(above)
    below.bar(percent["confidence"], percent["share"], width=4, color=ORANGE)
    below.set_xlim(0, 100)
    below.set_xlabel("confidence: the largest probability, %")
    below.set_ylabel("clips, %")


def _draw_scores(figure: Any, found: dict[str, Any]) -> None:
    axes = figure.subplots()
    ends = np.array([found["score"].min(), found["score"].max()])
    axes.plot(ends, ends, color="0.5", linestyle="--", label="label = score")
    line = found["slope"] * ends + found["intercept"]
    shown = f"label = {found['slope']:.2f} × score {found['intercept']:+.2f}"
    axes.plot(ends, line, color=ORANGE, label=shown)
    groups = f"{len(found['score'])} groups of {round(found['count'].mean())}"
    axes.scatter(found["score"], found["label"], color=BLUE, zorder=3, label=groups)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("mean predicted score of the group")
    axes.set_ylabel("mean label of the group")
    _legend_above(axes)


def _legend_above(axes: Any) -> None:
    """Beside no point that it could hide."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8, frameon=False)
