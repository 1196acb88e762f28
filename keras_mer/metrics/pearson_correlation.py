"""Correlation of predictions and labels, exact over batches."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.metrics._samples import flat_scores

RESOLUTION = 1e-6
"""A spread below this share of the mean is the rounding error of equal numbers."""


@keras.saving.register_keras_serializable(package="keras_mer")
class PearsonCorrelation(keras.metrics.Metric):
    """Pearson correlation of all predictions with all labels.

    The figure `corr` of `keras_mer.metrics.report`. `keras.metrics.PearsonCorrelation`
    averages over the rows of a batch; this one merges the moments of the batches, so that
    the result does not depend on how the utterances are divided.

    Args:
        name: of the metric.
        dtype: of the moments and of the result.

    Output:
        A scalar in [-1, 1]; 0 if the labels or the predictions are all equal.

    Raises:
        ValueError: if labels and predictions differ in number.

    Example:

    >>> from keras_mer.metrics import PearsonCorrelation
    >>> metric = PearsonCorrelation()
    >>> metric.update_state([1.0, 2.0], [1.0, 2.0])
    >>> metric.update_state([3.0], [3.0])
    >>> round(float(metric.result()), 6)
    1.0

    Reference:
        Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing
        sample variances, 1982.
    """

    def __init__(self, name: str = "corr", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.count = self.add_variable((), "zeros", name="count")
        self.means = self.add_variable((2,), "zeros", name="means")
        self.moments = self.add_variable((3,), "zeros", name="moments")

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
        pair = ops.stack([truth, scores])
        count = ops.sum(weights)
        means = ops.divide_no_nan(ops.sum(weights * pair, axis=1), count)
        moments = ops.sum(weights * _products(pair - ops.expand_dims(means, 1)), axis=1)

        total = self.count + count
        share = ops.divide_no_nan(count, total)
        shift = means - self.means
        self.moments.assign_add(moments + _products(shift) * self.count * share)
        self.means.assign_add(shift * share)
        self.count.assign(total)

    def result(self) -> Tensor:
        """The correlation of everything added so far."""
        squares = self.moments[:2]
        floor = ops.square(RESOLUTION * self.means) * self.count
        varies = ops.all(squares > floor)
        norm = ops.prod(ops.sqrt(ops.where(varies, squares, ops.ones_like(squares))))
        corr = ops.clip(self.moments[2] / norm, -1.0, 1.0)
        return ops.where(varies, corr, ops.zeros_like(corr))


def _products(pair: Tensor) -> Tensor:
    """The squares of both rows, and their product, (3, ...)."""
    return ops.stack([pair[0] * pair[0], pair[1] * pair[1], pair[0] * pair[1]])
