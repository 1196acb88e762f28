"""Where the modalities of a model look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops

from keras_mer.layers._masking import zero_masked
from keras_mer.models import CMMSF, MCIHN, FoalNet

_READERS: WeakKeyDictionary[Any, keras.Model] = WeakKeyDictionary()

FUSION = "fusion"  # what MCIHN's attention is over: codes and interactions, not steps


@dataclass(frozen=True)
class AttentionReading:
    """Attention weights of n rows.

    Attributes:
        weights: by (the modality that looks, the one that is looked at), (n, time,
            source_time): the mean over the heads, and over the looks where it looks several
            times. Those of a step sum to 1; they are 0 at masked steps and for a modality that
            is missing. With `CMMSF(steps=...)` a step is a bin of the resampled row.
        names: what the steps are where they are no time steps.
    """

    weights: dict[tuple[str, str], np.ndarray]
    names: dict[str, list[str]]


def attention_reading(
    model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 64
) -> AttentionReading:
    """Reads the attention between the modalities of a `CMMSF`, a `FoalNet` or an `MCIHN`.

    An `MCIHN` has attention over what its gates and autoencoders made of the modalities, read
    as that of `"fusion"` to itself. The joint cross-attention of `MSRG` is between features and
    not between steps, that of `DeepMSIMER` between the image tokens of one frame; neither can be
    read so. Attention says where a model looks, not what that changes:
    `integrated_gradients` does.

    Args:
        model: one of the three.
        inputs: what the model takes, as arrays of n rows.
        batch_size: rows read at once.

    Raises:
        ValueError: if the model is another one.

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
    layers = _looking(model)
    if model not in _READERS:
        _READERS[model] = keras.Model(model.input, _entering(model, layers))
    given = _READERS[model].predict(dict(inputs), batch_size=batch_size, verbose=0)
    weights: dict[tuple[str, str], np.ndarray] = {}
    for m, layer in layers.items():
        weights |= _weights(model, m, layer, given[m], batch_size)
    return AttentionReading(weights, {FUSION: _parts(model)} if isinstance(model, MCIHN) else {})


def has_attention(model: keras.Model) -> bool:
    """Whether it is a model that `attention_reading` reads."""
    return isinstance(model, CMMSF | FoalNet | MCIHN)


def _looking(model: keras.Model) -> dict[str, Any]:
    """The layers that look, by the modality that does; one layer may look for all."""
    if isinstance(model, CMMSF):
        return {FUSION: model.get_layer("encoder")}
    if isinstance(model, FoalNet):
        return dict(model.stacks)
    if isinstance(model, MCIHN):
        return {FUSION: model.get_layer("attention")}
    raise ValueError(
        f"{type(model).__name__} has no attention between the steps of its modalities; "
        "attention_reading reads CMMSF, FoalNet and MCIHN, and integrated_gradients every model"
    )


def _entering(model: keras.Model, layers: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that each layer is given, in the model's graph."""
    if isinstance(model, CMMSF):
        return {FUSION: {"sequences": dict(model.sequences), "masks": dict(model.visible)}}
    return {m: layer.input for m, layer in layers.items()}


def _weights(
    model: keras.Model, modality: str, layer: Any, given: Any, batch_size: int
) -> dict[tuple[str, str], np.ndarray]:
    """What a layer looks at. Called anew: a graph holds but one form of its output."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for start in range(0, len(keras.tree.flatten(given)[0]), batch_size):
        taken = slice(start, start + batch_size)
        batch = keras.tree.map_structure(lambda x, at=taken: ops.convert_to_tensor(x[at]), given)
        if isinstance(model, CMMSF):
            looks = _of_cascade(layer, batch)
        else:
            others = [n for n in _looking(model) if n != modality] or [modality]
            looks = {(modality, others[0]): _of_looks(layer, batch)}
        for pair, seen in looks.items():
            found.setdefault(pair, []).append(ops.convert_to_numpy(seen).astype("float64"))
    return {pair: np.concatenate(parts) for pair, parts in found.items()}


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
