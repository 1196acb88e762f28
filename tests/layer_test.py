"""The checks that every layer passes, shared by the tests of the layers."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops, tree

Inputs = dict[str, Any]
"""Call arguments by name, the first one positional; arrays, or dicts of them."""


def run_layer_test(
    make: Callable[..., keras.layers.Layer],
    inputs: Inputs,
    weights: int,
    masked: Mapping[str, str] | None = None,
    output_mask: str | None = None,
) -> keras.layers.Layer:
    """Runs the shared checks and returns a layer that was built and called.

    Args:
        make: makes the layer, given further keyword arguments such as `dtype`.
        inputs: what the layer is called with.
        weights: how many trainable weights it has.
        masked: which argument is masked by which, such as {"sequence": "mask"}.
        output_mask: the argument that says which steps of the output have meaning.
    """
    keras.utils.set_random_seed(0)  # a tolerance is not to depend on the draw
    layer = make()
    check_config(layer)
    check_build_alone(make, inputs, weights)
    outputs = check_symbolic_and_eager(layer, inputs)
    assert len(layer.trainable_weights) == weights
    check_finite(outputs)
    model = check_fit(make, inputs, output_mask)
    check_save(model, inputs)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        check_finite(compiled_call(make(dtype=policy), inputs))
    check_finite(compiled_call(make(), tree.map_structure(lambda x: x[:1], inputs)))
    if masked:
        check_masked_steps(make, inputs, masked, output_mask, model)
    return layer


def call(layer: keras.layers.Layer, inputs: Inputs, **kwargs: Any) -> Any:
    """The outputs as NumPy arrays."""
    first, *rest = tree.map_structure(ops.convert_to_tensor, inputs).items()
    return tree.map_structure(to_numpy, layer(first[1], **dict(rest), **kwargs))


def compiled_call(layer: keras.layers.Layer, inputs: Inputs) -> Any:
    """As `call`, but on JAX of a model, since there every operation alone would be compiled."""
    if keras.backend.backend() != "jax":
        return call(layer, inputs)
    flat, structured = symbolic(inputs)
    first, *rest = structured.items()
    model = keras.Model(flat, layer(first[1], **dict(rest)))
    return tree.map_structure(to_numpy, model.predict(flat_arrays(inputs), verbose=0))


def to_numpy(x: Any) -> np.ndarray:
    array = ops.convert_to_numpy(x)
    return array if array.dtype.kind in "biu" else array.astype("float32")


def check_config(layer: keras.layers.Layer) -> None:
    """The config holds every argument of the constructor, and makes the layer again."""
    config = layer.get_config()
    json.dumps(config)
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)
    assert type(layer).from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == config


def check_build_alone(make: Callable[..., Any], inputs: Inputs, weights: int) -> None:
    """`build` makes every weight without a call."""
    layer = make()
    shapes = {f"{k}_shape": tree.map_structure(np.shape, v) for k, v in inputs.items()}
    shapes = {
        k: {m: tuple(a.shape) for m, a in v.items()} if isinstance(v, dict) else tuple(v.shape)
        for k, v in zip(shapes, inputs.values(), strict=True)
    }
    names = list(inspect.signature(layer.build).parameters)
    if len(names) == 1:
        layer.build(next(iter(shapes.values())))
    else:
        layer.build(**{name: shapes[name] for name in names if name in shapes})
    assert layer.built
    assert len(layer.trainable_weights) == weights
    assert all(sublayer.built for sublayer in layer._flatten_layers(include_self=False))


def symbolic(inputs: Inputs) -> tuple[dict[str, Any], Inputs]:
    """Keras inputs of any batch and time for the arrays, flat by name, and as structured.

    An array of four axes or more is a grid or an image, whose last three sizes are fixed.
    """
    flat: dict[str, Any] = {}

    def make(name: str, x: np.ndarray) -> Any:
        shape = [None] * (x.ndim - 1)
        if x.dtype != bool and x.ndim > 1:
            fixed = 3 if x.ndim > 3 else 1
            shape[-fixed:] = x.shape[-fixed:]
        flat[name] = keras.Input(shape, dtype=str(x.dtype), name=name)
        return flat[name]

    structured = {
        k: {m: make(f"{k}_{m}", x) for m, x in v.items()} if isinstance(v, dict) else make(k, v)
        for k, v in inputs.items()
    }
    return flat, structured


def flat_arrays(inputs: Inputs) -> dict[str, np.ndarray]:
    flat = {}
    for k, v in inputs.items():
        flat.update({f"{k}_{m}": x for m, x in v.items()} if isinstance(v, dict) else {k: v})
    return flat


def check_symbolic_and_eager(layer: keras.layers.Layer, inputs: Inputs) -> Any:
    """A functional model and an eager call agree in numbers and in shapes."""
    flat, structured = symbolic(inputs)
    first, *rest = structured.items()
    outputs = layer(first[1], **dict(rest))
    eager = call(layer, inputs)
    predicted = keras.Model(flat, outputs).predict(flat_arrays(inputs), verbose=0)
    tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), eager, predicted)

    def compatible(symbol: Any, array: np.ndarray) -> None:
        assert len(symbol.shape) == array.ndim
        assert all(s in (None, a) for s, a in zip(symbol.shape, array.shape, strict=True))

    tree.map_structure(compatible, outputs, eager)
    return eager


def check_finite(outputs: Any) -> None:
    assert all(np.isfinite(x).all() for x in tree.flatten(outputs))


def scalar_model(layer: Any, inputs: Inputs, output_mask: str | None) -> keras.Model:
    """A model whose output is the mean square of the layer's output, where it has meaning."""
    flat, structured = symbolic(inputs)
    first, *rest = structured.items()
    outputs = layer(first[1], **dict(rest))
    masks = structured.get(output_mask) if output_mask else None
    squares = []
    for path, x in tree.flatten_with_path(outputs):
        if keras.backend.standardize_dtype(x.dtype) == "bool":
            continue
        mask = masks[path[0]] if isinstance(masks, dict) else masks
        if mask is not None:
            x = ops.where(ops.expand_dims(mask, -1), x, 0.0)
        squares.append(ops.mean(ops.square(x), axis=tuple(range(1, len(x.shape)))))
    # One weight more, so that a layer without any can be fitted as well.
    scale = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    return keras.Model(flat, scale(ops.expand_dims(sum(squares[1:], squares[0]), -1)))


