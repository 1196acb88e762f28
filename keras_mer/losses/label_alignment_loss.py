"""The label-aware contrastive loss between two modalities, AVEL of Foal-Net."""

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.layers.emotion_alignment import NO_PAIR


@keras.saving.register_keras_serializable(package="keras_mer")
class LabelAlignmentLoss(keras.losses.Loss):
    """Pulls clips of one label together across two modalities, and the others apart.

        L_i = - sum_j [y_i = y_j] ( log softmax_j(S)_ij + log softmax_j(S^T)_ij ) / 2

    a sum over the positives, the clip's own pair among them, not their mean.

    Args:
        reduction: how the L_i become one number; the default is their mean.
        name: name of the loss.
        dtype: dtype or policy of the computation.

    Call arguments:
        y_true: (batch,) or (batch, 1) labels.
        y_pred: (batch, batch) float, the similarity S of every clip to every clip, such as
            the output of `EmotionAlignment`. A pair of -1e9 or less is left out; a clip
            with no pair at all has a loss of 0.

    Output:
        A scalar, or (batch,) without a reduction.

    Example:

    >>> import numpy as np
    >>> labels, similarity = np.array([0, 1]), np.array([[9.0, 0.0], [0.0, 9.0]], "float32")
    >>> loss = LabelAlignmentLoss()
    >>> round(float(loss(labels, similarity)), 4), round(float(loss(labels, -similarity)), 4)
    (0.0001, 9.0001)

    Reference:
        Foal-Net, arXiv 2408.09438, audio-video emotion alignment, and its released code.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "label_alignment_loss",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the loss of each clip, (batch,); see the class."""
        labels = ops.reshape(y_true, (-1,))
        alike = ops.logical_and(labels[:, None] == labels[None, :], y_pred > NO_PAIR)
        forth = _sum_of_positives(y_pred, alike)
        back = _sum_of_positives(ops.transpose(y_pred), ops.transpose(alike))
        return -(forth + back) / 2


def _sum_of_positives(similarity: Tensor, alike: Tensor) -> Tensor:
    return ops.sum(ops.where(alike, ops.log_softmax(similarity, axis=1), 0.0), axis=1)
