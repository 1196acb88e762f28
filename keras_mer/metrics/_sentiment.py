"""The figures of sentiment regression, as MMSA computes them."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import score_pair

SIMS_CUTS = {
    "acc2": (0.0,),
    "acc3": (-0.1, 0.1),
    "acc5": (-0.7, -0.1, 0.1, 0.7),
}


def seven_point_figures(y_true: Any, y_pred: Any) -> dict[str, float]:
    """The figures of MOSI and MOSEI for scores in [-3, 3], (n,)."""
    y_true, y_pred = score_pair(y_true, y_pred)
    nonzero = y_true != 0
    return {
        **_binary(y_true[nonzero] > 0, y_pred[nonzero] > 0, "non0_"),
        **_binary(y_true >= 0, y_pred >= 0, "has0_"),
        "acc7": _rounded_accuracy(y_true, y_pred, 3),
        "acc5": _rounded_accuracy(y_true, y_pred, 2),
        **_distances(y_true, y_pred),
    }


def unit_interval_figures(y_true: Any, y_pred: Any) -> dict[str, float]:
    """The figures of CH-SIMS for scores in [-1, 1], (n,); whatever lies outside is clipped."""
    y_true, y_pred = score_pair(y_true, y_pred)
    # The cuts are float32 numbers: 0.1 in float64 lies below the label 0.1 in float32.
    y_true = np.clip(y_true, -1, 1).astype(np.float32)
    y_pred = np.clip(y_pred, -1, 1).astype(np.float32)
    figures = {
        name: float(np.mean(_bins(y_true, cuts) == _bins(y_pred, cuts)))
        for name, cuts in SIMS_CUTS.items()
    }
    return {
        **figures,
        "f1": _binary(y_true > 0, y_pred > 0, "")["f1"],
        **_distances(y_true, y_pred),
    }


def _bins(values: np.ndarray, cuts: tuple[float, ...]) -> np.ndarray:
    """The class of each value, the bins being closed on the right."""
    return np.searchsorted(np.asarray(cuts, dtype=values.dtype), values, side="left")


def _binary(y_true: np.ndarray, y_pred: np.ndarray, prefix: str) -> dict[str, float]:
    """Accuracy and weighted F1 of two classes; 0.0 where no utterance is left."""
    from sklearn.metrics import f1_score

    if not len(y_true):
        return {f"{prefix}acc2": 0.0, f"{prefix}f1": 0.0}
    return {
        f"{prefix}acc2": float(np.mean(y_true == y_pred)),
        f"{prefix}f1": float(f1_score(y_true, y_pred, average="weighted", zero_division=0)),
    }


def _rounded_accuracy(y_true: np.ndarray, y_pred: np.ndarray, limit: int) -> float:
    """Share of equal classes after clipping to [-limit, limit] and rounding half to even."""
    classes = [np.round(np.clip(values, -limit, limit)) for values in (y_true, y_pred)]
    return float(np.mean(classes[0] == classes[1]))


def _distances(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """Mean absolute error and Pearson correlation, 0.0 if either side is constant."""
    constant = np.ptp(y_true) == 0 or np.ptp(y_pred) == 0
    return {
        "mae": float(np.mean(np.abs(y_pred - y_true))),
        "corr": 0.0 if constant else float(np.corrcoef(y_pred, y_true)[0, 1]),
    }
