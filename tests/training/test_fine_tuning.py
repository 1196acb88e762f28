"""What a user relies on who trains a published entry further on data of their own."""

import json
import shutil

import keras
import numpy as np
import pytest
from fake_hub import fake_hub
from generated import RECIPE, dataset, toml
from layer_test import to_numpy

from keras_mer import zoo
from keras_mer.data import Dataset
from keras_mer.training import Recipe, entry_data, evaluate, publish, train, train_seeds

NAMES = ["grief", "calm", "joy"]
FURTHER = {"name": "further", "training": {"learning_rate": 0.01, "batch_size": 16, "epochs": 4}}


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """An entry trained on text and audio, whose third modality was never there."""
    folder = tmp_path_factory.mktemp("base")
    content = {**RECIPE, "training": {**RECIPE["training"], "epochs": 3}}
    result = train_seeds(Recipe.from_dict(content), dataset(), (1,), folder / "runs")
    return publish(result, folder / "generated")


def emotions(rows=96, **options):
    """The generated scores as three classes."""
    scores = dataset(rows, seed=2, **options)
    labels = np.digitize(scores.labels, [-1.0, 1.0])
    description = {"name": "emotions", "label_names": NAMES}
    return Dataset(scores.features, labels, scores.splits, description=description)


def further(base, data=None, model=None, **training):
    return Recipe.from_dict(
        {
            **FURTHER,
            "data": data or {},
            "model": {"entry": str(base), **(model or {})},
            "training": {**FURTHER["training"], **training},
        }
    )


def weights(model):
    return [to_numpy(w) for w in model.weights]


@pytest.mark.once
def test_the_trunk_and_its_scaling_are_kept_and_the_head_is_fresh(base, tmp_path):
    data = emotions()
    run = train(further(base, freeze_epochs=1, epochs=1), data, 1, tmp_path)
    published = zoo.load(base)
    head = {id(w) for w in run.model.output_layer.weights}
    for mine, theirs in zip(run.model.weights, published.weights, strict=True):
        if id(mine) not in head:
            np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))
    assert run.model.output.shape == (None, 3)
    assert zoo.preprocessor(base).to_json()["mean"] == run.preprocessor.to_json()["mean"]
    anew = train(further(base, {"standardize": ["audio"]}, epochs=1), data, 1, tmp_path / "anew")
    assert anew.preprocessor.to_json()["mean"] != run.preprocessor.to_json()["mean"]


@pytest.mark.once
def test_an_entry_on_the_hub_is_fetched_once_and_trained_further(base, tmp_path, monkeypatch):
    hub, address = tmp_path / "hub", "hf://org/zoo/generated"
    shutil.copytree(base, hub / address.removeprefix("hf://"))
    asked = fake_hub(monkeypatch, hub)
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERAS_MER_OFFLINE", raising=False)
    (tmp_path / "my.toml").write_text(
        toml(
            {**FURTHER, "training": {"epochs": 1, "freeze_epochs": 1}, "model": {"entry": address}}
        )
    )
    emotions().save(tmp_path / "emotions.npz")
    result = train_seeds(tmp_path / "my.toml", tmp_path / "emotions.npz", (1,), tmp_path / "runs")
    mine, theirs = (
        to_numpy(model.get_layer("encoder").weights[0])
        for model in (result.best.model, zoo.load(base))
    )
    np.testing.assert_array_equal(mine, theirs)
    weights_asked = [file for _, file, _ in asked if file.endswith("model.weights.h5")]
    assert len(weights_asked) == 1
    folder = publish(result, tmp_path / "mine", recipe=tmp_path / "my.toml")
    known = zoo.metadata(base)["files"]["model.weights.h5"]["sha256"]
    assert zoo.metadata(folder)["base"]["entry"] == address
    assert zoo.metadata(folder)["base"]["sha256"]["model.weights.h5"] == known
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    assert train(tmp_path / "my.toml", emotions(), 2, tmp_path / "offline").epochs
    assert zoo.load(folder).output.shape == (None, 3)


