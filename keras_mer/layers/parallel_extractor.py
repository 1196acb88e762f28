"""Features of one modality at two depths, the unimodal extractor of CM-MSF."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._weighted import WeightedLayer, built
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D


@keras.saving.register_keras_serializable(package="keras_mer")
class ParallelExtractor(WeightedLayer):
    """Brings a modality to a common width along a shallow and a deep path in parallel.

        S = Conv1D_1(X)                       the shallow path: each step by itself
        D = Conv1D_k(GELU(Conv1D_k(X)))       the deep path: each step in its surroundings
        H = LayerNorm(S + D), zero at masked steps

    Args:
        units: width of the output.
        kernel_size: steps that each convolution of the deep path sees.
        epsilon: the epsilon of the layer normalisation.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, units), zeros at masked steps.

    Example:

    >>> import numpy as np
    >>> tuple(ParallelExtractor(16)(np.ones((2, 5, 4), "float32")).shape)
    (2, 5, 16)

    Reference:
        Xu and Gao, Mathematical Biosciences and Engineering 21(2), 2024, 2488-2514. The
        abstract names parallel extractors of different dimensions and depth levels; these
        equations are a reading of it.
    """

    def __init__(
        self, units: int, kernel_size: int = 3, epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel_size = kernel_size
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Builds both paths for (batch, time, dim)."""
        output_shape = self.compute_output_shape(input_shape)
        # A convolution over one step is a dense map of it, and a faster one.
        self.shallow = self.built_dense("shallow", self.units, input_shape)
        self.deep = built(
            MaskedConvolution1D(
                self.units, self.kernel_size, dtype=self.dtype_policy, **self.weight_options()
            ),
            input_shape,
        )
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        self.norm = built(norm, output_shape)
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the features; see the class."""
        sequence = zero_masked(sequence, mask)
        features = self.shallow(sequence) + self.deep(sequence, mask=mask)
        return zero_masked(self.norm(features), mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_size": self.kernel_size,
            "epsilon": self.epsilon,
        }
