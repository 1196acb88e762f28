import keras
import numpy as np
import pytest
from keras import ops
from layer_test import call, run_layer_test, to_numpy

from keras_mer.layers import MaskGatedFusion

RNG = np.random.default_rng(0)
VECTORS = {
    "text": RNG.normal(size=(4, 6)).astype("float32"),
    "audio": RNG.normal(size=(4, 3)).astype("float32"),
    "video": RNG.normal(size=(4, 5)).astype("float32"),
}
PRESENT = {
    "text": np.array([True, True, False, True]),
    "audio": np.array([True, False, True, True]),
    "video": np.array([False, False, False, True]),
}
INPUTS = {"inputs": VECTORS, "present": PRESENT}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def kernels(dense):
    return [to_numpy(w) for w in dense.weights]


@pytest.mark.parametrize(
    ("mask", "gate", "weights"), [("hard", True, 18), ("soft", True, 18), (None, False, 6)]
)
def test_contract(mask, gate, weights):
    make = lambda **kwargs: MaskGatedFusion(4, mask=mask, gate=gate, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, weights, masked={"inputs": "present"})


@pytest.mark.parametrize("mask", ["hard", "soft"])
def test_equations(mask):
    layer = MaskGatedFusion(4, mask=mask, mask_bias_initializer="zeros")
    output = call(layer, {"inputs": VECTORS})
    c = np.concatenate(list(VECTORS.values()), axis=1)
    expected = []
    for m, u in VECTORS.items():
        (wg, bg), (wk, bk), (w, b) = (
            kernels(maps[m]) for maps in (layer.gates, layer.keep, layer.transform)
        )
        k = sigmoid(u @ wk + bk)
        k = (k > 0.5) if mask == "hard" else k
        expected.append(k * sigmoid(c @ wg + bg) * np.tanh(u @ w + b))
    np.testing.assert_allclose(output, np.concatenate(expected, axis=1), atol=1e-6)


def test_hard_mask_passes_the_gradient_of_the_soft_one():
    """Straight-through: shut features learn, as if the probability itself had been the mask."""
    inputs = {m: keras.Input((x.shape[1],), name=m) for m, x in VECTORS.items()}
    steps = {}
    for mask in ("hard", "soft"):
        keras.utils.set_random_seed(0)
        layer = MaskGatedFusion(4, mask=mask, gate=False)
        model = keras.Model(inputs, ops.sum(layer(inputs), axis=1, keepdims=True))
        before = [kernels(layer.keep[m])[0] for m in layer.modalities]
        # The gradient of a mean of residuals of +1 does not depend on the outputs.
        model.compile(keras.optimizers.SGD(1.0), "mae")
        model.fit(VECTORS, np.full((4, 1), -1e3, "float32"), verbose=0)
        steps[mask] = [
            b - kernels(layer.keep[m])[0] for b, m in zip(before, layer.modalities, strict=True)
        ]
    for hard, soft in zip(steps["hard"], steps["soft"], strict=True):
        assert abs(hard).max() > 1e-3
        np.testing.assert_allclose(hard, soft, atol=1e-5)


def test_order_of_the_modalities_does_not_matter():
    layer = MaskGatedFusion(4)
    output = call(layer, INPUTS)
    turned = {k: dict(reversed(list(v.items()))) for k, v in INPUTS.items()}
    np.testing.assert_array_equal(output, call(layer, turned))


def test_a_missing_modality_adds_nothing():
    output = call(MaskGatedFusion(4), INPUTS).reshape(4, 3, 4)
    there = np.stack([PRESENT[m] for m in VECTORS], axis=1)
    assert ((output != 0).any(axis=-1) == there).all()


def test_returns_its_gates():
    layer = MaskGatedFusion(4, return_gates=True)
    fused, gates = call(layer, {"inputs": VECTORS})
    assert fused.shape == (4, 12)
    assert set(gates) == set(VECTORS)
    assert set(np.unique(gates["text"]["mask"])) <= {0.0, 1.0}
    assert ((gates["audio"]["gate"] > 0) & (gates["audio"]["gate"] < 1)).all()
    assert layer.compute_output_shape({m: x.shape for m, x in VECTORS.items()})[0] == (4, 12)


def test_fuses_sequences_step_by_step():
    sequences = {m: np.stack([x, 2 * x], axis=1) for m, x in VECTORS.items()}
    layer = MaskGatedFusion(4)
    output = call(layer, {"inputs": sequences})
    np.testing.assert_allclose(output[:, 0], call(layer, {"inputs": VECTORS}), atol=1e-6)


def test_replaces_a_concatenation():
    """Two modalities in a model of the user's own, saved and loaded."""
    image, sound = keras.Input((8,), name="image"), keras.Input((5,), name="sound")
    fused = MaskGatedFusion(4)({"image": image, "sound": sound})
    model = keras.Model([image, sound], keras.layers.Dense(1)(fused))
    assert model.predict([np.ones((1, 8)), np.ones((1, 5))], verbose=0).shape == (1, 1)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((2, 3), "float32"), "dict of modalities"),
        ({"text": np.ones((2, 3), "float32")}, "2 or more modalities; received 1: text"),
    ],
)
def test_refuses_what_is_no_dict_of_modalities(inputs, message):
    with pytest.raises(ValueError, match=message):
        MaskGatedFusion(4)(inputs)


def test_names_modalities_it_was_not_built_for():
    layer = MaskGatedFusion(4)
    layer(VECTORS)
    with pytest.raises(ValueError, match="received modalities for text, audio"):
        layer({m: VECTORS[m] for m in ("text", "audio")})
