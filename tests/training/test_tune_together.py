"""What users of a model tuned with its text encoder rely on: one network, then two halves of it."""

import keras
import numpy as np
import pytest
from generated import worded as dataset
from layer_test import to_numpy

from keras_mer.data import Dataset
from keras_mer.features import TextEncoder
from keras_mer.predictor import Predictor
from keras_mer.training import Recipe, compare, publish, train, train_seeds
from keras_mer.training.evaluate import evaluate, predictions
from keras_mer.training.prepare import complete, fit_preprocessor
from keras_mer.training.train import build_model
from keras_mer.training.tune_text import adapters_of, lower_features
from keras_mer.training.tune_together import together

CMMSF = {
    "class": "CMMSF",
    "arguments": {"features": {"audio": 3}, "units": 4, "num_heads": 2, "recurrent": False},
}
MCIHN = {
    "class": "MCIHN",
    "arguments": {"features": {"audio": 3}, "latent_dim": 4, "hidden_units": 8, "fusion_units": 4},
}
DIALOGUE = {
    "class": "DialogueModel",
    "arguments": {
        "features": {"audio": 3},
        "system": "CMMSF",
        "arguments": {"num_heads": 2, "recurrent": False},
        "units": 4,
        "context_units": 4,
    },
}
LATE = {"class": "LateFusionNetwork", "arguments": {"features": {"audio": 3}, "hidden_units": 4}}
RECIPE = {
    "name": "together",
    "data": {"text_encoder": {"layers": [6]}},
    "text_tuning": {"together": True, "first_layer": 6, "rank": 2},
    "training": {"learning_rate": 0.01, "batch_size": 8, "epochs": 2},
    "evaluation": {"protocol": "mosi"},
}

pytestmark = pytest.mark.usefixtures("minilm")


class KilledError(Exception):
    pass


def recipe(model=CMMSF, **encoder):
    data = {"text_encoder": {**RECIPE["data"]["text_encoder"], **encoder}}
    first = min(data["text_encoder"]["layers"])
    tuning = {**RECIPE["text_tuning"], "first_layer": first}
    return Recipe.from_dict({**RECIPE, "data": data, "text_tuning": tuning, "model": model})


def joined(chosen):
    """The network of a recipe, its model, what is tuned, and the training part as it reads it."""
    data = lower_features(chosen, dataset())
    preprocessor = fit_preprocessor(chosen, data)
    width = 384 * len(chosen.data["text_encoder"]["layers"])
    preprocessor.specification["text"]["dimension"] = width
    model = build_model(chosen, preprocessor, seed=1)
    network, tuned = together(chosen, model, seed=1)
    return network, model, tuned, complete(data, network.config["features"])


@pytest.mark.parametrize("encoder", [{"layers": [5, 6]}, {"pooling": "mean"}])
def test_in_the_beginning_it_is_the_model_on_the_published_encoder(encoder):
    chosen = recipe(**encoder)
    network, model, _, data = joined(chosen)
    usual = TextEncoder(**chosen.data["text_encoder"])
    rows = dataset().with_features("text", usual.encode(list(dataset().transcripts)))
    expected = model.predict(complete(rows, model.config["features"]).arrays("train")[0], verbose=0)
    found = network.predict(data.arrays("train")[0], verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("model", [CMMSF, MCIHN, LATE])
def test_the_model_and_the_adapters_learn_by_the_objective_of_the_model(model):
    network, model, tuned, data = joined(recipe(model))
    network.compile(keras.optimizers.Adam(0.01), "mae")
    before = {v.path: to_numpy(v).copy() for v in network.trainable_variables}
    adapted = {v.path for part in tuned.values() for v in (part.lora_kernel_a, part.lora_kernel_b)}
    assert set(before) == adapted | {v.path for v in model.trainable_variables}
    inputs, labels = data.arrays("train")
    network.fit(inputs, labels, batch_size=8, epochs=2, verbose=0)
    moved = {v.path for v in network.trainable_variables if np.any(to_numpy(v) != before[v.path])}
    assert adapted <= moved
    assert moved - adapted
    encoder = TextEncoder(**RECIPE["data"]["text_encoder"], adapters=adapters_of(tuned))
    rows = dataset().with_features("text", encoder.encode(list(dataset().transcripts)))
    halves, _ = complete(rows, model.config["features"]).arrays("train")
    expected = model.evaluate(halves, labels, batch_size=16, verbose=0)
    found = network.evaluate(inputs, labels, batch_size=16, verbose=0)
    assert found == pytest.approx(expected, rel=1e-4)


def test_an_entry_of_both_scores_raw_texts(tmp_path):
    data = dataset()
    result = train_seeds(recipe(), data, (1,), tmp_path / "runs")
    folder = publish(result, tmp_path / "entry")
    assert not list((folder / "log").glob("*text_tuning*"))
    texts = list(data.subset("valid").transcripts)
    scores = [prediction.score for prediction in Predictor(str(folder))(text=texts)]
    error = np.mean(np.abs(scores - data.subset("valid").labels))
    assert error == pytest.approx(result.best.valid["mae"], abs=1e-4)


def test_a_killed_run_goes_on_to_the_same_end(tmp_path):
    def kill(epoch, figures):
        raise KilledError

    whole = train(recipe(), dataset(), 1, tmp_path / "whole")
    with pytest.raises(KilledError):
        train(recipe(), dataset(), 1, tmp_path / "killed", kill)
    resumed = train(recipe(), dataset(), 1, tmp_path / "killed")
    assert resumed.text_adapters.digest == whole.text_adapters.digest
    assert resumed.valid == whole.valid
    for mine, theirs in zip(resumed.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


@pytest.mark.once
def test_systems_are_compared_each_with_its_own_encoder(tmp_path):
    chosen, data = recipe(), dataset().with_features("audio", np.ones((24, 3)))
    found = compare(data, ["linear", "eflstm"], chosen, seeds=[1, 2], folder=tmp_path)
    assert {system.name: len(system.runs) for system in found.systems} == {
        "linear": 1,
        "eflstm": 2,
    }


def in_dialogues():
    """The rows in dialogues of one to five, some of which have no words or no sound."""
    data = dataset()
    numbers = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 0, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8, 8])
    dialogues = [f"{split}{n}" for split, n in zip(data.splits, numbers, strict=True)]
    sound = [np.full((i % 3, 3), i / 8.0) for i in range(len(data))]
    return Dataset(
        {"audio": sound},
        data.labels,
        data.splits,
        groups=dialogues,
        transcripts=["" if i == 8 else text for i, text in enumerate(data.transcripts)],
        description=data.description,
    )


