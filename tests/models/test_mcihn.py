import json

import keras
import numpy as np
import pytest
from keras import ops
from layer_test import set_weights, to_numpy
from model_inputs import lengthen, random_clips, spoil

from keras_mer.models import MCIHN

RNG = np.random.default_rng(0)
WIDTHS = {"text": 6, "audio": 4, "video": 3}
TIMES = {"text": 5, "audio": 4, "video": 3}
OFF = dict.fromkeys(
    ("reconstruction_weight", "discriminator_weight", "generator_weight", "discrepancy_weight"), 0.0
)
SMALL = {"latent_dim": 4, "hidden_units": 8, "num_heads": 2, "fusion_units": 4, "dropout": 0.0}


def small(widths=WIDTHS, **arguments):
    return MCIHN(widths, **{**SMALL, "discriminator_units": (4,), "seed": 0, **arguments})


def inputs(rows=6):
    return random_clips(RNG, rows, WIDTHS, TIMES)


def task(rng, rows):
    """Clips of all lengths, some without video, and a score that text and audio tell."""
    scores = rng.uniform(-1, 1, size=(rows, 1)).astype("float32")
    arrays = random_clips(rng, rows, WIDTHS, TIMES)
    arrays["video_mask"][::3] = False
    arrays["text"][..., 0] += 2 * scores
    arrays["audio"][..., 0] -= 2 * scores
    return arrays, scores


def predict(model, arrays):
    return model.predict(arrays, verbose=0)


def nothing(y_true, y_pred):
    """A loss that moves no weight, so that only the objectives do."""
    return 0.0 * ops.sum(y_pred, axis=-1)


def parts(model):
    """The weights by the part of the model they belong to."""
    groups = {}
    for weight in model.trainable_weights:
        top, *inner = weight.path.split("/")
        kind = top.split("_")[0]
        if kind == "autoencoder":
            kind = inner[0].split("_")[0].replace("layer", "encoder")
        groups.setdefault(kind, []).append(weight)
    return groups


def moved(model, arrays):
    before = {k: [to_numpy(w) for w in v] for k, v in parts(model).items()}
    model.fit(arrays, np.ones((6, 1)), verbose=0)
    after = {k: [to_numpy(w) for w in v] for k, v in parts(model).items()}
    return {
        k for k in before if any((a != b).any() for a, b in zip(before[k], after[k], strict=True))
    }


def test_default_is_the_reading():
    model = MCIHN()
    encoder = 768 * 256 + 256 + 256 * 128 + 128 + 2 * 128
    decoder = 128 * 256 + 256 + 256 * 768 + 768
    discriminator = 128 * 128 + 128 + 128 * 64 + 64 + 64 + 1
    gate = 256 * 128 + 128 + 2 * (128 * 128 + 128)
    attention = 4 * (128 * 128 + 128) + 2 * 128
    head = 6 * 128 * 128 + 128 + 128 + 1
    counted = 3 * (encoder + decoder + discriminator + gate) + attention + head
    assert model.count_params() == counted == 1_818_372
    assert {k: x.shape for k, x in model.input.items() if "mask" not in k} == dict.fromkeys(
        WIDTHS, (None, None, 768)
    )


def test_padding_batch_and_missing_modalities_change_nothing():
    model, arrays = small(), inputs()
    arrays["text_mask"][1] = arrays["audio_mask"][1] = arrays["video_mask"][2] = False
    for m in WIDTHS:
        arrays[f"{m}_mask"][3] = False
    padded = lengthen(spoil(arrays, np.inf), 3, np.nan)
    prediction = predict(model, arrays)
    assert np.isfinite(prediction).all()
    np.testing.assert_allclose(predict(model, padded), prediction, atol=1e-5)
    alone = [predict(model, {k: x[i : i + 1] for k, x in arrays.items()}) for i in range(2)]
    np.testing.assert_allclose(np.concatenate(alone), prediction[:2], atol=1e-5)
    model.compile("adam", "mae")
    model.fit(padded, np.ones((6, 1)), verbose=0)
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)


@pytest.mark.parametrize(
    ("weights", "loss", "expected"),
    [
        ({}, "mse", {"encoder", "gate", "attention", "hidden", "prediction"}),
        ({"reconstruction_weight": 1.0}, nothing, {"encoder", "decoder"}),
        ({"discriminator_weight": 1.0}, nothing, {"discriminator"}),
        (
            {"discriminator_weight": 1.0, "generator_weight": 1.0},
            nothing,
            {"encoder", "discriminator"},
        ),
        ({"discrepancy_weight": 1.0}, nothing, {"encoder"}),
    ],
)
def test_every_objective_moves_the_weights_it_should_and_no_others(weights, loss, expected):
    model = small(**{**OFF, **weights})
    model.compile(keras.optimizers.SGD(0.1), loss)
    assert moved(model, inputs()) == expected


