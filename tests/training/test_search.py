"""Searching a recipe's arguments with keras-tuner."""

import json
import tomllib

import pytest
from generated import RECIPE, dataset
from typer.testing import CliRunner

from keras_mer.cli import app
from keras_mer.training import Recipe, SystemHyperModel, search, train
from keras_mer.training.search_space import check_space

pytestmark = pytest.mark.once


SPACE = {
    "training": {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}, "batch_size": [8, 16]},
    "model": {"hidden_units": {"low": 4, "high": 8, "step": 4}},
}
SMALL = {
    **RECIPE,
    "model": {"class": "LateFusionNetwork", "arguments": {"dropout": 0.1, "recurrent": []}},
    "training": {"epochs": 2},
    "search": SPACE,
}


class KilledError(BaseException):
    pass


def recipe(**changed):
    return Recipe.from_dict({**SMALL, **changed})


def test_the_best_trial_in_validation_is_a_recipe_to_train(tmp_path):
    data = dataset()
    found = search(recipe(), data, trials=3, folder=tmp_path / "search")
    figures = [figure for _, figure in found.trials]
    assert figures == sorted(figures)
    assert len({values["training.learning_rate"] for values, _ in found.trials}) == 3
    best = Recipe.read(tmp_path / "search" / "best.toml")
    assert best == found.recipe
    assert best.training["learning_rate"] == found.trials[0][0]["training.learning_rate"]
    assert best.model["arguments"]["hidden_units"] in (4, 8)
    assert best.model["arguments"]["dropout"] == 0.1
    assert best.search is None
    run = train(best, data, seed=1, folder=tmp_path / "run")
    assert run.valid["mae"] == pytest.approx(figures[0], rel=1e-4)


def test_a_search_that_was_stopped_goes_on(tmp_path):
    data, told = dataset(), []
    whole = search(recipe(), data, trials=3, folder=tmp_path / "whole")

    def stop(values, figure):
        told.append(figure)
        if len(told) == 2:
            raise KilledError

    with pytest.raises(KilledError):
        search(recipe(), data, trials=3, folder=tmp_path / "stopped", on_trial=stop)
    search(recipe(), data, 3, folder=tmp_path / "stopped", on_trial=lambda _, f: told.append(f))
    resumed = search(recipe(), data, trials=3, folder=tmp_path / "stopped")
    assert len(told) == 3
    assert resumed.trials == whole.trials
    more = search(recipe(), data, trials=4, folder=tmp_path / "stopped")
    assert len(more.trials) == 4
    with pytest.raises(ValueError, match="a search of another recipe"):
        search(recipe(), data, seed=2, folder=tmp_path / "stopped")


@pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # keras-tuner's
def test_tuners_of_keras_tuner_take_it(tmp_path):
    import keras_tuner

    model = SystemHyperModel(recipe(), dataset())
    assert (model.objective.name, model.objective.direction) == ("val_mae", "min")
    tuner = keras_tuner.Hyperband(model, model.objective, max_epochs=3, directory=str(tmp_path))
    tuner.search(verbose=0)
    best = tuner.get_best_hyperparameters()[0]
    loaded = tuner.get_best_models()[0]
    assert model.recipe_of(best).training["batch_size"] in (8, 16)
    assert set(loaded.config["features"]) == {"text", "audio"}


def test_a_gaussian_process_may_choose(tmp_path):
    found = search(recipe(), dataset(), trials=2, folder=tmp_path, tuner="bayesian")
    assert len(found.trials) == 2
    with pytest.raises(ValueError, match="tuner must be one of random, bayesian"):
        search(recipe(), dataset(), folder=tmp_path, tuner="hyperband")


def test_what_fails_in_every_trial_is_named(tmp_path):
    wrong = recipe(search={"model": {"hiden_units": [4, 8]}})
    with pytest.raises(TypeError, match="hiden_units"):
        search(wrong, dataset(), folder=tmp_path / "wrong")
    wild = recipe(search={"training": {"learning_rate": [1e30, 1e31, 1e32, 1e33]}})
    with pytest.raises(ValueError, match=r"three trials in a row failed.*the loss is"):
        search(wild, dataset(), folder=tmp_path / "wild")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "has nothing to search"),
        ({"training": {"learning_rat": [1.0]}}, "did you mean 'learning_rate'"),
        ({"training": {"epochs": [3, 4]}}, "cannot choose 'epochs'"),
        ({"training": 3}, "must be a table"),
        ({"model": {"dropout": [0.1, "a"]}}, "values of one kind"),
        ({"model": {"dropout": 0.1}}, "values of one kind"),
        ({"model": {"dropout": {"low": 0.5, "high": 0.1}}}, "to a higher high"),
        ({"model": {"dropout": {"low": 0.0, "high": 0.1, "log": True}}}, "logarithmic"),
    ],
)
def test_a_space_that_cannot_be_is_named(space, message):
    with pytest.raises(ValueError, match=message):
        check_space(recipe(search=space))


def test_the_command_writes_the_best_recipe(tmp_path):
    dataset().save(tmp_path / "data.npz")
    recipe().write(tmp_path / "recipe.toml")
    assert Recipe.read(tmp_path / "recipe.toml") == recipe()
    files = [f"{tmp_path}/recipe.toml", "--data", f"{tmp_path}/data.npz"]
    options = ["--trials", "2", "--runs", f"{tmp_path}/runs"]
    done = CliRunner().invoke(app, ["search", *files, *options])
    assert done.exit_code == 0, done.output
    assert "generated, validation part, 2 trials" in done.output
    assert Recipe.read(tmp_path / "runs" / "best.toml").name == "generated"
    kept = [
        json.loads(p.read_text()) for p in (tmp_path / "runs").glob("trials/trial_*/trial.json")
    ]
    assert len(kept) == 2


def test_what_data_tell_is_not_written(tmp_path):
    own = {"name": "own", "search": SPACE, "model": {"class": "LateFusionNetwork"}}
    search(Recipe.from_dict({**own, "training": {"epochs": 1}}), dataset(), 1, folder=tmp_path)
    content = tomllib.loads((tmp_path / "best.toml").read_text())
    assert set(content["training"]) == {"epochs", "learning_rate", "batch_size"}
    assert content["evaluation"] == {}
    assert Recipe.read(tmp_path / "best.toml").write(tmp_path / "again.toml") is None
    assert (tmp_path / "again.toml").read_text() == (tmp_path / "best.toml").read_text()
