import keras
import numpy as np
import pytest
from layer_test import to_numpy
from model_inputs import lengthen, random_clips, spoil

from keras_mer import zoo
from keras_mer.data import Dataset
from keras_mer.models import DialogueModel
from keras_mer.models.dialogue_model import SYSTEMS

FEATURES = {"text": 6, "audio": 5}
SMALL = {
    "CMMSF": {"num_heads": 2, "recurrent": False},
    "DeepMSIMER": {"projection_units": 4, "hidden_units": [4]},
    "LMF": {},
    "MCIHN": {"num_heads": 2},
    "MSRG": {"steps": 1, "encoder_units": 4, "units": 4, "state_units": 4},
    "MulT": {"num_heads": 2},
}


def pinned(system="CMMSF", arguments=None, **options):
    """A model whose weights are the same on every backend."""
    arguments = SMALL[system] if arguments is None else arguments
    sizes = {"units": 8, "context_units": 3, "outputs": 4, "activation": "softmax", "seed": 0}
    model = DialogueModel(FEATURES, system, arguments, **{**sizes, **options})
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(0.4 * rng.normal(size=weight.shape).astype("float32"))
    return model


def dialogues(lengths=(7, 3, 1), seed=0):
    """As many steps in both modalities; one utterance in the middle has no sound."""
    rng = np.random.default_rng(seed)
    inputs = random_clips(rng, len(lengths), FEATURES, dict.fromkeys(FEATURES, max(lengths)))
    real = np.arange(max(lengths)) < np.array(lengths)[:, None]
    for modality in FEATURES:
        inputs[f"{modality}_mask"] = real.copy()
    inputs["audio_mask"][0, 2] = False
    return inputs, real


@pytest.mark.parametrize("system", ["CMMSF", "MSRG"])
def test_every_utterance_is_predicted_whatever_the_padding_holds(system):
    model, (inputs, real) = pinned(system), dialogues()
    expected = model.predict(inputs, verbose=0)
    assert expected.shape == (3, 7, 4)
    assert np.isfinite(expected).all()
    padded = model.predict(spoil(lengthen(inputs, 2)), verbose=0)
    np.testing.assert_allclose(padded[:, :7][real], expected[real], atol=1e-5)
    alone = model.predict({name: x[1:2, :3] for name, x in inputs.items()}, verbose=0)
    np.testing.assert_allclose(alone[0], expected[1, :3], atol=1e-5)


def test_what_is_said_before_and_after_counts():
    inputs, _ = dialogues()
    changed = {name: x.copy() for name, x in inputs.items()}
    changed["text"][0, 3] += 5
    for bidirectional in (True, False):
        model = pinned("DeepMSIMER", bidirectional=bidirectional, activation=None)
        difference = model.predict(changed, verbose=0) - model.predict(inputs, verbose=0)
        moved = abs(difference[0]).max(axis=-1) > 1e-5
        assert moved[3:5].all()
        assert moved[:3].any() == bidirectional
        assert abs(difference[1:]).max() < 1e-6


def test_without_context_an_utterance_is_on_its_own():
    model, (inputs, _) = pinned("DeepMSIMER", context_units=0, activation=None), dialogues()
    changed = {name: x.copy() for name, x in inputs.items()}
    changed["text"][0, 3] += 5
    difference = model.predict(changed, verbose=0) - model.predict(inputs, verbose=0)
    assert np.flatnonzero(abs(difference[0]).max(axis=-1) > 1e-5).tolist() == [3]


def test_a_missing_modality_changes_nothing_by_what_it_holds():
    model, (inputs, real) = pinned(), dialogues()
    inputs["audio_mask"][:] = False
    before = model.predict(inputs, verbose=0)
    assert np.isfinite(before).all()
    inputs["audio"] = np.full_like(inputs["audio"], np.nan)
    np.testing.assert_allclose(model.predict(inputs, verbose=0)[real], before[real], atol=1e-6)


# The prediction for the first utterance with the weights of `pinned`.
FIRST = [1.072335e-04, 1.646745e-01, 8.322734e-01, 2.944836e-03]


def test_the_same_numbers_on_every_backend():
    prediction = pinned().predict(dialogues()[0], verbose=0)
    np.testing.assert_allclose(prediction[0, 0], FIRST, atol=1e-5)


def test_saves_loads_and_takes_a_new_head(tmp_path):
    model, (inputs, _) = pinned("MSRG", input_dropout={"text": 0.1, "audio": 0.2}), dialogues()
    expected = model.predict(inputs, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_allclose(again.predict(inputs, verbose=0), expected, atol=1e-6)
    zoo.save_entry(model, tmp_path / "entry", name="mine")
    assert zoo.metadata(tmp_path / "entry")["system"] == "MSRG"
    np.testing.assert_allclose(
        zoo.load(tmp_path / "entry").predict(inputs, verbose=0), expected, atol=1e-6
    )
    head = model.new_head(2, "softmax")
    assert head.predict(inputs, verbose=0).shape == (3, 7, 2)
    kernel = to_numpy(head.get_layer("utterance_text").kernel)
    np.testing.assert_array_equal(kernel, to_numpy(model.get_layer("utterance_text").kernel))


@pytest.mark.traced
def test_learns_what_only_the_dialogue_tells():
    """The label of an utterance is what was said just before it."""
    rng = np.random.default_rng(0)
    said = rng.integers(2, size=(40, 6))
    before = np.concatenate([np.zeros((40, 1), int), said[:, :-1]], axis=1)
    text = rng.normal(size=(40, 6, 6)).astype("float32")
    text[..., 0] = 2 * said - 1
    data = Dataset(
        {"text": text.reshape(-1, 6), "audio": np.zeros((240, 5))},
        before.ravel(),
        ["train"] * 240,
        groups=np.repeat(np.arange(40), 6),
    )
    keras.utils.set_random_seed(0)
    model = DialogueModel(
        FEATURES, "DeepMSIMER", {"projection_units": 8, "hidden_units": [8], "dropout": 0.0},
        units=8, context_units=8, outputs=2, activation="softmax", dropout=0.0, seed=0,
    )  # fmt: skip
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(data.dialogue_batches("train", 20, shuffle=True), epochs=25, verbose=0)
    batches = data.dialogue_batches("train", 40)
    found = batches.utterances(model.predict(batches, verbose=0)).argmax(axis=-1)
    assert (found == before.ravel()).mean() > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"system": "FoalNet"}, "one of CMMSF, .* received 'FoalNet'"),
        ({"arguments": {"outputs": 3}}, "outputs of the system follow"),
        ({"context_units": {"text": 3}}, "received none for audio"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        DialogueModel(**{"features": FEATURES, "arguments": {"num_heads": 2}, **options})


def test_knows_the_systems():
    assert set(SMALL) <= set(SYSTEMS)
