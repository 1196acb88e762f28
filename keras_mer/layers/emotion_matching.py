"""Whether two modalities show the same emotion: MEM of Foal-Net."""

from typing import Any

import keras

from keras_mer._types import Shapes, Tensor, Tensors
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import WeightedLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class EmotionMatching(WeightedLayer):
    """Tells from a fused vector whether what was fused shows the same emotion.

        logits_m = W_m f_m + b_m

    where f_m is what the modality m made of the other one. Class 1 is a match. Trained on
    true pairs and on those of `HardNegatives`, it makes the fusion notice when the
    modalities disagree.

    Args:
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict with one vector (batch, dim) float per modality; the dims may differ.

    Output:
        A dict of logits (batch, 2), for `SparseCategoricalCrossentropy(from_logits=True)`.

    Raises:
        ValueError: if the inputs are not a dict, or not of the modalities that the layer
            was built for.

    Example:

    >>> import numpy as np
    >>> vectors = {"audio": np.ones((3, 8), "float32"), "video": np.ones((3, 6), "float32")}
    >>> tuple(EmotionMatching()(vectors)["video"].shape)
    (3, 2)

    Reference:
        Foal-Net, arXiv 2408.09438, emotion matching, and its released code.
    """

    def build(self, inputs_shape: Shapes) -> None:
        """Builds one head per modality."""
        check_modalities(inputs_shape, "EmotionMatching", at_least=1)
        self.heads = {
            m: self.built_dense(f"match_{m}", 2, shape)
            for m, shape in in_order(inputs_shape).items()
        }
        self.built = True

    def call(self, inputs: Tensors) -> dict[str, Tensor]:
        """Returns the logits; see the class."""
        check_same_modalities(inputs, self.heads, "EmotionMatching")
        return {m: head(inputs[m]) for m, head in self.heads.items()}

    def compute_output_shape(self, inputs_shape: Shapes) -> dict[str, Any]:
        """(batch, 2) each."""
        return {m: (*shape[:-1], 2) for m, shape in in_order(inputs_shape).items()}
