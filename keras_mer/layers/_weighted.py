"""What the layers with kernels and biases share: their initializers and the like."""

from typing import Any

import keras

from keras_mer._types import Config, Shape


class WeightedLayer(keras.layers.Layer):
    """A layer whose sublayers take their initializers, regularizers and constraints from it.

    Args:
        kernel_initializer: initializer of the kernels.
        bias_initializer: initializer of the biases.
        kernel_regularizer: regularizer of the kernels.
        bias_regularizer: regularizer of the biases.
        kernel_constraint: constraint on the kernels.
        bias_constraint: constraint on the biases.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.
    """

    def __init__(
        self,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.supports_masking = True

    def weight_options(self) -> dict[str, Any]:
        """What a sublayer is given, its initializers fresh: a shared one repeats its draw."""
        return {
            "kernel_initializer": fresh(self.kernel_initializer),
            "bias_initializer": fresh(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
        }

    def built_dense(self, name: str, units: int, input_shape: Shape, **options: Any) -> Any:
        """A built `Dense` with this layer's options."""
        options = {**self.weight_options(), "dtype": self.dtype_policy, "name": name, **options}
        return built(keras.layers.Dense(units, **options), input_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": serialize(self.kernel_regularizer),
            "bias_regularizer": serialize(self.bias_regularizer),
            "kernel_constraint": serialize(self.kernel_constraint),
            "bias_constraint": serialize(self.bias_constraint),
        }


class TellingLayer(WeightedLayer):
    """A layer whose call has an argument, named by `tells`, to return more than its output."""

    tells: str

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The output, by its shape alone unless more is asked for."""
        if not kwargs.pop(self.tells, False):
            return super().compute_output_spec(*args, **kwargs)
        return keras.Operation.compute_output_spec(self, *args, **{self.tells: True}, **kwargs)


def fresh(initializer: Any) -> Any:
    """A copy of an initializer, or itself if it cannot be copied."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def built(layer: Any, *shapes: Any) -> Any:
    """The layer, built for the shapes."""
    layer.build(*shapes)
    return layer


def seed_of(seed: int | None, place: int) -> int | None:
    """The seed of one of several draws: equal seeds would drop the same features."""
    return None if seed is None else seed + place
