"""Decision fusion: every modality predicts by itself, and the predictions are averaged."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import WeightedLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class DecisionFusion(WeightedLayer):
    """A prediction from each modality, averaged over those that are there.

        output = mean_m activation(W_m h_m + b_m), over the modalities m that are present

    Where none is present, the mean is over what all of them say of zeros.

    Args:
        units: width of the prediction.
        activation: activation of each prediction, such as `"softmax"` for classes.
        return_each: whether to return the predictions of the modalities beside their mean.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, dim) float; the dims may differ.
        present: an optional dict of bool tensors (batch,), one per modality: False where the
            modality is missing.

    Output:
        (batch, units); with `return_each` also a dict of the same by modality.

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, or not those
            the layer was built for.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.ones((2, 4), "float32"), "audio": np.ones((2, 3), "float32")}
    >>> tuple(DecisionFusion(5, "softmax")(inputs).shape)
    (2, 5)

    Reference:
        The late fusion with averaged scores of Snoek, Worring and Smeulders, Early versus
        late fusion in semantic video analysis, ACM Multimedia 2005.
    """

    def __init__(
        self, units: int, activation: Any = None, return_each: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"DecisionFusion needs units of 1 or more; received {units}")
        self.units = units
        self.activation = keras.activations.get(activation)
        self.return_each = return_each

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the output layer of every modality."""
        check_modalities(inputs_shape, "DecisionFusion")
        self.heads = {
            m: self.built_dense(f"head_{m}", self.units, shape, activation=self.activation)
            for m, shape in in_order(inputs_shape).items()
        }
        self.built = True

    def call(self, inputs: Tensors, present: Tensors | None = None) -> Any:
        """Returns the mean, and maybe what it is of; see the class."""
        check_modalities(inputs, "DecisionFusion")
        check_same_modalities(inputs, self.heads, "DecisionFusion")
        present = present or {}
        each: dict[str, Tensor] = {}
        for m, head in self.heads.items():
            each[m] = head(zero_masked(inputs[m], present.get(m)))
        # (batch, modalities, units), and (batch, modalities)
        stacked = ops.stack(list(each.values()), axis=1)
        everywhere = ops.ones_like(stacked[:, 0, 0], dtype="bool")
        there = ops.stack([present.get(m, everywhere) for m in self.heads], axis=1)
        counted = ops.logical_or(there, ops.logical_not(ops.any(there, axis=1, keepdims=True)))
        number = ops.sum(ops.cast(counted, stacked.dtype), axis=1, keepdims=True)
        mean = ops.sum(zero_masked(stacked, counted), axis=1) / number
        return (mean, each) if self.return_each else mean

    def compute_output_shape(self, inputs_shape: Shapes) -> Any:
        """(batch, units), and with `return_each` the same by modality."""
        shapes: dict[str, Shape] = {m: (*s[:-1], self.units) for m, s in inputs_shape.items()}
        mean = next(iter(shapes.values()))
        return (mean, in_order(shapes)) if self.return_each else mean

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "return_each": self.return_each,
        }
