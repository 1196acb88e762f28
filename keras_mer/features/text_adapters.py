"""What tuning has added to a text encoder, small enough to be part of an entry."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer._files import written_aside
from keras_mer.features import _minilm

HEADER = "keras_mer"  # one key alone: safetensors writes several in no fixed order
PURPOSE = "to read and write the adapters of a text encoder"

_NAME = re.compile(r"(layer_\d+\.\w+)\.lora_([ab])")


class TextAdapters:
    """Low-rank changes (LoRA) of the upper layers of all-MiniLM-L6-v2.

    To the kernel of each part that they name the matrix product of two small arrays
    is added. Made by training with a recipe that has a `[text_tuning]`, used by
    `TextEncoder(adapters=...)`.

    Args:
        arrays: float32, by name: `layer_<n>.<part>.lora_a`, of the kernel's shape but
            for its last axis, which is the rank; and `.lora_b`, (rank, last axis of the
            kernel). `n` counts from 1 to 6; `part` is one of `query`, `key`, `value`,
            `attention_output`, `feedforward_intermediate_dense` and
            `feedforward_output_dense`.
        base: the sha256 of the weights that were tuned; those of the one encoder that
            `TextEncoder` knows by default.

    Attributes:
        digest: the sha256 of the file that `save` writes, by which features of different
            adapters are told apart.

    Raises:
        ValueError: if an array is none of these, or the base is another.

    Example:
        ```python
        adapters = keras_mer.zoo.text_adapters("./my_entry")
        adapters.save("adapters.safetensors")
        encoder = keras_mer.features.TextEncoder(adapters=adapters)
        ```

    Reference:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
    """

    def __init__(self, arrays: Mapping[str, Any], base: str = _minilm.WEIGHTS) -> None:
        if base != _minilm.WEIGHTS:
            raise ValueError(
                f"the adapters change an encoder with the sha256 {base}; expected those of "
                f"{_minilm.NAME}, {_minilm.WEIGHTS}"
            )
        self.base = base
        self.arrays = {name: np.asarray(arrays[name]) for name in sorted(arrays)}
        _check(self.arrays)

    @property
    def first_layer(self) -> int:
        """The lowest layer that is changed; those below are as in the base."""
        return min(layer for layer, _ in self.deltas())

    def deltas(self) -> dict[tuple[int, str], np.ndarray]:
        """What is added to each kernel, by layer and part."""
        found = {}
        for name, first in self.arrays.items():
            stem, _, kind = name.rpartition(".")
            if kind == "lora_a":
                layer, _, part = stem.removeprefix("layer_").partition(".")
                found[int(layer), part] = first @ self.arrays[f"{stem}.lora_b"]
        return found

    @cached_property
    def digest(self) -> str:
        """The sha256 of the file that `save` writes."""
        return hashlib.sha256(self._bytes()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Writes the adapters as a safetensors file.

        Raises:
            ImportError: if safetensors is not installed.
        """
        with written_aside(path) as aside:
            aside.write_bytes(self._bytes())

    @classmethod
    def load(cls, path: str | Path) -> TextAdapters:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ImportError: if safetensors is not installed.
            ValueError: if the file is damaged, or its arrays are none of adapters.
        """
        safetensors = need("safetensors", "text", PURPOSE)
        if not Path(path).is_file():
            raise FileNotFoundError(f"there are no adapters at {path}")
        try:
            with safetensors.safe_open(path, "np") as file:
                header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls(arrays, header.get("base", "unknown"))
        except (safetensors.SafetensorError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path} holds no adapters of a text encoder ({error}): restore the file, or tune "
                "the encoder again"
            ) from error

    def _bytes(self) -> bytes:
        save = need("safetensors.numpy", "text", PURPOSE).save
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        content: bytes = save(arrays, {HEADER: json.dumps({"base": self.base})})
        return content


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    """Raises a `ValueError` unless the arrays are whole pairs that fit the encoder."""
    if not arrays:
        raise ValueError("adapters need at least one pair of arrays; received none")
    for name, array in arrays.items():
        match = _NAME.fullmatch(name)
        shape = _kernel_shape(match[1]) if match else None
        if match is None or shape is None:
            raise ValueError(
                f"{name!r} is no array of adapters; expected a name such as "
                f"layer_{_minilm.LAYERS}.query.lora_a, with a part among "
                f"{', '.join(_minilm.KERNELS)}"
            )
        other = arrays.get(f"{match[1]}.lora_{'b' if match[2] == 'a' else 'a'}")
        if other is None:
            raise ValueError(f"{name} has no partner: adapters have both lora_a and lora_b")
        rank = ((array if match[2] == "a" else other).shape or (0,))[-1]
        expected = (*shape[:-1], rank) if match[2] == "a" else (rank, shape[-1])
        if array.shape != expected or array.dtype != "float32":
            raise ValueError(
                f"{name} is {array.dtype} {array.shape}; expected float32 {expected}, as the "
                f"kernel is {shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are NaN or infinite")


def _kernel_shape(stem: str) -> tuple[int, ...] | None:
    layer, _, part = stem.removeprefix("layer_").partition(".")
    return _minilm.KERNELS.get(part) if 1 <= int(layer) <= _minilm.LAYERS else None
