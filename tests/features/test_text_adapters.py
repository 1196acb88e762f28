"""What users of adapters rely on: kept whole, refused where they do not belong, felt."""

import json

import numpy as np
import pytest
from generated import text_adapters
from minilm import need_minilm
from safetensors.numpy import save_file

from keras_mer._files import sha256
from keras_mer.features import TextAdapters, TextEncoder, _minilm


@pytest.mark.once
def test_saved_adapters_load_to_the_same(tmp_path):
    adapters = text_adapters()
    adapters.save(tmp_path / "a.safetensors")
    loaded = TextAdapters.load(tmp_path / "a.safetensors")
    assert loaded.digest == adapters.digest == sha256(tmp_path / "a.safetensors")
    assert loaded.base == _minilm.FILES["model.safetensors"]
    assert loaded.first_layer == 5
    for name, array in adapters.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)


@pytest.mark.once
def test_the_digest_tells_adapters_apart_and_not_their_order():
    adapters = text_adapters()
    turned = TextAdapters(dict(reversed(adapters.arrays.items())))
    assert turned.digest == adapters.digest
    assert text_adapters(seed=1).digest != adapters.digest


@pytest.mark.once
def test_adapters_of_another_encoder_are_refused():
    with pytest.raises(ValueError, match=r"encoder with the sha256 0123; expected those of all-M"):
        TextAdapters(text_adapters().arrays, base="0123")


QUERY = "layer_5.query.lora_"


@pytest.mark.once
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_7.query.lora_a": np.zeros(2)}, "'layer_7.query.lora_a' is no array of adapters"),
        ({"layer_5.bias": np.zeros(2)}, "expected a name such as layer_6.query.lora_a"),
        ({"layer_6.pooler.lora_a": np.zeros(2)}, "a part among query, key, value"),
        ({QUERY + "b": None}, "layer_5.query.lora_a has no partner"),
        ({QUERY + "b": np.zeros((3, 32), "float32")}, r"\(3, 32\); expected float32 \(2, 32\)"),
        ({QUERY + "a": np.zeros((384, 2), "float32")}, r"expected float32 \(384, 12, 2\)"),
        ({QUERY + "a": np.float32(1)}, r"lora_a is float32 \(\); expected"),
        ({QUERY + "b": np.zeros((2, 32))}, "lora_b is float64"),
        ({QUERY + "b": np.full((2, 32), np.nan, "float32")}, "lora_b holds values that are NaN"),
    ],
)
def test_arrays_that_fit_no_encoder_are_named(changes, message):
    arrays = {**text_adapters().arrays, **changes}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(ValueError, match=message) as raised:
        TextAdapters(arrays)
    assert "\n" not in str(raised.value)


@pytest.mark.once
def test_no_arrays_are_no_adapters():
    with pytest.raises(ValueError, match="at least one pair"):
        TextAdapters({})


@pytest.mark.once
@pytest.mark.parametrize("damage", ["cut", "other", "foreign", "header"])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    text_adapters().save(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other":
        path.write_bytes(b"something else " * 50)
    elif damage == "foreign":
        save_file(text_adapters().arrays, path)
    else:
        save_file(text_adapters().arrays, path, {"keras_mer": json.dumps([1])})
    with pytest.raises(ValueError, match=r"a.safetensors holds no adapters.*tune the encoder"):
        TextAdapters.load(path)


@pytest.mark.once
def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="no adapters at nowhere"):
        TextAdapters.load("nowhere.safetensors")


@pytest.mark.once
def test_the_specification_names_the_adapters():
    adapters = text_adapters()
    encoder = TextEncoder(adapters=adapters)
    assert encoder.specification == {**TextEncoder().specification, "adapters": adapters.digest}
    again = TextEncoder.from_specification(encoder.specification, adapters=adapters)
    assert again.specification == encoder.specification
    assert encoder._cached.path != TextEncoder()._cached.path
    for other in (None, text_adapters(seed=1)):
        with pytest.raises(ValueError, match=f"with the adapters {adapters.digest}; received"):
            TextEncoder.from_specification(encoder.specification, adapters=other)


# The real encoder.


def test_features_feel_the_adapters():
    need_minilm()
    # From the safetensors file with plain matrix products, without keras-hub.
    encoder = TextEncoder(layers=[4, 5, 6], cache=False, adapters=text_adapters())
    row = encoder.encode(["I loved it, every minute."])[0]
    tolerance = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(row[0, :3], [-0.0041517, 0.0061308, 0.0042511], **tolerance)
    np.testing.assert_allclose(row[0, 384:387], [-0.0055243, -0.0338869, 0.0303304], **tolerance)
    np.testing.assert_allclose(row[0, 768:771], [0.0678715, 0.1015911, 0.0762828], **tolerance)
    np.testing.assert_allclose(row[-1, 768:771], [-0.1845423, -0.0574342, 0.0142048], **tolerance)
