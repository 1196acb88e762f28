"""What the recurrent layers share: their weights, their options, what they return."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers import _backend
from keras_mer.layers._int8 import as_float, check_int8, in_int8
from keras_mer.layers._masking import last_step, zero_masked
from keras_mer.layers._precision import drawn_wide
from keras_mer.layers._weighted import WeightedLayer, fresh


class RecurrentLayer(WeightedLayer):
    """A recurrent layer that reads right-padded rows, each within its own length.

    A subclass says what it is (`kind`) and which ways it reads (`directions`).

    Args:
        units: size of the state of each direction.
        return_sequences: whether to return the states of all steps, or only the last.
        return_state: whether to return the last states beside the output.
        recurrent_initializer: initializer of the recurrent kernels.
        recurrent_regularizer: regularizer of the recurrent kernels.
        recurrent_constraint: constraint on the recurrent kernels.
        **kwargs: see `WeightedLayer`.
    """

    kind: ClassVar[_backend.Kind]
    directions: ClassVar[tuple[str, ...]] = ("forward",)

    def __init__(
        self,
        units: int,
        return_sequences: bool = True,
        return_state: bool = False,
        recurrent_initializer: Any = "orthogonal",
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"{type(self).__name__} needs units of 1 or more; received {units}")
        self.units = units
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of every direction for (batch, time, dim)."""
        for direction in self.directions:
            weights = self._add_direction(direction, input_shape[-1])
            setattr(self, f"{direction}_weights", weights)
        self.built = True

    def _add_direction(self, direction: str, dim: int | None) -> list[Any]:
        """Kernel, recurrent kernel and bias of one direction."""
        width = _backend.GATES[self.kind] * self.units
        shapes = {
            "kernel": (dim, width),
            "recurrent": (self.units, width),
            "bias": (width,) if self.kind == "lstm" else (2, width),
        }
        return [
            self.add_weight(
                shape=shape,
                name=f"{direction}_{role}",
                initializer=drawn_wide(self._initializer(role)),
                regularizer=getattr(self, f"{role}_regularizer"),
                constraint=getattr(self, f"{role}_constraint"),
            )
            for role, shape in shapes.items()
        ]

    def _initializer(self, role: str) -> Any:
        return fresh(getattr(self, f"{role}_initializer"))

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Rounds the kernels to int8; what is computed with them stays a float."""
        check_int8(self, mode)
        for direction in self.directions:
            *kernels, bias = getattr(self, f"{direction}_weights")
            weights = [*(in_int8(self, kernel) for kernel in kernels), bias]
            setattr(self, f"{direction}_weights", weights)

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Any:
        """Returns the states; see the class."""
        weights = [
            tuple(as_float(w, self.compute_dtype) for w in getattr(self, f"{d}_weights"))
            for d in self.directions
        ]
        states = _backend.recurrent(self.kind, zero_masked(sequence, mask), mask, weights)
        if not self.return_sequences:
            last = self._last(states, mask)
            return (last, last) if self.return_state else last
        output = zero_masked(ops.concatenate(states, axis=-1), mask)
        return (output, self._last(states, mask)) if self.return_state else output

    def _last(self, states: list[Tensor], mask: Tensor | None) -> Tensor:
        """The forward state at the last real step, the backward state at the first."""
        ends = [last_step(states[0], mask)]
        if len(states) == 2:
            first = states[1][:, 0]
            if mask is not None:
                first = ops.where(ops.any(mask, axis=1, keepdims=True), first, 0)
            ends.append(first)
        return ops.concatenate(ends, axis=-1)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Any:
        """Passes the mask on with the sequence."""
        of_output = mask if self.return_sequences else None
        return (of_output, None) if self.return_state else of_output

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """(batch, time, width), or (batch, width) for the last states."""
        batch, time, _ = input_shape
        width = len(self.directions) * self.units
        output = (batch, time, width) if self.return_sequences else (batch, width)
        return (output, (batch, width)) if self.return_state else output

    def get_config(self) -> Config:
        """The constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "recurrent_initializer": serialize(self.recurrent_initializer),
            "recurrent_regularizer": serialize(self.recurrent_regularizer),
            "recurrent_constraint": serialize(self.recurrent_constraint),
        }


class LSTMLayer(RecurrentLayer):
    """An LSTM, gates in the order i, f, c, o.

    Args:
        units: see `RecurrentLayer`.
        return_sequences: see `RecurrentLayer`.
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        **kwargs: see `RecurrentLayer`.
    """

    kind = "lstm"

    def __init__(
        self,
        units: int,
        return_sequences: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, return_sequences, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    def _initializer(self, role: str) -> Any:
        initializer = super()._initializer(role)
        if role != "bias" or not self.unit_forget_bias:
            return initializer

        def with_forget_bias(shape: Shape, dtype: Any = None) -> Tensor:
            forget = ops.repeat(ops.convert_to_tensor([0.0, 1.0, 0.0, 0.0], dtype), self.units)
            return initializer(shape, dtype=dtype) + forget

        return with_forget_bias

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
