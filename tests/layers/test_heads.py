import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import MultilayerPerceptron, ProjectionHead

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6)).astype("float32")


@pytest.mark.parametrize(("use_bias", "weights"), [(True, 6), (False, 4)])
def test_contract_of_the_projection(use_bias, weights):
    make = lambda **kwargs: ProjectionHead(5, use_bias=use_bias, **kwargs)  # noqa: E731
    layer = run_layer_test(make, {"x": X}, weights)
    output = call(layer, {"x": X})
    np.testing.assert_allclose(output.mean(axis=1), 0, atol=1e-5)


def test_projection_of_a_sequence_is_that_of_its_steps():
    layer = ProjectionHead(5)
    sequence = call(layer, {"x": np.stack([X, 2 * X], axis=1)})
    np.testing.assert_allclose(sequence[:, 0], call(layer, {"x": X}), atol=1e-5)


def test_contract_of_the_perceptron():
    make = lambda **kwargs: MultilayerPerceptron([5, 4], 3, **kwargs)  # noqa: E731
    run_layer_test(make, {"x": X}, weights=10)


def test_perceptron_normalises_before_it_activates():
    layer = MultilayerPerceptron([5])
    hidden = X @ to_numpy(kernel_of(layer)) / np.sqrt(1 + 1e-5)
    expected = np.where(hidden > 0, hidden, 0.01 * hidden)
    np.testing.assert_allclose(call(layer, {"x": X}), expected, atol=1e-5)


def kernel_of(layer):
    layer.build(X.shape)
    return layer.hidden[0].kernel


def test_heads_replace_a_concatenation():
    """Two modalities meet in one width, so that they can be added."""
    image, sound = keras.Input((6,), name="image"), keras.Input((3,), name="sound")
    joined = keras.layers.Add()([ProjectionHead(4)(image), ProjectionHead(4)(sound)])
    model = keras.Model([image, sound], MultilayerPerceptron([3], 1)(joined))
    check_drop_in(model, {"image": X, "sound": X[:, :3]}, np.ones((4, 1), "float32"))


def test_refuses_a_perceptron_without_layers():
    with pytest.raises(ValueError, match="hidden_units, units, or both"):
        MultilayerPerceptron([])
