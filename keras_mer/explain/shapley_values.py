"""What each modality adds to a prediction, on the average over all orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_mer.explain._outputs import Output, chosen_outputs, picked
from keras_mer.explain._subsets import all_subsets, exact_shapley, modalities_of, predict_subsets


@dataclass(frozen=True)
class ShapleyValues:
    """One output of n predictions, split among the modalities.

    `base` and the values of a row sum to `prediction`. For a model that reads dialogues all
    arrays are (n, utterances).

    Attributes:
        values: per modality (n,), in units of the prediction, signed; 0 for a missing one.
        base: (n,), what is predicted of nothing, with every modality hidden.
        prediction: (n,), with all that is there.
        output: (n,) int, the output that is explained.
    """

    values: dict[str, np.ndarray]
    base: np.ndarray
    prediction: np.ndarray
    output: np.ndarray


def shapley_values(
    model: keras.Model, inputs: Mapping[str, Any], output: Output = None, batch_size: int = 32
) -> ShapleyValues:
    """Exact Shapley values of the modalities: what each adds, averaged over all orders of them.

    The model is asked once for every subset of the modalities, 8 times a row for three. In a
    dialogue a modality is hidden in all utterances, and so one that is missing in an utterance
    alone may have a value by its context.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, as arrays of n rows.
        output: which of the model's outputs, one for all rows or one for each. By default the
            largest, which is the predicted class.
        batch_size: rows at once.

    Raises:
        ValueError: if no modality has a mask, or the model has no such output.

    Example:

    >>> import numpy as np
    >>> from keras_mer.models import CMMSF
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ... }
    >>> found = shapley_values(model, inputs)
    >>> bool(np.allclose(found.base + found.values["text"], found.prediction, atol=1e-6))
    True

    Reference:
        Shapley, A value for n-person games, 1953.
    """
    names = modalities_of(inputs)
    subsets = all_subsets(names)
    predicted = predict_subsets(model, inputs, subsets, batch_size)
    which = chosen_outputs(predicted[-1], output)
    values = dict(zip(subsets, picked(predicted, which), strict=True))
    shares = exact_shapley(values, names)
    for m, share in shares.items():
        there = np.asarray(inputs[f"{m}_mask"]).any(axis=1)
        share[~there] = 0.0  # not the rounding of two equal predictions
    return ShapleyValues(shares, values[subsets[0]], values[subsets[-1]], which)
