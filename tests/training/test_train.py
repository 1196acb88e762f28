import json

import keras
import numpy as np
import pytest
from generated import RECIPE, dataset, toml
from layer_test import to_numpy
from media import tone, write_sound

from keras_mer import zoo
from keras_mer.data import Dataset
from keras_mer.features import AudioEncoder
from keras_mer.training import (
    Recipe,
    evaluate,
    evaluate_subsets,
    publish,
    reproduce,
    train,
    train_seeds,
)
from keras_mer.training.suit import read_data


def recipe(**training):
    return Recipe.from_dict({**RECIPE, "training": {**RECIPE["training"], **training}})


TUNED = {**RECIPE, "data": {"text_encoder": {"layers": [6]}}}


class KilledError(Exception):
    pass


@pytest.mark.once
def test_of_a_modality_that_is_exchanged_nothing_is_expected(tmp_path):
    data = dataset(rows=192)
    run = train(recipe(epochs=12, exchange={"audio": 1.0}), data, seed=1, folder=tmp_path)
    both, alone = (
        evaluate(run.model, run.preprocessor.apply(data), "test", "mosi", modalities)
        for modalities in (None, ["audio"])
    )
    assert both["corr"] > 0.85
    assert abs(alone["corr"]) < 0.5


@pytest.mark.traced
def test_learns_what_is_there(tmp_path):
    data = dataset(rows=192)
    run = train(recipe(epochs=12), data, seed=1, folder=tmp_path)
    assert run.valid["mae"] < 0.8
    test = evaluate(run.model, run.preprocessor.apply(data), "test", "mosi")
    assert test["corr"] > 0.85
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["epoch"] for e in log] == list(range(1, len(log) + 1))
    assert run.valid == log[run.best_epoch - 1]["valid"]
    assert run.valid["mae"] == min(e["valid"]["mae"] for e in log)


