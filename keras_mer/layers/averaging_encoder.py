"""One vector per utterance, from the average of its steps."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import masked_mean, presence, zero_masked
from keras_mer.layers._weighted import WeightedLayer, built
from keras_mer.layers.masked_batch_normalization import MaskedBatchNormalization


@keras.saving.register_keras_serializable(package="keras_mer")
class AveragingEncoder(WeightedLayer):
    """Averages a sequence over time and sends the average through a small network.

        output = depth times [linear, ReLU] (Dropout(BatchNorm(mean over real steps)))

    The audio and video network of TFN and LMF. The batch normalisation sees no row whose
    modality is missing.

    Args:
        units: width of every linear map.
        depth: how many of them.
        dropout: rate of dropout after the normalisation.
        momentum: momentum of the normalisation.
        epsilon: epsilon of the normalisation.
        seed: seed of the dropout.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.
        training: whether to drop out and to normalise by the batch.

    Output:
        (batch, units), zeros for a row without a real step.

    Example:

    >>> import numpy as np
    >>> tuple(AveragingEncoder(4)(np.ones((2, 5, 3), "float32")).shape)
    (2, 4)

    Reference:
        Zadeh et al., Tensor fusion network for multimodal sentiment analysis, EMNLP 2017,
        section 4.1.
    """

    def __init__(
        self,
        units: int,
        depth: int = 3,
        dropout: float = 0.0,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.depth = depth
        self.dropout = dropout
        self.momentum = momentum
        self.epsilon = epsilon
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        """Builds the network for (batch, time, dim)."""
        shape: Shape = (input_shape[0], input_shape[-1])
        norm = MaskedBatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy
        )
        self.norm = built(norm, shape)
        self.drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self.maps = []
        for i in range(self.depth):
            name = f"linear_{i + 1}"
            self.maps.append(self.built_dense(name, self.units, shape, activation="relu"))
            shape = (shape[0], self.units)
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Returns the vector; see the class."""
        there = None if mask is None else presence(mask)
        x = self.norm(masked_mean(sequence, mask), mask=there, training=training)
        x = self.drop(x, training=training)
        for linear in self.maps:
            x = linear(x)
        return zero_masked(x, there)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: the steps are gone."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, units)."""
        return (input_shape[0], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "depth": self.depth,
            "dropout": self.dropout,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
