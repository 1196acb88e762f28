"""What the LSTM layers share: their weights and the options of them."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, fresh


class LSTMLayer(WeightedLayer):
    """A layer with the weights of one LSTM or more.

    Args:
        units: size of the state.
        return_sequences: whether to return the states of all steps, or only the last.
        recurrent_initializer: initializer of the recurrent kernels.
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        recurrent_regularizer: regularizer of the recurrent kernels.
        recurrent_constraint: constraint on the recurrent kernels.
        **kwargs: see `WeightedLayer`.
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
            raise ValueError(f"{type(self).__name__} needs units of 1 or more; received {units}")
        self.units = units
        self.return_sequences = return_sequences
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.unit_forget_bias = unit_forget_bias
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)

    def add_direction(self, dim: int | None, prefix: str = "") -> list[Any]:
        """Kernel, recurrent kernel and bias of one direction, gates in the order i, f, c, o."""
        shapes = {
            "kernel": (dim, 4 * self.units),
            "recurrent": (self.units, 4 * self.units),
            "bias": (4 * self.units,),
        }
        return [
            self.add_weight(
                shape=shape,
                name=f"{prefix}{role}",
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

    def cast_weights(self, weights: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
        """The weights of a direction in the dtype of the computation."""
        kernel, recurrent, bias = (ops.cast(w, self.compute_dtype) for w in weights)
        return kernel, recurrent, bias

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Passes the mask on with the sequence."""
        return mask if self.return_sequences else None

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
