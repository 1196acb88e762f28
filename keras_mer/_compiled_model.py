"""The outputs of a model on arrays, without a call per layer where that is what costs."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import tree

OFTEN = 32
"""How often a shape is met before it is traced: that takes about as long as it then saves."""

MOST_TRACED = 64

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class CompiledModel:
    """Calls a functional model on arrays, as fast as the backend does it.

    TensorFlow and JAX compile a prediction by themselves. PyTorch goes from layer to layer, and
    for a single row that takes longer than the arithmetic: there, a shape that is met often is
    traced into one list of PyTorch's operations. What it is traced from may be trained further,
    which the list sees; after a change of its layers (`quantize`, `enable_lora`) make another
    `CompiledModel`.

    Args:
        model: whose inputs are a dict of arrays.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._met: Counter[Shapes] = Counter()
        self._traced: dict[Shapes, Callable[..., Any]] = {}
        self._traces = keras.backend.backend() == "torch"

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> Any:
        """The model's outputs as arrays, in its own structure, as `predict_on_batch` gives them."""
        if not self._traces:
            return self.model.predict_on_batch(dict(inputs))
        shapes = tuple((name, np.shape(inputs[name])) for name in sorted(inputs))
        traced = self._traced.get(shapes)
        if traced is None:
            self._met[shapes] += 1
            if self._met[shapes] < OFTEN or len(self._traced) >= MOST_TRACED:
                return self.model.predict_on_batch(dict(inputs))
            traced = self._trace(inputs)
            if traced is None:
                return self.model.predict_on_batch(dict(inputs))
            self._traced[shapes] = traced
        return traced(inputs)

    def _trace(self, inputs: Mapping[str, np.ndarray]) -> Callable[..., Any] | None:
        try:
            return traced_model(self.model, inputs)
        except Exception:  # a layer of one's own may ask for a value, which no trace can know
            self._traces = False
            return None


def traced_model(
    model: keras.Model, inputs: Mapping[str, np.ndarray]
) -> Callable[[Mapping[str, np.ndarray]], Any]:
    """What a model does to arrays of these shapes, as one list of PyTorch's operations.

    `torch.compile` is no substitute: it takes minutes over Keras's layers and breaks at each.

    Raises:
        Exception: whatever the tracing raises, where a layer looks at a value.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    names = sorted(inputs)
    structure: Any = None

    def flat(*tensors: Any) -> list[Any]:
        nonlocal structure
        structure = model(dict(zip(names, tensors, strict=True)), training=False)
        return list(tree.flatten(structure))

    def tensors_of(arrays: Mapping[str, np.ndarray]) -> list[Any]:
        return [keras.ops.convert_to_tensor(arrays[name]) for name in names]

    with torch.no_grad():
        # Fake tensors have no values: a layer that asks for one stops the trace.
        trace = make_fx(flat, tracing_mode="fake", _allow_non_fake_inputs=True)
        graph = trace(*tensors_of(inputs))
    structure = tree.map_structure(lambda _: None, structure)

    def run(arrays: Mapping[str, np.ndarray]) -> Any:
        with torch.no_grad():
            found = graph(*tensors_of(arrays))
        outputs = [keras.ops.convert_to_numpy(x) for x in found]
        return tree.pack_sequence_as(structure, outputs)

    return run
