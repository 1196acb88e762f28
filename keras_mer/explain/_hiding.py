"""How much a prediction moves when a modality is hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np


def shares_by_hiding(
    model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 32
) -> dict[str, np.ndarray]:
    """Per modality, its part in the sum of what hiding each of them changes."""

    def predicted(given: Mapping[str, Any]) -> np.ndarray:
        found = model.predict(dict(given), batch_size=batch_size, verbose=0)
        return np.asarray(found, "float64")

    return shares_of(predicted, inputs, predicted(inputs))


def shares_of(
    predict: Callable[[Mapping[str, Any]], np.ndarray],
    inputs: Mapping[str, Any],
    whole: np.ndarray,
) -> dict[str, np.ndarray]:
    """The same by any way to predict, with the prediction that is there already."""
    moved = {}
    for name in (name for name in inputs if f"{name}_mask" in inputs):
        hidden = {**inputs, f"{name}_mask": np.zeros_like(inputs[f"{name}_mask"])}
        change = np.asarray(whole, "float64") - np.asarray(predict(hidden), "float64")
        moved[name] = np.abs(change).sum(axis=-1)
    return parts_of_sum(moved)


def parts_of_sum(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each divided by the sum of all, 0 where that is 0."""
    total = sum(values.values())
    return {
        m: np.divide(x, total, out=np.zeros_like(x), where=total > 0) for m, x in values.items()
    }
