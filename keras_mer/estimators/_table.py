"""A table of numbers as a data set with modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_mer.data import Dataset, Ragged


def widths_of(modalities: Mapping[str, int] | None, columns: int) -> dict[str, int]:
    """How many columns each modality has: those given, or the two halves of the table."""
    if modalities is None:
        if columns < 2:
            raise ValueError(
                f"n_features={columns}: two modalities of one column or more are expected"
            )
        return {"first": columns - columns // 2, "second": columns // 2}
    if not isinstance(modalities, Mapping) or len(modalities) < 2:
        raise ValueError(
            "modalities must be a dict with the number of columns of two modalities or more, such "
            f'as {{"text": 384, "audio": 73}}; received {modalities!r}'
        )
    widths = dict(modalities)
    if not all(_is_positive(width) for width in widths.values()) or sum(widths.values()) != columns:
        raise ValueError(
            f"modalities must share out the {columns} columns of X; received {widths!r}, "
            "which expects another number"
        )
    return {m: int(width) for m, width in widths.items()}


def dataset_of(table: np.ndarray, widths: Mapping[str, int]) -> Dataset:
    """The rows of a table, one step in each modality; where all of a modality is NaN, none."""
    features, start = {}, 0
    for modality, width in widths.items():
        columns = table[:, start : start + width]
        features[modality] = _steps(modality, columns)
        start += width
    return Dataset(features, np.zeros(len(table), "float32"), ["train"] * len(table))


def _steps(modality: str, columns: np.ndarray) -> Ragged:
    unknown = np.isnan(columns)
    missing = unknown.all(axis=1)
    partly = np.flatnonzero(unknown.any(axis=1) & ~missing)
    if len(partly):
        raise ValueError(
            f"{modality} is NaN in some columns of {len(partly)} rows, the first of them row "
            f"{partly[0]}: fill these in, such as with SimpleImputer, or make all columns of "
            f"{modality} NaN where it is missing"
        )
    return Ragged(columns[~missing], np.concatenate([[0], np.cumsum(~missing)]))


def _is_positive(width: Any) -> bool:
    return isinstance(width, (int, np.integer)) and not isinstance(width, bool) and bool(width > 0)
