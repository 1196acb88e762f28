"""The figures of each class, and what was taken for what."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import class_pair


def class_report(y_true: Any, y_pred: Any, num_classes: int | None = None) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support of each class, and the confusion matrix.

    Args:
        y_true: class ids (n,) or (n, 1), or one-hot rows (n, num_classes).
        y_pred: the same, or probabilities or logits, of which the largest counts.
        num_classes: how many classes there are; by default as many as there are columns,
            or of ids alone as many as the highest tells.

    Returns:
        `precision`, `recall` and `f1`, (num_classes,) float64, 0 where undefined; `support`,
        (num_classes,) int64, how often each class is the label; and `confusion`,
        (num_classes, num_classes) int64, a row per label and a column per prediction.

    Raises:
        ValueError: as `report` for a protocol of classes.

    Example:

    >>> from keras_mer.metrics import class_report
    >>> figures = class_report([0, 1, 1, 2], [0, 1, 0, 2])
    >>> figures["recall"].tolist()
    [1.0, 0.5, 1.0]
    >>> figures["confusion"].tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    y_true, y_pred, num_classes = class_pair(y_true, y_pred, num_classes)
    labels = np.arange(num_classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=0
    )
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": support,
        "confusion": confusion_matrix(y_true, y_pred, labels=labels),
    }
