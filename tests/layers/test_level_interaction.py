import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import LevelInteraction

RNG = np.random.default_rng(0)
LEVELS = {
    "steps": RNG.normal(size=(4, 6)).astype("float32"),
    "utterance": RNG.normal(size=(4, 3)).astype("float32"),
}


def test_contract():
    make = lambda **kwargs: LevelInteraction(2, "softmax", **kwargs)  # noqa: E731
    run_layer_test(make, {"inputs": LEVELS}, weights=6)


def test_equations():
    layer = LevelInteraction(2)
    output = call(layer, {"inputs": LEVELS})
    parts = [x @ to_numpy(layer.maps[level].kernel) for level, x in LEVELS.items()]
    np.testing.assert_allclose(output, 0.5 * parts[0] + 0.5 * parts[1], atol=1e-6)


def test_one_level_is_a_dense_layer():
    layer = LevelInteraction(2, "sigmoid")
    output = call(layer, {"inputs": {"steps": LEVELS["steps"]}})
    logits = LEVELS["steps"] @ to_numpy(layer.maps["steps"].kernel)
    np.testing.assert_allclose(output, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert len(layer.weights) == 2


def test_replaces_a_concatenation():
    sizes = {"steps": 6, "utterance": 3}
    inputs = {level: keras.Input((size,), name=level) for level, size in sizes.items()}
    check_drop_in(
        keras.Model(inputs, LevelInteraction(1)(inputs)), LEVELS, np.ones((4, 1), "float32")
    )


def test_names_a_level_it_was_not_built_for():
    layer = LevelInteraction(1)
    layer(LEVELS)
    with pytest.raises(ValueError, match="received levels for steps"):
        layer({"steps": LEVELS["steps"]})
