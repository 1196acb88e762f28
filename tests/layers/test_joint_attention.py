"""Adaptive multimodal linear pooling, and joint cross-attention on what it pools."""

import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import AdaptiveMultimodalLinearPooling, JointCrossAttentionFusion

RNG = np.random.default_rng(0)
MODALITIES = ("text", "audio", "video")
SEQUENCES = {m: RNG.normal(size=(4, 5, 6)).astype("float32") for m in MODALITIES}
MASKS = {
    "text": np.arange(5) < np.array([5, 1, 0, 0])[:, None],
    "audio": np.arange(5) < np.array([5, 3, 2, 0])[:, None],
    "video": np.arange(5) < np.array([5, 0, 2, 0])[:, None],
}
JOINT = RNG.normal(size=(4, 5, 4)).astype("float32")
POOLED = {"inputs": SEQUENCES, "masks": MASKS}
FUSED = {"inputs": SEQUENCES, "joint": JOINT, "masks": MASKS}
ANYWHERE = np.any(list(MASKS.values()), axis=0)


def kernel(dense):
    return to_numpy(dense.kernel)


# Pooling


@pytest.mark.parametrize("options", [{}, {"norm": "batch", "unit_length": "time"}])
def test_pooling_contract(options):
    make = lambda **k: AdaptiveMultimodalLinearPooling(dropout=0.0, **options, **k)  # noqa: E731
    run_layer_test(make, POOLED, weights=6, masked={"inputs": "masks"})


