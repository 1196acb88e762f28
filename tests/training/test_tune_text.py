"""What users of a tuned text encoder rely on: it learns, it is kept whole, and goes everywhere."""

import json

import keras
import numpy as np
import pytest
from generated import text_adapters
from generated import worded as dataset
from layer_test import to_numpy

from keras_mer import zoo
from keras_mer.data import Dataset
from keras_mer.estimators import KerasMERRegressor, Utterances
from keras_mer.features import TextAdapters, TextEncoder
from keras_mer.models import CMMSF
from keras_mer.predictor import Predictor
from keras_mer.training import Recipe, publish, train, train_seeds
from keras_mer.training.tune_text import adapters_of, tune_text, tuning_model

TUNING = {"first_layer": 6, "rank": 2, "epochs": 2, "batch_size": 8, "learning_rate": 0.01}
RECIPE = {
    "name": "tuned",
    "data": {"text_encoder": {"layers": [6]}},
    "text_tuning": TUNING,
    "model": {
        "class": "CMMSF",
        "arguments": {"features": {"audio": 3}, "units": 4, "num_heads": 2, "recurrent": False},
    },
    "training": {"learning_rate": 0.01, "batch_size": 8, "epochs": 1},
    "evaluation": {"protocol": "mosi"},
}

pytestmark = pytest.mark.usefixtures("minilm")


class KilledError(Exception):
    pass


def recipe(**tuning):
    return Recipe.from_dict({**RECIPE, "text_tuning": {**TUNING, **tuning}})


