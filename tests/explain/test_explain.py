import keras
import numpy as np
import pytest

from keras_mer.explain import draw_gates, fusion_reading, shares
from keras_mer.models import CMMSF

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    return CMMSF({"text": 6, "audio": 4}, units=4, num_heads=2)


@pytest.fixture(scope="module")
def inputs():
    arrays = {
        "text": RNG.normal(size=(3, 5, 6)).astype("float32"),
        "text_mask": np.ones((3, 5), bool),
        "audio": RNG.normal(size=(3, 2, 4)).astype("float32"),
        "audio_mask": np.ones((3, 2), bool),
    }
    arrays["audio_mask"][1] = False
    arrays["text_mask"][2] = arrays["audio_mask"][2] = False
    return arrays


def test_shares_sum_to_one_and_a_missing_modality_has_none(model, inputs):
    parts = shares(model, inputs)
    np.testing.assert_allclose(parts["text"] + parts["audio"], [1, 1, 0], atol=1e-6)
    assert 0 < parts["audio"][0] < 1
    assert parts["audio"][1] == 0


def test_shares_are_what_is_added_to_the_hidden_layer(model, inputs):
    """Hiding the weights of one modality takes its share to zero."""
    kernel = model.hidden_layer.kernel
    before = keras.ops.convert_to_numpy(kernel).copy()
    changed = before.copy()
    changed[:4] = 0  # text comes first
    kernel.assign(changed)
    assert shares(model, inputs)["audio"][0] == pytest.approx(1)
    kernel.assign(before)


def test_openness_is_between_shut_and_open(model, inputs):
    openness = fusion_reading(model, inputs).openness
    assert (openness["text"][:2] > 0).all()
    assert (openness["text"] <= 1).all()
    assert openness["audio"][1] == 0


def test_models_without_gates_are_read_by_hiding(inputs):
    """A model that ignores audio gives all to text."""
    symbols = {
        "text": keras.Input((None, 6), name="text"),
        "text_mask": keras.Input((None,), dtype="bool", name="text_mask"),
        "audio": keras.Input((None, 4), name="audio"),
        "audio_mask": keras.Input((None,), dtype="bool", name="audio_mask"),
    }
    there = keras.ops.cast(keras.ops.any(symbols["text_mask"], axis=1, keepdims=True), "float32")
    plain = keras.Model(symbols, there)
    assert shares(plain, inputs)["text"].tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="no mask-gated fusion"):
        fusion_reading(plain, inputs)


@pytest.mark.once
def test_the_picture_is_drawn_and_whole(model, inputs, tmp_path):
    pytest.importorskip("matplotlib")
    reading = fusion_reading(model, inputs)
    path = draw_gates(["a", "b" * 200, "c"], [1.0, -2.0, 0.0], reading, tmp_path / "gates.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="1 to 24 rows; received 0"):
        draw_gates([], [], reading, tmp_path / "none.png")
