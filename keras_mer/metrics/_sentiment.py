"""The figures of sentiment regression, as MMSA computes them."""

from typing import Any

import numpy as np

from keras_mer.metrics._arrays import score_pair
from keras_mer.metrics._sums import Sums, confusion, correlation, mean, share, weighted_f1

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


def seven_point_sums(y_true: Any, y_pred: Any) -> dict[str, Sums]:
    """The figures of MOSI and MOSEI as functions of sums."""
    y_true, y_pred = score_pair(y_true, y_pred)
    nonzero = y_true != 0
    return {
        **_binary_sums(y_true > 0, y_pred > 0, "non0_", nonzero),
        **_binary_sums(y_true >= 0, y_pred >= 0, "has0_"),
        "acc7": share(_rounded(y_true, 3) == _rounded(y_pred, 3)),
        "acc5": share(_rounded(y_true, 2) == _rounded(y_pred, 2)),
        **_distance_sums(y_true, y_pred),
    }


def score_figures(y_true: Any, y_pred: Any) -> dict[str, float]:
    """The figures of scores of any range, (n,)."""
    return _distances(*score_pair(y_true, y_pred))


def score_sums(y_true: Any, y_pred: Any) -> dict[str, Sums]:
    """The figures of scores of any range as functions of sums."""
    return _distance_sums(*score_pair(y_true, y_pred))


def unit_interval_figures(y_true: Any, y_pred: Any) -> dict[str, float]:
    """The figures of CH-SIMS for scores in [-1, 1], (n,); whatever lies outside is clipped."""
    y_true, y_pred = _unit_pair(y_true, y_pred)
    figures = {
        name: float(np.mean(_bins(y_true, cuts) == _bins(y_pred, cuts)))
        for name, cuts in SIMS_CUTS.items()
    }
    return {
        **figures,
        "f1": _binary(y_true > 0, y_pred > 0, "")["f1"],
        **_distances(y_true, y_pred),
    }


def unit_interval_sums(y_true: Any, y_pred: Any) -> dict[str, Sums]:
    """The figures of CH-SIMS as functions of sums."""
    y_true, y_pred = _unit_pair(y_true, y_pred)
    shares = {
        name: share(_bins(y_true, cuts) == _bins(y_pred, cuts)) for name, cuts in SIMS_CUTS.items()
    }
    return {
        **shares,
        "f1": _binary_sums(y_true > 0, y_pred > 0, "")["f1"],
        **_distance_sums(y_true, y_pred),
    }


def _unit_pair(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both clipped, in float32 as the cuts are: the label 0.1 lies above 0.1 in float64."""
    y_true, y_pred = score_pair(y_true, y_pred)
    return np.clip(y_true, -1, 1).astype(np.float32), np.clip(y_pred, -1, 1).astype(np.float32)


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
    return float(np.mean(_rounded(y_true, limit) == _rounded(y_pred, limit)))


def _rounded(values: np.ndarray, limit: int) -> np.ndarray:
    return np.round(np.clip(values, -limit, limit))


def _distances(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """Mean absolute error and Pearson correlation, 0.0 if either side is constant."""
    constant = np.ptp(y_true) == 0 or np.ptp(y_pred) == 0
    return {
        "mae": float(np.mean(np.abs(y_pred - y_true))),
        "corr": 0.0 if constant else float(np.corrcoef(y_pred, y_true)[0, 1]),
    }


def _binary_sums(
    y_true: np.ndarray, y_pred: np.ndarray, prefix: str, counted: Any = True
) -> dict[str, Sums]:
    return {
        f"{prefix}acc2": share(y_true == y_pred, counted),
        f"{prefix}f1": confusion(y_true, y_pred, 2, weighted_f1, counted),
    }


def _distance_sums(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, Sums]:
    return {"mae": mean(np.abs(y_pred - y_true)), "corr": correlation(y_pred, y_true)}
