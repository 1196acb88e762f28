"""Between a row per dialogue and a row per utterance."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Tensor


@keras.saving.register_keras_serializable(package="keras_mer")
class EachUtterance(keras.layers.Layer):
    """From (dialogues, utterances, ...) to (dialogues * utterances, ...)."""

    def call(self, dialogues: Tensor) -> Tensor:
        return ops.reshape(dialogues, (-1, *ops.shape(dialogues)[2:]))

    def compute_output_spec(self, dialogues: Any) -> keras.KerasTensor:
        return keras.KerasTensor((None, *dialogues.shape[2:]), dtype=dialogues.dtype)

    def get_config(self) -> Config:
        return super().get_config()


@keras.saving.register_keras_serializable(package="keras_mer")
class PerDialogue(keras.layers.Layer):
    """From a row per utterance of the batch back to a row per dialogue."""

    def call(self, rows: Tensor, like: Tensor) -> Tensor:
        return ops.reshape(rows, (-1, ops.shape(like)[1], rows.shape[-1]))

    def compute_output_shape(self, rows_shape: Any, like_shape: Any) -> tuple[Any, ...]:
        return (like_shape[0], like_shape[1], rows_shape[-1])

    def get_config(self) -> Config:
        return super().get_config()
