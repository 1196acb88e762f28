"""Predictions with modalities hidden, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import keras
import numpy as np

from keras_mer.features._buckets import bucket
from keras_mer.layers._modalities import modality_order

Subset = frozenset[str]


def modalities_of(inputs: Mapping[str, Any]) -> list[str]:
    """The modalities among a model's inputs, in the field's order.

    Raises:
        ValueError: if there is none with a mask.
    """
    names = modality_order(name for name in inputs if f"{name}_mask" in inputs)
    if not names:
        raise ValueError(
            "expected inputs such as text and text_mask, a mask beside each modality; received "
            + (", ".join(inputs) or "none")
        )
    return list(names)


def all_subsets(modalities: Collection[str]) -> list[Subset]:
    """Every subset, from the empty one to the whole."""
    sizes = range(len(modalities) + 1)
    return [frozenset(c) for size in sizes for c in combinations(modalities, size)]


def predict_subsets(
    model: keras.Model,
    inputs: Mapping[str, Any],
    subsets: Sequence[Subset],
    batch_size: int = 32,
) -> np.ndarray:
    """What a model predicts where only some modalities are there.

    The subsets of a batch are predicted in one call, and all batches have one shape.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, n rows.
        subsets: the modalities that are left in each; the others are masked.
        batch_size: rows at once, each in every subset.

    Returns:
        (subsets, n, ...) float64.
    """
    arrays = {name: np.asarray(x) for name, x in inputs.items()}
    shown = {f"{m}_mask": [m in subset for subset in subsets] for m in modalities_of(arrays)}
    rows = len(next(iter(arrays.values())))
    size = min(batch_size, bucket(rows))
    found = []
    for start in range(0, rows, size):
        taken = np.minimum(np.arange(start, start + size), rows - 1)
        stacked = {}
        for name, x in arrays.items():
            copies = [x[taken] if keep else np.zeros_like(x[taken]) for keep in shown.get(name, ())]
            stacked[name] = np.concatenate(copies or [x[taken]] * len(subsets))
        predicted = np.asarray(model.predict_on_batch(stacked), "float64")
        found.append(predicted.reshape(len(subsets), size, *predicted.shape[1:]))
    return np.concatenate(found, axis=1)[:, :rows]


def exact_shapley(values: Mapping[Subset, Any], players: Iterable[str]) -> dict[str, Any]:
    """The mean, over all orders in which players join, of what each adds to the value."""
    players = list(players)
    shares: dict[str, Any] = {}
    for player in players:
        others = [p for p in players if p != player]
        shares[player] = 0.0
        for subset in all_subsets(others):
            orders = factorial(len(subset)) * factorial(len(others) - len(subset))
            added = values[subset | {player}] - values[subset]
            shares[player] = shares[player] + orders / factorial(len(players)) * added
    return shares
