"""A stack of convolutions over time that padding cannot reach."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._int8 import Conv1D
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._weighted import WeightedLayer, built


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedConvolution1D(WeightedLayer):
    """Convolutions over time, an activation between them, zeros at every masked step.

    Each convolution sees zeros beyond the last real step, as if the row ended there, so
    its output does not depend on how far a batch was padded.

    Args:
        units: number of filters of every convolution.
        kernel_size: steps that a convolution sees; the padding is `"same"`.
        depth: number of convolutions.
        activation: what stands between two convolutions.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Conv1D`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, units). A masked step holds numbers without meaning.

    Example:

    >>> import numpy as np
    >>> tuple(MaskedConvolution1D(8, kernel_size=3)(np.ones((2, 5, 4), "float32")).shape)
    (2, 5, 8)
    """

    def __init__(
        self,
        units: int,
        kernel_size: int = 3,
        depth: int = 2,
        activation: Any = "gelu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel_size = kernel_size
        self.depth = depth
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        """Builds the convolutions for (batch, time, dim)."""
        self.convolutions = []
        for i in range(self.depth):
            convolution = Conv1D(
                self.units,
                self.kernel_size,
                padding="same",
                dtype=self.dtype_policy,
                name=f"convolution_{i}",
                **self.weight_options(),
            )
            self.convolutions.append(built(convolution, input_shape))
            input_shape = (*input_shape[:-1], self.units)
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the convolved sequence; see the class."""
        for i, convolution in enumerate(self.convolutions):
            if i:
                sequence = self.activation(sequence)
            sequence = convolution(zero_masked(sequence, mask))
        return sequence

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_size": self.kernel_size,
            "depth": self.depth,
            "activation": keras.activations.serialize(self.activation),
        }
