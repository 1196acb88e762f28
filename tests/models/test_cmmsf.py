import json

import keras
import numpy as np
import pytest
from layer_test import to_numpy
from model_inputs import lengthen, random_clips, spoil

from keras_mer.models import CMMSF

RNG = np.random.default_rng(0)
WIDTHS = {"text": 6, "audio": 4, "video": 3}
TIMES = {"text": 7, "audio": 5, "video": 4}


def small(widths=WIDTHS, **arguments):
    return CMMSF(widths, **{"units": 4, "num_heads": 2, **arguments})


def inputs():
    return random_clips(RNG, 5, WIDTHS, TIMES)


def predict(model, arrays):
    return model.predict(arrays, verbose=0)


def test_padding_changes_nothing_whatever_it_holds():
    model, arrays = small(), inputs()
    padded = lengthen(spoil(arrays, np.inf), 3, np.nan)
    np.testing.assert_allclose(predict(model, padded), predict(model, arrays), atol=1e-5)


def test_rows_do_not_depend_on_the_batch():
    model, arrays = small(), inputs()
    alone = [predict(model, {k: x[i : i + 1] for k, x in arrays.items()}) for i in range(5)]
    np.testing.assert_allclose(np.concatenate(alone), predict(model, arrays), atol=1e-5)


def test_order_of_the_modalities_does_not_matter():
    keras.utils.set_random_seed(0)
    model, arrays = small(), inputs()
    keras.utils.set_random_seed(0)
    turned = small(dict(reversed(WIDTHS.items())))
    np.testing.assert_array_equal(predict(model, arrays), predict(turned, arrays))


@pytest.mark.parametrize("missing", [("audio",), ("text", "video"), ("text", "audio", "video")])
def test_what_a_missing_modality_holds_does_not_matter(missing):
    model, arrays = small(), inputs()
    for m in missing:
        arrays[f"{m}_mask"][:] = False
    spoiled = {k: np.full_like(x, np.nan) if k in missing else x for k, x in arrays.items()}
    prediction = predict(model, spoiled)
    assert np.isfinite(prediction).all()
    np.testing.assert_allclose(prediction, predict(model, arrays), atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps": 5, "outputs": 6, "activation": "softmax"},
        {"mask": "soft", "gate": False, "look_initializer": "zeros"},
        {"mask": None, "cascade": False, "pooling": "max"},
        {"recurrent": False, "convolution": False, "pooling": "both"},
    ],
)
def test_every_form_trains_and_is_saved(arguments, tmp_path):
    model, arrays = small(**arguments), inputs()
    outputs = arguments.get("outputs", 1)
    loss = "sparse_categorical_crossentropy" if outputs > 1 else "mae"
    model.compile("adam", loss)
    model.fit(arrays, np.arange(5), verbose=0)
    prediction = predict(model, arrays)
    assert prediction.shape == (5, outputs)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predict(again, arrays), prediction, atol=1e-6)


def test_config_is_the_arguments_and_json():
    rates = {"text": 0.0, "audio": 0.5, "video": 0.1}
    model = small(dropout=0.2, input_dropout=rates, modality_dropout=rates, seed=3)
    config = json.loads(json.dumps(model.get_config()))
    assert CMMSF.from_config(config).get_config() == model.get_config()
    assert config["features"] == WIDTHS
    with pytest.raises(TypeError, match="num_head"):
        CMMSF(num_head=2)


def test_default_is_the_reading_of_the_paper():
    model = CMMSF()
    assert {k: tuple(x.shape)[1:] for k, x in model.input.items() if "mask" not in k} == {
        "text": (None, 768),
        "audio": (None, 5),
        "video": (None, 20),
    }
    assert model.count_params() == 2_138_881


def test_new_head_keeps_the_trunk():
    model, arrays = small(), inputs()
    classifier = model.new_head(3, "softmax")
    np.testing.assert_allclose(predict(classifier, arrays).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(
        to_numpy(model.hidden_layer.kernel), to_numpy(classifier.hidden_layer.kernel)
    )
    classifier.compile("adam", "sparse_categorical_crossentropy")
    classifier.fit(arrays, np.zeros(5), verbose=0)
    assert predict(model, arrays).shape == (5, 1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_predicts_in_float32(policy):
    keras.utils.set_random_seed(0)
    full, arrays = small(), inputs()
    half = small(dtype=policy)
    half.set_weights(full.get_weights())
    prediction = predict(half, arrays)
    assert half.get_config()["dtype"] == policy
    assert half.output.dtype == "float32"
    np.testing.assert_allclose(prediction, predict(full, arrays), atol=0.05)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"text": 5}, "2 or more modalities; received 1: text"),
        ({"text": 5, "audio": 0}, "positive integer; received 0 for audio"),
        ({"text": 5, "audio": "wide"}, "received 'wide' for audio"),
    ],
)
def test_names_features_that_make_no_model(features, message):
    with pytest.raises(ValueError, match=message):
        CMMSF(features)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "mean"}, "knows the poolings average, max, both; received 'mean'"),
        ({"input_dropout": {"text": 0.1}}, "needs input_dropout for .* none for audio, video"),
    ],
)
def test_refuses_arguments_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        CMMSF(WIDTHS, **arguments)
