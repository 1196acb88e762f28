"""A trace gives what the layers give, for every row of its shape and for weights that moved."""

import keras
import numpy as np
import pytest
from small_systems import SYSTEMS, small_inputs, small_system

from keras_mer import _compiled_model
from keras_mer._compiled_model import CompiledModel

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the other backends compile a prediction themselves"
)


@pytest.fixture
def soon(monkeypatch):
    """Traces a shape when it is met for the second time."""
    monkeypatch.setattr(_compiled_model, "OFTEN", 2)


def traced_from(compiled, inputs):
    """The model called with these inputs often enough, and whether it is traced by now."""
    for _ in range(2):
        compiled(inputs)
    return len(compiled._traced) == 1


@pytest.mark.parametrize("name", SYSTEMS)
def test_rows_that_were_not_traced_get_the_results_of_the_layers(soon, name):
    model, inputs = small_system(name), small_inputs(name)
    compiled = CompiledModel(model)
    assert traced_from(compiled, inputs)
    for order in ([0, 1, 2], [2, 0, 1], [1, 1, 1]):
        others = {key: value[order] for key, value in inputs.items()}
        expected = model.predict_on_batch(others)
        np.testing.assert_allclose(compiled(others), expected, rtol=0, atol=1e-6)


def test_weights_that_move_are_seen(soon):
    model, inputs = small_system("CMMSF"), small_inputs("CMMSF")
    compiled = CompiledModel(model)
    traced_from(compiled, inputs)
    before = compiled(inputs)
    model.output_layer.bias.assign_add([1.0, 0.0, 0.0])
    np.testing.assert_allclose(compiled(inputs), before + np.array([1.0, 0, 0]), rtol=0, atol=1e-6)


def test_outputs_keep_their_structure(soon):
    given = keras.Input((2,), name="text")
    outputs = {"twice": 2 * given, "parts": [given + 1, given - 1]}
    compiled = CompiledModel(keras.Model({"text": given}, outputs))
    inputs = {"text": np.array([[1.0, 2.0]], "float32")}
    traced_from(compiled, inputs)
    found = compiled(inputs)
    assert found["twice"].tolist() == [[2, 4]]
    assert [part.tolist() for part in found["parts"]] == [[[2, 3]], [[0, 1]]]


def test_a_layer_that_looks_at_a_value_is_called_as_it_is(soon):
    class Largest(keras.layers.Layer):
        def call(self, x):
            return x * float(keras.ops.max(x)) if x.device.type != "meta" else x

    given = keras.Input((2,), name="text")
    compiled = CompiledModel(keras.Model({"text": given}, Largest()(given)))
    for largest in (2.0, 3.0):
        inputs = {"text": np.array([[1.0, largest]], "float32")}
        assert not traced_from(compiled, inputs)
        assert compiled(inputs).tolist() == [[largest, largest**2]]
