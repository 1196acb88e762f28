"""A convolution over the whole windows of each row."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._int8 import Conv1D
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._weighted import WeightedLayer, built


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedValidConvolution1D(WeightedLayer):
    """A convolution without padding, each row within its own length.

    A row with L real steps has L - kernel_size + 1 windows, and so many real steps come
    out of it. A shorter row has one, zeros standing for what it lacks. `windows(mask)`
    is the mask of the output.

    Args:
        units: number of filters.
        kernel_size: steps of a window.
        use_bias: whether the convolution has a bias.
        **kwargs: initializers, regularizers and constraints of kernel and bias, named as
            in `keras.layers.Conv1D`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, units): at step j the window that begins there, zeros where none does.

    Example:

    >>> import numpy as np
    >>> layer = MaskedValidConvolution1D(8, kernel_size=3)
    >>> mask = np.array([[True] * 4 + [False] * 2])
    >>> tuple(layer(np.ones((1, 6, 4), "float32"), mask=mask).shape)
    (1, 6, 8)
    >>> np.array(layer.windows(mask))[0].tolist()
    [True, True, False, False, False, False]
    """

    def __init__(
        self, units: int, kernel_size: int = 3, use_bias: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("units", units), ("kernel_size", kernel_size)):
            if value < 1:
                raise ValueError(
                    f"MaskedValidConvolution1D needs {name} of 1 or more; received {value}"
                )
        self.units = units
        self.kernel_size = kernel_size
        self.use_bias = use_bias

    def build(self, input_shape: Shape) -> None:
        """Builds the convolution for (batch, time, dim)."""
        convolution = Conv1D(
            self.units,
            self.kernel_size,
            use_bias=self.use_bias,
            dtype=self.dtype_policy,
            name="convolution",
            **self.weight_options(),
        )
        self.convolution = built(convolution, input_shape)
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns one step per window; see the class."""
        if mask is None:
            mask = ops.ones_like(sequence[..., 0], dtype="bool")
        beyond = ((0, 0), (0, self.kernel_size - 1), (0, 0))
        convolved = self.convolution(ops.pad(zero_masked(sequence, mask), beyond))
        return zero_masked(convolved, self.windows(mask))

    def windows(self, mask: Tensor) -> Tensor:
        """(batch, time) bool: where a window begins, for the mask of the sequence."""
        mask = ops.convert_to_tensor(mask)
        place = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        length = ops.max(place, axis=1, keepdims=True)
        whole = ops.maximum(length - (self.kernel_size - 1), 1)
        return ops.logical_and(mask, place <= whole)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """The mask of the output."""
        return None if mask is None else self.windows(mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
        }
