"""Mean recall over the classes."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.metrics._class_counts import ClassCounts


@keras.saving.register_keras_serializable(package="keras_mer")
class UnweightedAccuracy(ClassCounts):
    """Mean recall of the classes that occur, over all batches.

    The figure `ua` of `keras_mer.metrics.report`. Labels are class ids (batch,) or
    (batch, 1), or one-hot rows; predictions are probabilities or logits
    (batch, num_classes), or (batch, time, num_classes) with the mask as `sample_weight`.

    Args:
        num_classes: how many classes there are.
        name: of the metric.
        dtype: of the counts and of the result.

    Output:
        A scalar in [0, 1]; 0 if there is nothing to score.

    Raises:
        ValueError: if the predictions do not have `num_classes` columns, or labels and
            predictions differ in number.

    Example:

    >>> from keras_mer.metrics import UnweightedAccuracy
    >>> metric = UnweightedAccuracy(num_classes=2)
    >>> metric.update_state([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> float(metric.result())
    0.75
    """

    def __init__(self, num_classes: int, name: str = "ua", dtype: Any = None) -> None:
        super().__init__(num_classes=num_classes, name=name, dtype=dtype)

    def result(self) -> Tensor:
        """The mean recall of everything added so far."""
        recall = ops.divide_no_nan(self.hits, self.labelled)
        occurring = ops.cast(self.labelled > 0, self.dtype)
        return ops.divide_no_nan(ops.sum(recall), ops.sum(occurring))
