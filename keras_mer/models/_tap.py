"""A place in a model's graph from which a training objective reads what was computed."""

from typing import Any

import keras

from keras_mer._types import Tensor


@keras.saving.register_keras_serializable(package="keras_mer")
class Tap(keras.layers.Layer):
    """Passes its inputs on and keeps them until they are taken.

    An objective that needs the labels is computed in `compute_loss`, after the forward
    pass; with a tap it does not compute again what that pass knew.
    """

    seen: Any = None

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        self.seen = inputs
        return inputs

    def take(self) -> Any:
        """What the last call saw, which is then forgotten: no graph is kept alive."""
        seen, self.seen = self.seen, None
        return seen

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the inputs."""
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """The inputs' own specifications: masks stay bool under any dtype."""

        def same(x: Tensor) -> keras.KerasTensor:
            return keras.KerasTensor(x.shape, dtype=x.dtype)

        return keras.tree.map_structure(same, inputs)
