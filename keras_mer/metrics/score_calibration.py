"""Whether a score means what it says."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import score_pair


def score_calibration(y_true: Any, y_pred: Any, bins: int = 10) -> dict[str, Any]:
    """The line through labels over predicted scores, and the mean label per predicted score.

    A score is calibrated if the mean label of everything that gets it is the score itself:
    the line of least squares, label = slope * score + intercept, then has the slope 1 and the
    intercept 0. A slope below 1 says that scores lie too far out, above 1 too far in.

    Args:
        y_true: labels (n,) or (n, 1).
        y_pred: predicted scores, as many.
        bins: into how many groups of (nearly) equal size the rows are cut, from the lowest
            score to the highest; no more than there are rows.

    Returns:
        `slope` and `intercept`, floats; `score` and `label`, the means of each group, float64,
        and `count`, its rows, int64. The slope of scores that are all equal is 0.0.

    Raises:
        ValueError: if `bins` is below 1; and as `report` for a protocol of scores.

    Example:

    >>> from keras_mer.metrics import score_calibration
    >>> found = score_calibration([-2.0, 0.0, 0.0, 2.0], [-1.0, 0.0, 0.0, 1.0], bins=2)
    >>> found["slope"], found["score"].tolist(), found["label"].tolist()
    (2.0, [-0.5, 0.5], [-1.0, 1.0])
    """
    if bins < 1:
        raise ValueError(f"score_calibration needs 1 bin or more; received bins={bins}")
    labels, scores = (values.astype("float64") for values in score_pair(y_true, y_pred))
    spread = scores - scores.mean()
    slope = 0.0 if np.ptp(scores) == 0 else float(spread @ labels / (spread @ spread))
    groups = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    return {
        "slope": slope,
        "intercept": float(labels.mean() - slope * scores.mean()),
        "score": np.array([scores[group].mean() for group in groups]),
        "label": np.array([labels[group].mean() for group in groups]),
        "count": np.array([len(group) for group in groups]),
    }
