"""Hidden layers with batch normalisation."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built, seed_of


@keras.saving.register_keras_serializable(package="keras_mer")
class MultilayerPerceptron(WeightedLayer):
    """Hidden layers, each Dense - BatchNorm - LeakyReLU - Dropout, and a Dense output.

    Args:
        hidden_units: width of each hidden layer.
        units: width of the output; `None` ends with the last hidden layer.
        dropout: rate of dropout after each hidden layer.
        negative_slope: slope of the leaky ReLU below zero.
        momentum: momentum of the moving statistics of the batch normalisations.
        epsilon: the epsilon of the batch normalisations.
        seed: seed of the dropouts.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        x: (batch, dim) float.
        training: whether to drop out and to normalise by the batch.

    Output:
        (batch, units).

    Example:

    >>> import numpy as np
    >>> tuple(MultilayerPerceptron([8, 6], 3)(np.ones((2, 9), "float32")).shape)
    (2, 3)

    Reference:
        DeepMSI-MER, arXiv 2502.08573: its early fusion and its classifier.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        units: int | None = None,
        dropout: float = 0.0,
        negative_slope: float = 0.01,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not hidden_units and units is None:
            raise ValueError(
                "MultilayerPerceptron needs hidden_units, units, or both; received neither"
            )
        self.hidden_units = list(hidden_units)
        self.units = units
        self.dropout = dropout
        self.negative_slope = negative_slope
        self.momentum = momentum
        self.epsilon = epsilon
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        """Builds every layer for (batch, dim)."""
        policy = {"dtype": self.dtype_policy}
        self.hidden, self.norms, self.drops = [], [], []
        for i, units in enumerate(self.hidden_units):
            self.hidden.append(self.built_dense(f"hidden_{i}", units, input_shape))
            input_shape = (*input_shape[:-1], units)
            norm = keras.layers.BatchNormalization(
                momentum=self.momentum, epsilon=self.epsilon, **policy
            )
            self.norms.append(built(norm, input_shape))
            seed = seed_of(self.seed, i)
            self.drops.append(keras.layers.Dropout(self.dropout, seed=seed, **policy))
        if self.units is not None:
            self.output_map = self.built_dense("output", self.units, input_shape)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Returns the output; see the class."""
        for hidden, norm, drop in zip(self.hidden, self.norms, self.drops, strict=True):
            x = norm(hidden(x), training=training)
            x = drop(keras.ops.leaky_relu(x, self.negative_slope), training=training)
        return x if self.units is None else self.output_map(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, units)."""
        return (*input_shape[:-1], [*self.hidden_units, self.units][-1 if self.units else -2])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "units": self.units,
            "dropout": self.dropout,
            "negative_slope": self.negative_slope,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
