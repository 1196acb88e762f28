import keras
import numpy as np
import pytest
from layer_test import call, check_config, check_drop_in, check_save, run_layer_test

from keras_mer.layers import EmotionAlignment, EmotionMatching, HardNegatives, ProjectionHead

RNG = np.random.default_rng(0)
FIRST, SECOND = (RNG.normal(size=(4, 6)).astype("float32") for _ in range(2))
LABELS = np.array([0, 1, 0, 2])


def drawn(layer, similarity, labels):
    return call(layer, {"similarity": similarity.astype("float32"), "labels": labels})


def test_projection_without_biases():
    make = lambda **kwargs: ProjectionHead(3, use_bias=False, **kwargs)  # noqa: E731
    run_layer_test(make, {"x": FIRST}, weights=4)


def test_alignment_contract():
    make = lambda **kwargs: EmotionAlignment(temperature=1.0, **kwargs)  # noqa: E731
    run_layer_test(make, {"first": FIRST, "second": SECOND}, weights=1)


def test_alignment_leaves_out_clips_that_are_not_there():
    present = np.array([True, False, True, True])
    spoiled = np.where(present[:, None], FIRST, np.nan).astype("float32")
    inputs = {"first": spoiled, "second": SECOND, "present": present}
    similarity = call(EmotionAlignment(), inputs)
    cosines = (FIRST @ SECOND.T) / np.linalg.norm(FIRST, axis=1)[:, None]
    cosines /= np.linalg.norm(SECOND, axis=1)
    both = present[:, None] & present
    np.testing.assert_allclose(similarity[both], cosines[both] / 0.07, atol=1e-4)
    assert (similarity[~both] == np.float32(-1e9)).all()


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (EmotionAlignment, (FIRST, SECOND[:, :5]), r"\(4, 6\) and \(4, 5\)"),
        (lambda: EmotionAlignment(temperature=0), (), "above 0; received 0"),
    ],
)
def test_alignment_names_what_cannot_be_compared(layer, inputs, message):
    with pytest.raises(ValueError, match=message):
        layer()(*inputs)


def test_negatives_have_another_label_and_are_the_likelier_the_more_alike():
    check_config(HardNegatives(seed=1))
    labels = np.array([0] * 2000 + [1, 1])
    similarity = np.zeros((2002, 2002))
    similarity[:, -1] = np.log(3)
    found = drawn(HardNegatives(seed=0), similarity, labels)
    assert found["found"].all()
    assert (labels[found["columns"]] != labels).all()
    assert (labels[found["rows"]] != labels).all()
    assert abs((found["columns"][:2000] == 2001).mean() - 0.75) < 0.05
    assert abs((found["rows"][:2000] == 2001).mean() - 0.5) < 0.05


def test_negatives_are_drawn_anew_by_each_call():
    layer = HardNegatives(seed=0)
    labels = np.arange(64)
    first, second = (drawn(layer, np.zeros((64, 64)), labels)["columns"] for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize("same_label", [True, False])
def test_a_batch_of_one_label_has_no_negatives_unless_asked_for(same_label):
    found = drawn(HardNegatives(same_label), np.zeros((4, 4)), np.full(4, 3))
    assert (found["found"] == same_label).all()


@pytest.mark.parametrize("same_label", [True, False])
def test_a_clip_that_is_not_there_is_no_negative(same_label):
    present = np.array([True, True, True, False])
    similarity = np.where(present[:, None] & present, 0.0, -1e9)
    found = drawn(HardNegatives(same_label), similarity, LABELS)
    assert found["found"].tolist() == [True, True, True, False]
    assert found["columns"].tolist()[:1] == [1]
    assert found["rows"].tolist()[:1] == [1]
    assert (found["columns"][:3] != 3).all()


def test_matching_contract():
    inputs = {"inputs": {"audio": FIRST, "video": SECOND[:, :3]}}
    run_layer_test(EmotionMatching, inputs, weights=4)
    layer = EmotionMatching()
    layer(inputs["inputs"])
    with pytest.raises(ValueError, match="received modalities for audio"):
        layer({"audio": FIRST})


def test_matching_replaces_a_concatenation():
    """Whether image and sound belong together, each asked by itself."""
    image, sound = keras.Input((6,), name="image"), keras.Input((3,), name="sound")
    logits = EmotionMatching()({"image": image, "sound": sound})
    verdict = keras.layers.Average()(list(logits.values()))
    model = keras.Model([image, sound], verdict)
    inputs = {"image": FIRST, "sound": SECOND[:, :3]}
    check_drop_in(model, inputs, np.eye(2, dtype="float32")[[0, 1, 1, 0]])


def test_a_contrastive_model_of_the_users_own():
    """Two encoders and their similarity, trained under plain `fit`."""
    from keras_mer.losses import LabelAlignmentLoss

    image, sound = keras.Input((6,), name="image"), keras.Input((6,), name="sound")
    similarity = EmotionAlignment()(ProjectionHead(8)(image), ProjectionHead(8)(sound))
    model = keras.Model([image, sound], similarity)
    model.compile(keras.optimizers.Adam(0.01), LabelAlignmentLoss())
    history = model.fit([FIRST, SECOND], LABELS, epochs=10, verbose=0).history["loss"]
    assert history[-1] < history[0]
    check_save(model, {"image": FIRST, "sound": SECOND})
