import keras
import numpy as np
import pytest
from small_systems import small_inputs, small_system

from keras_mer import zoo
from keras_mer.explain import draw_gates, fusion_reading, shares
from keras_mer.models import CMMSF, MCIHN, MSRG

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
    with pytest.raises(ValueError, match=r"no gates to read; .* shapley_values every"):
        fusion_reading(plain, inputs)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def inside(model, tensors, inputs):
    return keras.Model(model.input, tensors).predict(inputs, verbose=0)


def test_gates_of_a_mask_gated_fusion_are_those_of_its_equations():
    model, inputs = small_system("CMMSF"), small_inputs("CMMSF")
    reading = fusion_reading(model, inputs, batch_size=2)
    given = model.fusion.input  # flat: audio, text, and which of them are there
    vectors = inside(model, {"audio": given[0], "text": given[1]}, inputs)
    there = {m: inputs[f"{m}_mask"].any(axis=1)[:, None] for m in vectors}
    joined = np.concatenate([np.where(there[m], vectors[m], 0) for m in ("text", "audio")], axis=1)
    for m in vectors:
        (gate, gate_bias), (keep, keep_bias) = (
            [keras.ops.convert_to_numpy(w) for w in maps[m].weights]
            for maps in (model.fusion.gates, model.fusion.keep)
        )
        expected = {"gate": sigmoid(joined @ gate + gate_bias)}
        expected["mask"] = sigmoid(np.where(there[m], vectors[m], 0) @ keep + keep_bias)
        for name, x in expected.items():
            np.testing.assert_allclose(reading.gates[m][name], np.where(there[m], x, 0), atol=1e-5)
        product = np.where(there[m], expected["gate"] * expected["mask"], 0)
        np.testing.assert_allclose(reading.openness[m], product.mean(axis=1), atol=1e-5)


def test_cross_modal_gates_are_those_of_their_equation():
    model, inputs = small_system("MCIHN"), small_inputs("MCIHN")
    reading = fusion_reading(model, inputs, batch_size=2)
    assert reading.kind == "cross-modal"
    codes = inside(model, dict(model.codes), inputs)
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in model.gates[0].gate.weights)
    gate = sigmoid(np.concatenate([codes["text"], codes["audio"]], axis=1) @ kernel + bias)
    gate[1] = 1  # that row has no audio
    np.testing.assert_allclose(reading.gates["text"]["audio"], gate, atol=1e-5)
    np.testing.assert_allclose(reading.gates["audio"]["text"], 1 - gate, atol=1e-5)
    np.testing.assert_allclose(reading.openness["text"], gate.mean(axis=1), atol=1e-5)
    assert reading.shares["audio"][1] == reading.openness["audio"][1] == 0


def test_three_modalities_have_a_gate_for_each_pair(inputs):
    model = MCIHN({"text": 6, "audio": 4, "video": 4}, latent_dim=4, num_heads=2)
    video = {"video": inputs["audio"], "video_mask": np.zeros((3, 2), bool)}
    reading = fusion_reading(model, {**inputs, **video})
    assert list(reading.gates["audio"]) == ["text", "video"]
    assert reading.gates["audio"]["video"][0].tolist() == [1, 1, 1, 1]
    assert not reading.gates["video"]["text"].any()
    assert not any(x[2] for x in reading.openness.values())


