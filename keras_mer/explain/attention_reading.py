"""Where the modalities of a model look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_mer.explain._anew import called_anew, tensors_inside
from keras_mer.layers._masking import zero_masked
from keras_mer.models import CMMSF, MCIHN, MSRG, DeepMSIMER, FoalNet

FUSION = "fusion"  # what MCIHN's attention is over: codes and interactions, not steps
JOINT = "joint"  # the feature of all modalities together that those of MSRG look at

Weights = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class AttentionReading:
    """Attention weights of n rows, or the correlations that take their place.

    Attributes:
        weights: by (the modality that looks, the one that is looked at), (n, time,
            source_time): the mean over the heads, and over the looks where it looks several
            times. Those of a step sum to 1; they are 0 at masked steps and for a modality that
            is missing. With `CMMSF(steps=...)` a step is a bin of the resampled row.
        names: what the steps are where they are no time steps.
        between: "steps"; or "features" of an `MSRG`, whose weights (n, dim, source_dim) are
            correlations from -1 to 1, as its layer learned them: they sum to nothing.
    """

    weights: Weights
    names: dict[str, list[str]]
    between: Literal["steps", "features"] = "steps"


def attention_reading(
    model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 64
) -> AttentionReading:
    """Reads the attention between the modalities of `CMMSF`, `FoalNet`, `MCIHN` and `MSRG`.

    An `MCIHN` has attention over what its gates and autoencoders made of the modalities, read
    as that of `"fusion"` to itself. The joint cross-attention of an `MSRG` is between features
    and not between steps: read are its correlations of each modality's features with those of
    itself and of the `"joint"` feature. They are features inside the model, without a name.
    That of `DeepMSIMER` is between the image tokens of one frame, and that around a
    `DialogueModel`'s system over single steps; neither can be read so. Attention says where a
    model looks, not what that changes: `integrated_gradients` does.

    Args:
        model: one of the four.
        inputs: what the model takes, as arrays of n rows.
        batch_size: rows read at once.

    Raises:
        ValueError: if the model is another one, or has no attention.

    Example:

    >>> import numpy as np
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 3, 5), "float32"), "audio_mask": np.ones((2, 3), "bool"),
    ... }
    >>> attention_reading(model, inputs).weights["text", "audio"].shape
    (2, 6, 3)
    """
    if isinstance(model, MSRG) and model.attention is not None:
        found = _correlations(model, model.pooling, model.attention, inputs, batch_size)
        return AttentionReading(found, {}, "features")
    layers = _looking(model)
    given = tensors_inside(model, "attention", lambda: _entering(model, layers), inputs, batch_size)
    weights: Weights = {}
    for m, layer in layers.items():
        weights |= _weights(model, m, layer, given[m], batch_size)
    return AttentionReading(weights, {FUSION: _parts(model)} if isinstance(model, MCIHN) else {})


def _looking(model: keras.Model) -> dict[str, Any]:
    """The layers that look, by the modality that does; one layer may look for all."""
    if isinstance(model, CMMSF):
        return {FUSION: model.get_layer("encoder")}
    if isinstance(model, FoalNet):
        return dict(model.stacks)
    if isinstance(model, MCIHN):
        return {FUSION: model.get_layer("attention")}
    raise ValueError(
        f"{type(model).__name__} has no attention between its modalities{_why_none(model)}; "
        "attention_reading reads CMMSF, FoalNet, MCIHN and MSRG, and integrated_gradients every "
        "model"
    )


def _why_none(model: Any) -> str:
    if isinstance(model, MSRG):
        return ", as it was made with attention=False"
    if isinstance(model, DeepMSIMER):
        return ", which it joins as they are; what attention it has is within single frames"
    if getattr(model, "reads_dialogues", False):
        return " over more than one step: its system sees one utterance at a time"
    return ""


def _correlations(
    model: MSRG, pooling: Any, attention: Any, inputs: Mapping[str, Any], batch_size: int
) -> Weights:
    """By (modality, itself or what stands for it) and (modality, the joint feature)."""

    def tensors() -> Any:
        return {"sequences": dict(model.sequences), "masks": dict(model.visible)}

    def correlations(given: Any) -> Any:
        rows, masks = given["sequences"], given["masks"]
        joint = pooling(rows, masks=masks)
        return attention(rows, joint=joint, masks=masks, return_correlations=True)[1]

    given = tensors_inside(model, "correlations", tensors, inputs, batch_size)
    weights: Weights = {}
    for m, seen in called_anew(correlations, given, batch_size).items():
        own = attention.joint_of.get(m, m)
        width = given["sequences"][own].shape[-1]
        weights[m, own], weights[m, JOINT] = seen[..., :width], seen[..., width:]
    return weights


def _entering(model: keras.Model, layers: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that each layer is given, in the model's graph."""
    if isinstance(model, CMMSF):
        return {FUSION: {"sequences": dict(model.sequences), "masks": dict(model.visible)}}
    return {m: layer.input for m, layer in layers.items()}


def _weights(model: keras.Model, modality: str, layer: Any, given: Any, batch_size: int) -> Weights:
    """What a layer looks at."""

    def looks(batch: Any) -> Any:
        if isinstance(model, CMMSF):
            return _of_cascade(layer, batch)
        others = [n for n in _looking(model) if n != modality] or [modality]
        return {(modality, others[0]): _of_looks(layer, batch)}

    found: Weights = called_anew(looks, given, batch_size)
    return found


def _of_cascade(encoder: Any, given: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    masks = given["masks"]
    _, scores = encoder(given["sequences"], masks=masks, return_attention_scores=True)
    return {(m, n): _mean([x], masks[m]) for m, seen in scores.items() for n, x in seen.items()}


def _of_looks(layer: Any, given: list[Any]) -> Any:
    query, source, query_mask, source_mask = given
    masks = {"query_mask": query_mask, "source_mask": source_mask}
    _, scores = layer(query, source, **masks, return_attention_scores=True)
    return _mean(scores if isinstance(scores, list) else [scores], query_mask)


def _mean(looks: list[Any], mask: Any) -> Any:
    """(batch, time, source_time) over heads and looks, zeros where nobody looks."""
    return zero_masked(ops.mean(ops.stack(looks), axis=(0, 2)), mask)


def _parts(model: MCIHN) -> list[str]:
    names = list(model.autoencoders)
    pairs = combinations(names, 2) if model.gates else ()
    return [*(" and ".join(pair) for pair in pairs), *names]
