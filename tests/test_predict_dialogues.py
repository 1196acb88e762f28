"""Predictions for utterances in their dialogue."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from tiny_predictor import CharacterEncoder, sums_model
from typer.testing import CliRunner

from keras_mer._dialogue_rows import LONGEST, whole_dialogues
from keras_mer.cli import app
from keras_mer.models import DialogueModel
from keras_mer.predictor import Predictor


def told_so_far():
    """The score of an utterance is the sum of all features up to it."""
    inputs, sums = {}, []
    for name, dim in {"text": 4, "audio": 3}.items():
        inputs[name] = keras.Input((None, dim), name=name)
        mask = inputs[f"{name}_mask"] = keras.Input((None,), dtype="bool", name=f"{name}_mask")
        there = ops.where(mask[..., None], inputs[name], 0.0)
        sums.append(ops.sum(ops.cumsum(there, axis=1), axis=2, keepdims=True))
    model = keras.Model(inputs, keras.layers.Add()(sums))
    model.reads_dialogues = True
    return model


@pytest.fixture
def predictor():
    return Predictor(told_so_far(), text_encoder=CharacterEncoder())


def scores(predictions):
    return [round(prediction.score, 4) for prediction in predictions]


# "a" is four times 0.01.


def test_rows_are_one_dialogue_unless_told_otherwise(predictor):
    assert scores(predictor(text=["a", "b", "a"])) == [0.04, 0.12, 0.16]
    told = predictor(text=["a", "b", "a"], dialogue=["x", "x", "y"])
    assert scores(told) == [0.04, 0.12, 0.04]


def test_a_modality_may_be_missing_in_the_middle(predictor):
    told = predictor(text=["a", None, "a"], audio=[None, np.ones(3), None])
    assert scores(told) == [0.04, 3.04, 3.08]
    assert told[0].shares["text"] + told[0].shares["audio"] == pytest.approx(1)


def test_a_bad_row_is_named_and_the_dialogue_goes_on(predictor):
    told = predictor(text=["a", " ", "a"], errors="report")
    assert "row 1: the text is empty" in told[1].error
    assert scores([told[0], told[2]]) == [0.04, 0.08]


def test_a_stream_is_cut_between_dialogues_alone(predictor):
    rows = [{"text": "a", "dialogue": number // 3} for number in range(9)]
    assert scores(predictor.predict_many(rows, batch_size=2)) == [0.04, 0.08, 0.12] * 3
    longest = list(whole_dialogues(({"text": "a"} for _ in range(LONGEST + 1)), 4))
    assert [len(batch) for batch in longest] == [LONGEST, 1]
    unread = [{"dialogue": 1}, ValueError("no JSON"), {"dialogue": 1}, {"dialogue": 2}]
    assert [len(batch) for batch in whole_dialogues(unread, 1)] == [3, 1]


def test_a_model_of_single_rows_takes_no_dialogue():
    predictor = Predictor(sums_model(), text_encoder=CharacterEncoder())
    with pytest.raises(ValueError, match="leave dialogue out"):
        predictor(text=["a"], dialogue=["x"])


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_files_name_the_dialogue_of_a_row(suffix, predictor, tmp_path, monkeypatch):
    rows = [("a", 1), ("b", 1), ("a", 2)]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "csv":
        path.write_text("text,scene\n" + "".join(f"{text},{scene}\n" for text, scene in rows))
    else:
        path.write_text("".join(json.dumps({"text": t, "scene": s}) + "\n" for t, s in rows))
    monkeypatch.setattr("keras_mer.predictor.Predictor", lambda name: predictor)
    options = ["--input", str(path), "--dialogue-column", "scene", "--output", "json"]
    result = CliRunner().invoke(app, ["predict", "any", *options])
    assert result.exit_code == 0, result.output
    found = [json.loads(line)["score"] for line in result.stdout.splitlines()]
    assert found == pytest.approx([0.04, 0.12, 0.04])


@pytest.mark.parametrize("activation", ["softmax", None])
def test_probabilities_are_those_of_the_model(activation):
    arguments = {"projection_units": 4, "hidden_units": [4]}
    sizes = {"units": 8, "context_units": 3, "outputs": 3, "activation": activation}
    model = DialogueModel({"text": 4, "audio": 3}, "DeepMSIMER", arguments, **sizes)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(2 * rng.normal(size=weight.shape).astype("float32"))
    predictor = Predictor(
        model, text_encoder=CharacterEncoder(), metadata={"task": "classification"}
    )
    told, inputs = predictor(text=["ab", "c"]), predictor.inputs(text=["ab", "c"])
    assert {len(values) for values in inputs.values()} == {1}
    given = model.predict(inputs, verbose=0)[0, :2]
    expected = given if activation else keras.ops.convert_to_numpy(ops.softmax(given))
    found = [list(prediction.probabilities.values()) for prediction in told]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(expected) > 0.1
