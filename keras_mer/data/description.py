"""What a data set says of itself, as plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

TASKS = ("regression", "classification")
UNLABELLED = -1

FIELDS: dict[str, Any] = {
    "name": "unnamed",
    "task": None,
    "label_names": None,
    "label_range": None,
    "protocol": None,
    "terms": None,
    "split_name": None,
    "leaks": [],
    "cautions": [],
    "features": {},
}


def completed(
    description: Mapping[str, Any] | None, labels: np.ndarray, dims: Mapping[str, int]
) -> dict[str, Any]:
    """The description with every field, checked against the labels and the features.

    Args:
        description: what the caller says; fields of his own are kept.
        labels: (n,) or (n, k).
        dims: the width of each modality.

    Raises:
        ValueError: if it is not JSON, or does not fit.
    """
    try:
        given = json.loads(json.dumps(dict(description or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the description must be plain JSON: {error}") from None
    complete = json.loads(json.dumps(FIELDS)) | given
    if complete["task"] is None:
        complete["task"] = "classification" if labels.dtype.kind == "i" else "regression"
    if complete["task"] not in TASKS:
        raise ValueError(
            f"the description's task is {complete['task']!r}; expected regression or classification"
        )
    _check_labels(labels, complete)
    complete["features"] = _specifications(complete["features"], dims)
    complete["leaks"] = [leak for leak in complete["leaks"] if _check_leak(leak)]
    return complete


def _check_labels(labels: np.ndarray, description: Mapping[str, Any]) -> None:
    task, names, limits = (description[key] for key in ("task", "label_names", "label_range"))
    if limits is not None:
        low, high = limits
        outside = np.flatnonzero(((labels < low) | (labels > high)).reshape(len(labels), -1).any(1))
        if len(outside):
            raise ValueError(
                f"{len(outside)} labels lie outside the label_range [{low}, {high}], such as "
                f"{labels[outside[0]]} in row {outside[0]}"
            )
    if task == "classification" and labels.ndim == 1:
        if labels.dtype.kind != "i":
            raise ValueError(
                "classification expects int labels (n,) or one column per class (n, k); "
                f"received {labels.dtype} {labels.shape}"
            )
        highest = "any" if names is None else len(names) - 1
        if labels.min() < UNLABELLED or (names is not None and labels.max() >= len(names)):
            raise ValueError(
                f"class labels must be 0 to {highest}, or {UNLABELLED} for a row without one; "
                f"received {labels.min()} to {labels.max()}"
            )
    if labels.ndim == 2 and names is not None and len(names) != labels.shape[1]:
        raise ValueError(f"{labels.shape[1]} label columns, but {len(names)} label_names")


def _specifications(
    given: Mapping[str, Mapping[str, Any]], dims: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    unknown = sorted(set(given) - set(dims))
    if unknown:
        raise ValueError(
            f"the description names features for {', '.join(unknown)}; the data set has "
            f"{', '.join(dims)}"
        )
    complete = {}
    for modality, dim in dims.items():
        complete[modality] = {"extractor": None, "dimension": dim} | dict(given.get(modality, {}))
        if complete[modality]["dimension"] != dim:
            raise ValueError(
                f"the description says that {modality} has {complete[modality]['dimension']} "
                f"dimensions; the features have {dim}"
            )
        shape = complete[modality].get("shape")
        if shape is not None and math.prod(shape) != dim:
            raise ValueError(
                f"the description says that a step of {modality} has the shape {shape}, which is "
                f"{math.prod(shape)} values; the features have {dim}"
            )
    return complete


def _check_leak(leak: Any) -> bool:
    if not isinstance(leak, dict) or not {"modality", "groups", "reason"} <= set(leak):
        raise ValueError(
            "a leak is a record of modality, groups (whose labels the features were made with) "
            f"and reason; received {leak!r}"
        )
    return True