@pytest.mark.once
def test_labels_that_the_entry_knows_keep_its_head(base, tmp_path):
    run = train(further(base, epochs=1, learning_rate=1e-12), dataset(), 1, tmp_path)
    for mine, theirs in zip(weights(run.model), weights(zoo.load(base)), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert run.model.output.shape == (None, 1)
    plain = further(base, model={"weights": False}, epochs=1, learning_rate=1e-12)
    fresh = weights(train(plain, dataset(), 1, tmp_path / "fresh").model)
    assert any(abs(a - b).max() > 0.01 for a, b in zip(fresh, weights(run.model), strict=True))


@pytest.mark.parametrize(
    "kill_after",
    [pytest.param(1, marks=pytest.mark.once), 2, pytest.param(3, marks=pytest.mark.once)],
)
def test_a_killed_run_goes_on_to_the_same_result_in_every_phase(base, tmp_path, kill_after):
    recipe = further(base, freeze_epochs=2, trunk_rate=0.5, ema_momentum=0.8)
    data = emotions()

    def kill(epoch, figures):
        if epoch == kill_after:
            raise KilledError

    whole = train(recipe, data, 1, tmp_path / "whole")
    assert len(whole.epochs) == 4
    with pytest.raises(KilledError):
        train(recipe, data, 1, tmp_path / "killed", kill)
    resumed = train(recipe, data, 1, tmp_path / "killed")
    assert [e["loss"] for e in resumed.epochs] == [e["loss"] for e in whole.epochs]
    for a, b in zip(weights(whole.model), weights(resumed.model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_head_learns_alone_and_then_everything_at_the_rate(base, tmp_path):
    seen = []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rate = float(to_numpy(self.model.optimizer.learning_rate))
            seen.append((self.model.trunk_frozen, round(rate, 6), sorted(logs)))

    recipe = further(base, freeze_epochs=2, trunk_rate=0.25, epochs=3, patience=1)
    run = train(recipe, emotions(), 1, tmp_path, callbacks=[Note()])
    assert [each[:2] for each in seen] == [(True, 0.01), (True, 0.01), (False, 0.0025)]
    assert {"loss", "val_ua"} <= set(seen[0][2])
    assert len(run.epochs) == 3  # the patience counts from the end of the frozen epochs
    assert not run.model.trunk_frozen


@pytest.mark.once
def test_a_run_is_not_gone_on_with_once_its_entry_has_changed(base, tmp_path):
    copy = shutil.copytree(base, tmp_path / "generated")
    train(further(copy, epochs=1), emotions(), 1, tmp_path / "run")
    known, other = zoo.metadata(copy), zoo.load(copy)
    other.set_weights([weight + 1 for weight in other.get_weights()])
    zoo.save_entry(
        other,
        copy,
        preprocessor=zoo.preprocessor(copy),
        **{key: known[key] for key in ("features", "trained_modalities", "task")},
        overwrite=True,
    )
    with pytest.raises(ValueError, match="another recipe, data set, seed or backend"):
        train(further(copy, epochs=1), emotions(), 1, tmp_path / "run")


@pytest.mark.once
def test_what_the_data_lack_is_missing_and_what_differs_is_an_error(base, tmp_path):
    text = emotions().without("audio")
    run = train(further(base, epochs=1), text, 1, tmp_path / "text")
    assert list(run.preprocessor.specification) == ["text"]
    wide = emotions().with_features("audio", np.ones((96, 5)))
    hint = r'audio has the dimension 5; expected 4, .* modalities = \["text"\] in \[data\]'
    with pytest.raises(ValueError, match=hint):
        train(further(base, epochs=1), wide, 1, tmp_path / "wide")
    named = train(further(base, {"modalities": ["text"]}, epochs=1), wide, 1, tmp_path / "named")
    assert named.valid == run.valid
    with pytest.raises(ValueError, match="was trained on text, audio; the recipe has video too"):
        train(further(base, {"modalities": ["text", "video"]}), wide, 1, tmp_path / "video")
    only = wide.without("text").without("audio").with_features("video", np.ones((96, 3)))
    with pytest.raises(ValueError, match="reads text, audio; the data set has features of video"):
        train(further(base), only, 1, tmp_path / "only")


@pytest.mark.once
def test_arguments_may_change_what_has_no_shape(base, tmp_path):
    rates = {"modality_dropout": {"text": 0.5}, "dropout": 0.7}
    run = train(further(base, model={"arguments": rates}, epochs=1), emotions(), 1, tmp_path)
    config = run.model.get_config()
    assert config["dropout"] == 0.7
    assert config["modality_dropout"] == {"text": 0.5, "audio": 0.2, "video": 0.0}
    for arguments, message in (
        ({"units": 4}, "change weights of the entry .* give only those that change no shape"),
        ({"cascade": False}, "change weights of the entry"),
        ({"drop": 0.1}, "has no argument 'drop'; did you mean 'dropout'"),
    ):
        with pytest.raises(ValueError, match=message):
            train(further(base, model={"arguments": arguments}), emotions(), 1, tmp_path / "x")


@pytest.mark.once
def test_what_comes_of_it_is_an_entry_like_any_other(base, tmp_path):
    (tmp_path / "my.toml").write_text(
        toml({**FURTHER, "model": {"entry": str(base)}, "data": {"path": "emotions.npz"}})
    )
    emotions().save(tmp_path / "emotions.npz")
    result = train_seeds(tmp_path / "my.toml", seeds=(1,), folder=tmp_path / "runs")
    folder = publish(result, tmp_path / "mine", recipe=tmp_path / "my.toml")
    metadata = zoo.metadata(folder)
    assert metadata["label_names"] == NAMES
    assert metadata["trained_modalities"] == ["text", "audio"]
    assert metadata["protocol"] == "classes"
    assert (
        metadata["base"]["sha256"]["model.weights.h5"]
        == (zoo.metadata(base)["files"]["model.weights.h5"]["sha256"])
    )
    model, data = zoo.load(folder), entry_data(folder, tmp_path / "emotions.npz")
    assert evaluate(model, data) == pytest.approx(result.test[0]["text", "audio"], abs=1e-6)
    assert result.values("ua")[0] > 0.5
    assert "joy" in str(zoo.card(folder))


@pytest.mark.once
def test_a_table_of_scores_is_trained_by_what_suits_scores(tmp_path):
    data = dataset()
    data.description["protocol"] = None
    plain = {"name": "plain", "model": {k: RECIPE["model"][k] for k in ("class", "arguments")}}
    result = train_seeds(
        Recipe.from_dict({**plain, "training": {"epochs": 1}}), data, (1,), tmp_path / "runs"
    )
    assert result.recipe.evaluation == {"protocol": "scores", "select": "mae"}
    assert result.recipe.training["loss"] == "mae"
    assert result.recipe.data["standardize"] == ["text", "audio"]
    log = (tmp_path / "runs" / "seed_1" / "log.jsonl").read_text()
    assert set(json.loads(log)["valid"]) == {"mae", "corr"}


@pytest.mark.once
def test_without_data_or_a_path_the_recipe_says_so(base):
    with pytest.raises(ValueError, match="does not say where its data are: pass them"):
        train(further(base))
