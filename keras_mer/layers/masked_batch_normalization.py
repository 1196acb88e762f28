"""Batch normalisation that sees the real entries alone."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedBatchNormalization(keras.layers.Layer):
    """Normalises over the real entries of a batch, per feature or per time step.

    What is masked counts in no mean and no variance, and a statistic of which a batch
    holds no real entry keeps its running value. With everything real, the numbers are
    those of `keras.layers.BatchNormalization`.

    Args:
        steps: `None` for one statistic per feature; a number of steps for one statistic
            per time step, over batch and features. Rows may be shorter than `steps`; steps
            beyond it share the statistic of the last.
        momentum: share of the running statistics that a batch leaves as it was.
        epsilon: added to the variance.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        inputs: (batch, dim) or (batch, time, dim) float; with `steps` the latter.
        mask: bool of the shape of the inputs, with or without the last axis, True at a
            real entry; `None` means that all are real.
        training: whether to use, and to learn, the statistics of the batch.

    Output:
        The shape of the inputs, zeros where masked.

    Example:

    >>> import numpy as np
    >>> inputs = np.array([[1.0], [3.0], [np.nan]], "float32")
    >>> layer = MaskedBatchNormalization(epsilon=0.0)
    >>> outputs = layer(inputs, mask=np.array([True, True, False]), training=True)
    >>> keras.ops.convert_to_numpy(outputs)[:, 0].tolist()
    [-1.0, 1.0, 0.0]

    Reference:
        Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    def __init__(
        self,
        steps: int | None = None,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        if steps is not None and steps < 1:
            raise ValueError(f"MaskedBatchNormalization needs steps of 1 or more; received {steps}")
        self.steps = steps
        self.momentum = momentum
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Creates scale, shift and running statistics for (batch, ..., dim)."""
        size = (self.steps or input_shape[-1],)
        self.gamma = self.add_weight(size, initializer="ones", name="gamma")
        self.beta = self.add_weight(size, initializer="zeros", name="beta")
        running = {"trainable": False, "autocast": False, "dtype": "float32"}
        self.moving_mean = self.add_weight(size, initializer="zeros", name="moving_mean", **running)
        self.moving_variance = self.add_weight(
            size, initializer="ones", name="moving_variance", **running
        )
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Returns the normalised inputs; see the class."""
        # Half precision is too coarse to sum a batch in.
        x = ops.cast(inputs, "float32")
        real = ops.ones_like(x, dtype="bool")
        if mask is not None:
            real = ops.logical_and(real, _to_rank(mask, len(x.shape)))
        x = ops.where(real, x, 0.0)
        mean = ops.convert_to_tensor(self.moving_mean)
        variance = ops.convert_to_tensor(self.moving_variance)
        if training and self.trainable:
            mean, variance = self._learn(x, ops.cast(real, "float32"))
        scale = ops.rsqrt(variance + self.epsilon) * ops.cast(self.gamma, "float32")
        shift = self._spread(ops.cast(self.beta, "float32"), x)
        y = (x - self._spread(mean, x)) * self._spread(scale, x) + shift
        return ops.cast(ops.where(real, y, 0.0), self.compute_dtype)

    def _learn(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The statistics of the batch, which also move the running ones."""
        count = self._collect(weight)
        some = ops.maximum(count, 1.0)
        mean = self._collect(x) / some
        variance = self._collect(weight * ops.square(x - self._spread(mean, x))) / some
        for running, found in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept = ops.convert_to_tensor(running)
            moved = kept * self.momentum + ops.stop_gradient(found) * (1 - self.momentum)
            running.assign(ops.where(count > 0, moved, kept))
        return mean, variance

    def _places(self, x: Tensor) -> Tensor:
        """(time,) int: the statistic of each step."""
        step = ops.arange(ops.shape(x)[1], dtype="int32")
        last: Any = self.steps
        return ops.minimum(step, last - 1)

    def _collect(self, x: Tensor) -> Tensor:
        """Sums over all that shares a statistic."""
        if self.steps is None:
            return ops.sum(x, axis=tuple(range(len(x.shape) - 1)))
        each = ops.one_hot(self._places(x), self.steps, dtype="float32")
        return ops.sum(ops.expand_dims(ops.sum(x, axis=(0, 2)), -1) * each, axis=0)

    def _spread(self, statistic: Tensor, x: Tensor) -> Tensor:
        """One number per statistic, in a shape that multiplies `x`."""
        if self.steps is None:
            return statistic
        return ops.expand_dims(ops.take(statistic, self._places(x), axis=0), -1)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Passes a mask of steps on; a mask of single entries means nothing to other layers."""
        steps = mask is not None and len(mask.shape) < len(inputs.shape)
        return mask if steps else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the inputs."""
        return tuple(input_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


def _to_rank(mask: Tensor, rank: int) -> Tensor:
    return ops.expand_dims(mask, -1) if len(mask.shape) < rank else mask
