"""The recipe that systems are compared by if nobody wrote one: data, training, evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from keras_mer import metrics
from keras_mer.data import Dataset
from keras_mer.layers._modalities import modality_order
from keras_mer.metrics.protocols import find_protocol
from keras_mer.training.recipe import SECTIONS, Recipe

TEXT_ENCODER = {"extractor": "all-MiniLM-L6-v2", "layers": [4, 6], "contractions": True}
TRAINING = {
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "clipnorm": 1.0,
    "ema_momentum": 0.99,
    "batch_size": 32,
    "epochs": 40,
    "patience": 8,
}


def shared_recipe(
    dataset: Dataset, modalities: Iterable[str] | None = None, protocol: str | None = None
) -> Recipe:
    """Everything but the model, as suits a data set.

    Transcripts without features are read by the frozen all-MiniLM-L6-v2; all other features are
    standardised on the training part. Scores are trained by their absolute error, which also
    selects the epoch; classes by cross-entropy, and the protocol's first figure selects.

    Args:
        dataset: as read.
        modalities: the ones to train on; by default all that there are, and the transcripts.
        protocol: how figures are computed; by default that of the data set, or "classes".

    Raises:
        ValueError: if the data set has no such modality, or scores and no protocol.
    """
    there = set(dataset.modalities) | ({"text"} if dataset.transcripts is not None else set())
    chosen = modality_order(there if modalities is None else modalities)
    unknown = [m for m in chosen if m not in there]
    if unknown or not chosen:
        raise ValueError(
            f"the data set has {', '.join(modality_order(there)) or 'no features'}; received the "
            f"modalities {', '.join(chosen) or 'none'}. Features of clips are made by "
            "keras-mer extract, or by audio_encoder and video_encoder in a recipe's [data]"
        )
    encoded = "text" in chosen and "text" not in dataset.features
    classes = dataset.description["task"] == "classification"
    name = protocol or dataset.description["protocol"] or ("classes" if classes else None)
    if name is None:
        raise ValueError(
            f"the data set names no protocol: pass one of {', '.join(metrics.protocols())}"
        )
    data: dict[str, Any] = {
        "modalities": chosen,
        "text_encoder": TEXT_ENCODER if encoded else None,
        "standardize": [m for m in chosen if not _is_scaled(m, dataset)],
        "clip": 5.0,
    }
    loss = "sparse_categorical_crossentropy" if classes else "mae"
    first = find_protocol(name).first.name
    return Recipe(
        "compare",
        {**SECTIONS["data"], **data},
        SECTIONS["model"],
        {**SECTIONS["training"], **TRAINING, "loss": loss},
        {"protocol": name, "select": first if classes else "mae"},
    )


def _is_scaled(modality: str, dataset: Dataset) -> bool:
    """Whether features need no standardising: an encoder's are near each other in size."""
    if modality not in dataset.features:
        return True
    return bool(dataset.description["features"][modality].get("standardized"))
