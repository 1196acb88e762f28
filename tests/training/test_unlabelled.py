"""Rows without a label: read with their dialogue, and neither learnt from nor scored."""

from dataclasses import replace

import numpy as np
import pytest
from generated import RECIPE

from keras_mer import metrics
from keras_mer.data import Dataset
from keras_mer.training import Recipe, compare, evaluate, train, train_seeds
from keras_mer.training.evaluate import predictions
from keras_mer.training.predicted import PREDICTIONS

DIALOGUE = {
    "class": "DialogueModel",
    "arguments": {
        "system": "DeepMSIMER",
        "arguments": {"projection_units": 4, "hidden_units": [4]},
        "units": 4,
        "context_units": 3,
        "outputs": 3,
        "activation": "softmax",
    },
}
ALONE = {
    "class": "EarlyFusionNetwork",
    "arguments": {"hidden_units": [4], "outputs": 3, "activation": "softmax"},
}


def recipe(model):
    training = {
        **RECIPE["training"],
        "loss": "sparse_categorical_crossentropy",
        "class_weight": "balanced",
        "batch_size": 4,
        "epochs": 2,
    }
    evaluation = {"protocol": "classes", "select": "ua"}
    # Whoever standardises takes the rows without a label in.
    given = {"name": "some", "data": {"standardize": []}, "model": model}
    return Recipe.from_dict({**given, "training": training, "evaluation": evaluation})


def dialogues(rows=72, seed=0):
    """Twelve dialogues of six utterances; every third utterance has no label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    audio = rng.normal(size=(rows, 5)) + labels[:, None]
    labels[1::3] = -1
    return Dataset(
        {"audio": audio, "text": rng.normal(size=(rows, 4))},
        labels,
        np.repeat(["train", "valid", "test"], rows // 3),
        groups=np.arange(rows) // 6,
        description={"name": "some", "label_names": ["a", "b", "c"]},
    )


def test_a_dialogue_is_read_whole_and_scored_where_there_are_labels(tmp_path):
    data = dialogues()
    result = train_seeds(recipe(DIALOGUE), data, (1,), tmp_path)
    run, kept = result.best, result.predicted[0]
    test = data.subset("test")
    assert kept.ids.tolist() == test.ids[test.labelled].tolist()
    assert kept.labels.tolist() == test.labels[test.labelled].tolist()
    batches = data.dialogue_batches("test", 4)
    whole = batches.utterances(run.model.predict(batches, verbose=0))
    np.testing.assert_allclose(kept.predictions, whole[test.labelled], atol=1e-6)
    figures = metrics.report(kept.labels, kept.predictions, "classes")
    assert evaluate(run.model, data) == pytest.approx(figures)
    # What is said without a label is part of what the others are said in.
    alone, _ = predictions(run.model, data.only_labelled(), "test")
    assert np.abs(alone - kept.predictions).max() > 1e-4


def test_a_model_of_utterances_has_no_use_for_them(tmp_path):
    data = dialogues()
    both = [
        train(recipe(ALONE), given, 1, tmp_path / str(place))
        for place, given in enumerate((data, data.only_labelled()))
    ]
    assert both[0].valid == both[1].valid
    assert [e["loss"] for e in both[0].epochs] == [e["loss"] for e in both[1].epochs]


@pytest.mark.once
def test_systems_are_compared_on_the_rows_with_labels(tmp_path):
    named = replace(recipe(DIALOGUE), name="in-dialogue")
    shared = recipe(ALONE)
    data = dialogues()
    done = compare(
        data, ["majority", "linear", "early-fusion", named], shared, seeds=(1,), folder=tmp_path
    )
    assert len(done.systems) == 4
    expected = data.subset("test").only_labelled()
    for system in done.systems:
        with np.load(tmp_path / system.name / "seed_1" / PREDICTIONS) as kept:
            assert kept["ids"].tolist() == expected.ids.tolist()
            assert kept["labels"].tolist() == expected.labels.tolist()
