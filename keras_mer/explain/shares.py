"""Which modality decided."""

from __future__ import annotations

from collections.abc import Mapping
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
    names = [name for name in inputs if f"{name}_mask" in inputs]
    whole = np.asarray(model.predict(dict(inputs), verbose=0), "float64")
    moved = {}
    for name in names:
        hidden = dict(inputs)
        hidden[f"{name}_mask"] = np.zeros_like(inputs[f"{name}_mask"])
        prediction = np.asarray(model.predict(hidden, verbose=0), "float64")
        moved[name] = np.abs(whole - prediction).sum(axis=-1)
    total = sum(moved.values())
    return {m: np.divide(x, total, out=np.zeros_like(x), where=total > 0) for m, x in moved.items()}
