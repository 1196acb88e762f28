"""A temporal convolution network: dilated, causal, weight-normalised."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import last_step, zero_masked
from keras_mer.layers._weighted import WeightedLayer, built, seed_of


@keras.saving.register_keras_serializable(package="keras_mer")
class TemporalConvolution(WeightedLayer):
    """Residual blocks of causal convolutions whose reach doubles from block to block.

    Block i, with convolutions of dilation 2^i that see the past alone:

        h = Dropout(ReLU(Conv(Dropout(ReLU(Conv(x))))))
        x <- ReLU(h + x), x mapped by W_down where its width changes

    and each kernel is g v / norm(v), its length g apart from its direction v.

    Args:
        filters: width of each block.
        kernel_size: steps that a convolution sees.
        dropout: rate of dropout after each convolution.
        return_sequences: whether to return every step, or the last real one alone.
        seed: seed of the dropouts.
        kernel_initializer: initializer of v; g begins as its norm.
        **kwargs: the other initializers, regularizers and constraints of kernels and biases,
            named as in `keras.layers.Conv1D`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step, rows right-padded; `None` means that
            all are real.
        training: whether to drop out.

    Output:
        (batch, dim) of the last real step, zeros for a row without any, with dim the last of
        `filters`; with `return_sequences=True` (batch, time, dim), where a masked step holds
        numbers without meaning.

    Example:

    >>> import numpy as np
    >>> tuple(TemporalConvolution([8, 6])(np.ones((2, 5, 4), "float32")).shape)
    (2, 6)

    Reference:
        Bai, Kolter and Koltun, An empirical evaluation of generic convolutional and recurrent
        networks for sequence modeling, arXiv 1803.01271.
    """

    def __init__(
        self,
        filters: Sequence[int] = (1024, 1024, 1024),
        kernel_size: int = 3,
        dropout: float = 0.0,
        return_sequences: bool = False,
        seed: int | None = None,
        kernel_initializer: Any = "he_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_initializer=kernel_initializer, **kwargs)
        if not filters:
            raise ValueError("TemporalConvolution needs the width of one block or more")
        self.filters = list(filters)
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.return_sequences = return_sequences
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        """Builds the blocks for (batch, time, dim)."""
        self.convolutions, self.shortcuts, self.drops = [], [], []
        for i, units in enumerate(self.filters):
            output_shape = (*input_shape[:-1], units)
            self.convolutions.append(
                (
                    self._convolution(f"convolution_{i}_0", units, 2**i, input_shape),
                    self._convolution(f"convolution_{i}_1", units, 2**i, output_shape),
                )
            )
            same = input_shape[-1] == units
            down = None if same else self.built_dense(f"shortcut_{i}", units, input_shape)
            self.shortcuts.append(down)
            seed = seed_of(self.seed, i)
            self.drops.append(
                keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)
            )
            input_shape = output_shape
        self.built = True

    def _convolution(self, name: str, units: int, dilation: int, input_shape: Shape) -> Any:
        options = {**self.weight_options(), "dtype": self.dtype_policy, "name": name}
        return built(
            _WeightNormalizedConvolution(units, self.kernel_size, dilation, **options), input_shape
        )

    def call(self, sequence: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Returns the last real step, or all; see the class."""
        x = zero_masked(sequence, mask)
        for pair, down, drop in zip(self.convolutions, self.shortcuts, self.drops, strict=True):
            h = x
            for convolution in pair:
                h = drop(ops.relu(convolution(h)), training=training)
            x = ops.relu(h + (x if down is None else down(x)))
        return x if self.return_sequences else last_step(x, mask)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """The mask of the steps, if they are returned."""
        return mask if self.return_sequences else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, dim), or (batch, time, dim)."""
        steps = input_shape[1:2] if self.return_sequences else ()
        return (input_shape[0], *steps, self.filters[-1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "seed": self.seed,
        }


class _WeightNormalizedConvolution(WeightedLayer):
    """A causal convolution over time with the kernel g v / norm(v)."""

    def __init__(self, filters: int, kernel_size: int, dilation: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation = dilation

    def build(self, input_shape: Shape) -> None:
        """Adds v (kernel, dim, filters), its length g, and the bias."""
        self.direction = self.add_weight(
            name="direction",
            shape=(self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

        def length(shape: Shape, dtype: Any = None) -> Tensor:
            return ops.cast(_norm(ops.convert_to_tensor(self.direction)), dtype)

        self.length = self.add_weight(name="length", shape=(self.filters,), initializer=length)
        self.bias = self.add_weight(
            name="bias",
            shape=(self.filters,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """(batch, time, filters) of (batch, time, dim)."""
        # The norm over thousands of weights would leave the range of half precision.
        direction = ops.cast(self.direction, "float32")
        kernel = direction * (ops.cast(self.length, "float32") / _norm(direction))
        before = (self.kernel_size - 1) * self.dilation
        x = ops.conv(
            ops.pad(x, ((0, 0), (before, 0), (0, 0))),
            ops.cast(kernel, self.compute_dtype),
            padding="valid",
            data_format="channels_last",
            dilation_rate=self.dilation,
        )
        return x + self.bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, filters)."""
        return (*input_shape[:-1], self.filters)


def _norm(direction: Tensor) -> Tensor:
    """(filters,): the length of each filter of (kernel, dim, filters)."""
    return ops.sqrt(ops.sum(ops.square(direction), axis=(0, 1)))
