"""Kernels in int8, for the layers that Keras's own quantisation does not reach."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor


class Int8:
    """A kernel as whole numbers from -127 to 127, and what they are divided by.

    Args:
        values: int8 variable of the kernel's shape.
        scale: float variable, one value for each place of the kernel's last axis.
    """

    def __init__(self, values: Any, scale: Any) -> None:
        self.values = values
        self.scale = scale


def in_int8(layer: Any, kernel: Any) -> Int8:
    """Puts int8 in the place of one of a layer's kernels, rounded as Keras rounds a `Dense`.

    Args:
        layer: whose `quantize` this is, so that its variables may change.
        kernel: a variable of it, which it loses.
    """
    axes = tuple(range(len(kernel.shape) - 1))
    values, scale = keras.quantizers.AbsMaxQuantizer(axis=axes)(kernel, to_numpy=True)
    layer._untrack_variable(kernel)
    layer._is_quantized = True
    held = []
    for name, value, dtype in (
        (kernel.name, values, "int8"),
        (f"{kernel.name}_scale", ops.reshape(scale, (-1,)), None),
    ):
        shape = tuple(value.shape)
        held.append(layer.add_weight(shape, "zeros", dtype, trainable=False, name=name))
        held[-1].assign(value)
    return Int8(*held)


def as_float(kernel: Any, dtype: str) -> Tensor:
    """A kernel to compute with, whether it is in int8 or not."""
    if not isinstance(kernel, Int8):
        return ops.cast(kernel, dtype)
    return ops.cast(kernel.values, dtype) / ops.cast(kernel.scale, dtype)


def check_int8(layer: Any, mode: str | None) -> None:
    """Raises a `ValueError` for what only Keras's own layers can be quantised to."""
    if mode != "int8":
        raise ValueError(f"{type(layer).__name__} is quantised to 'int8'; received {mode!r}")


class Conv1D(keras.layers.Conv1D):
    """Keras's convolution, whose kernel may be in int8.

    It has Keras's name, which stands in the paths of saved weights.
    """

    _kernel: Any

    @property
    def kernel(self) -> Any:
        """The kernel; of int8, what it stands for."""
        held = self._kernel
        return as_float(held, self.compute_dtype) if isinstance(held, Int8) else super().kernel

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Rounds the kernel to int8; what is computed with it stays a float."""
        check_int8(self, mode)
        self._kernel = in_int8(self, self._kernel)

    def save_own_variables(self, store: Any) -> None:
        """The variables as they are; Keras would write what an int8 kernel stands for."""
        if isinstance(self._kernel, Int8):
            keras.layers.Layer.save_own_variables(self, store)
        else:
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """What `save_own_variables` wrote."""
        if isinstance(self._kernel, Int8):
            keras.layers.Layer.load_own_variables(self, store)
        else:
            super().load_own_variables(store)
