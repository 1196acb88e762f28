"""Type names shared by the package."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of whichever backend Keras runs on, or a symbolic `KerasTensor`."""

Shape: TypeAlias = tuple[Any, ...]
"""Sizes as ints, `None` where one is not known."""

Config: TypeAlias = dict[str, Any]
"""What `get_config` returns: JSON-compatible constructor arguments."""

Tensors: TypeAlias = Mapping[str, Tensor]
"""One tensor per modality, such as `{"text": ..., "audio": ...}`."""

Shapes: TypeAlias = Mapping[str, Shape]
