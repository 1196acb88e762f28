"""What a card shows of the test part beyond the protocol: classes, confusion, calibration."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from keras_mer import metrics
from keras_mer.training.predicted import Predicted
from keras_mer.zoo.entry import CALIBRATION, CONFUSION

BINS = 15  # of the expected calibration error, as in the paper that made it known


def card_figures(
    predicted: Mapping[int, Predicted], label_names: Sequence[str] | None, classes: bool
) -> dict[str, Any]:
    """The field `test_part` of metadata.json.

    Args:
        predicted: by seed.
        label_names: of the classes.
        classes: whether it is a classification.

    Returns:
        `seeds`; `clips`, how many different ones were tested; `calibration`; and for classes
        `classes`, the figures of each, and `confusion`, of all seeds together. Figures are
        mean and sample deviation over seeds, of a single seed the value alone.
    """
    runs = list(predicted.values())
    _, first = np.unique(np.concatenate([run.ids for run in runs]), return_index=True)
    labels = np.concatenate([run.labels for run in runs])
    part: dict[str, Any] = {"seeds": list(predicted), "clips": len(first)}
    if classes:
        return part | _of_classes(runs, labels[first], label_names)
    if all(run.predictions[0].size == 1 for run in runs):
        part["calibration"] = _of_scores(runs)
    return part


@contextmanager
def card_pictures(
    predicted: Mapping[int, Predicted], part: Mapping[str, Any], title: str
) -> Iterator[dict[str, Path]]:
    """Draws what `card_figures` found; yields the pictures by their place in the entry.

    Without matplotlib there are none, and a warning.
    """
    if importlib.util.find_spec("matplotlib") is None:
        warnings.warn(
            "the card gets no pictures: matplotlib is not installed, "
            'pip install "keras-mer[plot]"; then refresh the card',
            stacklevel=3,
        )
        yield {}
        return
    from keras_mer.explain import draw_calibration, draw_confusion

    runs = list(predicted.values())
    of = f"all {len(runs)} seeds together" if len(runs) > 1 else f"seed {next(iter(predicted))}"
    about = f"test part, {of}"
    with TemporaryDirectory() as folder:
        pictures = {}
        if "classes" in part:
            names = [each["class"] for each in part["classes"]]
            path = pictures[CONFUSION] = Path(folder, CONFUSION)
            draw_confusion(part["confusion"], names, path, f"{title}: confusion\n{about}")
        if "calibration" in part:
            y_true = np.concatenate([run.labels for run in runs])
            y_pred = np.concatenate([run.predictions for run in runs])
            if "classes" in part:
                y_pred = _probabilities(y_pred)
            path = pictures[CALIBRATION] = Path(folder, CALIBRATION)
            draw_calibration(y_true, y_pred, path, f"{title}: calibration\n{about}")
        yield pictures


def _of_classes(
    runs: Sequence[Predicted], labels: np.ndarray, label_names: Sequence[str] | None
) -> dict[str, Any]:
    count = runs[0].predictions.shape[1]
    names = label_names or [str(number) for number in range(count)]
    reports = [metrics.class_report(run.labels, run.predictions, count) for run in runs]
    support = metrics.class_report(labels, labels, count)["support"]
    sure = [_probabilities(run.predictions) for run in runs]
    errors = [
        metrics.calibration_error(run.labels, each, BINS)
        for run, each in zip(runs, sure, strict=True)
    ]
    every = np.concatenate([run.labels for run in runs])
    return {
        "classes": [
            {
                "class": name,
                **{f: _summary([r[f][i] for r in reports]) for f in ("precision", "recall", "f1")},
                "support": int(support[i]),
            }
            for i, name in enumerate(names)
        ],
        "confusion": np.sum([report["confusion"] for report in reports], axis=0).tolist(),
        "calibration": {
            "error": _summary(errors),
            "bin_count": BINS,
            "bins": _rows(metrics.reliability(every, np.concatenate(sure), BINS)),
        },
    }


def _of_scores(runs: Sequence[Predicted]) -> dict[str, Any]:
    found = [metrics.score_calibration(run.labels, run.predictions) for run in runs]
    together = metrics.score_calibration(
        np.concatenate([run.labels for run in runs]),
        np.concatenate([run.predictions for run in runs]),
    )
    groups = {name: together[name] for name in ("score", "label", "count")}
    return {
        "slope": _summary([each["slope"] for each in found]),
        "intercept": _summary([each["intercept"] for each in found]),
        "groups": _rows(groups),
    }


def _probabilities(y_pred: np.ndarray) -> np.ndarray:
    """Rows that are no distributions are logits, as the `Predictor` takes them."""
    y_pred = y_pred.astype("float64")
    if (y_pred >= 0).all() and np.allclose(y_pred.sum(axis=1), 1, atol=1e-3):
        return y_pred
    raised = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _rows(columns: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    lists = [column.tolist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _summary(values: Sequence[float]) -> dict[str, float]:
    summary = {"mean": float(np.mean(values))}
    if len(values) > 1:
        summary["deviation"] = float(np.std(values, ddof=1))
    return summary
