"""A bidirectional LSTM that knows the length of each row."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers import _backend
from keras_mer.layers._masking import masked_mean, zero_masked
from keras_mer.layers._weighted import WeightedLayer, fresh


@keras.saving.register_keras_serializable(package="keras_mer")
class BidirectionalLSTM(WeightedLayer):
    """Reads right-padded rows forwards and backwards, each within its own length.

    The numbers are those of `keras.layers.Bidirectional(keras.layers.LSTM(units))`
    called with a mask. That call falls back to a loop over the steps on the PyTorch and
    JAX backends and cannot be exported from JAX; this layer keeps each backend's fast
    path and is exported from all three.

    Args:
        units: size of the state of each direction.
        return_sequences: whether to return the states of all steps, or only the last of
            each direction.
        recurrent_initializer: initializer of the recurrent kernels.
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        recurrent_regularizer: regularizer of the recurrent kernels.
        recurrent_constraint: constraint on the recurrent kernels.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.LSTM`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, 2 * units) with zeros at masked steps, forward half first; with
        `return_sequences=False` (batch, 2 * units): the forward state at the last real
        step and the backward state at the first. A row without a real step gives zeros.

    Example:

    >>> import numpy as np
    >>> layer = BidirectionalLSTM(8)
    >>> sequence = np.ones((2, 5, 3), "float32")
    >>> mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "bool")
    >>> tuple(layer(sequence, mask=mask).shape)
    (2, 5, 16)

    Reference:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; Graves and
        Schmidhuber, Neural Networks 18(5-6), 2005.
    """

    def __init__(
        self,
        units: int,
        return_sequences: bool = True,
        recurrent_initializer: Any = "orthogonal",
        unit_forget_bias: bool = True,
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"BidirectionalLSTM needs units of 1 or more; received {units}")
        self.units = units
        self.return_sequences = return_sequences
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.unit_forget_bias = unit_forget_bias
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of both directions for (batch, time, dim)."""
        self.forward_weights = self._add_direction("forward", input_shape[-1])
        self.backward_weights = self._add_direction("backward", input_shape[-1])
        self.built = True

    def _add_direction(self, direction: str, dim: int | None) -> list[Any]:
        shapes = {
            "kernel": (dim, 4 * self.units),
            "recurrent": (self.units, 4 * self.units),
            "bias": (4 * self.units,),
        }
        return [
            self.add_weight(
                shape=shape,
                name=f"{direction}_{role}",
                initializer=self._initializer(role),
                regularizer=getattr(self, f"{role}_regularizer"),
                constraint=getattr(self, f"{role}_constraint"),
            )
            for role, shape in shapes.items()
        ]

    def _initializer(self, role: str) -> Any:
        initializer = fresh(getattr(self, f"{role}_initializer"))
        if role != "bias" or not self.unit_forget_bias:
            return initializer

        def with_forget_bias(shape: Shape, dtype: Any = None) -> Tensor:
            forget = ops.repeat(ops.convert_to_tensor([0.0, 1.0, 0.0, 0.0], dtype), self.units)
            return initializer(shape, dtype=dtype) + forget

        return with_forget_bias

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the states; see the class."""
        forward, backward = _backend.bidirectional_lstm(
            zero_masked(sequence, mask),
            mask,
            tuple(ops.cast(w, self.compute_dtype) for w in self.forward_weights),
            tuple(ops.cast(w, self.compute_dtype) for w in self.backward_weights),
        )
        if self.return_sequences:
            return zero_masked(ops.concatenate([forward, backward], axis=-1), mask)
        if mask is None:
            return ops.concatenate([forward[:, -1], backward[:, 0]], axis=-1)
        first = ops.zeros_like(mask[:, :1])
        last = ops.logical_and(mask, ops.logical_not(ops.concatenate([mask[:, 1:], first], axis=1)))
        head = ops.where(ops.any(mask, axis=1, keepdims=True), backward[:, 0], 0)
        return ops.concatenate([masked_mean(forward, last), head], axis=-1)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Passes the mask on with the sequence."""
        return mask if self.return_sequences else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, 2 * units), or (batch, 2 * units) for the last states."""
        batch, time, _ = input_shape
        if self.return_sequences:
            return (batch, time, 2 * self.units)
        return (batch, 2 * self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "unit_forget_bias": self.unit_forget_bias,
            "recurrent_initializer": serialize(self.recurrent_initializer),
            "recurrent_regularizer": serialize(self.recurrent_regularizer),
            "recurrent_constraint": serialize(self.recurrent_constraint),
        }
