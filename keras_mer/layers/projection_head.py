"""A residual projection into a space that modalities share."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built


@keras.saving.register_keras_serializable(package="keras_mer")
class ProjectionHead(WeightedLayer):
    """Projects a vector, refines the projection, and normalises it.

        p = W_1 x + b_1
        output = LayerNorm(p + Dropout(W_2 GELU(p) + b_2))

    Args:
        units: width of the projection.
        dropout: rate of dropout on what is added to p.
        activation: what stands between the maps; the default is the exact GELU.
        use_bias: whether the maps have biases: DeepMSI-MER's have, Foal-Net's have not.
        epsilon: the epsilon of the layer normalisation.
        seed: seed of the dropout.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        x: (..., dim) float.
        training: whether to drop out.

    Output:
        (..., units).

    Example:

    >>> import numpy as np
    >>> tuple(ProjectionHead(6)(np.ones((2, 9), "float32")).shape)
    (2, 6)

    Reference:
        DeepMSI-MER, arXiv 2502.08573, and Foal-Net, arXiv 2408.09438.
    """

    def __init__(
        self,
        units: int,
        dropout: float = 0.0,
        activation: Any = "gelu",
        use_bias: bool = True,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.epsilon = epsilon
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        """Builds both maps for (..., dim)."""
        output_shape = self.compute_output_shape(input_shape)
        bias = {"use_bias": self.use_bias}
        self.projection = self.built_dense("projection", self.units, input_shape, **bias)
        self.refinement = self.built_dense("refinement", self.units, output_shape, **bias)
        self.drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        self.norm = built(norm, output_shape)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Returns the projection; see the class."""
        projected = self.projection(x)
        refined = self.refinement(self.activation(projected))
        return self.norm(projected + self.drop(refined, training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(..., units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
