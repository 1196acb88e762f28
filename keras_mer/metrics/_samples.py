"""Batches of labels and predictions as flat tensors, one number per utterance."""

import math

from keras import ops

from keras_mer._types import Tensor


def flat_scores(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, dtype: str, metric: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and their weights, (n,) each.

    Args:
        y_true: labels (batch,), (batch, 1), (batch, time) or (batch, time, 1).
        y_pred: predictions, one per label.
        sample_weight: weights (batch,) or one per label; `None` gives ones.
        dtype: of the results.
        metric: the name of the metric, for an error.
    """
    y_true, y_pred = (_points(ops.cast(values, dtype)) for values in (y_true, y_pred))
    return _flat(y_true, y_pred, sample_weight, dtype, metric)


def flat_classes(
    y_true: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None,
    num_classes: int,
    dtype: str,
    metric: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Class ids, int32, and their weights, (n,) each.

    Args:
        y_true: class ids, one per prediction, or one-hot rows of the shape of `y_pred`.
        y_pred: probabilities or logits (..., num_classes), of which the largest counts.
        sample_weight: weights (batch,) or one per prediction; `None` gives ones.
        num_classes: how many classes there are.
        dtype: of the weights.
        metric: the name of the metric, for an error.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) < 2 or y_pred.shape[-1] != num_classes:
        raise ValueError(
            f"{metric} expects predictions of shape (batch, {num_classes}), one number per class; "
            f"received {tuple(y_pred.shape)}"
        )
    one_hot = len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == num_classes
    y_true = ops.argmax(y_true, axis=-1) if one_hot else _points(y_true)
    ids = ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    return _flat(*ids, sample_weight, dtype, metric)


def _flat(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, dtype: str, metric: str
) -> tuple[Tensor, Tensor, Tensor]:
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if len({math.prod(shape) for shape in shapes if None not in shape}) > 1:
        raise ValueError(
            f"{metric} received labels of shape {shapes[0]} for predictions of shape "
            f"{shapes[1]}; expected one label per prediction"
        )
    if sample_weight is None:
        weights = ops.ones_like(y_true, dtype=dtype)
    else:
        weights = ops.cast(sample_weight, dtype)
        if len(weights.shape) > len(shapes[0]):
            weights = _points(weights)
        while len(weights.shape) < len(shapes[0]):
            weights = ops.expand_dims(weights, -1)
        weights = ops.broadcast_to(weights, ops.shape(y_true))
    return ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,)), ops.reshape(weights, (-1,))


def _points(values: Tensor) -> Tensor:
    """`values` without a last axis of one number."""
    if len(values.shape) > 1 and values.shape[-1] == 1:
        return ops.squeeze(values, axis=-1)
    return values
