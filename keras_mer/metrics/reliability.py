"""How often classes are right, bin by bin of how sure the model is."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import as_numbers, class_pair


def reliability(y_true: Any, y_pred: Any, bins: int = 15) -> dict[str, np.ndarray]:
    """Accuracy beside confidence: what a reliability diagram shows.

    The confidence of a row is its largest probability. Bins are equally wide, from 0 to 1,
    closed on the right; those that no row falls into are left out.

    Args:
        y_true: class ids (n,) or (n, 1), or one-hot rows (n, num_classes).
        y_pred: probabilities (n, num_classes).
        bins: how many there are between 0 and 1.

    Returns:
        `confidence` and `accuracy`, the means of each bin, and `share`, its part of the rows;
        float64, in ascending order of confidence.

    Raises:
        ValueError: if a row of `y_pred` is no distribution: a number below 0, or a sum that
            is not 1; if `bins` is below 1; and as `report` for a protocol of classes.

    Example:

    >>> from keras_mer.metrics import reliability
    >>> table = reliability([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.55, 0.45]], bins=2)
    >>> table["confidence"].round(2).tolist(), table["accuracy"].round(2).tolist()
    ([0.75], [0.67])

    Reference:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv 1706.04599.
    """
    if bins < 1:
        raise ValueError(f"reliability needs 1 bin or more; received bins={bins}")
    probabilities = _distributions(y_pred)
    truth, predicted, _ = class_pair(y_true, probabilities)
    confidence = probabilities.max(axis=1)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    return {
        "confidence": np.bincount(place, confidence, bins)[filled] / count[filled],
        "accuracy": np.bincount(place, truth == predicted, bins)[filled] / count[filled],
        "share": count[filled] / len(truth),
    }


def _distributions(y_pred: Any) -> np.ndarray:
    probabilities = as_numbers(y_pred, "y_pred").astype("float64")
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(
            f"y_pred has the shape {probabilities.shape}; expected one probability per class, "
            "(n, classes)"
        )
    wrong = (probabilities < 0).any(axis=1) | (abs(probabilities.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"row {row} of y_pred, {probabilities[row].round(3).tolist()}, is no distribution; "
            "expected probabilities that sum to 1: of logits, take keras.ops.softmax first"
        )
    return probabilities
