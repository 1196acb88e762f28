"""A recipe with a [search] as a HyperModel for any tuner of keras-tuner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras

from keras_mer import metrics
from keras_mer._extras import need
from keras_mer._quiet import quiet_start
from keras_mer.data import Dataset
from keras_mer.training.fit import fit
from keras_mer.training.prepare import complete, fit_preprocessor, fold_of
from keras_mer.training.recipe import Recipe
from keras_mer.training.search_space import check_space, choose
from keras_mer.training.suit import suit
from keras_mer.training.train import build_model

with quiet_start():
    keras_tuner: Any = need("keras_tuner", "tuner", "to search for arguments")


class SystemHyperModel(keras_tuner.HyperModel):
    """A recipe with a [search] as a `keras_tuner.HyperModel`, for any of keras-tuner's tuners.

    `keras_mer.training.search` is the short way. Features are read and made once. Every trial is
    trained as `keras_mer.training.train` does, from one seed, and scored on the validation part
    at its best epoch; the test part is not looked at. With an `ema_momentum` a tuner's
    checkpoints hold the weights before they are averaged: train the best recipe in their place.

    Args:
        recipe: a recipe with a [search], see `keras_mer.training.search`, or its path.
        data: the folder or file that the recipe's reader takes, or a data set; by default the
            recipe's `path`.
        seed: of every trial. With folds in the recipe, seed s is validated on fold s.

    Raises:
        ValueError: if the recipe has no proper [search], or tunes a text encoder.

    Example:
        ```python
        import keras_tuner

        model = keras_mer.training.SystemHyperModel("recipe.toml", data="DIR")
        tuner = keras_tuner.Hyperband(model, model.objective, max_epochs=30, directory="runs")
        tuner.search()
        model.recipe_of(tuner.get_best_hyperparameters()[0]).write("best.toml")
        ```
    """

    def __init__(
        self, recipe: Recipe | str | Path, data: str | Path | Dataset | None = None, seed: int = 1
    ) -> None:
        super().__init__()
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
        check_space(self.recipe)
        if self.recipe.tunes_text:
            raise ValueError(
                "a search is over features that stay: take [text_tuning] out of the recipe, and "
                "train the best one with it"
            )
        self.seed = seed
        # With what data and entry tell, which has no place in a recipe to train from.
        self._suited, dataset = suit(self.recipe, data)
        evaluation = self._suited.evaluation
        self._figure = metrics.PROTOCOLS[evaluation["protocol"]].figure(evaluation["select"])
        rows = fold_of(self._suited, dataset, seed)
        self._preprocessor = fit_preprocessor(self._suited, rows)
        self.dataset = self._preprocessor.apply(rows)

    @property
    def objective(self) -> Any:
        """The `keras_tuner.Objective`: the recipe's `select` on the validation part."""
        direction = "max" if self._figure.higher_is_better else "min"
        return keras_tuner.Objective(f"val_{self._figure.name}", direction)

    def recipe_of(self, hp: Any) -> Recipe:
        """The recipe with the values of some `keras_tuner.HyperParameters`, ready to train."""
        return choose(self.recipe, hp)

    def build(self, hp: Any) -> keras.Model:
        """The compiled model of the values in `hp`, with fresh weights."""
        with quiet_start():  # it imports TensorFlow, if that is there, to seed it too
            keras.utils.set_random_seed(self.seed)
        model = build_model(choose(self._suited, hp), self._preprocessor, self.seed)
        model.optimizer.build(model.trainable_variables)  # checkpoints hold its state
        return model

    def fit(
        self,
        hp: Any,
        model: keras.Model,
        *args: Any,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        epochs: int | None = None,
        initial_epoch: int = 0,
        **kwargs: Any,
    ) -> dict[str, float]:
        """Trains a model of `build`, and gives its best figures on the validation part.

        Args:
            hp: the values.
            model: with them.
            *args: not looked at; the data are the recipe's.
            callbacks: of the tuner.
            epochs: in place of the recipe's; some tuners begin with few.
            initial_epoch: how many of these the model has behind it.
            **kwargs: not looked at.

        Raises:
            keras_tuner.errors.FailedTrialError: if the loss is not finite. Most tuners go on
                with the next trial.
        """
        recipe = choose(self._suited, hp)
        if epochs is not None:
            left = max(epochs - initial_epoch, 1)
            recipe = replace(recipe, training={**recipe.training, "epochs": left})
        dataset = complete(self.dataset, model.config["features"])
        with TemporaryDirectory() as folder:
            try:
                done = fit(
                    model,
                    recipe,
                    dataset,
                    self.seed,
                    Path(folder),
                    callbacks=list(callbacks),
                    tensorboard=False,
                )
            except ValueError as error:
                if "the loss is" not in str(error):
                    raise
                raise keras_tuner.errors.FailedTrialError(str(error)) from error
        best = done.epochs[done.best_epoch - 1]["valid"]
        return {f"val_{name}": value for name, value in best.items()}