def test_modality_dropout_hides_a_modality_while_training_and_never_else():
    """A modality that is always hidden moves nothing of its own."""
    arrays = inputs()
    model, hiding = small(), small(modality_dropout={"text": 0.0, "audio": 0.3, "video": 1.0})
    for each in (model, hiding):
        set_weights(each)
    np.testing.assert_allclose(predict(hiding, arrays), predict(model, arrays), atol=1e-6)
    hiding.compile(keras.optimizers.SGD(0.1), "mse")
    before = {w.path: to_numpy(w) for w in hiding.trainable_weights}
    hiding.fit(arrays, np.ones((6, 1)), verbose=0)
    still = {w.path for w in hiding.trainable_weights if (before[w.path] == to_numpy(w)).all()}
    own = {path for path in before if path.startswith("autoencoder_video")}
    assert own
    assert own <= still
    assert not any(path.startswith("autoencoder_text") for path in still)


def test_input_dropout_changes_features_while_training_and_never_else():
    arrays = inputs()
    rates = {"text": 0.5, "audio": 0.0, "video": 0.0}
    model, dropping = small(), small(input_dropout=rates, seed=1)
    for each in (model, dropping):
        set_weights(each)
    expected = predict(model, arrays)
    np.testing.assert_allclose(predict(dropping, arrays), expected, atol=1e-6)
    assert abs(to_numpy(dropping(arrays, training=True)) - expected).max() > 1e-4
    arrays["text_mask"][:] = False  # the rest is as it was
    trained = to_numpy(dropping(arrays, training=True))
    np.testing.assert_allclose(trained, predict(model, arrays), atol=1e-6)


# The first three losses, all objectives included, from the weights of `set_weights`.
LOSSES = {
    "reversal": [6.268000, 5.843828, 5.438722],
    "non_saturating": [7.045647, 6.625572, 6.225667],
}


@pytest.mark.parametrize("generator", LOSSES)
def test_trains_alike_on_every_backend(generator, monkeypatch):
    """With one draw from the Gaussian for all, since every backend draws its own."""
    rng = np.random.default_rng(2)
    arrays, scores = task(rng, rows=8)
    drawn = rng.normal(size=(8, SMALL["latent_dim"])).astype("float32")
    monkeypatch.setattr(keras.random, "normal", lambda *_, **__: ops.convert_to_tensor(drawn))
    model = small(generator=generator, generator_weight=0.5)
    set_weights(model)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    losses = model.fit(arrays, scores, epochs=3, **options).history["loss"]
    np.testing.assert_allclose(losses, LOSSES[generator], rtol=1e-4)


@pytest.mark.traced
def test_learns_a_task_of_two_modalities_with_all_objectives():
    arrays, scores = task(np.random.default_rng(3), rows=48)
    model = small()
    set_weights(model)
    model.compile(keras.optimizers.Adam(0.01), "mae")
    model.fit(arrays, scores, batch_size=48, epochs=80, verbose=0)
    assert model.evaluate(arrays, scores, verbose=0) < 0.25 * abs(scores).mean()


def test_evaluation_reports_the_loss_of_the_task_alone():
    model, arrays, scores = small(), inputs(), np.arange(6.0)[:, None]
    model.compile("adam", "mae")
    expected = np.abs(predict(model, arrays) - scores).mean()
    assert model.evaluate(arrays, scores, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"gate": False},
        {"modality_dropout": {"text": 0.0, "audio": 0.5, "video": 0.2}},
        {"dtype": "mixed_float16"},
        {"dtype": "mixed_bfloat16"},
        {**OFF, "outputs": 3, "activation": "softmax"},
    ],
)
def test_every_form_trains_and_is_saved(arguments, tmp_path):
    model, arrays = small(**arguments), inputs()
    loss = "sparse_categorical_crossentropy" if "outputs" in arguments else "mae"
    model.compile("adam", loss)
    model.fit(arrays, np.array([0, 1, 2, 0, 1, 2]), batch_size=4, verbose=0)
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)
    prediction = predict(model, arrays)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predict(again, arrays), prediction, atol=1e-6)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = MCIHN.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(predict(fresh, arrays), prediction, atol=1e-6)


@pytest.mark.parametrize("missing", [*WIDTHS, "text video"])
def test_what_a_missing_modality_holds_does_not_matter(missing):
    model, arrays = small(), inputs(rows=1)
    before = predict(model, arrays)
    for m in missing.split():
        arrays[f"{m}_mask"][:] = False
    expected = predict(model, arrays)
    assert abs(expected - before).max() > 1e-5
    for m in missing.split():
        arrays[m][:] = np.nan
    np.testing.assert_allclose(predict(model, arrays), expected, atol=1e-6)


def test_config_new_head_and_order_of_the_modalities():
    keras.utils.set_random_seed(0)
    rates = {"text": 0.0, "audio": 0.5, "video": 0.1}
    model, arrays = small(input_dropout=rates, modality_dropout=rates), inputs()
    config = json.loads(json.dumps(model.get_config()))
    assert MCIHN.from_config(config).get_config() == model.get_config()
    keras.utils.set_random_seed(0)
    turned = small(dict(reversed(WIDTHS.items())))
    np.testing.assert_array_equal(predict(model, arrays), predict(turned, arrays))
    assert predict(model.new_head(3, "softmax"), arrays).shape == (6, 3)
