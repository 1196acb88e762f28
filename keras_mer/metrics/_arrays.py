"""Labels and predictions as checked NumPy arrays."""

from typing import Any

import keras
import numpy as np


def scores(values: Any, name: str) -> np.ndarray:
    """One sentiment score per utterance, (n,), in the precision it was given in.

    Args:
        values: (n,) or (n, 1) numbers, as an array, a list or a tensor.
        name: what to call them in an error.

    Raises:
        ValueError: if the shape differs, or a value is missing or not finite.
    """
    array = as_numbers(values, name)
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise ValueError(
            f"{name} has the shape {array.shape}; expected one score per utterance, (n,) or (n, 1)"
        )
    return array.reshape(-1)


def score_pair(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """`scores` of both, as many of the one as of the other."""
    pair = scores(y_true, "y_true"), scores(y_pred, "y_pred")
    _check_lengths(*pair)
    return pair


def class_pair(
    y_true: Any, y_pred: Any, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """The class ids of labels and predictions, (n,) int64 each, and the number of classes.

    Args:
        y_true: ids (n,) or (n, 1), or one-hot rows (n, num_classes).
        y_pred: the same, or probabilities or logits, of which the largest counts.
        num_classes: how many classes there are; `None` takes the number of columns, or of
            ids alone the highest plus one.

    Raises:
        ValueError: if a shape differs, or an id is not one of the classes.
    """
    arrays = {"y_true": as_numbers(y_true, "y_true"), "y_pred": as_numbers(y_pred, "y_pred")}
    _check_lengths(*arrays.values())
    if num_classes is None:
        columns = [array.shape[1] for array in arrays.values() if _has_columns(array)]
        num_classes = columns[-1] if columns else int(max(map(np.max, arrays.values()))) + 1
    truth, predicted = (class_ids(array, name, num_classes) for name, array in arrays.items())
    return truth, predicted, num_classes


def class_ids(array: np.ndarray, name: str, num_classes: int) -> np.ndarray:
    """One class id per utterance, (n,) int64; of a row of numbers, that of the largest.

    Raises:
        ValueError: if the shape differs, or an id is not one of the classes.
    """
    if _has_columns(array):
        if array.shape[1] != num_classes:
            raise ValueError(
                f"{name} has {array.shape[1]} columns; expected one for each of the "
                f"{num_classes} classes, or class ids of shape (n,)"
            )
        return array.argmax(axis=1)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} has the shape {array.shape}; expected class ids, (n,) or (n, 1), "
            "or one number per class, (n, classes)"
        )
    ids = array.reshape(-1)
    wrong = (ids != np.floor(ids)) | (ids < 0) | (ids >= num_classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{name} holds {ids[row]:g} at row {row}; expected class ids, whole numbers from 0 "
            f"to {num_classes - 1}. Leave out utterances without a label"
        )
    return ids.astype(np.int64)


def _has_columns(array: np.ndarray) -> bool:
    """Whether a row holds one number per class rather than a class id."""
    return array.ndim == 2 and array.shape[1] > 1


def _check_lengths(y_true: np.ndarray, y_pred: np.ndarray) -> None:
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"y_true holds {len(y_true)} utterances and y_pred {len(y_pred)}; "
            "expected one prediction per label"
        )


def as_numbers(values: Any, name: str) -> np.ndarray:
    """`values` as a float array without gaps; float32 and float64 stay as they are."""
    if isinstance(values, keras.Variable):
        values = values.value
    try:
        tensor = keras.ops.is_tensor(values)
        array = np.asarray(keras.ops.convert_to_numpy(values) if tensor else values)
        if array.dtype.kind in "OSUMmc":
            raise TypeError(f"of type {array.dtype}")
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers; received {error}") from error
    if array.ndim == 0:
        raise ValueError(f"{name} is a single number; expected one value per utterance, (n,)")
    if array.size == 0:
        raise ValueError(f"{name} is empty; expected one value per utterance, at least one")
    finite = np.isfinite(array)
    if not finite.all():
        raise ValueError(
            f"{name} holds NaN or infinity in {np.sum(~finite)} places, first at "
            f"{tuple(int(i) for i in np.argwhere(~finite)[0])}; every value must be finite"
        )
    return array
