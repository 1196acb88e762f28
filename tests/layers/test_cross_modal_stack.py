import keras
import numpy as np
import pytest
from keras import ops
from layer_test import call, check_drop_in, run_layer_test

from keras_mer.layers import CrossModalAttention, CrossModalAttentionStack

RNG = np.random.default_rng(0)


def sequence(time, dim):
    return RNG.normal(size=(3, time, dim)).astype("float32")


def mask(time, lengths):
    return np.arange(time) < np.array(lengths)[:, None]


INPUTS = {
    "query": sequence(5, 4),
    "source": sequence(7, 3),
    "query_mask": mask(5, [5, 1, 3]),
    "source_mask": mask(7, [2, 7, 0]),
}
MASKED = {"query": "query_mask", "source": "source_mask"}


@pytest.mark.parametrize("missing_source", ["nothing", "even"])
def test_contract(missing_source):
    make = lambda **kwargs: CrossModalAttentionStack(  # noqa: E731
        num_heads=2, dropout=0.0, missing_source=missing_source, **kwargs
    )
    run_layer_test(make, INPUTS, 20, masked=MASKED, output_mask="query_mask")


def test_the_source_stays_as_it_is():
    stack = CrossModalAttentionStack(num_layers=3, num_heads=2)
    output = call(stack, INPUTS)
    query = INPUTS["query"]
    for look in stack.looks:
        query = call(look, {**INPUTS, "query": query})
    real = INPUTS["query_mask"]
    np.testing.assert_allclose(output[real], query[real], atol=1e-6)


def test_what_a_row_without_a_source_sees():
    """Nothing, or, in the released form, the mean of all steps, which were set to zero."""
    layer = CrossModalAttention(2, missing_source="even", bias_initializer="normal")
    seen = call(layer, INPUTS)[2, :3]
    zeros = {"query": INPUTS["query"][2:], "source": np.zeros((1, 7, 3), "float32")}
    np.testing.assert_allclose(seen, call(layer, zeros)[0, :3], atol=1e-5)
    with pytest.raises(ValueError, match="received 'zeros'"):
        CrossModalAttention(missing_source="zeros")


def test_refuses_an_empty_stack():
    with pytest.raises(ValueError, match="received num_layers=0"):
        CrossModalAttentionStack(num_layers=0)


def test_replaces_a_concatenation():
    text, sound = keras.Input((None, 8), name="text"), keras.Input((None, 5), name="sound")
    joined = CrossModalAttentionStack(num_heads=2)(text, sound)
    model = keras.Model([text, sound], keras.layers.Dense(1)(ops.mean(joined, axis=1)))
    inputs = {"text": RNG.normal(size=(2, 4, 8)), "sound": RNG.normal(size=(2, 6, 5))}
    inputs = {name: x.astype("float32") for name, x in inputs.items()}
    check_drop_in(model, inputs, np.ones((2, 1), "float32"))
