"""The inputs of a model as an export names them, and random ones to try it with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MASK = "_mask"


@dataclass(frozen=True)
class Input:
    """One input.

    Attributes:
        name: such as `text` or `text_mask`.
        dtype: `"float32"` or `"bool"`.
        axes: the name of each axis, such as `batch` and `text_time`; sizes where they are fixed.
    """

    name: str
    dtype: str
    axes: tuple[str | int, ...]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes, `None` where one is not fixed."""
        return tuple(axis if isinstance(axis, int) else None for axis in self.axes)


def signature_of(model: Any, batch_size: int | None, steps: int | None) -> list[Input]:
    """The inputs of a model.

    Args:
        model: a functional model whose inputs are a dict of sequences and their masks.
        batch_size: rows, if they are fixed.
        steps: steps of every modality, if they are fixed.

    Raises:
        ValueError: if the model's inputs are something else, or it is not float32.
    """
    inputs: Any = getattr(model, "input", None)
    modalities = [n for n in inputs if n + MASK in inputs] if isinstance(inputs, Mapping) else []
    if not modalities:
        raise ValueError(
            "export expects the name of an entry, or a model whose inputs are a dict such as "
            f"text, text_mask; received {type(model).__name__}"
        )
    if getattr(model, "quantized", None):
        raise ValueError(
            f"only float32 models are exported, and this one is in {model.quantized}: export the "
            "model that was quantised, and quantise the file with the runtime's own tools"
        )
    if any(layer.compute_dtype != "float32" for layer in model._flatten_layers()):
        raise ValueError(
            "only float32 models are exported: build it, or load its entry, with dtype='float32'"
        )
    for name, size in (("batch_size", batch_size), ("steps", steps)):
        if size is not None and size < 1:
            raise ValueError(f"{name} is 1 or more, or None for any; received {size}")
    together = getattr(model, "reads_dialogues", False)
    signature = []
    for m in modalities:
        time = steps or inputs[m].shape[1] or ("time" if together else f"{m}_time")
        start = (batch_size or "batch", time)
        signature.append(Input(m, "float32", (*start, *inputs[m].shape[2:])))
        signature.append(Input(m + MASK, "bool", start))
    return signature


def random_inputs(
    signature: list[Input], batch: int, time: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Noise in right-padded rows of 1 to all steps; of the last rows, one modality each is missing.

    Args:
        signature: what `signature_of` returned.
        batch: rows, where they are not fixed.
        time: steps of the first modality, one more of each further one, where they are not fixed.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    sizes: dict[str, int] = {"batch": batch}
    for given in signature:
        for axis in given.axes[1:2]:
            if isinstance(axis, str) and axis not in sizes:
                sizes[axis] = time + len(sizes) - 1
    arrays: dict[str, np.ndarray] = {}
    for place, given in enumerate(signature):
        shape = [axis if isinstance(axis, int) else sizes[axis] for axis in given.axes]
        if given.dtype != "bool":
            arrays[given.name] = rng.normal(size=shape).astype("float32")
            continue
        mask = np.arange(shape[1]) < rng.integers(1, shape[1] + 1, size=(shape[0], 1))
        missing = shape[0] - 1 - place // 2
        if missing > 0:
            mask[missing] = False
        arrays[given.name] = mask
    return arrays
