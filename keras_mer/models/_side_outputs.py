"""Tensors from inside a functional model, for objectives that need labels."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import keras

from keras_mer._types import Tensor


class SideOutputs:
    """Keeps tensors of a model's last call for its `compute_loss`, so nothing runs twice.

    A model whose objective needs labels beside tensors other than its prediction calls
    `call` in its own `call` and `of` in its `compute_loss`. Inside a training or test step
    `of` finds what the step's own call made; anywhere else it runs the model for them.

    Args:
        inputs: the inputs of the functional model.
        prediction: its output.
        others: the tensors to keep, or dicts of them, by name.
    """

    def __init__(self, inputs: Any, prediction: Any, others: Mapping[str, Any]) -> None:
        # In a namespace, since Keras would follow a list or a dict to the tensors in it.
        self._model = keras.Model(inputs, [prediction, dict(others)])
        self._last = SimpleNamespace(prediction=None, others=None)

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        """The prediction; the other tensors are kept."""
        prediction, others = self._model(inputs, training=training)
        self._last.prediction, self._last.others = prediction, others
        return prediction

    def of(self, prediction: Tensor, inputs: Any, training: bool) -> dict[str, Any]:
        """The tensors that belong to a prediction, and no longer kept.

        Args:
            prediction: what `call` returned.
            inputs: what the model was called with.
            training: whether to run as in training, if the model has to be run.
        """
        last, self._last = self._last, SimpleNamespace(prediction=None, others=None)
        if prediction is not None and prediction is last.prediction:
            return last.others
        if inputs is None:
            raise ValueError(
                "compute_loss needs the inputs of the model, x, unless it follows the call "
                "that made y_pred; received x=None"
            )
        return self._model(inputs, training=training)[1]
