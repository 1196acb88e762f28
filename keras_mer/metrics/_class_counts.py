"""What the metrics of emotion classes count."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Tensor
from keras_mer.metrics._samples import flat_classes


class ClassCounts(keras.metrics.Metric):
    """Counts, per class, its labels, its predictions and where the two meet.

    Args:
        num_classes: how many classes there are.
        name: of the metric.
        dtype: of the counts and of the result.
    """

    def __init__(self, num_classes: int, name: str, dtype: Any = None) -> None:
        if num_classes < 2:
            raise ValueError(
                f"{type(self).__name__} expects num_classes of 2 or more; received {num_classes}"
            )
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self._direction = "up"
        self.labelled = self.add_variable((num_classes,), "zeros", name="labelled")
        self.predicted = self.add_variable((num_classes,), "zeros", name="predicted")
        self.hits = self.add_variable((num_classes,), "zeros", name="hits")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: class ids (batch,) or (batch, 1), or one-hot rows (batch, num_classes).
                A label outside 0 .. num_classes - 1 is left out.
            y_pred: probabilities or logits (batch, num_classes), of which the largest counts.
            sample_weight: weights (batch,), or one per label.
        """
        truth, guess, weights = flat_classes(
            y_true, y_pred, sample_weight, self.num_classes, self.dtype, type(self).__name__
        )
        classes = ops.arange(self.num_classes, dtype="int32")
        truth = ops.cast(ops.expand_dims(truth, 1) == classes, self.dtype)
        guess = ops.cast(ops.expand_dims(guess, 1) == classes, self.dtype)
        truth = truth * ops.expand_dims(weights, 1)
        counted = ops.sum(truth, axis=1, keepdims=True)
        self.labelled.assign_add(ops.sum(truth, axis=0))
        self.predicted.assign_add(ops.sum(guess * counted, axis=0))
        self.hits.assign_add(ops.sum(guess * truth, axis=0))

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}
