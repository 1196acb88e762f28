"""Which number of a prediction is explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Output = int | Sequence[int] | np.ndarray | None


def chosen_outputs(predictions: np.ndarray, output: Output) -> np.ndarray:
    """The place of the explained output in each prediction.

    Args:
        predictions: (n, ..., outputs).
        output: one for all rows, or (n,) or (n, ...) of them; by default the largest.

    Returns:
        (n, ...) int.

    Raises:
        ValueError: if there is no such output, or not one for each row.
    """
    count = predictions.shape[-1]
    if output is None:
        return predictions.argmax(axis=-1)
    which = np.asarray(output)
    wanted = predictions.shape[:-1]
    if which.dtype.kind not in "iu" or which.shape not in ((), wanted[:1], wanted):
        raise ValueError(
            f"`output` must be a whole number, or one for each of the {wanted[0]} rows; "
            f"received {output!r}"
        )
    if which.size and not (which.min() >= 0 and which.max() < count):
        raise ValueError(f"the model has the outputs 0 to {count - 1}; received output={output!r}")
    return np.broadcast_to(which.reshape(which.shape + (1,) * (len(wanted) - which.ndim)), wanted)


def picked(predictions: np.ndarray, which: np.ndarray) -> np.ndarray:
    """(..., n, ...) of predictions (..., n, ..., outputs), the output named by `which` of each."""
    places = np.broadcast_to(which, predictions.shape[:-1])[..., None]
    return np.take_along_axis(predictions, places, axis=-1)[..., 0]
