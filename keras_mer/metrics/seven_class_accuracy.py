"""Accuracy of sentiment scores rounded to classes."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Tensor
from keras_mer.metrics._samples import flat_scores


@keras.saving.register_keras_serializable(package="keras_mer")
class SevenClassAccuracy(keras.metrics.Mean):
    """Share of scores that round to the class of their label, over all batches.

    The figures `acc7` and `acc5` of `keras_mer.metrics.report`: both sides are clipped to
    [-3, 3], or [-2, 2] for five classes, and rounded half to even.

    Args:
        num_classes: 7 or 5.
        name: by default the name of the figure.
        dtype: of the result.

    Output:
        A scalar in [0, 1]; 0 if there is nothing to score.

    Raises:
        ValueError: if `num_classes` is neither, or labels and predictions differ in number.

    Example:

    >>> from keras_mer.metrics import SevenClassAccuracy
    >>> metric = SevenClassAccuracy()
    >>> metric.update_state([2.0, -3.0], [2.5, -2.4])
    >>> float(metric.result())
    0.5

    Reference:
        The evaluation of MMSA, https://github.com/thuiar/MMSA.
    """

    def __init__(self, num_classes: int = 7, name: str | None = None, dtype: Any = None) -> None:
        if num_classes not in (5, 7):
            raise ValueError(
                f"SevenClassAccuracy expects num_classes of 7 or 5; received {num_classes!r}"
            )
        super().__init__(name=name or f"acc{num_classes}", dtype=dtype)
        self.num_classes = num_classes
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
        agrees = ops.equal(self._rounded(truth), self._rounded(scores))
        super().update_state(agrees, sample_weight=weights)

    def _rounded(self, scores: Tensor) -> Tensor:
        limit = (self.num_classes - 1) // 2
        return ops.round(ops.clip(scores, -limit, limit))

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}
