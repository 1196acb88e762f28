"""Which modality decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_mer.explain._hiding import shares_by_hiding
from keras_mer.explain.fusion_reading import fusion_reading, is_mask_gated


def shares(model: keras.Model, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """How much each modality had to do with the predictions.

    For a model with a mask-gated fusion, the shares of `fusion_reading`. For any other, how
    far the prediction moves when the modality is hidden, as a part of the sum over the
    modalities.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, as arrays.

    Returns:
        Per modality (n,) fractions that sum to 1 over the modalities of a row, or to 0 if
        hiding moves nothing. A missing modality has 0. Of a model that reads dialogues
        (n, utterances); there a modality is hidden in the whole dialogue, and so one that is
        missing in an utterance alone may have a share by its context.
    """
    if is_mask_gated(model):
        return fusion_reading(model, inputs).shares
    return shares_by_hiding(model, inputs)
