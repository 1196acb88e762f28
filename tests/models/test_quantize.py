"""`model.quantize("int8")`: near predictions, a quarter of the bytes, saved and loaded as it is."""

import keras
import numpy as np
import pytest
from layer_test import predicted
from small_systems import SYSTEMS, small_inputs, small_system

from keras_mer import zoo
from keras_mer.explain import fusion_reading
from keras_mer.models import CMMSF

FLOATS = ("bias", "gamma", "beta", "moving_mean", "moving_variance", "scale", "level_weights")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_kernel_is_int8_and_predictions_are_near(name, tmp_path):
    model, arrays = small_system(name), small_inputs(name)
    expected = predicted(model, arrays)
    model.quantize("int8")
    found = predicted(model, arrays)
    np.testing.assert_allclose(found, expected, atol=0.06)
    assert (found != expected).any()
    kernels = [w for w in model.weights if not w.name.endswith(FLOATS) and len(w.shape) > 1]
    assert kernels
    assert {keras.backend.standardize_dtype(w.dtype) for w in kernels} == {"int8"}
    assert not model.trainable_weights
    otherwise = {k: np.nan_to_num(x, nan=7.0) for k, x in arrays.items()}
    np.testing.assert_array_equal(predicted(model, otherwise), found)

    model.save(tmp_path / "model.keras")
    zoo.save_entry(model, tmp_path / "entry")
    for again in (
        keras.saving.load_model(tmp_path / "model.keras"),
        zoo.load(tmp_path / "entry"),
    ):
        assert again.quantized == "int8"
        np.testing.assert_array_equal(predicted(again, arrays), found)


def wide():
    return CMMSF({"text": 40, "audio": 30}, units=32, num_heads=2)


def test_the_file_is_a_fraction_and_fresh_weights_learn(tmp_path):
    model = wide()
    model.save_weights(tmp_path / "float.weights.h5")
    model.quantize("int8")
    zoo.save_entry(model, tmp_path / "entry")
    sizes = [(tmp_path / f).stat().st_size for f in ("float.weights.h5", "entry/model.weights.h5")]
    kernels = sum(int(np.prod(w.shape)) for w in model.weights if w.dtype == "int8")
    # Three bytes are gone of each of a kernel's; scales and their names in the file are new.
    assert sizes[0] - sizes[1] > 2 * kernels
    assert "Kernels in int8" in str(zoo.card(tmp_path / "entry"))
    fresh = zoo.load(tmp_path / "entry", weights=False)
    assert fresh.quantized is None
    assert fresh.trainable_weights


def test_what_is_quantised_learns_no_more_and_says_so(tmp_path):
    model = wide()
    with pytest.raises(ValueError, match=r"quantize\('int8'\), as a whole.*mode 'int4'"):
        model.quantize("int4")
    weights_alone = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    with pytest.raises(ValueError, match="another configuration"):
        model.quantize(config=weights_alone)
    with pytest.raises(ValueError, match="filters 'head'"):
        model.quantize("int8", filters="head")
    model.quantize("int8")
    with pytest.raises(ValueError, match="in int8 already"):
        model.quantize("int8")
    with pytest.raises(ValueError, match="give the new head to the model that was quantised"):
        model.new_head(3)
    zoo.save_entry(model, tmp_path / "entry")
    with pytest.raises(ValueError, match="in int8 and learns no more"):
        zoo.load(tmp_path / "entry", head=3)


def test_the_gates_are_read_of_a_quantised_model():
    model, arrays = small_system("CMMSF"), small_inputs("CMMSF")
    expected = fusion_reading(model, arrays)
    model.quantize("int8")
    found = fusion_reading(model, arrays)
    for m, shares in expected.shares.items():
        np.testing.assert_allclose(found.shares[m], shares, atol=0.05)
