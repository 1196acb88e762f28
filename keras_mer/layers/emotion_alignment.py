"""How alike the clips of a batch are, seen from two modalities: AVEL of Foal-Net."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._vectors import unit_length

NO_PAIR = -1e9
"""The similarity of a pair of which one modality is missing."""

LEAST_TEMPERATURE = 0.01


@keras.saving.register_keras_serializable(package="keras_mer")
class EmotionAlignment(keras.layers.Layer):
    """Compares every clip's vector of one modality with every clip's vector of another.

        S_ij = (a_i . b_j) / (|a_i| |b_j| tau)

    `LabelAlignmentLoss` pulls the S of equal labels up, `HardNegatives` draws from it.

    Args:
        temperature: tau at the start. The paper's is 0.07; the released code starts the
            same divisor at log(1 / 0.07) = 2.659.
        learnable: whether tau is trained. It acts as 0.01 where training takes it lower.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        first: (batch, dim) float.
        second: (batch, dim) float, of the same clips.
        present: (batch,) bool, False for a clip that lacks either modality; `None` means
            that none does.

    Output:
        (batch, batch) float32: the first's clip by row, the second's by column, own pairs
        on the diagonal, and -1e9 for every pair with a clip that is not present.

    Raises:
        ValueError: if the temperature is not above 0, or the widths differ.

    Example:

    >>> import numpy as np
    >>> audio, video = np.eye(2, 4, dtype="float32"), np.eye(2, 4, dtype="float32")
    >>> keras.ops.convert_to_numpy(EmotionAlignment(temperature=0.5)(audio, video)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]

    Reference:
        Foal-Net, arXiv 2408.09438, audio-video emotion alignment, and its released code.
    """

    def __init__(self, temperature: float = 0.07, learnable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not temperature > 0:
            raise ValueError(
                f"EmotionAlignment divides by its temperature, which must be above 0; "
                f"received {temperature}"
            )
        self.temperature = temperature
        self.learnable = learnable

    def build(self, first_shape: Shape, second_shape: Shape) -> None:
        """Makes the temperature."""
        if first_shape[-1] != second_shape[-1]:
            raise ValueError(
                "EmotionAlignment compares vectors of one width (a ProjectionHead gives both "
                f"the same); received {tuple(first_shape)} and {tuple(second_shape)}"
            )
        self.tau = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.temperature),
            dtype="float32",
            autocast=False,
            trainable=self.learnable,
            name="temperature",
        )
        self.built = True

    def call(self, first: Tensor, second: Tensor, present: Tensor | None = None) -> Tensor:
        """Returns the similarities; see the class."""
        cosines = ops.matmul(unit_length(first), ops.transpose(unit_length(second)))
        similarity = cosines / ops.maximum(self.tau, LEAST_TEMPERATURE)
        if present is None:
            return similarity
        both = ops.logical_and(present[:, None], present[None, :])
        return ops.where(both, similarity, NO_PAIR)

    def compute_output_shape(self, first_shape: Shape, second_shape: Shape) -> Shape:
        """(batch, batch)."""
        return (first_shape[0], second_shape[0])

    def compute_output_spec(
        self, first: Tensor, second: Tensor, present: Tensor | None = None
    ) -> keras.KerasTensor:
        """Float32 under any policy."""
        return keras.KerasTensor((first.shape[0], second.shape[0]), dtype="float32")

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "learnable": self.learnable,
        }
