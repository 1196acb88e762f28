"""Widths of features and shapes of frames, as models name them and as entries describe them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def specification_of(width: int | Sequence[int]) -> dict[str, Any]:
    """What a model's `features` say of a modality: its dimension, and the shape of frames."""
    if isinstance(width, int):
        return {"dimension": width}
    return {"dimension": math.prod(width), "shape": list(width)}


def width_of(specification: Mapping[str, Any]) -> int | list[int]:
    """What a model's `features` say of features that are specified so."""
    width: int | list[int] = specification.get("shape") or specification["dimension"]
    return width
