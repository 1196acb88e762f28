import keras
import numpy as np
import pytest
from layer_test import to_numpy
from model_inputs import lengthen, spoil

from keras_mer.models import MSRG

FEATURES = {"text": 6, "audio": 3, "video": 4}
SMALL = {
    "features": FEATURES,
    "steps": 5,
    "encoder_units": 6,
    "units": 8,
    "attention_units": 4,
    "memory_units": 4,
    "state_units": 6,
    "hidden_units": 4,
    "dropout": 0.0,
}
LENGTHS = {"text": [7, 1, 3, 0, 0, 5], "audio": [9, 4, 0, 2, 0, 5], "video": [7, 7, 2, 0, 0, 5]}


def clips(lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    inputs = {}
    for m, width in FEATURES.items():
        steps = np.array(lengths[m])[:, None]
        inputs[m] = rng.normal(size=(len(steps), steps.max(), width)).astype("float32")
        inputs[f"{m}_mask"] = np.arange(steps.max()) < steps
    return inputs


def pinned(**options):
    """A model whose weights are the same on every backend."""
    model = MSRG(**{**SMALL, **options})
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(0.4 * rng.normal(size=weight.shape).astype("float32"))
    return model


def count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# Torch keeps two biases for each gate of an LSTM, of which only the sum acts: for two
# directions of 128 units, that much more than here.
SECOND_BIASES = 2 * 4 * 128


@pytest.mark.parametrize(
    ("features", "encoder_units", "weights"),
    [
        ({"text": 300, "audio": 5, "video": 20}, None, 1_718_420),
        ({"text": 300, "audio": 74, "video": 35}, 128, 1_653_953),
    ],
)
def test_weights_are_as_many_as_in_the_released_code(features, encoder_units, weights):
    model = MSRG(features, encoder_units=encoder_units, attention=False, utterance_level=False)
    assert count(model) + SECOND_BIASES == weights


def test_weights_of_the_parts_that_can_be_switched_off():
    model, bare = MSRG(), MSRG(attention=False, utterance_level=False)
    assert count(model.attention) == 29_616
    assert count(model.pooling) == 99_072
    interaction = 3 * 128 + 1 + 2 + 1
    assert count(model) == count(bare) + 29_616 + 99_072 + interaction


@pytest.mark.parametrize("fit_steps", ["resample", "cut"])
def test_padding_and_what_it_holds_change_nothing(fit_steps):
    model, inputs = pinned(fit_steps=fit_steps), clips()
    padded = spoil(lengthen(inputs, 4))
    expected = model.predict(inputs, verbose=0)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(model.predict(padded, verbose=0), expected, atol=1e-5)
    alone = {name: x[:1] for name, x in inputs.items()}
    np.testing.assert_allclose(model.predict(alone, verbose=0), expected[:1], atol=1e-5)


@pytest.mark.parametrize("modality", FEATURES)
def test_a_single_step_and_a_missing_modality(modality):
    model = pinned()
    inputs = clips({m: [1, 0 if m == modality else 1] for m in FEATURES})
    before = model.predict(inputs, verbose=0)
    inputs[modality] = inputs[modality] + 10
    after = model.predict(inputs, verbose=0)
    assert abs(after[0] - before[0]) > 1e-4
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def test_cutting_leaves_whatever_fits_as_it_is():
    lengths = {m: [3, 2] for m in FEATURES}
    longer = {m: [9, 9] for m in FEATURES}
    model = pinned(fit_steps="cut")
    inputs, beyond = clips(lengths), clips(longer)
    for m in FEATURES:
        beyond[m][:, :3], beyond[f"{m}_mask"] = inputs[m], np.arange(9) < [[3], [2]]
    expected = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(model.predict(beyond, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "batch", "unit_length": "time", "joint_of": {"video": "audio"}},
        {"attention": False, "utterance_level": False, "direction": "forward"},
        {"dtype": "mixed_bfloat16"},
        {"dtype": "mixed_float16"},
    ],
)
def test_options_give_finite_predictions(options):
    prediction = pinned(**options).predict(clips(), verbose=0)
    assert prediction.dtype == "float32"
    assert np.isfinite(prediction).all()
    assert prediction[:4].std() > 1e-3


def test_saves_and_loads(tmp_path):
    model, inputs = pinned(joint_of={"video": "audio"}, outputs=3, activation="softmax"), clips()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    expected = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(again.predict(inputs, verbose=0), expected, atol=1e-6)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = MSRG.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(fresh.predict(inputs, verbose=0), expected, atol=1e-6)


def test_a_new_head_keeps_the_trunk():
    model, inputs = pinned(), clips()
    classes = model.new_head(4, "softmax")
    np.testing.assert_allclose(classes.predict(inputs, verbose=0).sum(axis=1), 1, atol=1e-5)
    head = {id(w) for w in classes.output_layer.weights}
    kept = [
        np.array_equal(to_numpy(mine), to_numpy(theirs))
        for mine, theirs in zip(model.weights, classes.weights, strict=True)
        if id(theirs) not in head
    ]
    assert kept
    assert all(kept)
    assert classes.output_layer.maps["steps"].kernel.shape == (4, 4)


# The first three losses from the weights of `pinned`.
FIRST_LOSSES = [1.066657, 1.003653, 0.948158]


@pytest.mark.traced
def test_trains_alike_on_every_backend_and_learns():
    """The difference of two means, one of the text and one of the audio."""
    rows, rng = 48, np.random.default_rng(1)
    lengths = {m: rng.integers(3, 8, rows) for m in FEATURES}
    inputs, means = clips(lengths), {}
    for m in FEATURES:
        real = inputs[f"{m}_mask"][..., None]
        means[m] = np.where(real, inputs[m], 0).sum(axis=1)[:, :1] / lengths[m][:, None]
    scores = (2 * (means["text"] - means["audio"])).astype("float32")
    model = pinned()
    before = {w.path: to_numpy(w) for w in model.trainable_weights}
    model.compile(keras.optimizers.Adam(0.01), "mae")
    options = {"batch_size": rows, "shuffle": False, "verbose": 0}
    losses = model.fit(inputs, scores, epochs=90, **options).history["loss"]
    np.testing.assert_allclose(losses[:3], FIRST_LOSSES, rtol=1e-4)
    assert losses[-1] < 0.25 * abs(scores - np.median(scores)).mean()
    still = [w.path for w in model.trainable_weights if (to_numpy(w) == before[w.path]).all()]
    assert still == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps of 1 or more; received 0"),
        ({"units": 7}, "even units.*received 7"),
        ({"fit_steps": "stretch"}, "resample, cut; received 'stretch'"),
        ({"encoder_units": {"text": 4}}, "received none for audio, video"),
        ({"joint_of": {"smell": "text"}}, "the modalities are text, audio, video"),
        ({"features": {"text": 4}}, "2 or more modalities; received 1: text"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        MSRG(**{**SMALL, **options})