def test_residual_gates_and_weights_in_the_joint_are_those_of_their_equations():
    model, inputs = small_system("MSRG"), small_inputs("MSRG")
    reading = fusion_reading(model, inputs, batch_size=2)
    assert reading.kind == "joint"
    tensors = {"x": dict(model.sequences), "joined": model.joined}
    given = inside(model, tensors, inputs)
    strength = {}
    for m, x in given["x"].items():
        kernel, bias = (keras.ops.convert_to_numpy(w) for w in model.pooling.maps[m].weights)
        strength[m] = np.sqrt(np.square(x @ kernel + bias).sum(axis=(1, 2)))
    strength["audio"][1] = 0  # that row has no audio
    expected = strength["text"] / (strength["text"] + strength["audio"])
    np.testing.assert_allclose(reading.openness["text"], expected, atol=1e-5)
    np.testing.assert_allclose(reading.gates["audio"]["joint"], 1 - expected, atol=1e-5)
    cell, units = model.gating.cells["backward"], model.gating.units
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in (cell.kernel, cell.bias))
    learn = slice(units, 2 * units)
    expected = sigmoid(given["joined"] @ kernel[:, learn] + bias[learn])
    np.testing.assert_allclose(reading.steps["backward"]["learn"], expected, atol=1e-5)


def test_steps_that_are_not_there_have_no_gates(inputs):
    model = MSRG({"text": 6, "audio": 4}, steps=7, fit_steps="cut", units=4, attention=False)
    reading = fusion_reading(model, inputs)
    assert reading.openness == reading.gates == {}
    open_steps = reading.steps["forward"]["learn"].any(axis=-1)
    assert open_steps.sum(axis=1).tolist() == [5, 5, 0]
    assert not reading.steps["forward"]["remember"][2].any()


def test_some_rows_of_a_reading():
    reading = fusion_reading(small_system("MSRG"), small_inputs("MSRG"))
    part = reading.rows([2, 0])
    assert part.shares["text"].tolist() == reading.shares["text"][[2, 0]].tolist()
    assert part.steps["forward"]["learn"].shape == (2, 3, 128)
    assert part.kind == "joint"


@pytest.mark.once
def test_models_without_gates_say_so():
    for model in (MCIHN({"text": 6, "audio": 4}, gate=False), small_system("DeepMSIMER")):
        with pytest.raises(ValueError, match=r"has no gates to read.*shapley_values every model"):
            fusion_reading(model, {})


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "kind"),
    [("cmmsf_mosi", "mask-gated"), ("mcihn_mosi", "cross-modal"), ("msrg_mosi", "joint")],
)
def test_packaged_entries_can_be_read(name, kind):
    model = zoo.load(name)
    arrays = {}
    for m, width in model.config["features"].items():
        arrays[m] = RNG.normal(size=(2, 3, width)).astype("float32")
        arrays[f"{m}_mask"] = np.full((2, 3), m == "text")
    reading = fusion_reading(model, arrays)
    assert reading.kind == kind
    assert (reading.openness["text"] > 0).all()
    assert not reading.openness["audio"].any()
    assert reading.shares["text"].tolist() == [1, 1]


@pytest.mark.once
@pytest.mark.parametrize("name", ["CMMSF", "MCIHN", "MSRG"])
def test_the_picture_is_a_column_wide_and_names_what_it_shows(name, tmp_path):
    pytest.importorskip("matplotlib")
    reading = fusion_reading(small_system(name), small_inputs(name))
    labels, scores, said = ["one", "two", "x" * 99], [0.9, 0.4, 0.1], ["joy", "fear", "joy"]
    png = draw_gates(labels, scores, reading, tmp_path / "a.png", said=said).read_bytes()
    assert int.from_bytes(png[16:20], "big") == 700
    text = draw_gates(labels, scores, reading, tmp_path / "a.svg", title="t").read_text()
    means = {"CMMSF": "mask × gate", "MCIHN": "in its pairs", "MSRG": "joint feature"}
    assert all(words in text for words in ("one", "+0.90", "audio", means[name]))
    assert ("taken in, %" in text) == (name == "MSRG")


@pytest.mark.once
def test_the_picture_is_drawn_and_whole(model, inputs, tmp_path):
    pytest.importorskip("matplotlib")
    reading = fusion_reading(model, inputs)
    path = draw_gates(["a", "b" * 200, "c"], [1.0, -2.0, 0.0], reading, tmp_path / "gates.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="1 to 24 rows; received 0"):
        draw_gates([], [], reading, tmp_path / "none.png")
