"""A trace gives what the layers give, for every row of its shape and for weights that moved."""

import keras
import numpy as np
import pytest
from small_systems import SYSTEMS, small_inputs, small_system

from keras_mer import _traced
from keras_mer._scoring import predicting
from keras_mer._traced import Traced

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the other backends compile a prediction themselves"
)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Traces a shape when it is met for the second time."""
    monkeypatch.setattr(_traced, "OFTEN", 2)


def eager(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs, training=False))


@pytest.mark.parametrize("name", SYSTEMS)
def test_rows_that_were_not_traced_get_the_results_of_the_layers(name):
    model, inputs = small_system(name), small_inputs(name)
    traced = Traced(model)
    traced(inputs)
    assert not traced.traces
    traced(inputs)
    assert len(traced.traces) == 1
    for order in ([0, 1, 2], [2, 0, 1], [1, 1, 1]):
        others = {key: value[order] for key, value in inputs.items()}
        np.testing.assert_allclose(traced(others), eager(model, others), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["CMMSF", "DialogueModel"])
def test_a_model_predicts_by_traces_until_it_is_another(name):
    model, inputs = small_system(name), small_inputs(name)
    for _ in range(3):
        found = model.predict_on_batch(inputs)
    np.testing.assert_allclose(found, eager(model, inputs), rtol=0, atol=1e-6)
    model.output_layer.bias.assign_add([1.0, 0.0, 0.0])
    moved = model.predict(inputs, batch_size=3, verbose=0)
    np.testing.assert_allclose(moved, eager(model, inputs), rtol=0, atol=1e-6)
    assert abs(moved - found).max() > 0.1
    model.quantize("int8")
    rounded = model.predict_on_batch(inputs)
    assert (rounded != moved).any()
    np.testing.assert_array_equal(rounded, eager(model, inputs))


def test_outputs_keep_their_structure():
    given = keras.Input((2,), name="text")
    outputs = {"twice": 2 * given, "parts": [given + 1, given - 1]}
    predict = predicting(keras.Model({"text": given}, outputs))
    for _ in range(3):
        found = predict({"text": np.array([[1.0, 2.0]], "float32")})
    assert found["twice"].tolist() == [[2, 4]]
    assert [part.tolist() for part in found["parts"]] == [[[2, 3]], [[0, 1]]]


def test_a_layer_that_looks_at_a_value_is_called_as_it_is():
    class Largest(keras.layers.Layer):
        def call(self, x):
            return x * float(keras.ops.max(x)) if x.device.type != "meta" else x

    given = keras.Input((2,), name="text")
    traced = Traced(keras.Model({"text": given}, Largest()(given)))
    for largest in (2.0, 2.0, 3.0):
        found = traced({"text": np.array([[1.0, largest]], "float32")})
        assert found.tolist() == [[largest, largest**2]]
    assert not traced.traces
