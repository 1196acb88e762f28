"""Gradients with respect to a model's inputs: the one thing that Keras has no name for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary, ref

import keras
import numpy as np
from keras import ops

Arrays = Mapping[str, np.ndarray]

_JITTED: WeakKeyDictionary[Any, Callable[..., Any]] = WeakKeyDictionary()


def input_gradients(
    model: keras.Model, moving: Arrays, fixed: Arrays, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The gradient of the sum of weights times predictions.

    Args:
        model: a model whose inputs are a dict.
        moving: the float inputs to take it for.
        fixed: the other inputs, such as masks.
        weights: of the shape of the prediction.

    Returns:
        By name, arrays of the shapes of `moving`; zeros for an input without influence.
    """
    by_backend = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
    backend = keras.backend.backend()
    if backend not in by_backend:
        raise ValueError(
            f"gradients are known on {', '.join(by_backend)}; Keras runs on {backend}: set "
            "KERAS_BACKEND to one of them"
        )
    found = by_backend[backend](model, dict(moving), dict(fixed), np.asarray(weights, "float32"))
    return {name: ops.convert_to_numpy(gradient) for name, gradient in found.items()}


def _tensorflow(model: Any, moving: Any, fixed: Any, weights: Any) -> dict[str, Any]:
    import tensorflow as tf

    moving, fixed = (
        {name: tf.convert_to_tensor(x) for name, x in part.items()} for part in (moving, fixed)
    )
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(moving)
        total = tf.reduce_sum(model({**moving, **fixed}, training=False) * weights)
    gradients: dict[str, Any] = tape.gradient(total, moving, unconnected_gradients="zero")
    # Of values that were looked up, the gradient comes as rows.
    return {name: tf.convert_to_tensor(gradient) for name, gradient in gradients.items()}


def _torch(model: Any, moving: Any, fixed: Any, weights: Any) -> dict[str, Any]:
    import torch

    moving = {name: ops.convert_to_tensor(x).requires_grad_() for name, x in moving.items()}
    fixed = {name: ops.convert_to_tensor(x) for name, x in fixed.items()}
    with torch.enable_grad():
        predicted = model({**moving, **fixed}, training=False)
        total = (predicted * ops.convert_to_tensor(weights)).sum()
        gradients = torch.autograd.grad(total, list(moving.values()), allow_unused=True)
    return {
        name: torch.zeros_like(x) if gradient is None else gradient
        for (name, x), gradient in zip(moving.items(), gradients, strict=True)
    }


def _jax(model: Any, moving: Any, fixed: Any, weights: Any) -> dict[str, Any]:
    if model not in _JITTED:
        _JITTED[model] = _jitted(ref(model))
    trainable = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    found: dict[str, Any] = _JITTED[model](moving, fixed, weights, trainable, others)
    return found


def _jitted(model: Callable[[], Any]) -> Callable[..., Any]:
    """Compiled once for each shape. It knows the model weakly, or would keep it for ever."""
    import jax

    def total(moving: Any, fixed: Any, weights: Any, trainable: Any, others: Any) -> Any:
        inputs = {**moving, **fixed}
        predicted, _ = model().stateless_call(trainable, others, inputs, training=False)
        return ops.sum(predicted * weights)

    return jax.jit(jax.grad(total))
