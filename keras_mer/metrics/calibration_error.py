"""How far a classifier's probabilities lie from how often it is right."""

from typing import Any

import numpy as np

from keras_mer.metrics.reliability import reliability


def calibration_error(y_true: Any, y_pred: Any, bins: int = 15) -> float:
    """The expected calibration error: the mean distance of confidence and accuracy.

        ECE = sum over the bins b of share(b) * |accuracy(b) - confidence(b)|

    Args:
        y_true: class ids (n,) or (n, 1), or one-hot rows (n, num_classes).
        y_pred: probabilities (n, num_classes).
        bins: equally wide ones between 0 and 1, as in `reliability`. Figures of different
            numbers of bins cannot be compared; few rows make the error large by chance.

    Returns:
        From 0 (as often right as it is sure) to 1.

    Raises:
        ValueError: as `reliability`.

    Example:

    >>> from keras_mer.metrics import calibration_error
    >>> round(calibration_error([0, 1, 1, 1], [[0.75, 0.25]] * 4), 4)
    0.5

    Reference:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    table = reliability(y_true, y_pred, bins)
    return float(np.sum(table["share"] * abs(table["accuracy"] - table["confidence"])))
