"""Accuracy of positive against negative sentiment."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Tensor
from keras_mer.metrics._samples import flat_scores


@keras.saving.register_keras_serializable(package="keras_mer")
class BinarySentimentAccuracy(keras.metrics.Mean):
    """Share of scores on the right side of zero, over all batches.

    The figures `non0_acc2` and `has0_acc2` of `keras_mer.metrics.report`. Labels and
    predictions are scores of shape (batch,) or (batch, 1), or (batch, time) with the mask
    as `sample_weight`.

    Args:
        zeros: `"non0"` leaves out utterances labelled 0 and asks for > 0; `"has0"` keeps
            them and asks for >= 0.
        name: by default the name of the figure.
        dtype: of the result.

    Output:
        A scalar in [0, 1]; 0 if there is nothing to score.

    Raises:
        ValueError: if `zeros` is neither, or labels and predictions differ in number.

    Example:

    >>> from keras_mer.metrics import BinarySentimentAccuracy
    >>> metric = BinarySentimentAccuracy(zeros="non0")
    >>> metric.update_state([1.0, -2.0, 0.0], [0.5, 0.5, 0.5])
    >>> float(metric.result())
    0.5

    Reference:
        The evaluation of MMSA, https://github.com/thuiar/MMSA.
    """

    def __init__(self, zeros: str = "non0", name: str | None = None, dtype: Any = None) -> None:
        if zeros not in ("non0", "has0"):
            raise ValueError(
                'BinarySentimentAccuracy expects zeros="non0" (leave them out) or "has0" '
                f"(count them as non-negative); received {zeros!r}"
            )
        super().__init__(name=name or f"{zeros}_acc2", dtype=dtype)
        self.zeros = zeros
        self._direction = "up"

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: labels (batch,) or (batch, 1).
            y_pred: predictions, one per label.
            sample_weight: weights (batch,), or one per label.
        """
        truth, scores, weights = flat_scores(
            y_true, y_pred, sample_weight, self.dtype, type(self).__name__
        )
        if self.zeros == "has0":
            agrees = ops.equal(truth >= 0, scores >= 0)
        else:
            agrees = ops.equal(truth > 0, scores > 0)
            weights = ops.where(ops.equal(truth, 0), ops.zeros_like(weights), weights)
        super().update_state(agrees, sample_weight=weights)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "zeros": self.zeros}
