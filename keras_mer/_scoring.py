"""What a model predicts, and which modality decided it."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_mer._compiled_model import CompiledModel
from keras_mer.explain.fusion_reading import has_gates, reading_of, reading_outputs
from keras_mer.explain.shares import shares_by_hiding

PREDICTION = "prediction"


class Scoring:
    """Predictions and shares at once: those of a fusion with gates take one pass for both.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._gated = has_gates(model)
        if self._gated:
            outputs = {PREDICTION: model.output, **reading_outputs(model)}
            model = keras.Model(model.input, outputs)
        self._run = CompiledModel(model)

    def __call__(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The predictions (n, k), and the shares as `keras_mer.explain.shares` gives them."""
        found = self._run(inputs)
        if self._gated:
            whole = found.pop(PREDICTION)
            return whole, reading_of(self.model, found, inputs).shares
        return found, shares_by_hiding(self._run, inputs, found)
