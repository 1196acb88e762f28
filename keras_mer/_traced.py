"""Predictions on PyTorch without a call per layer, where that is what costs."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops, tree

from keras_mer._types import Tensor

OFTEN = 32
"""How often a shape is met before it is traced: a trace takes about as long as it then saves."""

MOST = 64
"""Shapes that are traced at most."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class Traced:
    """Calls a model, and lists its operations for the shapes that it meets often.

    TensorFlow and JAX compile a prediction. PyTorch goes from layer to layer, which takes longer
    than the arithmetic of a single row; a list of PyTorch's own operations gives the very same
    numbers without. It sees weights that move. It does not see other layers or variables, as
    those after `quantize`; nor does what the other backends compile, so Keras asks for a new
    one when a model is compiled or quantised, by `make_predict_function`.

    Args:
        model: whose inputs are a dict of tensors.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.traces: dict[Shapes, Callable[..., Any]] = {}
        self._met: Counter[Shapes] = Counter()
        self._refused = False

    def __call__(self, inputs: Mapping[str, Any]) -> Any:
        """The model's outputs, tensors in its own structure, from arrays or tensors."""
        import torch

        tensors = {name: ops.convert_to_tensor(inputs[name]) for name in sorted(inputs)}
        with torch.no_grad():
            trace = self._trace(tensors)
            if trace is None:
                return self.model(tensors, training=False)
            return trace(*tensors.values())

    def _trace(self, tensors: Mapping[str, Tensor]) -> Callable[..., Any] | None:
        """The trace of these shapes; None if they are rare, or the model cannot be traced."""
        shapes = tuple((name, tuple(x.shape)) for name, x in tensors.items())
        if shapes not in self.traces and not self._refused and len(self.traces) < MOST:
            self._met[shapes] += 1
            if self._met[shapes] >= OFTEN:
                try:
                    self.traces[shapes] = _traced(self.model, tensors)
                except Exception:  # a layer of one's own may ask for a value: no trace knows one
                    self._refused = True
        return self.traces.get(shapes)


def _traced(model: keras.Model, tensors: Mapping[str, Tensor]) -> Callable[..., Any]:
    """What a model does to tensors of these shapes.

    `torch.compile` is no substitute: it takes minutes over Keras's layers and breaks at each.

    Raises:
        Exception: whatever the tracing raises, where a layer looks at a value.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    structure: Any = None

    def flat(*given: Tensor) -> list[Tensor]:
        nonlocal structure
        structure = model(dict(zip(tensors, given, strict=True)), training=False)
        return list(tree.flatten(structure))

    # Fake tensors have no values: a layer that asks for one stops the trace.
    trace = make_fx(flat, tracing_mode="fake", _allow_non_fake_inputs=True)
    graph = trace(*tensors.values())
    structure = tree.map_structure(lambda _: None, structure)

    def run(*given: Tensor) -> Any:
        return tree.pack_sequence_as(structure, graph(*given))

    return run
