"""What a mask-gated fusion let pass of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops, tree

_READERS: WeakKeyDictionary[Any, keras.Model] = WeakKeyDictionary()


@dataclass(frozen=True)
class FusionReading:
    """What passed the fusion, for n rows.

    Attributes:
        shares: per modality (n,), its part in the prediction: the length of what it adds to
            the hidden layer after the fusion, divided by the sum over the modalities. 0 for a
            missing modality; the shares of a row sum to 1, or to 0 if nothing was there.
        openness: per modality (n,), the mean of mask times gate over its features, from 0
            (shut) to 1 (open).
    """

    shares: dict[str, np.ndarray]
    openness: dict[str, np.ndarray]


def fusion_reading(
    model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 64
) -> FusionReading:
    """Reads the gates of a model that ends in a `MaskGatedFusion`, such as `CMMSF`.

    Args:
        model: with the attributes `fusion`, `fused`, `gates` and `hidden_layer`.
        inputs: what the model takes, as arrays.
        batch_size: rows read at once.

    Raises:
        ValueError: if the model has no mask-gated fusion.

    Example:

    >>> import numpy as np
    >>> from keras_mer.models import CMMSF
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ... }
    >>> fusion_reading(model, inputs).shares["text"].tolist()
    [1.0, 1.0]
    """
    read = _reader(model).predict(dict(inputs), batch_size=batch_size, verbose=0)
    fused, gates = np.asarray(read["fused"], "float64"), read["gates"]
    modalities = model.fusion.modalities
    parts = np.split(fused, len(modalities), axis=-1)
    hidden = model.hidden_layer
    kernel = ops.convert_to_numpy(hidden.kernel).astype("float64")
    if hidden.quantization_mode == "int8":
        kernel /= ops.convert_to_numpy(hidden.kernel_scale)
    added = {
        m: np.linalg.norm(part @ weights, axis=-1)
        for m, part, weights in zip(
            modalities, parts, np.split(kernel, len(modalities)), strict=True
        )
    }
    total = sum(added.values())
    there = {m: _there(inputs, m, len(fused)) for m in modalities}
    return FusionReading(
        {m: np.divide(x, total, out=np.zeros_like(x), where=total > 0) for m, x in added.items()},
        {m: np.where(there[m], _openness(gates[m], len(fused)), 0.0) for m in modalities},
    )


def has_gates(model: keras.Model) -> bool:
    """Whether it is a model that `fusion_reading` reads."""
    return all(hasattr(model, name) for name in ("fusion", "fused", "gates", "hidden_layer"))


def _reader(model: keras.Model) -> keras.Model:
    """The model up to its fusion; made once per model."""
    if not has_gates(model):
        raise ValueError(
            f"{type(model).__name__} has no mask-gated fusion to read; "
            "keras_mer.explain.shares works for every model"
        )
    if model not in _READERS:
        outputs = {"fused": model.fused, "gates": {m: dict(g) for m, g in model.gates.items()}}
        _READERS[model] = keras.Model(model.input, outputs)
    return _READERS[model]


def _openness(gates: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    factors = [np.asarray(x, "float64") for x in tree.flatten(gates)]
    return np.prod(factors, axis=0).mean(axis=-1) if factors else np.ones(rows)


def _there(inputs: Mapping[str, Any], modality: str, rows: int) -> Any:
    mask = inputs.get(f"{modality}_mask")
    return np.ones(rows, bool) if mask is None else np.any(np.asarray(mask), axis=-1)
