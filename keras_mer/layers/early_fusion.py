"""Early fusion: the features of all modalities side by side, step by step."""

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import built
from keras_mer.layers.masked_batch_normalization import MaskedBatchNormalization


@keras.saving.register_keras_serializable(package="keras_mer")
class EarlyFusion(keras.layers.Layer):
    """Joins aligned modalities along the features and normalises every time step.

        output = BatchNorm([text; audio; video]), one statistic per time step

    A missing modality leaves zeros, the mean of what is normalised, and counts in no
    statistic.

    Args:
        steps: how many steps have a statistic of their own, as in
            `MaskedBatchNormalization`; `None` for no normalisation.
        momentum: momentum of the normalisation.
        epsilon: epsilon of the normalisation.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, time, dim) float, all of one
            time; the dims may differ.
        masks: an optional dict of bool masks (batch, time), True at a real step.
        training: whether to normalise by the batch.

    Output:
        (batch, time, sum of dims), zeros where masked, in the order text, audio, video,
        then by the alphabet.

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, not those the
            layer was built for, or of different times.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.ones((2, 5, 4), "float32"), "audio": np.ones((2, 5, 3), "float32")}
    >>> tuple(EarlyFusion(steps=5)(inputs).shape)
    (2, 5, 7)

    Reference:
        The first operations of EF-LSTM in the MMSA framework, Mao et al., M-SENA: an
        integrated platform for multimodal sentiment analysis, ACL 2022 (demonstrations).
    """

    def __init__(
        self,
        steps: int | None = 50,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = steps
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the normalisation."""
        check_modalities(inputs_shape, "EarlyFusion")
        self.modalities = list(in_order(inputs_shape))
        if self.steps is not None:
            norm = MaskedBatchNormalization(
                self.steps, self.momentum, self.epsilon, dtype=self.dtype_policy
            )
            self.norm = built(norm, self.compute_output_shape(inputs_shape))
        self.built = True

    def call(self, inputs: Tensors, masks: Tensors | None = None, training: bool = False) -> Tensor:
        """Returns the joined sequence; see the class."""
        check_modalities(inputs, "EarlyFusion")
        check_same_modalities(inputs, self.modalities, "EarlyFusion")
        _check_aligned({m: inputs[m].shape for m in self.modalities})
        masks = masks or {}
        clean = {m: zero_masked(inputs[m], masks.get(m)) for m in self.modalities}
        joined = ops.concatenate(list(clean.values()), axis=-1)
        if self.steps is None:
            return joined
        real = [_entries(clean[m], masks.get(m)) for m in self.modalities]
        return self.norm(joined, mask=ops.concatenate(real, axis=-1), training=training)

    def compute_output_shape(self, inputs_shape: Shapes) -> Shape:
        """(batch, time, sum of dims)."""
        shapes = list(inputs_shape.values())
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


def _entries(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mask with a feature axis, as wide as `x`."""
    everything = ops.ones_like(x, dtype="bool")
    return everything if mask is None else ops.logical_and(everything, ops.expand_dims(mask, -1))


def _check_aligned(shapes: Shapes) -> None:
    times = {m: shape[1] for m, shape in shapes.items()}
    if len({time for time in times.values() if time is not None}) > 1:
        raise ValueError(
            "EarlyFusion expects aligned modalities, all of one time; received "
            + ", ".join(f"{m} with {time} steps" for m, time in times.items())
            + ". MaskedResampling1D brings them to one length."
        )
