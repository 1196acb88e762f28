"""Layers of a model, called anew on what the model gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops, tree

_READERS: WeakKeyDictionary[Any, dict[str, keras.Model]] = WeakKeyDictionary()


def tensors_inside(
    model: keras.Model,
    purpose: str,
    tensors: Callable[[], Any],
    inputs: Mapping[str, Any],
    batch_size: int,
) -> Any:
    """Arrays of tensors in a model's graph.

    Args:
        model: whose inputs are a dict.
        purpose: names the tensors, so that the model up to them is made once.
        tensors: gives them, in dicts and lists.
        inputs: what the model takes, n rows.
        batch_size: rows at once.
    """
    readers = _READERS.setdefault(model, {})
    if purpose not in readers:
        readers[purpose] = keras.Model(model.input, tensors())
    return readers[purpose].predict(dict(inputs), batch_size=batch_size, verbose=0)


def called_anew(call: Callable[[Any], Any], arrays: Any, batch_size: int) -> Any:
    """What a call of layers makes of arrays, as float64 ones.

    Anew, since a graph holds but one form of a layer's output.
    """
    parts = []
    for start in range(0, len(tree.flatten(arrays)[0]), batch_size):
        taken = slice(start, start + batch_size)
        batch = tree.map_structure(lambda x, at=taken: ops.convert_to_tensor(x[at]), arrays)
        parts.append(tree.map_structure(_array, call(batch)))
    return tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)


def _array(x: Any) -> np.ndarray:
    found: np.ndarray = np.asarray(ops.convert_to_numpy(x), "float64")
    return found
