"""What a model predicts, and which modality decided it."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_mer._traced import Traced
from keras_mer.explain._hiding import shares_of
from keras_mer.explain.fusion_reading import (
    is_mask_gated,
    mask_gated_outputs,
    mask_gated_reading,
)

PREDICTION = "prediction"


def predicting(model: keras.Model) -> Callable[[Mapping[str, np.ndarray]], Any]:
    """The fastest way from arrays to a model's outputs, as `predict_on_batch` gives them."""
    if keras.backend.backend() != "torch":
        return lambda inputs: model.predict_on_batch(dict(inputs))
    traced = Traced(model)
    return lambda inputs: tree.map_structure(keras.ops.convert_to_numpy, traced(inputs))


class Scoring:
    """Predictions and shares at once: those of a fusion with gates take one pass for both.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._gated = is_mask_gated(model)
        if self._gated:
            outputs = {PREDICTION: model.output, **mask_gated_outputs(model)}
            model = keras.Model(model.input, outputs)
        self._run = predicting(model)

    def __call__(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The predictions (n, k), and the shares as `keras_mer.explain.shares` gives them."""
        found = self._run(inputs)
        if self._gated:
            whole = found.pop(PREDICTION)
            return whole, mask_gated_reading(self.model, found, inputs).shares
        return found, shares_of(self._run, inputs, found)
