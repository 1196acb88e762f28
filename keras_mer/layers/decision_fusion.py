"""Decision fusion: every modality predicts by itself, and the mean of the predictions counts."""

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

        p_m = activation(W_m h_m + b_m)
        output = sum_m a_m p_m, over the modalities m that are present

    The shares a_m are equal, or softmax(v) over those that are present, v learned and zero in
    the beginning. Where none is present, the mean is over what all of them say of zeros.

    Args:
        units: width of the prediction.
        activation: activation of each prediction, such as `"softmax"` for classes.
        weighted: whether the shares are learned.
        apart: whether the modalities are trained apart: no gradient reaches them through the
            mean, and their predictions are returned beside it, for losses of their own.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, dim) float; the dims may differ.
        present: an optional dict of bool tensors (batch,), one per modality: False where the
            modality is missing.

    Output:
        (batch, units); with `apart` also a dict of the same by modality.

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
        self,
        units: int,
        activation: Any = None,
        weighted: bool = False,
        apart: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"DecisionFusion needs units of 1 or more; received {units}")
        self.units = units
        self.activation = keras.activations.get(activation)
        self.weighted = weighted
        self.apart = apart

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the output layer of every modality, and the weights of the shares."""
        check_modalities(inputs_shape, "DecisionFusion")
        self.heads = {
            m: self.built_dense(f"head_{m}", self.units, shape, activation=self.activation)
            for m, shape in in_order(inputs_shape).items()
        }
        if self.weighted:
            shape = (len(self.heads),)
            self.shares = self.add_weight(shape, name="shares", initializer="zeros")
        self.built = True

    def call(self, inputs: Tensors, present: Tensors | None = None) -> Any:
        """Returns the mean, and maybe what it is of; see the class."""
        check_modalities(inputs, "DecisionFusion")
        check_same_modalities(inputs, self.heads, "DecisionFusion")
        present = present or {}
        each: dict[str, Tensor] = {}
        for m, head in self.heads.items():
            each[m] = head(zero_masked(inputs[m], present.get(m)))
        stacked = ops.stack(list(each.values()), axis=1)
        if self.apart:
            stacked = ops.stop_gradient(stacked)
        everywhere = ops.ones_like(stacked[:, 0, 0], dtype="bool")
        there = ops.stack([present.get(m, everywhere) for m in self.heads], axis=1)
        mean = ops.sum(ops.expand_dims(self._shares(there), -1) * stacked, axis=1)
        return (mean, each) if self.apart else mean

    def _shares(self, there: Tensor) -> Tensor:
        """(batch, modalities), from which ones are there: of the same shape, bool."""
        counted = ops.logical_or(there, ops.logical_not(ops.any(there, axis=1, keepdims=True)))
        logits = ops.cast(self.shares if self.weighted else [0.0] * len(self.heads), "float32")
        return ops.cast(ops.softmax(ops.where(counted, logits, -1e9)), self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Shapes) -> Any:
        """(batch, units), and with `apart` the same by modality."""
        shapes: dict[str, Shape] = {m: (*s[:-1], self.units) for m, s in inputs_shape.items()}
        mean = next(iter(shapes.values()))
        return (mean, in_order(shapes)) if self.apart else mean

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "weighted": self.weighted,
            "apart": self.apart,
        }
