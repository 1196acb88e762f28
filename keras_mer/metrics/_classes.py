"""The figures of emotion classification."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import class_pair


def class_figures(y_true: Any, y_pred: Any, num_classes: int | None = None) -> dict[str, float]:
    """Accuracy, mean recall and F1 of classes; 0 where a class has no F1."""
    from sklearn.metrics import f1_score, recall_score

    y_true, y_pred, num_classes = class_pair(y_true, y_pred, num_classes)

    def f1(average: str) -> float:
        labels = np.arange(num_classes)
        return float(f1_score(y_true, y_pred, labels=labels, average=average, zero_division=0))

    occurring = np.unique(y_true)
    return {
        "wa": float(np.mean(y_true == y_pred)),
        "ua": float(recall_score(y_true, y_pred, labels=occurring, average="macro")),
        "weighted_f1": f1("weighted"),
        "macro_f1": f1("macro"),
    }
