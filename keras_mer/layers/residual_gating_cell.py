"""The cell of the residual gating network of MSRG."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._int8 import as_float, check_int8, in_int8
from keras_mer.layers._weighted import WeightedLayer, fresh


@keras.saving.register_keras_serializable(package="keras_mer")
class ResidualGatingCell(WeightedLayer):
    """One step of a residual gating network, for `keras.layers.RNN`.

        m = tanh(W_2 ReLU(W_1 x + b_1) + b_2)                 how much is remembered
        u = sigmoid(W_3 x + b_3) * tanh(W_4 x + b_4)          what is learned
        s' = ReLU( ReLU(W_5 x) + ReLU(m * s + u) )            with the residual W_5 x

    No gate sees the state s, which is what lets `ResidualGatingNetwork` read a sequence
    all at once; use that layer unless you need a cell.

    Args:
        units: size of the state.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: (batch, dim) float, one step.
        states: a list of the state before, (batch, units).

    Output:
        The state after, (batch, units), and a list of it.

    Example:

    >>> import numpy as np
    >>> layer = keras.layers.RNN(ResidualGatingCell(4))
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape)
    (2, 4)

    Reference:
        Wang et al., Neural Networks 188, 2025, 107483, the residual gating network.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"ResidualGatingCell needs units of 1 or more; received {units}")
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape: Shape) -> None:
        """Creates the weights; the kernel holds W_1, W_3, W_4, W_5 side by side."""
        units = self.units
        self.kernel = self._add("kernel", (input_shape[-1], 4 * units))
        self.bias = self._add("bias", (3 * units,))
        self.forget_kernel = self._add("forget_kernel", (units, units))
        self.forget_bias = self._add("forget_bias", (units,))
        self.built = True

    def _add(self, name: str, shape: Shape) -> Any:
        role = name.removeprefix("forget_")
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=fresh(getattr(self, f"{role}_initializer")),
            regularizer=getattr(self, f"{role}_regularizer"),
            constraint=getattr(self, f"{role}_constraint"),
        )

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Rounds the kernels to int8; what is computed with them stays a float."""
        check_int8(self, mode)
        self.kernel, self.forget_kernel = (
            in_int8(self, kernel) for kernel in (self.kernel, self.forget_kernel)
        )

    def gates(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """m, u and the residual ReLU(W_5 x), each (..., units), for inputs (..., dim)."""
        m, learn, candidate, residual = self.parts(inputs)
        return m, learn * candidate, residual

    def parts(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `gates`, with the two factors of u in its place: the sigmoid and the tanh."""
        x = ops.matmul(inputs, as_float(self.kernel, self.compute_dtype))
        split = 3 * self.units
        remember, open_, learn = ops.split(x[..., :split] + self.bias, 3, axis=-1)
        forget = as_float(self.forget_kernel, self.compute_dtype)
        m = ops.tanh(ops.matmul(ops.relu(remember), forget) + self.forget_bias)
        return m, ops.sigmoid(open_), ops.tanh(learn), ops.relu(x[..., split:])

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Returns the next state; see the class."""
        m, u, residual = self.gates(inputs)
        # Both terms are positive or zero: the outermost ReLU has nothing to do.
        state = residual + ops.relu(m * states[0] + u)
        return state, [state]

    def compute_output_shape(self, input_shape: Shape, states_shape: Any = None) -> Any:
        """(batch, units), and a list of it."""
        shape = (*input_shape[:-1], self.units)
        return shape, [shape]

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}