def test_pooling_equations():
    layer = AdaptiveMultimodalLinearPooling(3, bias_initializer="normal", return_weights=True)
    joint, weights = call(layer, {"inputs": SEQUENCES})
    mapped = {
        m: x @ kernel(layer.maps[m]) + to_numpy(layer.maps[m].bias) for m, x in SEQUENCES.items()
    }
    strengths = {m: np.sqrt((v**2).sum(axis=(1, 2), keepdims=True)) for m, v in mapped.items()}
    total = sum(strengths.values())
    pooled = sum(strengths[m] / total * v for m, v in mapped.items())
    expected = pooled.reshape(4, 5, 3, 2).sum(axis=-1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(joint, expected, atol=1e-5)
    for m in MODALITIES:
        np.testing.assert_allclose(weights[m], (strengths[m] / total)[:, 0, 0], atol=1e-6)


@pytest.mark.parametrize(("norm", "alone"), [("sample", True), ("batch", False)])
def test_a_sample_is_pooled_alone_unless_the_batch_is_weighed(norm, alone):
    layer = AdaptiveMultimodalLinearPooling(norm=norm)
    together = call(layer, {"inputs": SEQUENCES})[:1]
    single = call(layer, {"inputs": {m: x[:1] for m, x in SEQUENCES.items()}})
    assert np.allclose(together, single, atol=1e-6) == alone


def test_unit_length_over_time_leaves_one_step_only_its_signs():
    inputs = {"inputs": {m: x[:, :1] for m, x in SEQUENCES.items()}}
    output = call(AdaptiveMultimodalLinearPooling(unit_length="time"), inputs)
    np.testing.assert_allclose(abs(output), 1, atol=1e-6)
    output = call(AdaptiveMultimodalLinearPooling(), inputs)
    np.testing.assert_allclose(np.linalg.norm(output, axis=-1), 1, atol=1e-6)


def test_a_missing_modality_has_no_weight():
    layer = AdaptiveMultimodalLinearPooling(bias_initializer="ones", return_weights=True)
    joint, weights = call(layer, POOLED)
    assert weights["video"][1] == weights["text"][2] == 0
    np.testing.assert_allclose(sum(weights.values()), [1, 1, 1, 0], atol=1e-6)
    assert ((joint != 0).any(axis=-1) == ANYWHERE).all()


def test_pooling_in_half_precision_of_large_features():
    layer = AdaptiveMultimodalLinearPooling(dtype="mixed_float16")
    output = call(layer, {"inputs": {m: 300 * x for m, x in SEQUENCES.items()}})
    np.testing.assert_allclose(np.linalg.norm(output, axis=-1), 1, atol=1e-2)


def test_pooling_replaces_a_concatenation():
    image, sound = keras.Input((8,), name="image"), keras.Input((5,), name="sound")
    joint = AdaptiveMultimodalLinearPooling(4)({"image": image, "sound": sound})
    model = keras.Model([image, sound], keras.layers.Dense(1)(joint))
    inputs = {
        name: RNG.normal(size=(4, width)).astype("float32")
        for name, width in (("image", 8), ("sound", 5))
    }
    check_drop_in(model, inputs, np.ones((4, 1), "float32"))


@pytest.mark.parametrize(
    ("options", "inputs", "message"),
    [
        ({}, {"text": (1, 2, 3), "audio": (1, 2, 4)}, r"needs units.*text \(1, 2, 3\)"),
        ({"unit_length": "time"}, {"text": (1, 3), "audio": (1, 3)}, r"expects inputs \(batch, t"),
        ({}, {"text": (1, 2, 3)}, "2 or more modalities; received 1: text"),
    ],
)
def test_pooling_refuses(options, inputs, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveMultimodalLinearPooling(**options).build(inputs)


# Attention


def test_attention_contract():
    make = lambda **kwargs: JointCrossAttentionFusion(3, steps=5, **kwargs)  # noqa: E731
    run_layer_test(make, FUSED, weights=12, masked={"inputs": "masks"})


def correlation(layer, m, joint, sequence=None):
    x = SEQUENCES[m] if sequence is None else sequence
    seen = joint.transpose(0, 2, 1) @ kernel(layer.maps[m]["joint"])
    return np.tanh(x.transpose(0, 2, 1) @ seen.transpose(0, 2, 1) / np.sqrt(joint.shape[-1]))


def attended(layer, m, joint):
    x, maps = SEQUENCES[m].transpose(0, 2, 1), layer.maps[m]
    common = correlation(layer, m, joint)
    hidden = np.maximum(0, common @ kernel(maps["corr"]) + x @ kernel(maps["self"]))
    return (hidden @ kernel(maps["out"]) + x).transpose(0, 2, 1)


@pytest.mark.parametrize("joint_of", [{}, {"video": "audio"}])
def test_attention_equations(joint_of):
    layer = JointCrossAttentionFusion(3, joint_of=joint_of)
    output = call(layer, {"inputs": SEQUENCES, "joint": JOINT})
    for m in MODALITIES:
        joint = np.concatenate([SEQUENCES[joint_of.get(m, m)], JOINT], axis=-1)
        np.testing.assert_allclose(output[m], attended(layer, m, joint), atol=1e-5)


def test_correlations_are_told_on_request():
    layer = JointCrossAttentionFusion(3)
    output, common = call(layer, FUSED, return_correlations=True)
    plain = call(layer, FUSED)
    real = {m: np.where(MASKS[m][..., None], x, 0) for m, x in SEQUENCES.items()}
    for m in MODALITIES:
        np.testing.assert_allclose(output[m], plain[m], atol=1e-6)
        joint = np.concatenate([real[m], np.where(ANYWHERE[..., None], JOINT, 0)], axis=-1)
        np.testing.assert_allclose(common[m], correlation(layer, m, joint, real[m]), atol=1e-5)
    assert not common["video"][1].any()


def test_without_a_joint_feature_all_modalities_are_the_joint():
    layer = JointCrossAttentionFusion(3)
    output = call(layer, {"inputs": SEQUENCES})
    joint = np.concatenate(list(SEQUENCES.values()), axis=-1)
    np.testing.assert_allclose(output["audio"], attended(layer, "audio", joint), atol=1e-5)


def test_attention_leaves_a_missing_modality_empty():
    output = call(JointCrossAttentionFusion(3), FUSED)
    for m in MODALITIES:
        assert ((output[m] != 0).any(axis=-1) == MASKS[m]).all()


def test_attention_in_front_of_a_concatenation():
    """Two modalities of different widths in a model of the user's own."""
    image, sound = keras.Input((4, 8), name="image"), keras.Input((4, 5), name="sound")
    fused = JointCrossAttentionFusion(3)({"image": image, "sound": sound})
    joined = keras.layers.Concatenate()([fused["image"], fused["sound"]])
    model = keras.Model([image, sound], keras.layers.Dense(1)(joined))
    inputs = {
        name: RNG.normal(size=(3, 4, width)).astype("float32")
        for name, width in (("image", 8), ("sound", 5))
    }
    check_drop_in(model, inputs, np.ones((3, 4, 1), "float32"))


@pytest.mark.parametrize(
    ("options", "times", "message"),
    [
        ({}, (None, None), "one fixed number of steps.*MaskedResampling1D"),
        ({}, (4, 5), r"received text \(1, 4, 3\), audio \(1, 5, 3\)"),
        ({"steps": 6}, (5, 5), "here 6; received"),
        ({"joint_of": {"video": "audio"}}, (5, 5), "the modalities are text, audio"),
    ],
)
def test_attention_refuses(options, times, message):
    shapes = {m: (1, time, 3) for m, time in zip(("text", "audio"), times, strict=True)}
    with pytest.raises(ValueError, match=message):
        JointCrossAttentionFusion(**options).build(shapes)
