import numpy as np
import pytest
from layer_test import call, run_layer_test, to_numpy

from keras_mer.layers import DecisionFusion

RNG = np.random.default_rng(0)
VECTORS = {
    "text": RNG.normal(size=(4, 2)).astype("float32"),
    "audio": RNG.normal(size=(4, 3)).astype("float32"),
}
PRESENT = {
    "text": np.array([True, True, False, False]),
    "audio": np.array([True, False, True, False]),
}
INPUTS = {"inputs": VECTORS, "present": PRESENT}


@pytest.mark.parametrize("weighted", [False, True])
def test_contract(weighted):
    run_layer_test(
        lambda **kwargs: DecisionFusion(2, "tanh", weighted, **kwargs),
        INPUTS,
        weights=4 + weighted,
        masked={"inputs": "present"},
    )


def test_the_mean_is_of_what_is_there():
    layer = DecisionFusion(2, apart=True, bias_initializer="normal")
    mean, each = call(layer, INPUTS)
    for m, x in VECTORS.items():
        kernel, bias = (to_numpy(w) for w in layer.heads[m].weights)
        np.testing.assert_allclose(
            each[m], np.where(PRESENT[m][:, None], x, 0) @ kernel + bias, atol=1e-6
        )
    np.testing.assert_allclose(mean[0], (each["text"][0] + each["audio"][0]) / 2, atol=1e-6)
    np.testing.assert_allclose(mean[1], each["text"][1], atol=1e-6)
    np.testing.assert_allclose(mean[2], each["audio"][2], atol=1e-6)
    np.testing.assert_allclose(mean[3], (each["text"][3] + each["audio"][3]) / 2, atol=1e-6)
    shapes = {m: x.shape for m, x in VECTORS.items()}
    assert layer.compute_output_shape(shapes) == ((4, 2), dict.fromkeys(VECTORS, (4, 2)))


def test_shares_are_learned_among_those_present():
    layer = DecisionFusion(2, weighted=True, apart=True)
    call(layer, INPUTS)
    layer.shares.assign([np.log(3.0), 0.0])
    mean, each = call(layer, INPUTS)
    np.testing.assert_allclose(mean[0], 0.75 * each["text"][0] + 0.25 * each["audio"][0], atol=1e-6)
    np.testing.assert_allclose(mean[1], each["text"][1], atol=1e-6)
    np.testing.assert_allclose(mean[2], each["audio"][2], atol=1e-6)


def test_names_what_does_not_fit():
    with pytest.raises(ValueError, match="units of 1 or more; received 0"):
        DecisionFusion(0)
    with pytest.raises(ValueError, match="expects 2 or more modalities; received 1: text"):
        DecisionFusion(1)({"text": VECTORS["text"]})