def dialogue_network(data):
    chosen = recipe(DIALOGUE)
    rows = lower_features(chosen, data)
    model = build_model(chosen, fit_preprocessor(chosen, rows), seed=1)
    network, tuned = together(chosen, model, seed=1)
    return chosen, network, model, tuned, complete(rows, network.config["features"])


def test_a_dialogue_is_read_as_one_network_and_as_two_halves():
    data = in_dialogues()
    chosen, network, model, _, rows = dialogue_network(data)
    batches = rows.dialogue_batches("train", 2, steps=["text"])
    found = batches.utterances(
        np.concatenate(
            [
                pad_utterances(to_numpy(network.predict_on_batch(batches[i][0])))
                for i in range(len(batches))
            ]
        )
    )
    usual = TextEncoder(**chosen.data["text_encoder"])
    read = data.with_features("text", usual.encode(list(data.transcripts)))
    expected, _ = predictions(model, complete(read, model.config["features"]), "train")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    halves, scored = predictions(network, rows, "train")
    np.testing.assert_allclose(halves, expected, atol=1e-4)
    assert scored.ids.tolist() == data.subset("train").ids.tolist()


def pad_utterances(rows):
    return np.pad(rows, [(0, 0), (0, 8 - rows.shape[1]), (0, 0)])


@pytest.mark.traced
def test_a_text_encoder_learns_from_whole_dialogues(tmp_path):
    data = in_dialogues()
    run = train(recipe(DIALOGUE), data, 1, tmp_path)
    assert run.epochs[-1]["loss"] < run.epochs[0]["loss"]
    assert any(values.any() for name, values in run.text_adapters.arrays.items() if "_b" in name)
    encoder = TextEncoder(**RECIPE["data"]["text_encoder"], adapters=run.text_adapters)
    texts = encoder.encode(list(data.transcripts))
    read = run.preprocessor.apply(data.with_features("text", texts, encoder.specification))
    figures = evaluate(run.model, complete(read, run.model.config["features"]), "valid", "mosi")
    assert figures["mae"] == pytest.approx(run.valid["mae"], abs=1e-4)


@pytest.mark.once
@pytest.mark.parametrize(
    ("section", "given", "message"),
    [
        ("text_tuning", {"together": 1}, "together must be true or false; received 1"),
        ("text_tuning", {"together": True, "epochs": 3}, r"has epochs, but with together = true"),
        ("data", {"text_encoder": {"layers": [4, 6]}}, "has layer 4 and first_layer is 6"),
        ("data", {"max_length": 20}, "max_length = 20 in .* cuts what the encoder gives"),
        ("data", {"standardize": ["text"]}, "text cannot be standardised with together"),
    ],
)
def test_what_cannot_be_is_named(section, given, message):
    content = {**RECIPE, "model": CMMSF}
    content[section] = {**content[section], **given}
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(content)
