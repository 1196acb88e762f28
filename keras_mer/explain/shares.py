"""Which modality decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_mer.explain.fusion_reading import fusion_reading, has_gates


def shares(model: keras.Model, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """How much each modality had to do with the predictions.

    For a model with a mask-gated fusion, the shares of `fusion_reading`. For any other, how
    far the prediction moves when the modality is hidden, as a part of the sum over the
    modalities.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, as arrays.

    Returns:
        Per modality (n,) fractions that sum to 1 over the modalities of a row, or to 0 if
        hiding moves nothing. A missing modality has 0. Of a model that reads dialogues
        (n, utterances); there a modality is hidden in the whole dialogue, and so one that is
        missing in an utterance alone may have a share by its context.
    """
    if has_gates(model):
        return fusion_reading(model, inputs).shares

    def predict(given: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(model.predict(dict(given), verbose=0))

    return shares_by_hiding(predict, inputs, predict(inputs))


def shares_by_hiding(
    predict: Callable[[Mapping[str, Any]], np.ndarray],
    inputs: Mapping[str, Any],
    whole: np.ndarray,
) -> dict[str, np.ndarray]:
    """How far a prediction moves when a modality is hidden, as a part of all such movements.

    Args:
        predict: gives (n, ...) predictions of inputs.
        inputs: what it takes.
        whole: its predictions of them, with nothing hidden.
    """
    names = [name for name in inputs if f"{name}_mask" in inputs]
    whole = np.asarray(whole, "float64")
    moved = {}
    for name in names:
        hidden = {**inputs, f"{name}_mask": np.zeros_like(inputs[f"{name}_mask"])}
        moved[name] = np.abs(whole - np.asarray(predict(hidden), "float64")).sum(axis=-1)
    total = sum(moved.values())
    return {m: np.divide(x, total, out=np.zeros_like(x), where=total > 0) for m, x in moved.items()}
