"""The recipe that systems are compared by if nobody wrote one: data, training, evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from keras_mer import metrics
from keras_mer.data import Dataset
from keras_mer.features.preset_text_encoder import PREFIX
from keras_mer.layers._modalities import modality_order
from keras_mer.training.recipe import SECTIONS, Recipe

TEXT_ENCODER = {"extractor": "all-MiniLM-L6-v2", "layers": [4, 6], "contractions": True}
CLIP = 5.0
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
        protocol: how figures are computed; by default that of the data set, or "classes" or
            "scores".

    Raises:
        ValueError: if the data set has no such modality.
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
    data: dict[str, Any] = {
        "modalities": chosen,
        "text_encoder": TEXT_ENCODER if encoded else None,
        "standardize": [m for m in chosen if m in dataset.features and unscaled(m, dataset)],
        "clip": CLIP,
    }
    recipe = Recipe(
        "compare",
        {**SECTIONS["data"], **data},
        SECTIONS["model"],
        {**SECTIONS["training"], **TRAINING},
        SECTIONS["evaluation"],
    )
    return recipe.scored_by(protocol or protocol_of(dataset))


def protocol_of(dataset: Dataset) -> str:
    """The protocol that a data set names, or the one of its task.

    Raises:
        ValueError: if it names none and has labels of several columns.
    """
    named = dataset.description["protocol"]
    if named is None and dataset.labels.ndim > 1:
        raise ValueError(
            f"the data set names no protocol, and its labels have {dataset.labels.shape[1]} "
            f"columns: pass one of {', '.join(metrics.protocols())}"
        )
    classes = dataset.description["task"] == "classification"
    return named or ("classes" if classes else "scores")


def unscaled(modality: str, dataset: Dataset) -> bool:
    """Whether features need standardising.

    An encoder of text gives values that are near each other in size, and frames are pictures.
    """
    if modality not in dataset.features:
        return modality != "text"
    given = dataset.description["features"][modality]
    extractor = str(given["extractor"])
    encoded = extractor == TEXT_ENCODER["extractor"] or extractor.startswith(PREFIX)
    return not (given.get("standardized") or given.get("shape") or encoded)
