"""The figures of emotion classification."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import class_pair
from keras_mer.metrics._sums import Sums, confusion, mean_f1, mean_recall, share, weighted_f1


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


def class_sums(y_true: Any, y_pred: Any, num_classes: int | None = None) -> dict[str, Sums]:
    """The same figures as functions of sums."""
    y_true, y_pred, num_classes = class_pair(y_true, y_pred, num_classes)
    return {
        "wa": share(y_true == y_pred),
        "ua": confusion(y_true, y_pred, num_classes, mean_recall),
        "weighted_f1": confusion(y_true, y_pred, num_classes, weighted_f1),
        "macro_f1": confusion(y_true, y_pred, num_classes, mean_f1),
    }