def logged(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_tuned_entry_scores_raw_texts(tmp_path):
    data = dataset()
    result = train_seeds(recipe(), data, (1,), tmp_path / "runs")
    folder = publish(result, tmp_path / "tuned")
    best = result.best
    metadata = zoo.metadata(folder)
    assert metadata["files"]["text_adapters.safetensors"]["sha256"] == best.text_adapters.digest
    assert "log/seed_1_text_tuning.jsonl" in metadata["files"]
    assert metadata["features"]["text"]["adapters"] == best.text_adapters.digest
    predictor = Predictor(str(folder))
    texts = list(data.subset("valid").transcripts)
    scores = [prediction.score for prediction in predictor(text=texts)]
    assert np.mean(np.abs(scores - data.subset("valid").labels)) == pytest.approx(
        best.valid["mae"], abs=1e-5
    )


@pytest.fixture
def tuned(tmp_path):
    """An entry whose text encoder is tuned and whose model has seen no text yet."""
    adapters = text_adapters()
    text = TextEncoder(layers=[6], adapters=adapters).specification
    return zoo.save_entry(
        CMMSF({"text": 384, "audio": 3}, units=4, num_heads=2, recurrent=False),
        tmp_path / "tuned",
        features={"text": text, "audio": {"dimension": 3}},
        trained_modalities=["text"],
        task="regression",
        label_range=(-3, 3),
        text_adapters=adapters,
    )


FURTHER = {"name": "further", "training": {"learning_rate": 0.01, "batch_size": 8, "epochs": 1}}


def test_a_tuned_entry_is_trained_further_on_raw_texts(tuned, tmp_path):
    data = dataset(classes=True)
    recipe = Recipe.from_dict({**FURTHER, "model": {"entry": str(tuned)}})
    result = train_seeds(recipe, data, (1,), tmp_path / "runs")
    known = zoo.text_adapters(tuned).digest
    assert result.best.text_adapters.digest == known
    folder = publish(result, tmp_path / "mine")
    assert zoo.text_adapters(folder).digest == known
    assert zoo.metadata(folder)["features"]["text"]["adapters"] == known
    valid = data.subset("valid")
    predictions = Predictor(str(folder))(text=list(valid.transcripts))
    names = data.description["label_names"]
    right = [
        names.index(p.label) == label for p, label in zip(predictions, valid.labels, strict=True)
    ]
    recalls = [np.mean(np.array(right)[valid.labels == label]) for label in set(valid.labels)]
    assert np.mean(recalls) == pytest.approx(result.best.valid["ua"])


def test_features_of_the_published_encoder_are_none_for_a_tuned_entry(tuned, tmp_path):
    data, texts = dataset(), list(dataset().transcripts)
    recipe = Recipe.from_dict({**FURTHER, "model": {"entry": str(tuned)}})
    plain, own = TextEncoder(layers=[6]), TextEncoder(layers=[6], adapters=zoo.text_adapters(tuned))
    wrong = data.with_features("text", plain.encode(texts), plain.specification)
    with pytest.raises(ValueError, match=r"text has the adapters None; expected \w+"):
        train(recipe, wrong, 1, tmp_path / "wrong")
    right = data.with_features("text", own.encode(texts), own.specification)
    kept = train(recipe, right, 1, tmp_path / "right")
    assert kept.valid == pytest.approx(train(recipe, data, 1, tmp_path / "raw").valid, abs=1e-5)
    X = Utterances(right)
    estimator = KerasMERRegressor(entry=str(tuned), epochs=1)
    assert estimator.fit(X, X.labels).predict(X).shape == (24,)
    with pytest.raises(ValueError, match="text has the adapters None"):
        estimator.fit(Utterances(wrong), X.labels)


@pytest.mark.parametrize("attention_rank", [0, 3])
def test_only_the_adapters_move_and_they_begin_as_nothing(attention_rank):
    data = dataset()
    lower = TextEncoder(layers=[5]).encode(list(data.transcripts))
    data = data.with_features("text", lower)
    tuning = {**TUNING, "attention_rank": attention_rank, "dropout": 0.0}
    model, tuned = tuning_model(tuning, data, seed=1)
    inputs, labels = data.arrays("train")
    pooled = keras.Model(model.input, model.layers[-1].input).predict(inputs, verbose=0)
    rows = TextEncoder().encode(list(data.subset("train").transcripts))
    np.testing.assert_allclose(pooled, [row.mean(0) for row in rows], atol=1e-4)
    before = [(v.path, to_numpy(v).copy()) for v in model.weights]
    model.compile(keras.optimizers.Adam(0.01), "mae")
    model.fit(inputs, labels, batch_size=8, epochs=2, verbose=0)
    moved = {
        path
        for (path, old), new in zip(before, model.weights, strict=True)
        if not np.array_equal(old, to_numpy(new))
    }
    adapted = {v.path for part in tuned.values() for v in (part.lora_kernel_a, part.lora_kernel_b)}
    assert moved - {"head/bias"} == adapted | {"head/kernel"}
    assert {layer for layer, _ in tuned} == {6}
    ranks = {name: part.lora_kernel_b.shape[0] for (_, name), part in tuned.items()}
    attention = dict.fromkeys(("query", "key", "value"), attention_rank) if attention_rank else {}
    assert ranks == {
        **attention,
        "attention_output": 2,
        "feedforward_intermediate_dense": 2,
        "feedforward_output_dense": 2,
    }
    assert adapters_of(tuned).first_layer == 6


def test_a_killed_tuning_goes_on_to_the_same_adapters(tmp_path):
    data = dataset()

    def kill(epoch, figures):
        assert figures["stage"] == "text_tuning"
        raise KilledError

    def never(epoch, figures):
        raise AssertionError("tuned again")

    whole = tune_text(recipe(), data, 1, tmp_path / "whole")
    with pytest.raises(KilledError):
        tune_text(recipe(), data, 1, tmp_path / "killed", kill)
    assert not (tmp_path / "killed" / "text_adapters.safetensors").exists()
    resumed = tune_text(recipe(), data, 1, tmp_path / "killed")
    assert resumed.digest == whole.digest
    assert tune_text(recipe(), data, 1, tmp_path / "killed", never).digest == whole.digest
    saved = TextAdapters.load(tmp_path / "killed" / "text_adapters.safetensors")
    assert saved.digest == whole.digest
    log = logged(tmp_path / "whole")
    assert [entry["epoch"] for entry in log] == [1, 2]
    assert log[1]["loss"] < log[0]["loss"]


def test_the_test_part_is_not_looked_at_and_classes_are_told_apart(tmp_path):
    data, other = dataset(classes=True), dataset(classes=True)
    other.labels[other.splits == "test"] = 0
    classes = Recipe.from_dict(
        {
            **RECIPE,
            "text_tuning": {**TUNING, "epochs": 4},
            "training": {**RECIPE["training"], "loss": "sparse_categorical_crossentropy"},
            "evaluation": {"protocol": "iemocap4", "select": "ua"},
        }
    )
    both = [tune_text(classes, d, 1, tmp_path / str(i)) for i, d in enumerate((data, other))]
    assert both[0].digest == both[1].digest
    log = logged(tmp_path / "0")
    assert max(entry["valid"]["ua"] for entry in log) > 0.5


def test_without_text_nothing_is_tuned(tmp_path):
    data = dataset().with_features("audio", np.zeros((24, 3)))
    arguments = {**RECIPE["model"]["arguments"], "features": {"text": 384}}
    alone = Recipe.from_dict(
        {
            **RECIPE,
            "data": {**RECIPE["data"], "modalities": ["audio"]},
            "model": {**RECIPE["model"], "arguments": arguments},
        }
    )
    assert train(alone, data, 1, tmp_path).text_adapters is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: dataset().with_features("text", np.zeros((24, 384))), "text features already"),
        (lambda: Dataset({"audio": np.ones((3, 2))}, [0.0] * 3, ["train"] * 3), "has none"),
    ],
)
def test_data_that_cannot_be_tuned_on_is_named(tmp_path, data, message):
    with pytest.raises(ValueError, match=message + ": pass it as read"):
        tune_text(recipe(), data(), 1, tmp_path)
