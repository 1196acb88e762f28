import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import LowRankFusion, TensorFusion

RNG = np.random.default_rng(0)
VECTORS = {
    "text": RNG.normal(size=(4, 2)).astype("float32"),
    "audio": RNG.normal(size=(4, 3)).astype("float32"),
    "video": RNG.normal(size=(4, 1)).astype("float32"),
}
PRESENT = {
    "text": np.array([True, True, False, True]),
    "audio": np.array([True, False, True, True]),
    "video": np.array([False, False, False, True]),
}
INPUTS = {"inputs": VECTORS, "present": PRESENT}
LAYERS = [TensorFusion, lambda **kwargs: LowRankFusion(2, rank=3, **kwargs)]


def products(vectors):
    ones = [np.concatenate([np.ones((4, 1)), x], axis=1) for x in vectors.values()]
    return np.einsum("bt,ba,bv->btav", *ones)


@pytest.mark.parametrize(("make", "weights"), [(LAYERS[0], 0), (LAYERS[1], 5)])
def test_contract(make, weights):
    run_layer_test(make, INPUTS, weights, masked={"inputs": "present"})


def test_products_of_all_text_slowest():
    expected = products(VECTORS).reshape(4, -1)
    found = call(TensorFusion(), {"inputs": VECTORS})
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_low_rank_is_a_linear_map_of_the_products():
    layer = LowRankFusion(2, rank=3, bias_initializer="normal")
    found = call(layer, {"inputs": VECTORS})
    factors = [to_numpy(layer.factors[m]).reshape(-1, 3, 2) for m in VECTORS]
    tensor = np.einsum("tru,aru,vru,r->tavu", *factors, to_numpy(layer.rank_weights)[:, 0])
    expected = np.einsum("btav,tavu->bu", products(VECTORS), tensor) + to_numpy(layer.bias)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_missing_modality_leaves_the_products_of_the_others():
    found = call(TensorFusion(), INPUTS).reshape(4, 3, 4, 2)
    whole = products(VECTORS)
    np.testing.assert_allclose(found[0, :, :, 0], whole[0, :, :, 0], atol=1e-6)
    assert (found[0, :, :, 1] == 0).all()


@pytest.mark.parametrize("make", LAYERS)
def test_order_of_the_modalities_does_not_matter(make):
    layer = make()
    turned = {k: dict(reversed(list(v.items()))) for k, v in INPUTS.items()}
    np.testing.assert_array_equal(call(layer, INPUTS), call(layer, turned))


@pytest.mark.parametrize("make", LAYERS)
def test_fuses_sequences_step_by_step(make):
    layer = make()
    sequences = {m: np.stack([x, 2 * x], axis=1) for m, x in VECTORS.items()}
    output = call(layer, {"inputs": sequences})
    np.testing.assert_allclose(output[:, 0], call(layer, {"inputs": VECTORS}), atol=1e-6)


@pytest.mark.parametrize("make", LAYERS)
def test_replaces_a_concatenation(make):
    """Two modalities in a model of the user's own."""
    image, sound = keras.Input((3,), name="image"), keras.Input((5,), name="sound")
    fused = make()({"image": image, "sound": sound})
    model = keras.Model([image, sound], keras.layers.Dense(1)(fused))
    inputs = {
        name: RNG.normal(size=(2, width)).astype("float32")
        for name, width in (("image", 3), ("sound", 5))
    }
    check_drop_in(model, inputs, np.ones((2, 1), "float32"))


@pytest.mark.parametrize("make", LAYERS)
def test_names_modalities_it_was_not_built_for(make):
    layer = make()
    layer(VECTORS)
    with pytest.raises(ValueError, match="audio, video; received modalities for text, audio"):
        layer({m: VECTORS[m] for m in ("text", "audio")})
