"""Tensor fusion: the products of all features of all modalities."""

import keras
from keras import ops

from keras_mer._types import Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import with_one
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order


@keras.saving.register_keras_serializable(package="keras_mer")
class TensorFusion(keras.layers.Layer):
    """Joins modalities by the outer product of their vectors, each led by a one.

        output = [1; h_text] x [1; h_audio] x [1; h_video]

    flattened, the last modality fastest. The ones keep every single modality and every
    pair beside the products of all. Drop it in where a model concatenates modalities; the
    width is the product of all widths plus one, so keep the vectors short.

    Args:
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, dim) or (batch, time, dim)
            float; the dims may differ.
        present: an optional dict of bool tensors, one per modality, of the inputs' shapes
            without the last axis: False where the modality is missing. Only its one is
            left of it then, so the products of the others stay.

    Output:
        (batch, product of dim + 1), or with time, in the order text, audio, video, then
        by the alphabet.

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, or not those
            the layer was built for.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.array([[2.0]], "float32"), "audio": np.array([[3.0, 5.0]], "float32")}
    >>> np.array(TensorFusion()(inputs))[0].tolist()
    [1.0, 3.0, 5.0, 2.0, 6.0, 10.0]

    Reference:
        Zadeh et al., Tensor fusion network for multimodal sentiment analysis, EMNLP 2017,
        section 4.2.
    """

    def build(self, inputs_shape: Shapes) -> None:
        """Notes the modalities."""
        check_modalities(inputs_shape, "TensorFusion")
        self.modalities = list(in_order(inputs_shape))
        self.built = True

    def call(self, inputs: Tensors, present: Tensors | None = None) -> Tensor:
        """Returns the products; see the class."""
        check_modalities(inputs, "TensorFusion")
        check_same_modalities(inputs, self.modalities, "TensorFusion")
        present = present or {}
        first, *others = (with_one(inputs[m], present.get(m)) for m in self.modalities)
        for other in others:
            products = ops.expand_dims(first, -1) * ops.expand_dims(other, -2)
            width = first.shape[-1] * other.shape[-1]
            first = ops.reshape(products, (*ops.shape(first)[:-1], width))
        return first

    def compute_output_shape(self, inputs_shape: Shapes) -> Shape:
        """(..., product of dim + 1)."""
        width = 1
        for shape in inputs_shape.values():
            width *= shape[-1] + 1
        return (*next(iter(inputs_shape.values()))[:-1], width)
