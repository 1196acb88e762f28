import keras
import numpy as np
import pytest
from keras import ops
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import CrossModalGate
from keras_mer.losses import MultiKernelMMD

RNG = np.random.default_rng(0)
VECTORS = {m: RNG.normal(size=(5, 4)).astype("float32") for m in ("text", "audio")}
PRESENT = {
    "text": np.array([True, True, False, True, False]),
    "audio": np.array([True, True, True, False, False]),
}
INPUTS = {"inputs": VECTORS, "present": PRESENT}


def test_contract():
    make = lambda **kwargs: CrossModalGate(3, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, 6, masked={"inputs": "present"})


def test_equations_and_what_is_missing():
    layer = CrossModalGate()
    output = call(layer, INPUTS)
    joined = np.concatenate([VECTORS["text"], VECTORS["audio"]], axis=1)
    kernel, bias = (to_numpy(w) for w in layer.gate.weights)
    gate = 1 / (1 + np.exp(-(joined @ kernel + bias)))
    text, audio = (to_numpy(layer.transform[m](VECTORS[m])) for m in ("text", "audio"))
    both = gate * text + (1 - gate) * audio
    np.testing.assert_allclose(output[:2], both[:2], atol=1e-6)
    np.testing.assert_allclose(output[2], audio[2], atol=1e-6)
    np.testing.assert_allclose(output[3], text[3], atol=1e-6)
    assert (output[4] == 0).all()


def test_gates_are_told_on_request():
    layer = CrossModalGate(3)
    output, gates = call(layer, INPUTS, return_gates=True)
    np.testing.assert_allclose(output, call(layer, INPUTS), atol=1e-6)
    kernel, bias = (to_numpy(w) for w in layer.gate.weights)
    joined = np.concatenate([VECTORS["text"], VECTORS["audio"]], axis=1)
    gate = 1 / (1 + np.exp(-(joined @ kernel + bias)))
    np.testing.assert_allclose(gates["text"][:2], gate[:2], atol=1e-6)
    np.testing.assert_allclose(gates["audio"][:2], 1 - gate[:2], atol=1e-6)
    assert gates["text"][2:, 0].tolist() == [0, 1, 0]
    assert gates["audio"][2:, 0].tolist() == [1, 0, 0]


def test_gates_are_an_output_of_a_functional_model_too():
    inputs = {m: keras.Input((4,), name=m) for m in VECTORS}
    _, gates = CrossModalGate(3)(inputs, return_gates=True)
    assert keras.Model(inputs, gates).predict(VECTORS, verbose=0)["audio"].shape == (5, 3)


def test_discrepancy_is_that_of_the_clips_with_both():
    layer = CrossModalGate(discrepancy_weight=0.5)
    call(layer, INPUTS)
    assert layer.losses == []
    call(layer, INPUTS, training=True)
    (loss,) = (float(to_numpy(x)) for x in layer.losses)
    expected = MultiKernelMMD()(VECTORS["text"][:2], VECTORS["audio"][:2])
    assert loss == pytest.approx(0.5 * float(to_numpy(expected)), rel=1e-4)


def test_discrepancy_draws_the_encoders_together_and_leaves_the_gate():
    """The task moves the gate; the discrepancy moves what made its inputs."""
    inputs = {m: keras.Input((4,), name=m) for m in VECTORS}
    encoders = {m: keras.layers.Dense(4, name=f"encoder_{m}") for m in VECTORS}
    layer = CrossModalGate(discrepancy_weight=1.0)
    model = keras.Model(inputs, layer({m: encoders[m](x) for m, x in inputs.items()}))
    model.compile(keras.optimizers.SGD(0.3), lambda y, x: 0.0 * ops.sum(x, axis=-1))
    gate = [to_numpy(w) for w in layer.weights]
    arrays = {"text": VECTORS["text"], "audio": VECTORS["audio"] + 2}
    losses = model.fit(arrays, np.zeros(5), epochs=40, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    for before, after in zip(gate, layer.weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(after))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"text": VECTORS["text"]}, "2 or more modalities"),
        (
            dict.fromkeys(("text", "audio", "video"), VECTORS["text"]),
            "two modalities; received text",
        ),
        ({"text": VECTORS["text"], "audio": VECTORS["audio"][:, :3]}, r"audio \(5, 3\)"),
    ],
)
def test_names_what_it_cannot_join(inputs, message):
    with pytest.raises(ValueError, match=message):
        CrossModalGate()(inputs)


def test_replaces_a_concatenation():
    image, sound = keras.Input((8,), name="image"), keras.Input((5,), name="sound")
    codes = {"image": keras.layers.Dense(4)(image), "sound": keras.layers.Dense(4)(sound)}
    model = keras.Model([image, sound], keras.layers.Dense(1)(CrossModalGate(3)(codes)))
    inputs = {
        name: RNG.normal(size=(4, width)).astype("float32")
        for name, width in (("image", 8), ("sound", 5))
    }
    check_drop_in(model, inputs, np.ones((4, 1), "float32"))
