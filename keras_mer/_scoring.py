"""What a model predicts, and which modality decided it."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_mer._compiled_model import CompiledModel
from keras_mer.explain._hiding import shares_of
from keras_mer.explain.fusion_reading import (
    is_mask_gated,
    mask_gated_outputs,
    mask_gated_reading,
)

PREDICTION = "prediction"


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
        self._run = CompiledModel(model)

    def __call__(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The predictions (n, k), and the shares as `keras_mer.explain.shares` gives them."""
        found = self._run(inputs)
        if self._gated:
            whole = found.pop(PREDICTION)
            return whole, mask_gated_reading(self.model, found, inputs).shares
        return found, shares_of(self._run, inputs, found)