def test_a_killed_run_goes_on_to_the_same_result(tmp_path):
    data = dataset()

    def kill(epoch, figures):
        if epoch == 2:
            raise KilledError

    whole = train(recipe(), data, seed=1, folder=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(recipe(), data, seed=1, folder=tmp_path / "killed", on_epoch=kill)
    resumed = train(recipe(), data, seed=1, folder=tmp_path / "killed")
    assert [e["loss"] for e in resumed.epochs] == [e["loss"] for e in whole.epochs]
    for a, b in zip(whole.model.weights, resumed.model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


@pytest.mark.once
def test_a_corpus_in_a_folder_trains_to_the_same_weights(tmp_path):
    data = dataset()
    data.save(tmp_path / "corpus")
    data.subset(np.arange(95)).save(tmp_path / "other")
    plain = train(recipe(epochs=2), data, seed=1, folder=tmp_path / "plain")
    mapped = train(recipe(epochs=2), tmp_path / "corpus", seed=1, folder=tmp_path / "mapped")
    assert [e["loss"] for e in mapped.epochs] == [e["loss"] for e in plain.epochs]
    assert mapped.valid == plain.valid
    for a, b in zip(plain.model.weights, mapped.model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
    again = train(recipe(epochs=2), tmp_path / "corpus", seed=1, folder=tmp_path / "mapped")
    assert again.valid == mapped.valid
    with pytest.raises(ValueError, match="another recipe, data set, seed or backend"):
        train(recipe(epochs=2), tmp_path / "other", seed=1, folder=tmp_path / "mapped")


@pytest.mark.once
def test_a_finished_run_is_not_repeated(tmp_path):
    data = dataset()
    first = train(recipe(epochs=1), data, seed=1, folder=tmp_path)

    def never(epoch, figures):
        raise AssertionError("trained again")

    again = train(recipe(epochs=1), data, seed=1, folder=tmp_path, on_epoch=never)
    assert again.valid == first.valid


def test_a_run_of_something_else_is_not_continued(tmp_path):
    train(recipe(epochs=1), dataset(), seed=1, folder=tmp_path)
    with pytest.raises(ValueError, match="another recipe, data set, seed or backend"):
        train(recipe(epochs=1), dataset(seed=1), seed=1, folder=tmp_path)


@pytest.mark.once
def test_the_test_part_is_not_looked_at(tmp_path):
    data, other = dataset(), dataset()
    other.labels[other.splits == "test"] = 0.0
    runs = [train(recipe(epochs=2), d, 1, tmp_path / str(i)) for i, d in enumerate((data, other))]
    # Nothing but the fingerprint of the data differs.
    assert runs[0].valid == runs[1].valid


def test_every_subset_is_scored_and_what_was_not_trained_is_said(tmp_path):
    data = dataset()
    run = train(recipe(epochs=1), data, seed=1, folder=tmp_path)
    table = evaluate_subsets(run.model, run.preprocessor.apply(data), "test", "mosi")
    assert len(table) == 7
    scored = {subset for subset, figures in table.items() if figures}
    assert scored == {("text",), ("audio",), ("text", "audio")}
    assert table["text",] != table["audio",]


@pytest.mark.once
def test_an_entry_is_reproduced_from_its_own_recipe(tmp_path):
    data = dataset()
    content = {**RECIPE, "training": {**RECIPE["training"], "epochs": 1}}
    folder = tmp_path / "generated"
    folder.mkdir()
    (folder / "recipe.toml").write_text(toml(content))
    result = train_seeds(folder / "recipe.toml", data, (1, 2), tmp_path / "runs")
    publish(result, folder)
    done = reproduce(folder, data, folder=tmp_path / "again")
    assert [run.seed for run in done.result.runs] == [1, 2]
    assert [each.figure for each in done.figures][-2:] == ["mae", "corr"]
    for each in done.figures:
        assert each.reproduced == pytest.approx(each.published, abs=1e-6)
        assert each.distance in (None, pytest.approx(0, abs=1e-4))
    other = reproduce(folder, data, seeds=[3], folder=tmp_path / "other").figures[-2]
    assert other.distance == pytest.approx(
        (other.reproduced[0] - other.published[0]) / other.published[1]
    )
    assert other.distance != 0


@pytest.mark.once
def test_every_seed_may_take_another_fold(tmp_path):
    data = dataset()
    speakers = np.array(["a", "b", "c", "d"])[np.arange(len(data)) % 4]
    data.columns["speaker"] = speakers
    folded = Recipe.from_dict(
        {
            **RECIPE,
            "data": {**RECIPE["data"], "folds": {"by": "speaker"}},
            "training": {**RECIPE["training"], "epochs": 1},
        }
    )
    result = train_seeds(folded, data, (1, 2), tmp_path / "runs")
    for place, speaker in enumerate("ab"):
        run, own = result.runs[place], data.folds("speaker")
        fold = next(f for f in own if f.description["split_name"] == f"speaker {speaker} held out")
        assert set(fold.columns["speaker"][fold.splits == "test"]) == {speaker}
        figures = evaluate(run.model, run.preprocessor.apply(fold), "test", "mosi")
        assert figures["mae"] == pytest.approx(result.values("mae")[place], abs=1e-6)
    assert "each trained and tested on another fold by speaker" in str(
        zoo.card(publish(result, tmp_path / "generated"))
    )


def test_clips_become_the_features_that_a_recipe_asks_for(tmp_path):
    files = [write_sound(tmp_path / f"{n}.wav", tone(seconds=0.1 * n)) for n in (1, 2, 3)]
    clips = Dataset(
        {}, [0.0, 1.0, -1.0], ["train", "valid", "test"], columns={"file": list(map(str, files))}
    )
    wanted = AudioEncoder("log-mel").specification
    asking = Recipe.from_dict({**RECIPE, "data": {"audio_encoder": wanted}})
    read = read_data(asking, clips)
    assert read.features["audio"].lengths.tolist() == [10, 20, 30]
    assert read.description["features"]["audio"] == wanted
    clips.columns.pop("file")
    with pytest.raises(ValueError, match="has no column 'file'"):
        read_data(asking, clips)


@pytest.mark.once
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "a", "model": {}}, "needs a class, .* or an entry to train further"),
        ({"name": "a", "model": {"class": "CMMSF", "entry": "b"}}, "'CMMSF' and the entry 'b'"),
        ({"name": "a", "model": {"entry": 3}}, "a name or a path; received 3"),
        ({**RECIPE, "training": {"freeze_epochs": 2}}, "every weight is fresh: name an entry"),
        ({**RECIPE, "training": {"freeze_epochs": -1}}, "0 or more; received -1"),
        ({**RECIPE, "training": {"trunk_rate": 0.5}}, "counts after freeze_epochs"),
        ({**RECIPE, "training": {"trunk_rate": 0}}, "trunk_rate must be .* above 0; received 0"),
        ({"name": "a", "training": {"bath_size": 3}}, "did you mean 'batch_size'"),
        ({"model": {}}, "needs a name"),
        ({**RECIPE, "training": {"optimizer": "lion"}}, "one of adam, adamw"),
        ({**RECIPE, "data": []}, r"\[data\] must be a table"),
        ({**RECIPE, "text_tuning": {}}, "text_encoder in .data. names, which is missing"),
        ({**TUNED, "text_tuning": {"first_layer": 7}}, "first_layer must .* 2 to 6; received 7"),
        ({**TUNED, "text_tuning": {"rank": 0.5}}, "rank must be a whole number, .*received 0.5"),
        (
            {**TUNED, "text_tuning": {"attention_rank": 33}},
            "attention_rank must .* 0 to 32; received",
        ),
        ({**TUNED, "text_tuning": {"layers": 3}}, r"\[text_tuning\] has no key 'layers'"),
    ],
)
def test_a_recipe_says_what_is_wrong_with_it(content, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(content)


@pytest.mark.once
def test_the_recipes_of_the_zoo_are_valid():
    from pathlib import Path

    recipes = list((Path(__file__).parents[2] / "zoo").glob("*/recipe.toml"))
    assert recipes
    for path in recipes:
        assert Recipe.read(path).name == path.parent.name


def test_a_diverging_run_stops_with_a_word(tmp_path):
    with pytest.raises(ValueError, match="lower the learning rate"):
        train(
            recipe(loss=lambda y, p: keras.ops.mean(p) * float("nan")), dataset(), folder=tmp_path
        )
