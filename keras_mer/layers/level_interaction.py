"""A prediction from several levels of a model, weighted against each other."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import WeightedLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class LevelInteraction(WeightedLayer):
    """Predicts from each level by itself and weighs the predictions.

        I_l = W_l x_l + b_l
        y = activation( sum_l w_l * I_l + b )

    With one level there is nothing to weigh: y = activation(I).

    Args:
        units: size of the prediction.
        activation: activation of the prediction, such as `"softmax"`.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of one or more levels, each (..., dim) float; the dims may differ.

    Output:
        (..., units).

    Raises:
        ValueError: if the inputs are not a dict of the levels the layer was built for.

    Example:

    >>> import numpy as np
    >>> levels = {"steps": np.ones((2, 8), "float32"), "utterance": np.ones((2, 6), "float32")}
    >>> tuple(LevelInteraction(1)(levels).shape)
    (2, 1)

    Reference:
        Wang et al., Neural Networks 188, 2025, 107483, SIM. The abstract says that the
        intensities of time steps and utterance interact; these equations are a reading
        of it, with every w_l starting at one over the number of levels.
    """

    def __init__(self, units: int, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"LevelInteraction needs units of 1 or more; received {units}")
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the map of every level, and the weights between them."""
        check_modalities(inputs_shape, "LevelInteraction", at_least=1)
        shapes = in_order(inputs_shape)
        self.levels = list(shapes)
        self.maps = {name: self.built_dense(name, self.units, s) for name, s in shapes.items()}
        count = len(shapes)
        self.level_weights = self.bias = None
        if count > 1:
            even = keras.initializers.Constant(1 / count)
            self.level_weights = self.add_weight((count, self.units), even, name="level_weights")
            self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.built = True

    def call(self, inputs: Tensors) -> Tensor:
        """Returns the prediction; see the class."""
        check_same_modalities(inputs, self.levels, "LevelInteraction", "levels")
        predictions = [self.maps[name](inputs[name]) for name in self.levels]
        if self.level_weights is None:
            return self.activation(predictions[0])
        stacked = ops.stack(predictions, axis=-2)
        return self.activation(ops.sum(stacked * self.level_weights, axis=-2) + self.bias)

    def compute_output_shape(self, inputs_shape: Shapes) -> Shape:
        """(..., units)."""
        return (*next(iter(inputs_shape.values()))[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }
