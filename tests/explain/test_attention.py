"""Attention of the systems: that it is what the layers use, and what they cannot show."""

import keras
import numpy as np
import pytest
from small_systems import small_inputs, small_system

from keras_mer.explain import attention_reading
from keras_mer.layers import CrossModalAttention
from keras_mer.models import CMMSF, MSRG


def filled(name):
    return {key: np.nan_to_num(x) for key, x in small_inputs(name).items()}


@pytest.mark.parametrize("name", ["CMMSF", "FoalNet"])
def test_every_real_step_looks_at_real_steps_of_the_other(name):
    inputs = filled(name)
    weights = attention_reading(small_system(name), inputs).weights
    assert set(weights) == {("text", "audio"), ("audio", "text")}
    for (m, n), seen in weights.items():
        there = inputs[f"{m}_mask"] & inputs[f"{n}_mask"].any(axis=1, keepdims=True)
        np.testing.assert_allclose(seen.sum(axis=-1), there, atol=1e-6)
        assert not seen[np.broadcast_to(~inputs[f"{n}_mask"][:, None], seen.shape)].any()


def test_looks_at_all_others_at_once_are_told_apart():
    model = CMMSF({"text": 6, "audio": 4, "video": 4}, units=4, num_heads=2, cascade=False)
    inputs = filled("CMMSF")
    inputs |= {"video": inputs["audio"][:, :2], "video_mask": np.ones((3, 2), bool)}
    weights = attention_reading(model, inputs).weights
    assert weights["text", "video"].shape == (3, 5, 2)
    total = weights["text", "audio"].sum(-1) + weights["text", "video"].sum(-1)
    np.testing.assert_allclose(total, inputs["text_mask"], atol=1e-6)
    assert not weights["text", "audio"][1].any()


def test_a_fusion_looks_at_its_parts():
    reading = attention_reading(small_system("MCIHN"), filled("MCIHN"))
    assert reading.names == {"fusion": ["text and audio", "text", "audio"]}
    seen = reading.weights["fusion", "fusion"]
    np.testing.assert_allclose(seen[0].sum(axis=-1), 1, atol=1e-6)
    assert not seen[1, :, 2].any()


def test_the_scores_are_those_the_output_is_made_of():
    layer = CrossModalAttention(num_heads=2)
    query, source = (np.random.default_rng(0).normal(size=(2, t, 4)) for t in (3, 5))
    plain = layer(query, source)
    output, scores = layer(query, source, return_attention_scores=True)
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (output, plain)), atol=1e-5)
    value = keras.ops.convert_to_numpy(layer.value_map(source)).reshape(2, 5, 2, 2)
    seen = np.einsum("bhqk,bkhd->bqhd", keras.ops.convert_to_numpy(scores), value)
    made = layer.norm(query + keras.ops.convert_to_numpy(layer.output_map(seen.reshape(2, 3, 4))))
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (made, plain)), atol=1e-5)


def test_features_of_msrg_go_with_those_of_the_joint():
    model, inputs = small_system("MSRG"), small_inputs("MSRG")
    reading = attention_reading(model, inputs, batch_size=2)
    assert reading.between == "features"
    pairs = {(m, n) for m in ("text", "audio") for n in (m, "joint")}
    assert set(reading.weights) == pairs
    assert all(
        np.abs(x).max() <= 1 and not x[1].any()
        for (m, _), x in reading.weights.items()
        if m == "audio"
    )
    graph = keras.Model(model.input, {"x": dict(model.sequences), "masks": dict(model.visible)})
    given = graph.predict(inputs, verbose=0)
    joint = keras.ops.convert_to_numpy(model.pooling(given["x"], masks=given["masks"]))
    seen = np.concatenate([given["x"]["text"], joint], axis=-1)
    kernel = keras.ops.convert_to_numpy(model.attention.maps["text"]["joint"].kernel)
    mapped = (seen.transpose(0, 2, 1) @ kernel).transpose(0, 2, 1)
    expected = np.tanh(given["x"]["text"].transpose(0, 2, 1) @ mapped / np.sqrt(seen.shape[-1]))
    found = [reading.weights["text", n] for n in ("text", "joint")]
    np.testing.assert_allclose(np.concatenate(found, axis=-1), expected, atol=1e-5)


def test_the_joint_of_another_modality_bears_its_name():
    dims = {"text": 6, "audio": 4, "video": 4}
    model = MSRG(dims, steps=3, encoder_units=4, units=4, joint_of={"video": "audio"})
    inputs = filled("MSRG")
    inputs |= {"video": inputs["audio"], "video_mask": inputs["audio_mask"]}
    weights = attention_reading(model, inputs).weights
    assert {n for m, n in weights if m == "video"} == {"audio", "joint"}


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: MSRG({"text": 6, "audio": 4}, units=4, attention=False), "attention=False"),
        (lambda: small_system("DeepMSIMER"), "within single frames"),
        (lambda: small_system("DialogueModel"), "one utterance at a time"),
    ],
    ids=["MSRG", "DeepMSIMER", "DialogueModel"],
)
def test_a_model_without_such_attention_says_why_and_what_reads_it(model, why):
    with pytest.raises(ValueError, match=f"has no attention.*{why}.*integrated_gradients every"):
        attention_reading(model(), {})


def test_scores_are_an_output_of_a_functional_model_too():
    query, source = keras.Input((None, 4)), keras.Input((5, 4))
    layer = CrossModalAttention(num_heads=2)
    model = keras.Model([query, source], layer(query, source, return_attention_scores=True))
    arrays = [np.ones((2, t, 4), "float32") for t in (3, 5)]
    output, scores = model.predict(arrays, verbose=0)
    assert (output.shape, scores.shape) == ((2, 3, 4), (2, 2, 3, 5))