def fitted(make: Callable[..., Any], inputs: Inputs, output_mask: str | None) -> keras.Model:
    """One step of plain gradient descent under `fit`, from weights that are the same each time."""
    keras.utils.set_random_seed(1)
    model = scalar_model(make(), inputs, output_mask)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    arrays = flat_arrays(inputs)
    batch = len(next(iter(arrays.values())))
    model.fit(arrays, np.full((batch, 1), 3.0, "float32"), batch_size=batch, verbose=0)
    return model


def check_fit(make: Callable[..., Any], inputs: Inputs, output_mask: str | None) -> keras.Model:
    """A step of `fit` leaves finite weights."""
    model = fitted(make, inputs, output_mask)
    check_finite([ops.convert_to_numpy(w) for w in model.weights])
    return model


def check_save(model: keras.Model, inputs: Inputs, folder: str | None = None) -> None:
    """A .keras file and a weights file give the same numbers again."""
    import tempfile
    from pathlib import Path

    before = model.predict(flat_arrays(inputs), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        model.save(path / "model.keras")
        again = keras.saving.load_model(path / "model.keras")
        np.testing.assert_allclose(again.predict(flat_arrays(inputs), verbose=0), before, atol=1e-6)
        model.save_weights(path / "model.weights.h5")
        for weight in again.weights:
            weight.assign(np.zeros(weight.shape))
        again.load_weights(path / "model.weights.h5")
        for mine, theirs in zip(model.weights, again.weights, strict=True):
            np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


def check_drop_in(model: keras.Model, inputs: Inputs, labels: np.ndarray) -> None:
    """A user's model with the layer in it: a compiled step of `fit`, then both ways of saving."""
    before = [to_numpy(w).copy() for w in model.trainable_weights]
    # Compiling on torch takes a C++ compiler, and is up to the user.
    compiled = keras.backend.backend() != "torch"
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=compiled)
    model.fit(flat_arrays(inputs), labels, batch_size=len(labels), verbose=0)
    after = [to_numpy(w) for w in model.trainable_weights]
    check_finite(after)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    check_save(model, inputs)


def set_weights(model: keras.Model, seed: int = 1) -> None:
    """The same trainable weights on every backend."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        value = 0.3 * rng.normal(size=weight.shape)
        if weight.name in ("gamma", "temperature"):
            value = 1 + 0.3 * np.tanh(value)
        weight.assign(value.astype("float32"))


def check_masked_steps(
    make: Callable[..., Any],
    inputs: Inputs,
    masked: Mapping[str, str],
    output_mask: str | None,
    clean: keras.Model,
) -> None:
    """NaN at masked steps changes neither an output nor a gradient step.

    Args:
        clean: what `fitted` makes of the inputs as they are.
    """

    def spoil(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        assert not mask.all(), "the inputs of the test have no masked step"
        x = x.copy()
        x[~mask] = np.nan
        return x

    spoiled = dict(inputs)
    for name, mask in masked.items():
        spoiled[name] = tree.map_structure(spoil, inputs[name], inputs[mask])
    dirty = fitted(make, spoiled, output_mask)
    for a, b in zip(clean.weights, dirty.weights, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), atol=1e-6)
    # The same model: another would be traced anew.
    found, expected = (clean.predict(flat_arrays(x), verbose=0) for x in (spoiled, inputs))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def predicted(model, arrays):
    """A model's outputs: eagerly, but on JAX, which would compile every operation alone."""
    if keras.backend.backend() == "jax":
        return model.predict(arrays, verbose=0)
    return to_numpy(model(arrays, training=False))
