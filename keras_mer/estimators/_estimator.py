"""What the classifier and the regressor share."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from keras_mer import models
from keras_mer.data import Dataset, Preprocessor
from keras_mer.data.batching import padded_inputs
from keras_mer.estimators._entry_recipe import entry_recipe
from keras_mer.estimators._system_model import system_model
from keras_mer.estimators._table import dataset_of, widths_of
from keras_mer.estimators.utterances import Utterances
from keras_mer.training.prepare import complete, fit_preprocessor
from keras_mer.training.recipe import Recipe
from keras_mer.training.systems import Task
from keras_mer.training.train import build_model

TABLE = {"dtype": "float32", "ensure_all_finite": "allow-nan"}
ROUND_TO = 8  # steps, beyond those seen in training


class Estimator(BaseEstimator):
    """Fits a system to a table or to `Utterances`, and predicts in batches of one shape."""

    # Arguments of both estimators, which scikit-learn wants each to name in its own __init__.
    system: str
    arguments: Mapping[str, Any] | None
    modalities: Mapping[str, int] | None
    standardize: bool
    loss: Any
    epochs: int
    batch_size: int
    learning_rate: float
    validation_fraction: float
    patience: int | None
    entry: str | None
    freeze_epochs: int
    trunk_rate: float
    random_state: Any
    verbose: Any

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: of the model its class's name, its configuration as JSON, its weights.

        Keras would pickle a `.keras` file with the optimizer's state, and import TensorFlow for it.
        """
        state = dict(super().__getstate__())
        if "model_" in state:
            model = state["model_"]
            state["model_"] = (
                type(model).__name__,
                json.dumps(model.get_config()),
                model.get_weights(),
            )
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            name, config, weights = state["model_"]
            with _drawn_from(0):
                model = getattr(models, name).from_config(json.loads(config))
            model.set_weights(weights)
            state = {**state, "model_": model}
        super().__setstate__(state)

    def _read(self, X: Any, y: Any, numeric: bool) -> tuple[Dataset, np.ndarray]:
        """The rows to fit, and their targets, checked."""
        if not isinstance(X, Utterances):
            X, y = validate_data(self, X, y, y_numeric=numeric, **TABLE)
            self.modalities_ = widths_of(self.modalities, X.shape[1])
            return dataset_of(X, self.modalities_), y
        if y is None:
            raise ValueError("y is expected, such as y = X.labels; received None")
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
        check_consistent_length(X, y)
        self.modalities_ = {m: rows.dim for m, rows in X.dataset.features.items()}
        self.n_features_in_ = sum(self.modalities_.values())
        return X.dataset, y

    def _fit(
        self,
        dataset: Dataset,
        labels: np.ndarray,
        names: list[str] | None,
        weights: Any,
        groups: Any,
    ) -> None:
        """Trains a model on labels that are scores, or the int numbers of named classes."""
        classes = None if names is None else len(names)
        groups = _checked_groups(dataset, groups)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        splits = self._splits(labels, classes, groups, seed)
        description = {k: dataset.description[k] for k in ("features", "label_range")}
        if names is not None:
            description |= {"label_range": None, "label_names": names}
        rows = Dataset(dataset.features, labels, splits, groups=groups, description=description)
        with _drawn_from(seed):
            recipe = self._recipe(rows, classes)
            self.preprocessor_ = self._preprocessor(recipe, rows)
            model = build_model(recipe, self.preprocessor_, seed)
            rows = complete(self.preprocessor_.apply(rows), model.config["features"])
            self.history_ = self._train(model, rows, weights, seed)
        self._steps = {m: int(each.lengths.max()) for m, each in rows.features.items()}
        self.model_ = model

    def _preprocessor(self, recipe: Recipe, rows: Dataset) -> Preprocessor:
        if self.entry is not None:
            return fit_preprocessor(recipe, rows)
        described = rows.description["features"]
        raw = [m for m in rows.modalities if not described[m].get("standardized")]
        return Preprocessor.fit(rows, standardize=raw if self.standardize else [])

    def _recipe(self, rows: Dataset, classes: int | None) -> Recipe:
        limits = rows.description["label_range"]
        steps = {m: max(int(each.lengths.max()), 1) for m, each in rows.features.items()}
        task = Task(
            {m: each.dim for m, each in rows.features.items()},
            steps,
            classes,
            limits and tuple(limits),
        )
        training = {"loss": self.loss, "learning_rate": self.learning_rate}
        if self.freeze_epochs:
            training |= {"freeze_epochs": self.freeze_epochs, "trunk_rate": self.trunk_rate}
        if self.entry is not None:
            return entry_recipe(self.entry, self.arguments, training, rows, task)
        name, arguments = system_model(self.system, self.arguments, task)
        model = {"class": name, "arguments": arguments}
        return Recipe.from_dict({"name": "estimator", "model": model, "training": training})

    def _splits(
        self, labels: np.ndarray, classes: int | None, groups: np.ndarray, seed: int
    ) -> np.ndarray:
        """(n,) "train", and "valid" for what early stopping holds out: whole groups."""
        splits = np.full(len(labels), "train")
        if self.patience is None:
            return splits
        rows, fraction = np.arange(len(labels)), self.validation_fraction
        count = len(np.unique(groups))
        if count == len(rows):
            stratify = None if classes is None else labels
            _, held_out = train_test_split(
                rows, test_size=fraction, random_state=seed, stratify=stratify
            )
        elif count == 1:
            raise ValueError(
                "early stopping holds out whole groups, of which there is one: pass two or more, "
                "or patience=None"
            )
        else:
            splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
            _, held_out = next(splitter.split(rows, groups=groups))
        splits[held_out] = "valid"
        return splits

    def _train(
        self, model: keras.Model, rows: Dataset, weights: Any, seed: int
    ) -> dict[str, list[float]]:
        def batches(split: str, **options: Any) -> Any:
            chosen = None if weights is None else weights[rows.splits == split]
            return rows.batches(split, self.batch_size, sample_weights=chosen, **options)

        fit = partial(
            model.fit,
            batches("train", shuffle=True, seed=seed),
            shuffle=False,
            verbose=self.verbose,
            validation_data=None if self.patience is None else batches("valid"),
        )
        history: dict[str, list[float]] = {}
        frozen = min(self.freeze_epochs, self.epochs)
        if frozen:
            model.freeze_trunk()
            history = fit(epochs=frozen).history
            model.unfreeze_trunk(self.trunk_rate)
        if frozen < self.epochs:
            stops = [self._stop()] if self.patience is not None else []
            later = fit(epochs=self.epochs, initial_epoch=frozen, callbacks=stops).history
            history = {name: [*history.get(name, []), *values] for name, values in later.items()}
        if not np.isfinite(history["loss"]).all():
            first = int(np.argmin(np.isfinite(history["loss"])))
            raise ValueError(
                f"the loss is {history['loss'][first]} in epoch {first + 1}: lower learning_rate, "
                f"which is {self.learning_rate}"
            )
        return history

    def _stop(self) -> keras.callbacks.Callback:
        return keras.callbacks.EarlyStopping(
            "val_loss", patience=self.patience, mode="min", restore_best_weights=True
        )

    def _outputs(self, X: Any) -> np.ndarray:
        """(n, outputs) what the model gives.

        Rows and steps are padded to the same shape in every call, as each new one would be
        compiled.
        """
        check_is_fitted(self)
        if isinstance(X, Utterances):
            dataset = X.dataset
        else:
            table = validate_data(self, X, reset=False, **TABLE)
            dataset = dataset_of(table, self.modalities_)
        dataset = complete(self.preprocessor_.apply(dataset), self.model_.config["features"])
        features = dataset.features
        lengths = {
            m: _padded_length(int(each.lengths.max()), self._steps[m])
            for m, each in features.items()
        }
        specified = dataset.description["features"]
        shapes = {m: given["shape"] for m, given in specified.items() if given.get("shape")}
        found = []
        for start in range(0, len(dataset), self.batch_size):
            places = np.minimum(np.arange(start, start + self.batch_size), len(dataset) - 1)
            batch = {m: each.take(places) for m, each in features.items()}
            inputs = padded_inputs(batch, lengths, shapes)
            found.append(np.asarray(self.model_.predict_on_batch(inputs)))
        return np.concatenate(found)[: len(dataset)]


def _checked_groups(dataset: Dataset, groups: Any) -> np.ndarray:
    """(n,) str, those given or the data set's own."""
    if groups is None:
        return dataset.groups
    groups = column_or_1d(groups)
    check_consistent_length(dataset.labels, groups)
    return groups.astype(str)


def checked_weights(dataset: Dataset, sample_weight: Any) -> np.ndarray:
    """(n,) float, at least one of them not zero."""
    return _check_sample_weight(
        sample_weight, dataset.labels, ensure_non_negative=True, allow_all_zero_weights=False
    )


def _padded_length(longest: int, seen: int) -> int:
    if longest <= max(seen, 1):
        return max(seen, 1)
    return -(-longest // ROUND_TO) * ROUND_TO


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Keras draws the seeds of initial weights from Python's generator, here from this seed."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
