"""Scores that would be too good: labels or groups that reach beyond the training part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from keras_mer.data.ragged import Ragged


class LeakError(ValueError):
    """A split that would be scored on what the features or the model already know."""


def check_leaks(
    leaks: Collection[Mapping[str, Any]],
    features: Mapping[str, Ragged],
    groups: np.ndarray,
    splits: np.ndarray,
) -> None:
    """Raises a `LeakError` if validation or test rows are known from training.

    Args:
        leaks: records of `modality`, `groups` (whose labels its features were made with) and
            `reason`. Such groups may only be trained on, or where the modality is missing.
        features: the rows of the modalities in use.
        groups: (n,) str.
        splits: (n,) str.
    """
    _check_groups(groups, splits)
    for leak in leaks:
        known = known_rows(leak, features, groups, splits)
        if known.any():
            raise LeakError(
                f"{leak['modality']} must not be used with this split: {leak['reason']}, and "
                f"{known.sum()} of the {(splits != 'train').sum()} validation and test rows belong "
                f"to these {len(leak['groups'])} groups. Leave {leak['modality']} out, choose "
                "another split, or pass allow_leaks=True and report no score of it"
            )


def known_rows(
    leak: Mapping[str, Any],
    features: Mapping[str, Ragged],
    groups: np.ndarray,
    splits: np.ndarray,
) -> np.ndarray:
    """(n,) bool: validation and test rows whose features, where there are any, know the labels."""
    if leak["modality"] not in features:
        return np.zeros(len(groups), bool)
    there = features[leak["modality"]].lengths > 0
    known: np.ndarray = (splits != "train") & there & np.isin(groups, list(leak["groups"]))
    return known


def _check_groups(groups: np.ndarray, splits: np.ndarray) -> None:
    names, places = np.unique(groups, return_inverse=True)
    kinds, kind = np.unique(splits, return_inverse=True)
    lies = np.zeros((len(names), len(kinds)), bool)
    lies[places, kind] = True
    shared = np.flatnonzero(lies.sum(axis=1) > 1)
    if len(shared):
        where = ", ".join(kinds[lies[shared[0]]])
        raise LeakError(
            f"{len(shared)} of {len(names)} groups lie in more than one split, such as "
            f"{str(names[shared[0]])!r} in {where}. Split by group, or pass allow_leaks=True if "
            "the data set's own split is so; Dataset.folds then makes splits by group"
        )
