"""What is predicted without each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_mer.explain._subsets import modalities_of, predict_subsets


@dataclass(frozen=True)
class Ablation:
    """Predictions of n rows with nothing hidden, and with each modality hidden.

    Attributes:
        prediction: (n, outputs) as the model gives them; of a model that reads dialogues
            (n, utterances, outputs).
        without: per modality an array of the same shape. Where it was missing already, it
            equals `prediction`; where nothing else was there, the model saw nothing.
    """

    prediction: np.ndarray
    without: dict[str, np.ndarray]


def ablation(model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 32) -> Ablation:
    """Predicts with each modality left out.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, as arrays of n rows.
        batch_size: rows at once.

    Raises:
        ValueError: if no modality has a mask.

    Example:

    >>> import numpy as np
    >>> from keras_mer.models import CMMSF
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ... }
    >>> found = ablation(model, inputs)
    >>> bool(np.allclose(found.without["audio"], found.prediction))
    True
    """
    names = modalities_of(inputs)
    subsets = [frozenset(names), *(frozenset(names) - {m} for m in names)]
    whole, *rest = predict_subsets(model, inputs, subsets, batch_size)
    return Ablation(whole, dict(zip(names, rest, strict=True)))
